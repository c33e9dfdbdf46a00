#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Builds the kernels of attention and check_kernels with -funsigned-char and runs the cases of
# attention. With DISTIL_TEST_FULL it builds all kernels and runs every case. gcc 12.2 compiles
# _mm256_blendv_epi8 wrongly with this flag, so that answers at level avx2 were wrong without a
# word; no kernel may use that intrinsic, or any other that depends on the sign of char.
#
# Environment: DISTIL_BUILD  the build directory (build), of which the test libraries are used
#              CC, SANITIZE  the compiler and the sanitizer flags of that build

set -u
LC_ALL=C
export LC_ALL
root=$(cd "$(dirname "$0")/../../.." && pwd)
build=${DISTIL_BUILD:-$root/build}
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
passed=0
failed=0

check() { # NAME COMMAND...: the case passes if the command succeeds
    name=$1
    shift
    if "$@" >"$work/out" 2>&1; then
        passed=$((passed + 1))
    else
        echo "not ok $name"
        tail -n 40 "$work/out"
        failed=$((failed + 1))
    fi
}

if [ -n "${DISTIL_TEST_FULL-}" ]; then
    files='*'
    filter='*'
else
    files='attention_*'
    filter='attention/*'
fi
cd "$root" || exit 1
objects="$work/obj/tests/unit/kernels/check_kernels.o"
# shellcheck disable=SC2086
for source in kernels/$files.[cS]; do
    objects="$objects $work/obj/${source%.*}.o"
done

# The Makefile compiles the objects, since it knows the flags of each level.
# shellcheck disable=SC2086
check "compile with -funsigned-char" env -u MAKEFLAGS -u MAKELEVEL make -s BUILD="$work" \
    CC="${CC:-cc}" SANITIZE="${SANITIZE-}" CFLAGS='-g -funsigned-char' $objects
# The library's own definitions become weak ones, so the linker takes those of these objects. Not
# every linker has an option that permits two definitions.
check "weaken" objcopy --weaken "$build/libdistil.a" "$work/libdistil.a"
# shellcheck disable=SC2086
check "link" ${CC:-cc} ${SANITIZE-} -o "$work/check_kernels" $objects \
    "$build/libtest.a" "$build/libprog.a" "$work/libdistil.a" "$build/libbase.a" -lm -pthread
check "check_kernels --filter '$filter'" "$work/check_kernels" --filter "$filter"

echo "test_unsigned_char: $passed passed, $failed failed, 0 skipped"
[ $failed -eq 0 ]
