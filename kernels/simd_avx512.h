/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Helpers of the kernels with 512-bit registers: exp, 2^y and GELU of poly.h on 16 floats, and the
 * vector of 16 floats on which the templates (dense.inc, embed.inc, layer_norm.inc, softmax.inc)
 * are written. Only files that are compiled with AVX-512 F, BW, DQ and VL include this header.
 */
#ifndef DISTIL_KERNELS_SIMD_AVX512_H
#define DISTIL_KERNELS_SIMD_AVX512_H

#include <immintrin.h>

#include "kernels/poly.h"
#include "kernels/simd_common.h"

/* A mask with the bits of the lanes below n; n may exceed 16. */
static inline __mmask16 distil_avx512_mask(size_t n)
{
    unsigned mask = n < 16 ? (1u << n) - 1 : 0xffff;

    return (__mmask16)mask;
}

/* distil_exp_neg of 16 floats. */
static inline __m512 distil_avx512_exp_neg(__m512 x)
{
    const __m512 magic = _mm512_set1_ps(DISTIL_EXP_MAGIC);
    __m512 shifted, n, r, p;

    x = _mm512_max_ps(x, _mm512_set1_ps(DISTIL_EXP_MIN));
    shifted = _mm512_fmadd_ps(x, _mm512_set1_ps(DISTIL_EXP_LOG2E), magic);
    n = _mm512_sub_ps(shifted, magic);
    r = _mm512_fnmadd_ps(n, _mm512_set1_ps(DISTIL_EXP_LN2_HI), x);
    r = _mm512_fnmadd_ps(n, _mm512_set1_ps(DISTIL_EXP_LN2_LO), r);
    p = _mm512_fmadd_ps(_mm512_set1_ps(DISTIL_EXP_E5), r, _mm512_set1_ps(DISTIL_EXP_E4));
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(DISTIL_EXP_E3));
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(DISTIL_EXP_E2));
    p = _mm512_fmadd_ps(_mm512_mul_ps(p, r), r, r);
    p = _mm512_add_ps(p, _mm512_set1_ps(1.0f));
    return _mm512_castsi512_ps(_mm512_add_epi32(
        _mm512_castps_si512(p), _mm512_slli_epi32(_mm512_castps_si512(shifted), 23)));
}

/* distil_exp2_weight of 16 floats. vscalefps multiplies p with 2^floor(y), which gives 0 for
 * every y below WEIGHT_MIN, so the argument needs no clamp here. */
static inline __m512i distil_avx512_exp2_weight(__m512 y)
{
    __m512 r = _mm512_sub_ps(y, _mm512_floor_ps(y));
    __m512 p =
        _mm512_fmadd_ps(_mm512_set1_ps(DISTIL_WEIGHT_W3), r, _mm512_set1_ps(DISTIL_WEIGHT_W2));

    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(DISTIL_WEIGHT_W1));
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(DISTIL_WEIGHT_W0));
    return _mm512_cvtps_epi32(_mm512_scalef_ps(p, y));
}

/* The coefficients of t^power in the lower 8 lanes. The upper 8 lanes are undefined, but a piece
 * is at most 7, so the permutation never selects them. */
static inline __m512 distil_avx512_gelu_coefficients(size_t power)
{
    return _mm512_castps256_ps512(_mm256_loadu_ps(distil_gelu_cubics[power]));
}

/* distil_gelu of 16 floats. */
static inline __m512 distil_avx512_gelu(__m512 x)
{
    __m512 t = _mm512_min_ps(_mm512_abs_ps(x), _mm512_set1_ps(DISTIL_GELU_CLAMP));
    __m512i n = _mm512_castps_si512(
        _mm512_fmadd_ps(t, _mm512_set1_ps(DISTIL_GELU_SCALE), _mm512_set1_ps(DISTIL_GELU_MAGIC)));
    __m512 p = _mm512_permutexvar_ps(n, distil_avx512_gelu_coefficients(3));

    for (size_t i = 3; i-- > 0;)
        p = _mm512_fmadd_ps(p, t, _mm512_permutexvar_ps(n, distil_avx512_gelu_coefficients(i)));
    return _mm512_sub_ps(_mm512_max_ps(x, _mm512_setzero_ps()), p);
}

/* ---- 16 floats, with the names of simd_avx2.h ------------------------------------------------ */

/* The 16 virtual lanes of kernels.h. */
typedef __m512 f32x16;

static inline f32x16 f32x16_set1(float x)
{
    return _mm512_set1_ps(x);
}

static inline f32x16 f32x16_load(const float *x)
{
    return _mm512_loadu_ps(x);
}

static inline void f32x16_store(float *x, f32x16 a)
{
    _mm512_storeu_ps(x, a);
}

/* 16 int8 converted to floats. */
static inline f32x16 f32x16_load_int8(const int8_t *x)
{
    return _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm_loadu_si128((const __m128i *)x)));
}

/* The first n floats at x, n >= 1, followed by zeros where n < 16. Reads nothing beyond them. */
static inline f32x16 f32x16_load_first(const float *x, size_t n)
{
    return _mm512_maskz_loadu_ps(distil_avx512_mask(n), x);
}

/* Store the first n lanes and leave the memory behind them alone. */
static inline void f32x16_store_first(float *x, size_t n, f32x16 a)
{
    _mm512_mask_storeu_ps(x, distil_avx512_mask(n), a);
}

/* The first n lanes of a, and the other lanes of b. */
static inline f32x16 f32x16_select_first(size_t n, f32x16 a, f32x16 b)
{
    return _mm512_mask_mov_ps(b, distil_avx512_mask(n), a);
}

static inline f32x16 f32x16_add(f32x16 a, f32x16 b)
{
    return _mm512_add_ps(a, b);
}

static inline f32x16 f32x16_sub(f32x16 a, f32x16 b)
{
    return _mm512_sub_ps(a, b);
}

static inline f32x16 f32x16_mul(f32x16 a, f32x16 b)
{
    return _mm512_mul_ps(a, b);
}

/* a * b + c, rounded once. */
static inline f32x16 f32x16_fmadd(f32x16 a, f32x16 b, f32x16 c)
{
    return _mm512_fmadd_ps(a, b, c);
}

/* a > b ? a : b in each lane, so b where a is NaN and where both are zeros. */
static inline f32x16 f32x16_max(f32x16 a, f32x16 b)
{
    return _mm512_max_ps(a, b);
}

static inline f32x16 f32x16_exp_neg(f32x16 x)
{
    return distil_avx512_exp_neg(x);
}

static inline float f32x16_greatest(f32x16 x)
{
    return _mm512_reduce_max_ps(x);
}

/* The sum of the lanes by the tree of kernels.h: lane i and lane i + 8 first, then i + 4, i + 2 and
 * i + 1. */
static inline float f32x16_tree(f32x16 x)
{
    __m256 eight = _mm256_add_ps(_mm512_castps512_ps256(x), _mm512_extractf32x8_ps(x, 1));
    __m128 four = _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
    __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));

    return _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)));
}

#endif
