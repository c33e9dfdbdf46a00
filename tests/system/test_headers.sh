#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Checks that each header compiles alone as C11 with warnings as errors, which means that it
# includes what it uses. The public header must also compile as strict C11 without extensions and as
# C++11, and it must be a manual: two thirds of its lines are comments.

set -u
cd "${DISTIL_TEST_ROOT:-.}" || exit 1
CC=${CC:-cc}
CXX=${CXX:-c++}
warnings="-Wall -Wextra -Wpedantic -Wconversion -Wshadow -Wundef -Werror"
passed=0
failed=0
skipped=0

compiles() { # NAME COMMAND...: check that the compiler accepts a file that only includes NAME
    name=$1
    shift
    if printf '#include "%s"\n' "$name" | "$@" -I. -c -o /dev/null -; then
        passed=$((passed + 1))
    else
        echo "not ok $name: $*"
        failed=$((failed + 1))
    fi
}

for header in $(find kernels model runtime lambda tests bench tools -name '*.h' | sort); do
    case $header in
    *avx512*) isa="-mavx2 -mfma -mbmi2 -mavx512f -mavx512bw -mavx512dq -mavx512vl -mavx512vnni" ;;
    *avx2*) isa="-mavx2 -mfma -mbmi2" ;;
    *) isa= ;;
    esac
    # shellcheck disable=SC2086
    compiles "$header" $CC -std=c11 -D_DEFAULT_SOURCE $isa $warnings -x c
done

# shellcheck disable=SC2086
compiles runtime/distil.h $CC -std=c11 $warnings -x c
if command -v "$CXX" >/dev/null; then
    # shellcheck disable=SC2086
    compiles runtime/distil.h "$CXX" -std=c++11 $warnings -x c++
else
    echo "skip runtime/distil.h as C++: no C++ compiler ($CXX)"
    skipped=$((skipped + 1))
fi

# The public header is the manual: about two thirds of it are comments.
prose=$(awk '
    !NF { next }
    { n++ }
    /\/\*/ { inside = 1 }
    inside { comments++ }
    /\*\// { inside = 0 }
    END { printf "%d", 100 * comments / n }' runtime/distil.h)
if [ "$prose" -ge 65 ]; then
    passed=$((passed + 1))
else
    echo "not ok runtime/distil.h: $prose % of its lines are comments, expected 65 % or more"
    failed=$((failed + 1))
fi

echo "test_headers: $passed passed, $failed failed, $skipped skipped"
[ $failed -eq 0 ]
