#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# gcc 12.2.0 with -funsigned-char: _mm256_blendv_epi8 of AVX2 always chooses its first operand.
#
# Intel's manual says that VPBLENDVB chooses by the highest bit of each byte of the mask. This gcc
# turns the intrinsic into the comparison "mask < 0" of vectors of plain char. With
# -funsigned-char no char is below 0, so it removes the choice. There is no warning.
#
# Expected: the same output with and without the flag, as from gcc 11.3.0, 13.3.0 and 14.2.0.
# Seen on 2026-11-29 with gcc 12.2.0 of Debian 12:
#
#     gcc 12.2.0: 0 of 32 bytes differ
#     gcc 12.2.0 -funsigned-char: 16 of 32 bytes differ
#
# Code that uses the intrinsic and is built with this flag, which projects set so that x86 behaves
# as ARM does, is wrong without a word. _mm256_blendv_ps of the same bits is not affected.
#
# Needs gcc and a CPU with AVX2. Environment: CC, the compiler to test (gcc-12). Exit status: 0 if
# the behaviour is as described, 1 if it has changed, 2 if the compiler or AVX2 is missing.

set -u
CC=${CC:-gcc-12}
dir=$(mktemp -d) || exit 2
trap 'rm -rf "$dir"' EXIT
if ! command -v "$CC" >/dev/null || ! grep -qw avx2 /proc/cpuinfo; then
    echo "needs gcc 12.2.0 (apt-get install gcc-12 on Debian 12) and a CPU with AVX2" >&2
    exit 2
fi
cat >"$dir/blend.c" <<'CODE'
#include <immintrin.h>
#include <stdio.h>

int main(int argc, char **argv)
{
    unsigned char bytes[3][32], chosen[32];
    int wrong = 0;
    (void)argv;
    for (int i = 0; i < 32; i++) {
        bytes[0][i] = (unsigned char)(i * argc);
        bytes[1][i] = (unsigned char)(100 + i);
        bytes[2][i] = i % 2 ? 0xff : 0x00;
    }
    __m256i a = _mm256_loadu_si256((__m256i *)bytes[0]);
    __m256i b = _mm256_loadu_si256((__m256i *)bytes[1]);
    __m256i mask = _mm256_loadu_si256((__m256i *)bytes[2]);
    _mm256_storeu_si256((__m256i *)chosen, _mm256_blendv_epi8(a, b, mask));
    for (int i = 0; i < 32; i++)
        wrong += chosen[i] != bytes[i % 2][i];
    printf("%d of 32 bytes differ\n", wrong);
}
CODE
version=$("$CC" -dumpfullversion)
for flag in "" " -funsigned-char"; do
    # shellcheck disable=SC2086
    "$CC" -O2 -mavx2 $flag -o "$dir/blend" "$dir/blend.c" || exit 2
    echo "gcc $version$flag: $("$dir/blend")"
done | tee "$dir/seen"
printf 'gcc %s: 0 of 32 bytes differ\ngcc %s -funsigned-char: 16 of 32 bytes differ\n' \
    "$version" "$version" >"$dir/described"
cmp "$dir/described" "$dir/seen"
