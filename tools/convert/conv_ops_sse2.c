/* SPDX-License-Identifier: Apache-2.0 */
/* The inner loops with SSE2, and the choice of the variant for a CPU. */
#include "tools/convert/conv_ops.h"

#include <emmintrin.h>

#include "kernels/cpu.h"
#include "runtime/base/strict_float.h"

enum { FLOATS = 4, DOUBLES = 2, BYTES = 16 };

typedef __m128 f_reg;
typedef __m128d d_reg;
typedef __m128i i_reg;

#define f_load(p) _mm_loadu_ps(p)
#define f_store(p, x) _mm_storeu_ps(p, x)
#define f_set1(x) _mm_set1_ps(x)
#define f_add(x, y) _mm_add_ps(x, y)
#define f_sub(x, y) _mm_sub_ps(x, y)
#define f_mul(x, y) _mm_mul_ps(x, y)
#define f_div(x, y) _mm_div_ps(x, y)
#define f_abs(x) _mm_andnot_ps(_mm_set1_ps(-0.0f), x)
/* Give x, which is not negative, the sign of y. */
#define f_copysign(x, y) _mm_or_ps(x, _mm_and_ps(_mm_set1_ps(-0.0f), y))
#define d_load(p) _mm_loadu_pd(p)
#define d_store(p, x) _mm_storeu_pd(p, x)
#define d_set1(x) _mm_set1_pd(x)
#define d_add(x, y) _mm_add_pd(x, y)
#define d_sub(x, y) _mm_sub_pd(x, y)
#define d_mul(x, y) _mm_mul_pd(x, y)
#define i_load(p) _mm_load_si128((const __m128i *)(const void *)(p))
#define i_store(p, x) _mm_store_si128((__m128i *)(void *)(p), x)
#define i_set1(x) _mm_set1_epi8(x)
#define i_adds(x, y) _mm_adds_epu8(x, y)
#define i_subs(x, y) _mm_subs_epu8(x, y)
#define i_add32(x, y) _mm_add_epi32(x, y)
#define i_sad(x) _mm_sad_epu8(x, _mm_setzero_si128())

static inline uint32_t i_total(__m128i x)
{
    return (uint32_t)_mm_cvtsi128_si32(x) + (uint32_t)_mm_cvtsi128_si32(_mm_srli_si128(x, 8));
}

/*
 * Set v to the eight weights of a lane times `inverse`, and r to the nearest integers. Returns
 * nonzero if the positive or the negative integers exceed the lane's limit together. Conversion to
 * unsigned bytes turns negative numbers into 0, so the integers give the magnitudes of the positive
 * ones and their negatives those of the negative ones. One instruction adds up each half.
 */
static inline int round_eight(__m128 v[2], __m128 r[2], const float *w, __m128 inverse)
{
    const __m128 max = _mm_set1_ps(CONV_WEIGHT_MAX);
    const __m128 min = _mm_set1_ps(-CONV_WEIGHT_MAX);
    const __m128i zero = _mm_setzero_si128();
    __m128i n[2], packed, sums;

    for (size_t i = 0; i < 2; i++) {
        v[i] = _mm_mul_ps(_mm_loadu_ps(w + 4 * i), inverse);
        n[i] = _mm_cvtps_epi32(_mm_max_ps(_mm_min_ps(v[i], max), min));
        r[i] = _mm_cvtepi32_ps(n[i]);
    }
    packed = _mm_packs_epi32(n[0], n[1]);
    sums = _mm_sad_epu8(_mm_packus_epi16(packed, _mm_sub_epi16(zero, packed)), zero);
    return _mm_movemask_epi8(_mm_cmpgt_epi32(sums, _mm_set1_epi32(CONV_LANE_LIMIT)));
}

#define OPS conv_ops_sse2
#include "tools/convert/conv_ops.inc"

const conv_ops *conv_ops_best(void)
{
    distil_cpuid cpu;

    distil_cpuid_read(&cpu);
    return distil_cpuid_has(&cpu, DISTIL_LEVEL_AVX2, NULL) ? &conv_ops_avx2 : &conv_ops_sse2;
}
