#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Compares this library with ONNX Runtime inside the same engines: Python, DuckDB and Spark. It
# installs the engines into build/engines/venv (600 MB, needs Java 17 and the Python package index),
# exports the shipped checkpoint, and prints a table. Options go to compare.py; --prepare-only stops
# before the measurement.
set -euo pipefail
cd "$(dirname "$0")/../.."
out=build/engines
export PYTHONPYCACHEPREFIX=$PWD/$out/pycache
make -s all
make -s duckdb-extension
if ! [ -e $out/venv/installed ]; then
    "${PYTHON:-python3}" -m venv $out/venv
    $out/venv/bin/pip install --quiet --disable-pip-version-check \
        -r bench/engines/requirements.txt
    touch $out/venv/installed
fi
rm -rf $out/package && mkdir -p $out/package
cp -r runtime/python/distil $out/package/
cp build/libdistil.so $out/package/distil/
[ -e $out/batched.onnx ] || $out/venv/bin/python bench/engines/export_batched.py model/sst2 \
    $out/batched.onnx
[ "${1-}" != --prepare-only ] || exit 0
exec $out/venv/bin/python bench/engines/compare.py $out "$@"
