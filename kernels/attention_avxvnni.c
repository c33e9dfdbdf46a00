/* SPDX-License-Identifier: Apache-2.0 */
/* Scaled dot-product attention of one head, AVX-VNNI: contract in kernels.h. */
#include "kernels/simd_avx2.h"

enum { LANE = 4 }; /* integers of Q and K in 32 bits */

/* 16 of them, in int16, to bytes: their low ones, of K's as of Q's. */
static inline void store_lanes(int32_t *to, __m256i words)
{
    __m256i low = _mm256_and_si256(words, _mm256_set1_epi16(0xff));

    _mm_store_si128((__m128i *)(void *)to, _mm_packus_epi16(_mm256_castsi256_si128(low),
                                                            _mm256_extracti128_si256(low, 1)));
}

/* sum + the products of two pairs of int16 in each lane. */
static inline __m256i add_pairs(__m256i sum, __m256i a, __m256i b)
{
    return _mm256_dpwssd_avx_epi32(sum, a, b);
}

/* sum + the products of four int8 and four u8 in each lane. */
static inline __m256i add_scores(__m256i sum, __m256i q, __m256i k)
{
    return _mm256_dpbusd_avx_epi32(sum, k, q);
}

#include "kernels/attention_avx2.inc"

void distil_attention_avxvnni(float *restrict out, size_t out_stride, const float *restrict q,
                              const float *restrict k, const float *restrict v, size_t stride,
                              size_t query_rows, size_t rows, size_t head_dim, float scale,
                              void *restrict scratch)
{
    attend_all(out, out_stride, q, k, v, stride, query_rows, rows, head_dim, scale, scratch);
}
