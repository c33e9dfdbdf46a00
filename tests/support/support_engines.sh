# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh
#
# What the tests of databases and engines share. A script reads this file after support_cli.sh. The
# file sets python, the interpreter that DISTIL_TEST_ENGINES names, or DISTIL_TEST_PYTHON, or
# python3. It ends the script as skipped if no other program can load the build's library. Its
# functions are:
#
#     has_module NAME   succeeds if the interpreter has a module
#     unpack_package    puts the Python package into the folder package, and on PYTHONPATH

python=${DISTIL_TEST_ENGINES:-${DISTIL_TEST_PYTHON:-python3}}
unset DISTIL_LIBRARY 2>/dev/null
if nm -D "$build/libdistil.so" 2>/dev/null | grep -q __asan_init; then
    skip all "sanitizers need a program that was built with them"
    finish "$(basename "$0" .sh)"
fi
if ! grep -q GLIBC_2 "$build/libdistil.so"; then
    skip all "a library for musl serves no engine that was built for glibc"
    finish "$(basename "$0" .sh)"
fi

has_module() { # NAME
    "$python" -c "import $1" >/dev/null 2>&1
}

unpack_package() {
    mkdir package && cp -r "$root/runtime/python/distil" package/ &&
        cp "$build/libdistil.so" package/distil/ && mkdir package/distil/bin &&
        cp "$distil" package/distil/bin/distil || return 1
    PYTHONPATH=$dir/package:$root/tools/generate:$root/tests/engines
    PYTHONDONTWRITEBYTECODE=1
    DISTIL_MODEL=$blob
    export PYTHONPATH PYTHONDONTWRITEBYTECODE DISTIL_MODEL
}
