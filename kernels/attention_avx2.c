/* SPDX-License-Identifier: Apache-2.0 */
/* Scaled dot-product attention of one head, AVX2: contract in kernels.h. */
#include "kernels/simd_avx2.h"

enum { LANE = 2 }; /* dimensions of Q and K in a 32-bit lane */

/* Store 16 quantised elements of Q or K, which are int16 at this level. */
static inline void store_lanes(int32_t *to, __m256i words)
{
    _mm256_store_si256((__m256i *)(void *)to, words);
}

/* In each lane, sum + the products of two pairs of int16. */
static inline __m256i add_pairs(__m256i sum, __m256i a, __m256i b)
{
    return _mm256_add_epi32(sum, _mm256_madd_epi16(a, b));
}

static inline __m256i add_scores(__m256i sum, __m256i q, __m256i k)
{
    return add_pairs(sum, q, k);
}

#define ATTENTION distil_attention_avx2
#include "kernels/attention_avx2.inc"
