#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Compiler options that change the results of float operations are refused with a remedy, or undone.
# - Each source file of the product and of the benchmarks that includes <math.h>, and each file of
#   kernels/, refuses -ffast-math when it is preprocessed without the Makefile.
# - runtime/base/strict_float.h refuses each such option that the compiler has a macro for.
# - With the Makefile, an option that has no macro leaves the object code as it is without the
#   option: the script compiles the kernels of one row for every vector level both ways.
#
# Environment: CC  the compiler (cc)

set -u
LC_ALL=C
export LC_ALL
cd "${DISTIL_TEST_ROOT:-.}" || exit 1
CC=${CC:-cc}
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
passed=0
failed=0

check() { # NAME COMMAND...: the case passes if the command succeeds
    name=$1
    shift
    if "$@"; then
        passed=$((passed + 1))
    else
        echo "not ok $name"
        cat "$work/err"
        failed=$((failed + 1))
    fi
}

refuses() { # FILE FLAG...: preprocessing fails with the remedy, and without FLAG it succeeds
    file=$1
    shift
    # shellcheck disable=SC2086
    $CC -std=c11 -D_DEFAULT_SOURCE -I. $isa -ffp-contract=off -E -o "$work/out" "$file" \
        2>"$work/err" || return 1
    # shellcheck disable=SC2086
    ! $CC -std=c11 -D_DEFAULT_SOURCE -I. $isa -ffp-contract=off "$@" -E -o "$work/out" "$file" \
        2>"$work/err" && grep -q 'error.*distil needs .* from the flags' "$work/err"
}

isa="-mavx2 -mfma -mbmi2 -mavx512f -mavx512bw -mavx512dq -mavx512vl -mavx512vnni"
for file in kernels/*_*.c $(grep -rlF --include='*.c' '<math.h>' \
    kernels model runtime lambda bench tools | sort -u); do
    check "$file: -ffast-math" refuses "$file" -ffast-math
done

# ---- every option --------------------------------------------------------------------------------

isa=
header=runtime/base/strict_float.h
refused="-ffast-math -Ofast -ffinite-math-only"
undone="-ffp-contract=fast"
if $CC -dM -E -x c /dev/null | grep -q __clang__; then
    refused="$refused -ffp-model=fast"
    undone="$undone -funsafe-math-optimizations -freciprocal-math -fassociative-math
        -fno-signed-zeros -fapprox-func -fdenormal-fp-math=positive-zero"
    check "-fno-honor-nans" eval "! make -n CC='$CC' CFLAGS=-fno-honor-nans help 2>$work/err >&2 &&
        grep -q 'distil needs .* from the flags' $work/err"
else
    refused="$refused -funsafe-math-optimizations -freciprocal-math -fno-signed-zeros
        -ffp-contract=fast -mfpmath=387 -fsingle-precision-constant"
    check "-std=gnu11" eval "! $CC -std=gnu11 -E -x c $header -o $work/out 2>$work/err &&
        grep -q 'error.*distil needs -std=c11' $work/err"
fi
for flag in $refused; do
    check "$flag" refuses "$header" "$flag"
done

# ---- options that the Makefile undoes ------------------------------------------------------------

compile() { # NAME FLAG: the Makefile compiles kernels with FLAG in CFLAGS into $work/NAME
    objects=
    for kernel in layer_norm_avx2 layer_norm_avx512 softmax_avx2 softmax_avx512 rows_scalar; do
        objects="$objects $work/$1/obj/kernels/$kernel.o"
    done
    # shellcheck disable=SC2086
    env -u MAKEFLAGS -u MAKELEVEL make -s BUILD="$work/$1" CC="$CC" SANITIZE= CFLAGS="$2" $objects \
        >"$work/err" 2>&1 &&
        for object in $objects; do
            objdump -d --no-show-raw-insn "$object" | sed 1,3d
        done >"$work/$1.code"
}

check "compile without an option" compile plain ''
for flag in $undone; do
    check "compile with $flag" compile with "$flag"
    check "$flag: the same code" cmp "$work/plain.code" "$work/with.code"
    rm -rf "$work/with"
done

echo "test_strict_float: $passed passed, $failed failed, 0 skipped"
[ $failed -eq 0 ]
