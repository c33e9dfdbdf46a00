#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Lay out the files of the function's image in one directory for each layer. This script alone
# decides what the image contains; assemble.sh, zip.sh and lambda/Dockerfile all use it.
#
#     tools/image/trees.sh -b BOOTSTRAP -m BLOB [-c CERTIFICATES] -o DIR
#
#     -b FILE   the program, statically linked for x86-64; the linker's map of it must lie beside it
#               as FILE.map
#     -m FILE   the model's blob
#     -c FILE   the root certificates that TLS trusts, as PEM; without the option, or with an empty
#               file, the image has none
#     -o DIR    writes DIR/weights and DIR/program
#
# The weights are most of the bytes and change rarely. Because they are alone in the first layer,
# they stay the same blob in a registry, and the same chunks in Lambda's image store, from release
# to release.
#
# The program's layer also has the records by which vulnerability scanners know what is linked into
# the program: etc/os-release and a file in var/lib/dpkg/status.d for each Debian package, as
# distroless images have them. On a machine without dpkg they are left out, and check_image then
# refuses the image.

# shellcheck source=tools/image/common.sh
. "$(dirname "$0")/common.sh"

read_options b:m:c:o: "$@"
[ -n "$bootstrap" ] && [ -n "$blob" ] && [ -n "$out" ] || usage
for file in "$bootstrap" "$blob" ${certificates:+"$certificates"}; do
    [ -f "$file" ] || fail "$file: no such file" "make"
done

rm -rf "$out/weights" "$out/program"
mkdir -p "$out/weights/app"
install -m 644 "$blob" "$out/weights/app/model.distil"

# The empty directories are mount points. Lambda and container engines mount file systems there and
# cannot create the directories themselves in a read-only image.
program=$out/program
mkdir -p "$program/app" "$program/dev" "$program/etc" "$program/opt" "$program/proc" \
    "$program/sys" "$program/tmp" "$program/var/runtime" "$program/var/task"
install -m 755 "$bootstrap" "$program/app/bootstrap"
# The image gets no debugging information, and no build id, which depends on the path of the build.
strip --strip-all --remove-section=.comment --remove-section=.note.gnu.build-id \
    "$program/app/bootstrap" || fail "$bootstrap: strip (of binutils) cannot read it"
[ -f "$bootstrap.map" ] || fail "$bootstrap.map: no such file" \
    "make, with a compiler whose linker knows the option -Map, such as gcc"
if [ -n "$certificates" ] && [ -s "$certificates" ]; then
    mkdir -p "$program/etc/ssl/certs"
    install -m 644 "$certificates" "$program/etc/ssl/certs/ca-certificates.crt"
fi

# Print the package with the shared library that belongs to a package with a static one. The second
# depends on the first in exactly its own version: libssl-dev on libssl3.
runtime_package() { # PACKAGE
    found=$(dpkg-query -W -f '${Depends}' "$1" | tr ',' '\n' |
        sed -n 's/^ *\([a-z0-9.+-]*\)[a-z0-9:]* (= .*/\1/p' | head -n 1)
    echo "${found:-${1%%:*}}"
}

packages_inside() { # prints the packages from which something is linked into the program
    linked_archives "$bootstrap.map" | while read -r archive; do
        owner=$(owner_of "$archive")
        [ -z "$owner" ] || runtime_package "${owner%%,*}"
    done
}

record='Package: ${Package}\nStatus: install ok installed\nArchitecture: ${Architecture}\n'
record=$record'Source: ${source:Package} (${source:Version})\nVersion: ${Version}\n'
if command -v dpkg-query >/dev/null && [ -f /etc/os-release ]; then
    records=$program/var/lib/dpkg/status.d
    mkdir -p "$records"
    packages_inside | sort -u | while read -r package; do
        dpkg-query -W -f "$record" "$package" >"$records/$package" 2>/dev/null ||
            rm "$records/$package"
    done
    grep -E '^(PRETTY_NAME|NAME|ID|VERSION_ID|VERSION_CODENAME)=' /etc/os-release \
        >"$program/etc/os-release"
    # Some scanners look only here for the release of Debian, of which they need the first number.
    ! grep -q '^ID=debian$' /etc/os-release ||
        sed -n 's/^VERSION_ID="\{0,1\}\([0-9]*\).*/\1/p' /etc/os-release \
            >"$program/etc/debian_version"
fi
find "$out/weights" "$out/program" -exec touch --no-dereference --date=@0 {} +
