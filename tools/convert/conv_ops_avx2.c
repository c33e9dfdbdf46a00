/* SPDX-License-Identifier: Apache-2.0 */
/* The inner loops with AVX2. */
#include "tools/convert/conv_ops.h"

#include <immintrin.h>

#include "runtime/base/strict_float.h"

enum { FLOATS = 8, DOUBLES = 4, BYTES = 32 };

typedef __m256 f_reg;
typedef __m256d d_reg;
typedef __m256i i_reg;

#define f_load(p) _mm256_loadu_ps(p)
#define f_store(p, x) _mm256_storeu_ps(p, x)
#define f_set1(x) _mm256_set1_ps(x)
#define f_add(x, y) _mm256_add_ps(x, y)
#define f_sub(x, y) _mm256_sub_ps(x, y)
#define f_mul(x, y) _mm256_mul_ps(x, y)
#define f_div(x, y) _mm256_div_ps(x, y)
#define f_abs(x) _mm256_andnot_ps(_mm256_set1_ps(-0.0f), x)
/* Give x, which is not negative, the sign of y. */
#define f_copysign(x, y) _mm256_or_ps(x, _mm256_and_ps(_mm256_set1_ps(-0.0f), y))
#define d_load(p) _mm256_loadu_pd(p)
#define d_store(p, x) _mm256_storeu_pd(p, x)
#define d_set1(x) _mm256_set1_pd(x)
#define d_add(x, y) _mm256_add_pd(x, y)
#define d_sub(x, y) _mm256_sub_pd(x, y)
#define d_mul(x, y) _mm256_mul_pd(x, y)
#define i_load(p) _mm256_load_si256((const __m256i *)(const void *)(p))
#define i_store(p, x) _mm256_store_si256((__m256i *)(void *)(p), x)
#define i_set1(x) _mm256_set1_epi8(x)
#define i_adds(x, y) _mm256_adds_epu8(x, y)
#define i_subs(x, y) _mm256_subs_epu8(x, y)
#define i_add32(x, y) _mm256_add_epi32(x, y)
#define i_sad(x) _mm256_sad_epu8(x, _mm256_setzero_si256())

static inline uint32_t i_total(__m256i x)
{
    __m128i two = _mm_add_epi32(_mm256_castsi256_si128(x), _mm256_extracti128_si256(x, 1));

    return (uint32_t)_mm_cvtsi128_si32(two) + (uint32_t)_mm_extract_epi32(two, 2);
}

/* See conv_ops_sse2.c. */
static inline int round_eight(__m256 v[1], __m256 r[1], const float *w, __m256 inverse)
{
    const __m256 max = _mm256_set1_ps(CONV_WEIGHT_MAX);
    const __m256 min = _mm256_set1_ps(-CONV_WEIGHT_MAX);
    const __m128i zero = _mm_setzero_si128();
    __m256i n;
    __m128i packed, sums;

    v[0] = _mm256_mul_ps(_mm256_loadu_ps(w), inverse);
    n = _mm256_cvtps_epi32(_mm256_max_ps(_mm256_min_ps(v[0], max), min));
    r[0] = _mm256_cvtepi32_ps(n);
    packed = _mm_packs_epi32(_mm256_castsi256_si128(n), _mm256_extracti128_si256(n, 1));
    sums = _mm_sad_epu8(_mm_packus_epi16(packed, _mm_sub_epi16(zero, packed)), zero);
    return _mm_movemask_epi8(_mm_cmpgt_epi32(sums, _mm_set1_epi32(CONV_LANE_LIMIT)));
}

#define OPS conv_ops_avx2
#include "tools/convert/conv_ops.inc"
