/* SPDX-License-Identifier: Apache-2.0 */
/* Scaled dot-product attention of one head, AVX-512 VNNI: contract in kernels.h. */
#include "kernels/simd_avx512.h"

enum { LANE = 4 }; /* dimensions of Q and K in a 32-bit lane */

/* Store 32 integers of Q or K, which fit a byte, as bytes: the low byte of each int16. */
static inline void store_lanes(int32_t *to, __m512i words)
{
    _mm256_store_si256((__m256i *)(void *)to, _mm512_cvtepi16_epi8(words));
}

/* In each lane, sum + the products of two pairs of int16. */
static inline __m512i add_pairs(__m512i sum, __m512i a, __m512i b)
{
    return _mm512_dpwssd_epi32(sum, a, b);
}

/* In each lane, sum + the products of four int8 of Q with four u8 of K. */
static inline __m512i add_scores(__m512i sum, __m512i q, __m512i k)
{
    return _mm512_dpbusd_epi32(sum, k, q);
}

#define ATTENTION distil_attention_avx512vnni
#include "kernels/attention_avx512.inc"
