#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Pack the function as a zip archive for Lambda's runtime provided.al2023, the alternative to a
# container image. The same input files give the same archive. Requires `zip`.
#
#     tools/image/zip.sh -b BOOTSTRAP -m BLOB [-c CERTIFICATES] -o FILE.zip
#
# Lambda unpacks the archive into the folder that LAMBDA_TASK_ROOT names, and the program looks
# there for model.distil and ca-certificates.crt. It needs no other variable for them.

# shellcheck source=tools/image/common.sh
. "$(dirname "$0")/common.sh"

read_options b:m:c:o: "$@"
[ -n "$bootstrap" ] && [ -n "$blob" ] && [ -n "$out" ] || usage
need zip zip
make_work_directory
"$here/trees.sh" -b "$bootstrap" -m "$blob" -c "$certificates" -o "$work"
mkdir "$work/zip"
mv "$work/program/app/bootstrap" "$work/weights/app/model.distil" "$work/zip/"
if [ -f "$work/program/etc/ssl/certs/ca-certificates.crt" ]; then
    mv "$work/program/etc/ssl/certs/ca-certificates.crt" "$work/zip/"
fi
# Every file gets the date 1980-01-01, the earliest that the format can express. -X leaves out
# owners and the other attributes that differ between machines.
touch --date=@315532800 "$work"/zip/*
(cd "$work/zip" && TZ=UTC zip -q -X -6 "$work/function.zip" ./*)
mv "$work/function.zip" "$out"
