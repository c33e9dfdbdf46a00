#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Pack the function as a zip for Lambda's runtime provided.al2023, the other way to deploy it. Same
# files in, same bytes out. Needs `zip`.
#
#     tools/image/zip.sh -b BOOTSTRAP -m BLOB [-c CERTIFICATES] -o FILE.zip
#
# Lambda unpacks it into /var/task: the function needs DISTIL_MODEL=/var/task/model.distil and, with
# certificates, AWS_CA_BUNDLE=/var/task/ca-certificates.crt in its environment.

set -eu
LC_ALL=C
export LC_ALL
umask 022
here=$(cd "$(dirname "$0")" && pwd)

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
if [ -z "$bootstrap" ] || [ -z "$blob" ] || [ -z "$out" ]; then
    sed -n 's/^#     \(tools.*\)/usage: \1/p' "$0" >&2
    exit 2
fi
command -v zip >/dev/null || {
    echo "zip.sh: zip is not installed: apt-get install zip" >&2
    exit 1
}

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM
"$here/trees.sh" -b "$bootstrap" -m "$blob" -c "$certificates" -o "$work"
mkdir "$work/zip"
mv "$work/program/app/bootstrap" "$work/weights/app/model.distil" "$work/zip/"
if [ -f "$work/program/etc/ssl/certs/ca-certificates.crt" ]; then
    mv "$work/program/etc/ssl/certs/ca-certificates.crt" "$work/zip/"
fi
# The earliest time that the format knows; -X leaves out owner and the rest of what differs.
touch --date=@315532800 "$work"/zip/*
(cd "$work/zip" && TZ=UTC zip -q -X -6 "$work/function.zip" ./*)
mv "$work/function.zip" "$out"
