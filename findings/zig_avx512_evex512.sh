#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Zig 0.15.2: `zig cc -mavx512f` refuses the intrinsics of AVX-512.
#
# clang 20 takes -mavx512f to mean 512-bit registers too: the option implies the feature "evex512",
# which clang has since version 18. Zig tells the same clang every feature that the target's CPU
# lacks, and so switches evex512 off again. The message asks for a feature that no option of the
# user has switched off. Adding -mevex512 helps, and so does Zig 0.17.1, whose clang 22 has no such
# feature any more.
#
# Expected: the compiler accepts the file, as clang 20 and gcc do with the same option.
# Seen on 2026-11-30:
#
#     zig 0.15.2 -mavx512f: refused, requires target feature 'evex512'
#     zig 0.15.2 -mavx512f -mevex512: accepted
#     zig 0.17.1 -mavx512f: accepted
#
# Needs python3 with venv, 800 MB of disk and the Python package index. Exit status: 0 if the
# behaviour is as described, 1 if it has changed, 2 if the packages cannot be installed.

set -u
dir=$(mktemp -d) || exit 2
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv" || exit 2
cat >"$dir/sum.c" <<'CODE'
#include <immintrin.h>

float sum(const float *p);

float sum(const float *p)
{
    return _mm512_reduce_add_ps(_mm512_loadu_ps(p));
}
CODE
for version in 0.15.2 0.17.1; do
    "$dir/venv/bin/pip" install --quiet --no-deps --target "$dir/$version" "ziglang==$version" ||
        exit 2
done
export ZIG_GLOBAL_CACHE_DIR="$dir/cache" ZIG_LOCAL_CACHE_DIR="$dir/cache"

# attempt VERSION OPTIONS...: prints whether this Zig compiles the file with the options.
attempt() {
    version=$1
    shift
    zig=$dir/$version/ziglang/zig
    if "$zig" cc -target x86_64-linux-gnu -O2 "$@" -c -o "$dir/sum.o" "$dir/sum.c" 2>"$dir/err"
    then
        echo "zig $version $*: accepted"
    else
        echo "zig $version $*: refused," \
            "$(grep -o "requires target feature '[a-z0-9]*'" "$dir/err" | sort -u)"
    fi
}

{
    attempt 0.15.2 -mavx512f
    attempt 0.15.2 -mavx512f -mevex512
    attempt 0.17.1 -mavx512f
} | tee "$dir/seen"
sed -n 's/^#     \(zig .*\)/\1/p' "$0" | cmp - "$dir/seen"
