#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Build lambda/Dockerfile where no registry can be reached: buildah on a base made by debootstrap.
# The image has to pass the gate, and to hold the files that `make image` puts into its own.
#
#     tests/image/run_dockerfile.sh [TLS]      (openssl, unless none is given)
#
# Needs Debian 12, root, buildah, debootstrap, what the gate needs and a Debian mirror; two minutes.
# The base, of the release and from the mirror of this machine, is built under the name that the
# Dockerfile asks for and thrown away again. DISTIL_BUILD (build) has what `make` built, with the
# same TLS and the same compiler: the program in the image has to be that one, bit for bit.
#
# Environment: BASE  a directory to keep the base in for the next time

set -eu
LC_ALL=C
export LC_ALL
root=$(cd "$(dirname "$0")/../.." && pwd)
build=${DISTIL_BUILD:-$root/build}
tls=${1:-openssl}

skip() { # REASON
    echo "skip dockerfile: $1"
    echo "run_dockerfile: 0 passed, 0 failed, 1 skipped"
    exit 0
}
. /etc/os-release
[ "${VERSION_CODENAME-}" = bookworm ] || skip "not on Debian 12, whose packages are pinned"
[ "$(id -u)" -eq 0 ] || skip "not root"
for tool in buildah debootstrap; do
    command -v $tool >/dev/null || skip "$tool is not installed"
done

work=$(mktemp -d)
containers() { # buildah with a store of its own
    buildah --root "$work/store" --runroot "$work/run" "$@"
}
clean_up() {
    containers rm --all >"$work/log" 2>&1 || :
    awk -v dir="$work/" 'index($2, dir) == 1 { print $2 }' /proc/mounts | sort -r | xargs -r umount
    rm -rf "$work"
}
trap clean_up EXIT
trap 'exit 130' INT TERM

# ---- base -----------------------------------------------------------------------------------
base=${BASE:-$work/base}
if [ ! -f "$base/etc/debian_version" ]; then
    debootstrap --variant=minbase bookworm "$base" >"$work/debootstrap.log" 2>&1 || {
        tail -n 20 "$work/debootstrap.log"
        exit 1
    }
fi
# Updates and security fixes from where this machine has them: the pinned versions are of there.
for sources in sources.list.d/debian.sources sources.list; do
    [ ! -s /etc/apt/$sources ] || { cp /etc/apt/$sources "$base/etc/apt/$sources" && break; }
done
"$root/tools/image/pin_images" --show >"$work/pins"
name=$(sed -n 1p "$work/pins")
container=$(containers from scratch)
containers add -q "$container" "$base" / >/dev/null
containers commit -q "$container" "${name%@*}" >/dev/null
containers rm "$container" >/dev/null

# ---- the Dockerfile -------------------------------------------------------------------------
# A copy of what is tracked, as a user has it; the pins of this day, if Debian has moved on.
mkdir "$work/tree"
(cd "$root" && tar -cf - $(git ls-files -- Makefile kernels model runtime tools lambda)) |
    tar -C "$work/tree" -xf -
DOCKERFILE=$work/tree/lambda/Dockerfile "$root/tools/image/pin_images" --packages
arguments=$(DISTIL_BUILD=$build "$root/tools/image/build_args.sh")
begin=$(date +%s)
# shellcheck disable=SC2086
containers build --isolation chroot --layers --timestamp 0 --pull-never \
    --build-arg "BUILDER=${name%@*}" --build-arg "TLS=$tls" $arguments \
    -f "$work/tree/lambda/Dockerfile" -t distil "$work/tree" >"$work/log" 2>&1 || {
    tail -n 60 "$work/log"
    exit 1
}
echo "built in $(($(date +%s) - begin)) s"
containers push -q distil "oci-archive:$work/image.tar"
ls -l "$work/image.tar"

# ---- what came of it ------------------------------------------------------------------------
"$root/tools/image/check_image" --max-mb 31 --distil "$build/distil" --expect positive \
    "$work/image.tar"
files() { # ARCHIVE: a line HASH PATH for each file of the image
    mkdir "$work/unpack" "$work/files"
    tar -C "$work/unpack" -xf "$1"
    for blob in "$work"/unpack/blobs/sha256/*; do # configuration and manifest are no tar
        tar -C "$work/files" -xzf "$blob" 2>/dev/null || :
    done
    (cd "$work/files" && find . -type f -exec sha256sum {} + | sort -k 2)
    rm -rf "$work/unpack" "$work/files"
}
files "$work/image.tar" >"$work/by-dockerfile"
cat "$work/by-dockerfile"
roots=
[ "$tls" = none ] || { roots=$work/roots.pem && "$root/tools/image/roots.sh" >"$roots"; }
"$root/tools/image/assemble.sh" -b "$build/bootstrap" -m "$build/sst2.distil" -c "$roots" \
    -o "$work/own" >/dev/null
files "$work/own.tar" >"$work/by-make"
cmp "$work/by-make" "$work/by-dockerfile"
echo "run_dockerfile: 1 passed, 0 failed, 0 skipped"
