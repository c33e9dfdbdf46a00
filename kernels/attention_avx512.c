/* SPDX-License-Identifier: Apache-2.0 */
/* Scaled dot-product attention of one head, AVX-512: contract in kernels.h. */
#include "kernels/simd_avx512.h"

enum { LANE = 2 }; /* integers of Q and K in 32 bits */

/* 32 of them, in int16. */
static inline void store_lanes(int32_t *to, __m512i words)
{
    _mm512_store_si512(to, words);
}

/* sum + the products of two pairs of int16 in each lane. */
static inline __m512i add_pairs(__m512i sum, __m512i a, __m512i b)
{
    return _mm512_add_epi32(sum, _mm512_madd_epi16(a, b));
}

static inline __m512i add_scores(__m512i sum, __m512i q, __m512i k)
{
    return add_pairs(sum, q, k);
}

#include "kernels/attention_avx512.inc"

void distil_attention_avx512(float *restrict out, size_t out_stride, const float *restrict q,
                             const float *restrict k, const float *restrict v, size_t stride,
                             size_t query_rows, size_t rows, size_t head_dim, float scale,
                             void *restrict scratch)
{
    attend_all(out, out_stride, q, k, v, stride, query_rows, rows, head_dim, scale, scratch);
}
