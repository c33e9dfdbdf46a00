#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Print the --build-arg options for building lambda/Dockerfile from this tree with docker, podman or
# buildah.
#
#     tools/image/build_args.sh [MODEL_DIR]
#
# MODEL_DIR is a Hugging Face model folder inside the tree (default model/sst2). The script converts
# it, because the SHA-256 of the blob becomes a label of the image. The image build converts the
# model again and fails unless it gets the same bytes. Requires build/distil, so run `make` first;
# for the shipped model the blob that `make` has built is used.

# shellcheck source=tools/image/common.sh
. "$(dirname "$0")/common.sh"
find_facts
model=${1:-model/sst2}
build=${DISTIL_BUILD:-$tree/build}

[ -x "$build/distil" ] || fail "$build/distil: no such file" "make"
case $model in
/* | *..* | *[!A-Za-z0-9._/-]*) fail "$model: name a folder within the tree, without blanks" ;;
esac
[ -f "$tree/$model/config.json" ] || fail "$tree/$model/config.json: no such file"
if [ "$model" = model/sst2 ] && [ -f "$build/sst2.distil" ]; then
    blob=$build/sst2.distil
else
    make_work_directory
    blob=$work/model.distil
    "$build/distil" convert "$tree/$model" -o "$blob" >&2
fi
printf -- '--build-arg %s\n' "MODEL_DIR=$model" "MODEL_SHA256=$(sha256_of "$blob")" \
    "REVISION=$REVISION" "SOURCE=$SOURCE" "VERSION=$VERSION"
