#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Build lambda/Dockerfile without a container registry: buildah builds it on a base image that
# debootstrap makes. The image must pass check_image and contain the same files, byte for byte, as
# the image of `make image`.
#
#     tests/image/run_dockerfile.sh [TLS]      TLS is openssl (the default) or none
#
# It requires Debian 12, root, buildah, debootstrap, the tools that check_image uses and a Debian
# mirror; without one of the first four the test is skipped. The base image has the Debian release
# and mirror of this machine and exists only during the test, under the name that the Dockerfile
# uses. DISTIL_BUILD (default build) must hold the results of `make` with the same TLS and the same
# compiler, because the test compares the two programs.
#
# Environment: BASE  a directory in which to keep the base image for the next run

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
containers() { # runs buildah with a store that only this test uses
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
# The base image gets the package sources of this machine, because the pinned versions come from its
# updates and security fixes.
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
# The build uses a copy of the tracked files, as a clone has them. The copy is pinned to today's
# package versions, since a mirror drops older ones.
mkdir "$work/tree"
(cd "$root" && tar -cf - $(git ls-files -- Makefile tests/tests.mk bench/bench.mk kernels model \
    runtime tools lambda)) |
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

# ---- comparison with `make image` -----------------------------------------------------------
"$root/tools/image/check_image" --tls "$tls" --max-mb 31 --distil "$build/distil" \
    --expect positive "$work/image.tar"
files() { # ARCHIVE: prints a line HASH PATH for each file of the image
    mkdir "$work/unpack" "$work/files"
    tar -C "$work/unpack" -xf "$1"
    # Only layers are tar archives; tar fails for the configuration and the manifest.
    for blob in "$work"/unpack/blobs/sha256/*; do
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
