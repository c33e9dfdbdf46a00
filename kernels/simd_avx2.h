/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Helpers of the kernels with 256-bit registers: exp, 2^y and GELU of poly.h on 8 floats, and the
 * vector of 16 floats on which the templates (dense.inc, embed.inc, layer_norm.inc, softmax.inc)
 * are written. Only files that are compiled with -mavx2 -mfma -mbmi2 include this header.
 */
#ifndef DISTIL_KERNELS_SIMD_AVX2_H
#define DISTIL_KERNELS_SIMD_AVX2_H

#include <immintrin.h>

#include "kernels/poly.h"
#include "kernels/simd_common.h"

/* ---- 8 floats ------------------------------------------------------------------------------- */

/* The greatest of 8 floats. */
static inline float distil_avx2_max(__m256 x)
{
    __m128 four = _mm_max_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps(x, 1));
    __m128 two = _mm_max_ps(four, _mm_movehl_ps(four, four));

    return _mm_cvtss_f32(_mm_max_ss(two, _mm_movehdup_ps(two)));
}

/* The least of 8 floats. */
static inline float distil_avx2_min(__m256 x)
{
    __m128 four = _mm_min_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps(x, 1));
    __m128 two = _mm_min_ps(four, _mm_movehl_ps(four, four));

    return _mm_cvtss_f32(_mm_min_ss(two, _mm_movehdup_ps(two)));
}

/* A mask whose lanes below n are all ones and whose other lanes are 0; n may exceed 8. */
static inline __m256i distil_avx2_mask(size_t n)
{
    return _mm256_cmpgt_epi32(_mm256_set1_epi32(n < 8 ? (int)n : 8),
                              _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}

/* distil_exp_neg of 8 floats. */
static inline __m256 distil_avx2_exp_neg(__m256 x)
{
    const __m256 magic = _mm256_set1_ps(DISTIL_EXP_MAGIC);
    __m256 shifted, n, r, p;

    x = _mm256_max_ps(x, _mm256_set1_ps(DISTIL_EXP_MIN));
    shifted = _mm256_fmadd_ps(x, _mm256_set1_ps(DISTIL_EXP_LOG2E), magic);
    n = _mm256_sub_ps(shifted, magic);
    r = _mm256_fnmadd_ps(n, _mm256_set1_ps(DISTIL_EXP_LN2_HI), x);
    r = _mm256_fnmadd_ps(n, _mm256_set1_ps(DISTIL_EXP_LN2_LO), r);
    p = _mm256_fmadd_ps(_mm256_set1_ps(DISTIL_EXP_E5), r, _mm256_set1_ps(DISTIL_EXP_E4));
    p = _mm256_fmadd_ps(p, r, _mm256_set1_ps(DISTIL_EXP_E3));
    p = _mm256_fmadd_ps(p, r, _mm256_set1_ps(DISTIL_EXP_E2));
    p = _mm256_fmadd_ps(_mm256_mul_ps(p, r), r, r);
    p = _mm256_add_ps(p, _mm256_set1_ps(1.0f));
    return _mm256_castsi256_ps(_mm256_add_epi32(
        _mm256_castps_si256(p), _mm256_slli_epi32(_mm256_castps_si256(shifted), 23)));
}

/* distil_exp2_weight of 8 floats. */
static inline __m256i distil_avx2_exp2_weight(__m256 y)
{
    __m256 n, r, p;
    __m256i exponent;

    y = _mm256_max_ps(y, _mm256_set1_ps(DISTIL_WEIGHT_MIN));
    n = _mm256_floor_ps(y);
    r = _mm256_sub_ps(y, n);
    exponent = _mm256_slli_epi32(_mm256_cvtps_epi32(n), 23);
    p = _mm256_fmadd_ps(_mm256_set1_ps(DISTIL_WEIGHT_W3), r, _mm256_set1_ps(DISTIL_WEIGHT_W2));
    p = _mm256_fmadd_ps(p, r, _mm256_set1_ps(DISTIL_WEIGHT_W1));
    p = _mm256_fmadd_ps(p, r, _mm256_set1_ps(DISTIL_WEIGHT_W0));
    p = _mm256_castsi256_ps(_mm256_add_epi32(_mm256_castps_si256(p), exponent));
    return _mm256_cvtps_epi32(p);
}

/* distil_gelu of 8 floats. */
static inline __m256 distil_avx2_gelu(__m256 x)
{
    __m256 t = _mm256_min_ps(_mm256_andnot_ps(_mm256_set1_ps(-0.0f), x),
                             _mm256_set1_ps(DISTIL_GELU_CLAMP));
    __m256i n = _mm256_castps_si256(
        _mm256_fmadd_ps(t, _mm256_set1_ps(DISTIL_GELU_SCALE), _mm256_set1_ps(DISTIL_GELU_MAGIC)));
    __m256 p = _mm256_permutevar8x32_ps(_mm256_loadu_ps(distil_gelu_cubics[3]), n);

    for (size_t i = 3; i-- > 0;)
        p = _mm256_fmadd_ps(p, t,
                            _mm256_permutevar8x32_ps(_mm256_loadu_ps(distil_gelu_cubics[i]), n));
    return _mm256_sub_ps(_mm256_max_ps(x, _mm256_setzero_ps()), p);
}

/* ---- 16 floats ------------------------------------------------------------------------------ */

/* The 16 virtual lanes of kernels.h: lanes 0 to 7 and lanes 8 to 15. */
typedef struct f32x16 {
    __m256 low, high;
} f32x16;

static inline f32x16 f32x16_set1(float x)
{
    return (f32x16){_mm256_set1_ps(x), _mm256_set1_ps(x)};
}

static inline f32x16 f32x16_load(const float *x)
{
    return (f32x16){_mm256_loadu_ps(x), _mm256_loadu_ps(x + 8)};
}

static inline void f32x16_store(float *x, f32x16 a)
{
    _mm256_storeu_ps(x, a.low);
    _mm256_storeu_ps(x + 8, a.high);
}

/* 16 int8 converted to floats. */
static inline f32x16 f32x16_load_int8(const int8_t *x)
{
    __m256i low = _mm256_cvtepi8_epi32(_mm_loadl_epi64((const __m128i *)x));
    __m256i high = _mm256_cvtepi8_epi32(_mm_loadl_epi64((const __m128i *)(x + 8)));

    return (f32x16){_mm256_cvtepi32_ps(low), _mm256_cvtepi32_ps(high)};
}

/* The first n floats at x, n >= 1, followed by zeros where n < 16. Reads nothing beyond them. */
static inline f32x16 f32x16_load_first(const float *x, size_t n)
{
    return (f32x16){_mm256_maskload_ps(x, distil_avx2_mask(n)),
                    n > 8 ? _mm256_maskload_ps(x + 8, distil_avx2_mask(n - 8))
                          : _mm256_setzero_ps()};
}

/* Store the first n lanes and leave the memory behind them alone. */
static inline void f32x16_store_first(float *x, size_t n, f32x16 a)
{
    _mm256_maskstore_ps(x, distil_avx2_mask(n), a.low);
    if (n > 8)
        _mm256_maskstore_ps(x + 8, distil_avx2_mask(n - 8), a.high);
}

/* The first n lanes of a, and the other lanes of b. */
static inline f32x16 f32x16_select_first(size_t n, f32x16 a, f32x16 b)
{
    __m256 low = _mm256_castsi256_ps(distil_avx2_mask(n));
    __m256 high = _mm256_castsi256_ps(distil_avx2_mask(n > 8 ? n - 8 : 0));

    return (f32x16){_mm256_blendv_ps(b.low, a.low, low), _mm256_blendv_ps(b.high, a.high, high)};
}

static inline f32x16 f32x16_add(f32x16 a, f32x16 b)
{
    return (f32x16){_mm256_add_ps(a.low, b.low), _mm256_add_ps(a.high, b.high)};
}

static inline f32x16 f32x16_sub(f32x16 a, f32x16 b)
{
    return (f32x16){_mm256_sub_ps(a.low, b.low), _mm256_sub_ps(a.high, b.high)};
}

static inline f32x16 f32x16_mul(f32x16 a, f32x16 b)
{
    return (f32x16){_mm256_mul_ps(a.low, b.low), _mm256_mul_ps(a.high, b.high)};
}

/* a * b + c, rounded once. */
static inline f32x16 f32x16_fmadd(f32x16 a, f32x16 b, f32x16 c)
{
    return (f32x16){_mm256_fmadd_ps(a.low, b.low, c.low), _mm256_fmadd_ps(a.high, b.high, c.high)};
}

/* a > b ? a : b in each lane, so b where a is NaN and where both are zeros. */
static inline f32x16 f32x16_max(f32x16 a, f32x16 b)
{
    return (f32x16){_mm256_max_ps(a.low, b.low), _mm256_max_ps(a.high, b.high)};
}

static inline f32x16 f32x16_exp_neg(f32x16 x)
{
    return (f32x16){distil_avx2_exp_neg(x.low), distil_avx2_exp_neg(x.high)};
}

static inline float f32x16_greatest(f32x16 x)
{
    return distil_avx2_max(_mm256_max_ps(x.low, x.high));
}

/* The sum of the lanes by the tree of kernels.h: lane i and lane i + 8 first, then i + 4, i + 2 and
 * i + 1. */
static inline float f32x16_tree(f32x16 x)
{
    __m256 eight = _mm256_add_ps(x.low, x.high);
    __m128 four = _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
    __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));

    return _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)));
}

#endif
