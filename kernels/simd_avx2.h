/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Helpers of the *_avx2.c kernels: the lane tree, exp, 2^y and GELU of poly.h on 8 floats. Included
 * by files compiled with -mavx2 -mfma -mbmi2 only.
 */
#ifndef DISTIL_KERNELS_SIMD_AVX2_H
#define DISTIL_KERNELS_SIMD_AVX2_H

#include <immintrin.h>

#include "kernels/poly.h"

/* Before a loop of constant count over an array of vectors: unrolled, the array is registers. */
#ifdef __clang__
#define DISTIL_UNROLL _Pragma("clang loop unroll(full)")
#pragma clang diagnostic ignored "-Wpass-failed" /* a sanitizer may keep it from it */
#else
#define DISTIL_UNROLL _Pragma("GCC unroll 16")
#endif

/* Join 16 virtual lanes held as lanes 0-7 and 8-15: i with i + 8, then i + 4, i + 2, i + 1. */
static inline float distil_avx2_tree(__m256 low, __m256 high)
{
    __m256 eight = _mm256_add_ps(low, high);
    __m128 four = _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
    __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));

    return _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)));
}

/* Greatest of 8 lanes. */
static inline float distil_avx2_max(__m256 x)
{
    __m128 four = _mm_max_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps(x, 1));
    __m128 two = _mm_max_ps(four, _mm_movehl_ps(four, four));

    return _mm_cvtss_f32(_mm_max_ss(two, _mm_movehdup_ps(two)));
}

/* Least of 8 lanes. */
static inline float distil_avx2_min(__m256 x)
{
    __m128 four = _mm_min_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps(x, 1));
    __m128 two = _mm_min_ps(four, _mm_movehl_ps(four, four));

    return _mm_cvtss_f32(_mm_min_ss(two, _mm_movehdup_ps(two)));
}

/* Lanes below n set, for masked loads and stores; n may be 8 or more. */
static inline __m256i distil_avx2_mask(size_t n)
{
    return _mm256_cmpgt_epi32(_mm256_set1_epi32(n < 8 ? (int)n : 8),
                              _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}

/* distil_exp_neg on 8 lanes. */
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

/* distil_exp2_weight on 8 lanes. */
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

/* distil_gelu on 8 lanes. */
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

#endif
