#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Lay out the files of the function's image in one directory for each layer. This script alone
# decides what the image contains; assemble.sh, zip.sh and lambda/Dockerfile all use it.
#
#     tools/image/trees.sh -b BOOTSTRAP -m BLOB [-c CERTIFICATES] -o DIR
#
#     -b FILE   the program, statically linked for x86-64
#     -m FILE   the model's blob
#     -c FILE   the root certificates that TLS trusts, as PEM; without the option, or with an empty
#               file, the image has none
#     -o DIR    writes DIR/weights and DIR/program
#
# The weights are most of the bytes and change rarely. Because they are alone in the first layer,
# they stay the same blob in a registry, and the same chunks in Lambda's image store, from release
# to release.

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
if [ -n "$certificates" ] && [ -s "$certificates" ]; then
    mkdir -p "$program/etc/ssl/certs"
    install -m 644 "$certificates" "$program/etc/ssl/certs/ca-certificates.crt"
fi
find "$out/weights" "$out/program" -exec touch --no-dereference --date=@0 {} +
