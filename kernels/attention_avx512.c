/* SPDX-License-Identifier: Apache-2.0 */
/* Scaled dot-product attention of one head, AVX-512: contract in kernels.h. */
#include "kernels/simd_avx512.h"

enum { LANE = 2 }; /* dimensions of Q and K in a 32-bit lane */

/* Store 32 integers of Q or K, which are int16. */
static inline void store_lanes(int32_t *to, __m512i words)
{
    _mm512_store_si512(to, words);
}

/* In each lane, sum + the products of two pairs of int16. */
static inline __m512i add_pairs(__m512i sum, __m512i a, __m512i b)
{
    return _mm512_add_epi32(sum, _mm512_madd_epi16(a, b));
}

static inline __m512i add_scores(__m512i sum, __m512i q, __m512i k)
{
    return add_pairs(sum, q, k);
}

#define ATTENTION distil_attention_avx512
#include "kernels/attention_avx512.inc"
