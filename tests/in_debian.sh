#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Runs a command in another release of Debian, for the compilers and the C library of that release.
#
#     tests/in_debian.sh [-p "PACKAGES"] RELEASE COMMAND...
#
# The first call makes a root directory with debootstrap in DEBIAN_ROOTS/RELEASE, about 1 GB with
# compilers; later calls only install what PACKAGES adds. The command runs as root in the same
# folder, with the source tree at the same path and nothing else of this machine. For example:
#
#     tests/in_debian.sh -p "gcc-13 gcc-14" trixie tests/matrix.sh gcc-13 gcc-14
#
# Environment: DEBIAN_ROOTS   the folder of the root directories (build/debian)
#              DEBIAN_MIRROR  the address of a Debian mirror (the one that apt uses here)
#
# It needs root, debootstrap and unshare (util-linux). The exit status is that of the command, or
# 125 if the root directory cannot be made.

set -u
LC_ALL=C
export LC_ALL
die() { # MESSAGE REMEDY
    printf 'in_debian: %s\n    remedy: %s\n' "$1" "$2" >&2
    exit 125
}

packages=
if [ "${1-}" = -p ]; then
    packages=${2-}
    shift 2
fi
[ $# -ge 2 ] || die "no command" 'tests/in_debian.sh [-p "PACKAGES"] RELEASE COMMAND...'
release=$1
shift
tree=$(cd "$(dirname "$0")/.." && pwd) || exit 125
root=${DEBIAN_ROOTS:-$tree/build/debian}/$release
[ "$(id -u)" -eq 0 ] || die "not root" "run it as root, for it mounts folders"
for tool in debootstrap unshare chroot; do
    command -v $tool >/dev/null || die "$tool is not installed" "apt-get install debootstrap"
done
# Prints the mirror that apt has Debian's own release of this machine from.
# shellcheck disable=SC2016
apt_mirror() {
    grep -qx 'ID=debian' /etc/os-release &&
        apt-get indextargets --no-release-info --format '$(REPO_URI) $(RELEASE) $(COMPONENT)' \
            'Identifier: Packages' | awk '$3 == "main" && $2 !~ /-/ { print $1; exit }'
}

# inside COMMAND...: runs a command in the root directory. Its mounts vanish when it ends.
inside() {
    mkdir -p "$root/proc" "$root/dev" "$root$tree"
    # The shell of the new namespace expands these words.
    # shellcheck disable=SC2016
    unshare -m sh -c 'root=$1 tree=$2 && shift 2 && mount --make-rprivate / &&
        mount -t proc proc "$root/proc" && mount --rbind /dev "$root/dev" &&
        mount --rbind "$tree" "$root$tree" && exec chroot "$root" "$@"' sh "$root" "$tree" "$@"
}

if [ ! -e "$root/complete" ]; then
    mirror=${DEBIAN_MIRROR:-$(apt_mirror)}
    [ -n "$mirror" ] || die "apt has no Debian mirror configured" "set DEBIAN_MIRROR to one"
    # Releases that are newer than this debootstrap have no script of their own.
    script=/usr/share/debootstrap/scripts/$release
    [ -e "$script" ] || script=/usr/share/debootstrap/scripts/sid
    rm -rf "$root" "$root.log"
    mkdir -p "$root"
    debootstrap --variant=minbase --include=ca-certificates,make,binutils,libc6-dev,gcc \
        "$release" "$root" "$mirror" "$script" >"$root.log" 2>&1 ||
        die "debootstrap $release fails; see $root.log" "set DEBIAN_MIRROR to a mirror that has it"
    cp /etc/resolv.conf "$root/etc/resolv.conf"
    [ ! -e /etc/apt/apt.conf ] || cp /etc/apt/apt.conf "$root/etc/apt/apt.conf"
    : >"$root/complete"
fi
missing=
for package in $packages; do
    [ -e "$root/usr/share/doc/$package" ] || missing="$missing $package"
done
if [ -n "$missing" ]; then
    # A mirror may lag behind a release that changes daily. apt checks the signature all the same.
    # shellcheck disable=SC2086
    inside sh -c 'apt-get -q -o Acquire::Check-Valid-Until=false update &&
        DEBIAN_FRONTEND=noninteractive apt-get -q install -y --no-install-recommends "$@"' sh \
        $missing >>"$root.log" 2>&1 ||
        die "apt-get install$missing fails in $release; see $root.log" "choose other packages"
fi
# The command starts in the folder that the caller is in.
inside sh -c 'cd "$1" && shift && exec "$@"' sh "$PWD" "$@"
