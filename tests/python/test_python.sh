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
if ! grep -q GLIBC_2 "$build/libdistil.so"; then
    skip_all "a library for musl has no manylinux wheel"
fi
version=$(sed -n 's/^.define DISTIL_VERSION_[MP][A-Z]* //p' "$root/runtime/distil.h" | paste -sd .)
strip --strip-unneeded -o "$dir/wheel.so" "$build/libdistil.so" || exit 1
strip -o "$dir/wheel.distil" "$build/distil" || exit 1
make_wheel() {
    "$python" "$root/runtime/python/make_wheel.py" "$dir/wheel.so" "$dir/wheel.distil" "$1" "$dir"
}
wheel=$(make_wheel "$version") || exit 1
cp "$wheel" "$dir/first" || exit 1
make_wheel "$version" >/dev/null
cmp "$wheel" "$dir/first" || { echo "not ok: the same library gives another wheel" && exit 1; }
if make_wheel 0.9.0 >"$dir/said" 2>&1 || ! grep -q "describes version" "$dir/said"; then
    echo "not ok: a package for another version of the library is packed" && exit 1
fi
"$python" - "$wheel" <<'PY' || exit 1
import base64, hashlib, os, re, sys, zipfile

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
for name in ("distil/__init__.py", "distil/py.typed", "distil/libdistil.so", "distil/bin/distil"):
    assert name in names, name
assert wheel.getinfo("distil/bin/distil").external_attr >> 16 & 0o111 == 0o111
assert os.path.getsize(sys.argv[1]) <= 600_000, os.path.getsize(sys.argv[1])
programs = wheel.read("distil/libdistil.so") + wheel.read("distil/bin/distil")
newest = max([17, *(int(n) for n in re.findall(rb"GLIBC_2\.(\d+)", programs))])
assert f"-py3-none-manylinux_2_{newest}_x86_64.whl" in sys.argv[1], sys.argv[1]
PY
"$python" -m zipfile -e "$wheel" "$dir/package" && chmod +x "$dir/package/distil/bin/distil" ||
    exit 1
PYTHONPATH=$dir/package PYTHONDONTWRITEBYTECODE=1 "$python" \
    "$root/tests/python/check_python.py" "$build/sst2.distil" "$build/distil" "$root" 2>&1
