#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Print the --build-arg options of lambda/Dockerfile for this tree, for docker, podman and buildah.
#
#     tools/image/build_args.sh [MODEL_DIR]
#
# MODEL_DIR is a Hugging Face folder in the tree (model/sst2). It is converted here too: the blob's
# SHA-256 becomes a label, and the image's build, which converts by itself, fails unless it comes to
# the same bytes. Uses build/distil and, for the shipped model, its blob: run make first.

set -eu
LC_ALL=C
export LC_ALL
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=tools/image/facts.sh
. "$here/facts.sh"
model=${1:-model/sst2}
build=${DISTIL_BUILD:-$tree/build}
fail() { # MESSAGE
    echo "build_args.sh: $1" >&2
    exit 1
}

[ -x "$build/distil" ] || fail "no $build/distil: run make"
case $model in
/* | *..* | *[!A-Za-z0-9._/-]*) fail "$model: name a folder within the tree, without blanks" ;;
esac
[ -f "$tree/$model/config.json" ] || fail "$tree/$model/config.json: no such file"
if [ "$model" = model/sst2 ] && [ -f "$build/sst2.distil" ]; then
    blob=$build/sst2.distil
else
    work=$(mktemp -d)
    trap 'rm -rf "$work"' EXIT
    blob=$work/model.distil
    "$build/distil" convert "$tree/$model" -o "$blob" >&2
fi
printf -- '--build-arg %s\n' "MODEL_DIR=$model" "MODEL_SHA256=$(sha256_of "$blob")" \
    "REVISION=$REVISION" "SOURCE=$SOURCE" "VERSION=$VERSION"
