#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Makes the wheel of the Python package, checks what is in it, unpacks it, and runs
# check_python.py with the package in it. DISTIL_TEST_PYTHON names another interpreter than python3,
# such as one of a virtual environment with numpy and pyarrow.

set -u
LC_ALL=C.UTF-8
export LC_ALL
unset DISTIL_ISA DISTIL_MODEL DISTIL_LIBRARY 2>/dev/null
root=$(cd "${DISTIL_TEST_ROOT:-.}" && pwd) || exit 1
build=${DISTIL_BUILD:-$root/build}
python=${DISTIL_TEST_PYTHON:-python3}
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT

skip_all() { # REASON
    echo "skip all: $1"
    echo "test_python: 0 passed, 0 failed, 1 skipped"
    exit 77
}

command -v "$python" >/dev/null 2>&1 || skip_all "no python3"
if nm -D "$build/libdistil.so" 2>/dev/null | grep -q __asan_init; then
    skip_all "sanitizers need a program that was built with them"
fi
version=$(sed -n 's/^.define DISTIL_VERSION_[A-Z]* //p' "$root/runtime/distil.h" | paste -sd .)
wheel=$("$python" "$root/runtime/python/make_wheel.py" "$build/libdistil.so" "$version" "$dir") ||
    exit 1
cp "$wheel" "$dir/first" || exit 1
"$python" "$root/runtime/python/make_wheel.py" "$build/libdistil.so" "$version" "$dir" >/dev/null
cmp "$wheel" "$dir/first" || { echo "not ok: the same library gives another wheel" && exit 1; }
"$python" - "$wheel" <<'PY' || exit 1
import base64, hashlib, re, sys, zipfile

wheel = zipfile.ZipFile(sys.argv[1])
names = wheel.namelist()
record = next(name for name in names if name.endswith(".dist-info/RECORD"))
lines = dict(line.split(",", 1) for line in wheel.read(record).decode().splitlines())
assert sorted(lines) == sorted(names), (lines, names)
for name in names:
    if name != record:
        content = wheel.read(name)
        digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).decode().rstrip("=")
        assert lines[name] == f"sha256={digest},{len(content)}", name
for name in ("distil/__init__.py", "distil/py.typed", "distil/libdistil.so"):
    assert name in names, name
library = wheel.read("distil/libdistil.so")
newest = max([17, *(int(n) for n in re.findall(rb"GLIBC_2\.(\d+)", library))])
assert f"-py3-none-manylinux_2_{newest}_x86_64.whl" in sys.argv[1], sys.argv[1]
PY
"$python" -m zipfile -e "$wheel" "$dir/package" || exit 1
PYTHONPATH=$dir/package PYTHONDONTWRITEBYTECODE=1 "$python" \
    "$root/tests/python/check_python.py" "$build/sst2.distil" "$build/distil" "$root" 2>&1
