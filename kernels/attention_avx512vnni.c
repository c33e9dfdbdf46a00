/* SPDX-License-Identifier: Apache-2.0 */
/* Scaled dot-product attention of one head, AVX-512 VNNI: contract in kernels.h. */
#include "kernels/simd_avx512.h"

/* sum + the products of two pairs of int16 in each lane. */
static inline __m512i multiply_add(__m512i sum, __m512i a, __m512i b)
{
    return _mm512_dpwssd_epi32(sum, a, b);
}

#include "kernels/attention_avx512.inc"

void distil_attention_avx512vnni(float *restrict out, size_t out_stride, const float *restrict q,
                                 const float *restrict k, const float *restrict v, size_t stride,
                                 size_t query_rows, size_t rows, size_t head_dim, float scale,
                                 void *restrict scratch)
{
    attend_all(out, out_stride, q, k, v, stride, query_rows, rows, head_dim, scale, scratch);
}
