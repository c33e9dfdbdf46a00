#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Builds the container image and unpacks it into build/bench-image, where two commands look for it:
# `distil bench run`, for the figure image_start, and `distil bench cold --image`. The script needs
# umoci. The variable BUILD names another build directory. The program in the image has TLS only if
# the variable TLS is "openssl".
set -eu
cd "$(dirname "$0")/.."
build=${BUILD:-build}

make -s "BUILD=$build" "TLS=${TLS:-none}" image
rm -rf "$build/bench-image"
mkdir -p "$build/bench-image"
umoci unpack --image "$build/image:distil" "$build/bench-image/bundle" >/dev/null
