/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Helpers of the *_avx512*.c kernels: the lane tree, exp, 2^y and GELU of poly.h on 16 floats, and
 * the end of the int8 product. Included by files compiled with AVX-512 F, BW, DQ and VL only.
 */
#ifndef DISTIL_KERNELS_SIMD_AVX512_H
#define DISTIL_KERNELS_SIMD_AVX512_H

#include <immintrin.h>

#include "kernels/kernels.h"
#include "kernels/poly.h"

/* Before a loop of constant count over an array of vectors: unrolled, the array is registers. */
#ifdef __clang__
#define DISTIL_UNROLL _Pragma("clang loop unroll(full)")
#pragma clang diagnostic ignored "-Wpass-failed" /* a sanitizer may keep it from it */
#else
#define DISTIL_UNROLL _Pragma("GCC unroll 16")
#endif

/* Join the 16 virtual lanes: i with i + 8, then i + 4, i + 2, i + 1. */
static inline float distil_avx512_tree(__m512 x)
{
    __m256 eight = _mm256_add_ps(_mm512_castps512_ps256(x), _mm512_extractf32x8_ps(x, 1));
    __m128 four = _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
    __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));

    return _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)));
}

/* Lanes below n set, for masked loads and stores; n may be 16 or more. */
static inline __mmask16 distil_avx512_mask(size_t n)
{
    unsigned mask = n < 16 ? (1u << n) - 1 : 0xffff;

    return (__mmask16)mask;
}

/* distil_exp_neg on 16 lanes. */
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

/* distil_exp2_weight on 16 lanes. Far below WEIGHT_MIN the scaled result is 0 without its clamp. */
static inline __m512i distil_avx512_exp2_weight(__m512 y)
{
    __m512 r = _mm512_sub_ps(y, _mm512_floor_ps(y));
    __m512 p =
        _mm512_fmadd_ps(_mm512_set1_ps(DISTIL_WEIGHT_W3), r, _mm512_set1_ps(DISTIL_WEIGHT_W2));

    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(DISTIL_WEIGHT_W1));
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(DISTIL_WEIGHT_W0));
    return _mm512_cvtps_epi32(_mm512_scalef_ps(p, y)); /* p * 2^floor(y) */
}

/* The factors of t^power on the pieces; the upper half is never picked. */
static inline __m512 distil_avx512_gelu_factors(size_t power)
{
    return _mm512_castps256_ps512(_mm256_loadu_ps(distil_gelu_cubics[power]));
}

/* distil_gelu on 16 lanes. */
static inline __m512 distil_avx512_gelu(__m512 x)
{
    __m512 t = _mm512_min_ps(_mm512_abs_ps(x), _mm512_set1_ps(DISTIL_GELU_CLAMP));
    __m512i n = _mm512_castps_si512(
        _mm512_fmadd_ps(t, _mm512_set1_ps(DISTIL_GELU_SCALE), _mm512_set1_ps(DISTIL_GELU_MAGIC)));
    __m512 p = _mm512_permutexvar_ps(n, distil_avx512_gelu_factors(3));

    for (size_t i = 3; i-- > 0;)
        p = _mm512_fmadd_ps(p, t, _mm512_permutexvar_ps(n, distil_avx512_gelu_factors(i)));
    return _mm512_sub_ps(_mm512_max_ps(x, _mm512_setzero_ps()), p);
}

/*
 * What the end of the int8 product needs of one panel.
 *
 * zero_point * col_sum is one vpmaddwd: col_sum = 128 high + low with low in 0 .. 127, so the
 * product is the sum of two of int16, zero_point * low + (128 zero_point) * high:
 * 128 * 255 = 32640 and |high| <= 127 * 16384 / 128 + 1 fit.
 */
typedef struct distil_avx512_panel {
    __m512i col_sum; /* int16 pairs (low, high) */
    __m512 scale, bias;
} distil_avx512_panel;

static inline distil_avx512_panel distil_avx512_panel_load(const distil_qmatrix *w, size_t n)
{
    __m512i col_sum = _mm512_loadu_si512(w->col_sum + n);
    __m512i low = _mm512_and_si512(col_sum, _mm512_set1_epi32(127));
    __m512i high = _mm512_slli_epi32(_mm512_srai_epi32(col_sum, 7), 16);

    return (distil_avx512_panel){_mm512_or_si512(low, high), _mm512_loadu_ps(w->scale + n),
                                 _mm512_loadu_ps(w->bias + n)};
}

/* 16 columns of rows `rows` x 32 sums to c: sum - zero_point * col_sum, scale, bias, GELU. */
static inline void distil_avx512_finish(float *restrict c, size_t c_stride, const int32_t *sum,
                                        const float *scale, const int32_t *zero_point, size_t rows,
                                        const distil_avx512_panel panel[2],
                                        distil_epilogue epilogue)
{
    for (size_t r = 0; r < rows; r++) {
        __m512i minus_zero = _mm512_set1_epi32((int32_t)((uint32_t)(-zero_point[r] & 0xffff) |
                                                         (uint32_t)(-zero_point[r] * 128) << 16));
        __m512 row_scale = _mm512_set1_ps(scale[r]);

        DISTIL_UNROLL
        for (size_t p = 0; p < 2; p++) {
            __m512i exact = _mm512_add_epi32(
                _mm512_load_si512(sum + r * DISTIL_PAIR_COLS + p * DISTIL_PANEL_COLS),
                _mm512_madd_epi16(minus_zero, panel[p].col_sum));
            __m512 y = _mm512_fmadd_ps(_mm512_cvtepi32_ps(exact),
                                       _mm512_mul_ps(row_scale, panel[p].scale), panel[p].bias);

            if (epilogue == DISTIL_EPILOGUE_GELU)
                y = distil_avx512_gelu(y);
            _mm512_storeu_ps(c + r * c_stride + p * DISTIL_PANEL_COLS, y);
        }
    }
}

#endif
