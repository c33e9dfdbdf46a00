/* SPDX-License-Identifier: Apache-2.0 */
/* Scaled dot-product attention of one head, AVX2: contract in kernels.h. */
#include "kernels/simd_avx2.h"

enum { LANE = 2 }; /* integers of Q and K in 32 bits */

/* 16 of them, in int16. */
static inline void store_lanes(int32_t *to, __m256i words)
{
    _mm256_store_si256((__m256i *)(void *)to, words);
}

/* sum + the products of two pairs of int16 in each lane. */
static inline __m256i add_pairs(__m256i sum, __m256i a, __m256i b)
{
    return _mm256_add_epi32(sum, _mm256_madd_epi16(a, b));
}

static inline __m256i add_scores(__m256i sum, __m256i q, __m256i k)
{
    return add_pairs(sum, q, k);
}

#include "kernels/attention_avx2.inc"

void distil_attention_avx2(float *restrict out, size_t out_stride, const float *restrict q,
                           const float *restrict k, const float *restrict v, size_t stride,
                           size_t query_rows, size_t rows, size_t head_dim, float scale,
                           void *restrict scratch)
{
    attend_all(out, out_stride, q, k, v, stride, query_rows, rows, head_dim, scale, scratch);
}
