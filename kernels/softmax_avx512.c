/* SPDX-License-Identifier: Apache-2.0 */
/* Softmax of one vector in place, AVX-512: contract in kernels.h. */
#include "kernels/kernels.h"
#include "kernels/simd_avx512.h"

#include <assert.h>

static float greatest(const float *x, size_t n)
{
    __m512 max = _mm512_set1_ps(x[0]);

    for (size_t i = 0; i < n; i += 16) {
        __mmask16 mask = distil_avx512_mask(n - i);

        max = _mm512_mask_max_ps(max, mask, max, _mm512_maskz_loadu_ps(mask, x + i));
    }
    return _mm512_reduce_max_ps(max);
}

/* x[i] = exp_(x[i] - max); returns the sum. Lanes beyond n add 0, which changes no sum. */
static float exponentials(float *x, size_t n, __m512 max)
{
    __m512 sum = _mm512_setzero_ps();

    for (size_t i = 0; i < n; i += 16) {
        __mmask16 mask = distil_avx512_mask(n - i);
        __m512 t = _mm512_sub_ps(_mm512_maskz_loadu_ps(mask, x + i), max);
        __m512 p = _mm512_maskz_mov_ps(mask, distil_avx512_exp_neg(t));

        _mm512_mask_storeu_ps(x + i, mask, p);
        sum = _mm512_add_ps(sum, p);
    }
    return distil_avx512_tree(sum);
}

void distil_softmax_avx512(float *x, size_t n)
{
    __m512 inverse;

    assert(n >= 1);
    inverse = _mm512_set1_ps(1.0f / exponentials(x, n, _mm512_set1_ps(greatest(x, n))));
    for (size_t i = 0; i < n; i += 16) {
        __mmask16 mask = distil_avx512_mask(n - i);

        _mm512_mask_storeu_ps(x + i, mask,
                              _mm512_mul_ps(_mm512_maskz_loadu_ps(mask, x + i), inverse));
    }
}
