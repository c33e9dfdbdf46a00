/* SPDX-License-Identifier: Apache-2.0 */
/* Scaled dot-product attention of one head, AVX-VNNI: contract in kernels.h. */
#include "kernels/simd_avx2.h"

enum { LANE = 4 }; /* dimensions of Q and K in a 32-bit lane */

/* Store 16 integers of Q or K, which fit a byte, as bytes: the low byte of each int16. */
static inline void store_lanes(int32_t *to, __m256i words)
{
    __m256i low = _mm256_and_si256(words, _mm256_set1_epi16(0xff));

    _mm_store_si128((__m128i *)(void *)to, _mm_packus_epi16(_mm256_castsi256_si128(low),
                                                            _mm256_extracti128_si256(low, 1)));
}

/* In each lane, sum + the products of two pairs of int16. */
static inline __m256i add_pairs(__m256i sum, __m256i a, __m256i b)
{
    return _mm256_dpwssd_avx_epi32(sum, a, b);
}

/* In each lane, sum + the products of four int8 of Q with four u8 of K. */
static inline __m256i add_scores(__m256i sum, __m256i q, __m256i k)
{
    return _mm256_dpbusd_avx_epi32(sum, k, q);
}

#define ATTENTION distil_attention_avxvnni
#include "kernels/attention_avx2.inc"
