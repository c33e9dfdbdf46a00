#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Lay out the files of the function's image, a directory for each layer; what is in the image is
# decided here alone. Used by assemble.sh and by lambda/Dockerfile.
#
#     tools/image/trees.sh -b BOOTSTRAP -m BLOB [-c CERTIFICATES] -o DIR
#
#     -b FILE   the program: statically linked, for x86-64
#     -m FILE   the model's blob
#     -c FILE   roots that TLS trusts, PEM; absent or empty: none
#     -o DIR    writes DIR/weights and DIR/program
#
# The weights change rarely and are most of the bytes: alone in the first layer they are the same
# blob in a registry, and the same chunks in Lambda's store, from release to release.

set -eu
LC_ALL=C
export LC_ALL
umask 022

fail() { # MESSAGE
    echo "trees.sh: $1" >&2
    exit 1
}

bootstrap='' blob='' certificates='' out=''
while getopts b:m:c:o: option; do
    case $option in
    b) bootstrap=$OPTARG ;;
    m) blob=$OPTARG ;;
    c) certificates=$OPTARG ;;
    o) out=$OPTARG ;;
    *) exit 2 ;;
    esac
done
[ -n "$bootstrap" ] && [ -n "$blob" ] && [ -n "$out" ] || fail "-b, -m and -o are needed"
for file in "$bootstrap" "$blob" ${certificates:+"$certificates"}; do
    [ -f "$file" ] || fail "$file: no such file; run make"
done

rm -rf "$out/weights" "$out/program"
mkdir -p "$out/weights/app"
install -m 644 "$blob" "$out/weights/app/model.distil"

# Empty directories: Lambda and container engines mount there, and cannot create them in an image
# that is read-only.
program=$out/program
mkdir -p "$program/app" "$program/dev" "$program/etc" "$program/opt" "$program/proc" \
    "$program/sys" "$program/tmp" "$program/var/runtime" "$program/var/task"
install -m 755 "$bootstrap" "$program/app/bootstrap"
# Debugging information stays behind; so does the build id, which depends on the path of the build.
strip --strip-all --remove-section=.comment --remove-section=.note.gnu.build-id \
    "$program/app/bootstrap" || fail "$bootstrap: strip (of binutils) cannot read it"
if [ -n "$certificates" ] && [ -s "$certificates" ]; then
    mkdir -p "$program/etc/ssl/certs"
    install -m 644 "$certificates" "$program/etc/ssl/certs/ca-certificates.crt"
fi
find "$out/weights" "$out/program" -exec touch --no-dereference --date=@0 {} +
