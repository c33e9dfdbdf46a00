#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# What check_kernels says about a broken kernel and about levels. The script links check_kernels
# with a scalar embedding kernel that is wrong at 96 dimensions, and expects that
#   - exactly the cases of that shape fail;
#   - the line "rerun: COMMAND" after a failure runs just that case, which fails in the same way;
#   - the lines "level NAME: ..." count the variants of kernels/kernels.inc, and give the same
#     reason for each excluded level as `distil isa`.
#
# Environment: DISTIL_BUILD  the build directory (build)
#              CC, SANITIZE  the compiler and the sanitizer flags of that build

set -u
LC_ALL=C
export LC_ALL
root=$(cd "$(dirname "$0")/../.." && pwd)
build=${DISTIL_BUILD:-$root/build}
distil=${DISTIL:-$build/distil}
check_kernels=$build/tests/unit/kernels/check_kernels
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
        failed=$((failed + 1))
    fi
}

# ---- a broken kernel ---------------------------------------------------------------------------

cat >"$work/broken.c" <<'END'
#include "kernels/kernels.h"

#include <math.h>

void distil_embed_scalar(float *restrict out, const int8_t *restrict word, float word_scale,
                         const float *restrict position, size_t dim)
{
    for (size_t i = 0; i < dim; i++)
        out[i] = fmaf((float)word[i], word_scale, position[i]) + (dim == 96 && i == 5);
}
END
# The library's own definition becomes a weak one, so the linker takes that of the broken object.
# Not every linker has an option that permits two definitions.
# shellcheck disable=SC2086
if ! ${CC:-cc} ${SANITIZE-} -std=c11 -ffp-contract=off -I"$root" -c -o "$work/broken.o" \
    "$work/broken.c" ||
    ! objcopy --weaken-symbol=distil_embed_scalar "$build/libdistil.a" "$work/libdistil.a" ||
    ! ${CC:-cc} ${SANITIZE-} -o "$work/check_kernels" \
        "$build/obj/tests/unit/kernels/check_kernels.o" "$work/broken.o" "$build/libtest.a" \
        "$build/libprog.a" "$work/libdistil.a" "$build/libbase.a" -lm -pthread; then
    echo "not ok link: check_kernels from $build; make all tests builds what it needs"
    echo "test_check_kernels: 0 passed, 1 failed, 0 skipped"
    exit 1
fi
"$work/check_kernels" --seed 7 --filter 'embed/scalar/*' >"$work/out" 2>&1
check "a broken kernel: exit status" [ $? -eq 1 ]
sed -n 's/^not ok \([^:]*\):.*/\1/p' "$work/out" | sort -u >"$work/cases"
"$check_kernels" --list --filter 'embed/scalar/96/*' | sort >"$work/expected"
check "a broken kernel: all cases of the shape fail, and no other" \
    cmp "$work/cases" "$work/expected"
check "a broken kernel: a command for each failed case" \
    [ "$(grep -c '^rerun: ' "$work/out")" -eq "$(wc -l <"$work/cases")" ]

first=$(grep -m 1 '^not ok ' "$work/out")
command=$(sed -n '/^not ok /,$s/^rerun: //p' "$work/out" | head -n 1)
eval "$command" >"$work/again" 2>&1
check "rerun: exit status" [ $? -eq 1 ]
check "rerun: one case" grep -qx 'check_kernels: 0 passed, 1 failed, 0 skipped' "$work/again"
check "rerun: the same failure" [ "$first" = "$(grep -m 1 '^not ok ' "$work/again")" ]

# ---- levels --------------------------------------------------------------------------------------

"$check_kernels" --filter 'softmax/scalar/1/*' >"$work/out" 2>&1
check "one level: exit status" [ $? -eq 0 ]
"$distil" isa --json | tr '{' '\n' >"$work/isa"
for level in $(sed -n 's/^    LEVEL.\([a-z0-9]*\),.*/\1/p' "$root/kernels/levels.h"); do
    compiled=$(grep -c "^KERNEL([a-z_]*, $level)\$" "$root/kernels/kernels.inc")
    lacks=$(sed -n "s/^\"level\":\"$level\",.*\"lacks\":\"\([^\"]*\)\".*/\1/p" "$work/isa")
    if [ -n "$lacks" ]; then
        says="not supported: this CPU lacks $lacks"
    elif [ "$level" = scalar ]; then
        says='supported, [1-9][0-9]* cases run'
    else
        says='supported, excluded by --filter'
    fi
    check "level $level: reason" \
        grep -qx "level $level: $compiled variants compiled, $says" "$work/out"
done

[ $failed -eq 0 ] || cat "$work/out"
echo "test_check_kernels: $passed passed, $failed failed, 0 skipped"
[ $failed -eq 0 ]
