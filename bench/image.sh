#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Cold start of the container image, beside ONNX Runtime from Python doing the same job.
#
#     bench/image.sh [OPTIONS OF bench_image]
#     bench/image.sh --unpack       build and unpack only: `distil bench` then measures image_start
#
# Builds and unpacks the image into build/bench-image, and starts it: in a sandbox of name spaces,
# an unprivileged user and a read-only root; by runc, where there is one; and the peer, where
# bench/peers/run.sh has prepared it (--prepare-only is enough). Needs root and umoci; docs/image.md
# explains the columns.
set -euo pipefail
cd "$(dirname "$0")/.."
build=${BUILD:-build}
port=${PORT:-9301}
dir=$build/bench-image

make -s "BUILD=$build" image
rm -rf "$dir"
mkdir -p "$dir"
umoci unpack --image "$build/image:distil" "$dir/bundle" >/dev/null
[ "${1-}" != --unpack ] || exit 0
make -s "BUILD=$build" "$build/bench/bench_image"
arguments=(-r "$dir/bundle/rootfs")
if command -v runc >/dev/null && command -v python3 >/dev/null; then
    mv "$dir/bundle/config.json" "$dir/bundle/config.umoci.json"
    PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=tools/image python3 - "$dir/bundle" "$port" <<'END'
import sys
from pathlib import Path
from image_start import Sandbox, lambda_variables, write_specification
sandbox = Sandbox(user=993, group=990, capabilities=False, read_only=True, memory_bytes=2**27)
write_specification(Path(sys.argv[1]), sandbox, lambda_variables(f"127.0.0.1:{sys.argv[2]}"))
END
    arguments+=(-p "$port" --runc "$dir/bundle")
fi
arguments+=("$@")
peers=$PWD/build/peers
if [ -x "$peers/venv/bin/python" ] && [ -f "$peers/sst2/onnxruntime.onnx" ]; then
    arguments+=(--peer "$peers/venv/bin/python" bench/peers/function.py
        "$peers/sst2/onnxruntime.onnx" model/sst2/vocab.txt)
fi
exec "$build/bench/bench_image" "${arguments[@]}"
