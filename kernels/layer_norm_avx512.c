/* SPDX-License-Identifier: Apache-2.0 */
/* Residual addition and layer normalisation, AVX-512: contract in kernels.h. */
#include "kernels/kernels.h"
#include "kernels/simd_avx512.h"

#include <assert.h>

/* t = x + residual into out; returns the sum of t. */
static float add_residual(float *out, const float *x, const float *residual, size_t dim)
{
    __m512 sum = _mm512_setzero_ps();

    for (size_t i = 0; i < dim; i += 16) {
        __m512 t = _mm512_loadu_ps(x + i);

        if (residual != NULL)
            t = _mm512_add_ps(t, _mm512_loadu_ps(residual + i));
        _mm512_storeu_ps(out + i, t);
        sum = _mm512_add_ps(sum, t);
    }
    return distil_avx512_tree(sum);
}

static float sum_squares(const float *t, float mean, size_t dim)
{
    const __m512 center = _mm512_set1_ps(mean);
    __m512 sum = _mm512_setzero_ps();

    for (size_t i = 0; i < dim; i += 16) {
        __m512 d = _mm512_sub_ps(_mm512_loadu_ps(t + i), center);

        sum = _mm512_fmadd_ps(d, d, sum);
    }
    return distil_avx512_tree(sum);
}

void distil_layer_norm_avx512(float *out, const float *x, const float *residual,
                              const float *restrict gamma, const float *restrict beta, size_t dim,
                              float eps)
{
    float mean, variance;
    __m512 center, inverse;

    assert(dim % 32 == 0 && dim > 0);
    mean = add_residual(out, x, residual, dim) / (float)dim;
    variance = sum_squares(out, mean, dim) / (float)dim;
    center = _mm512_set1_ps(mean);
    inverse = _mm512_set1_ps(1.0f / sqrtf(variance + eps));

    for (size_t i = 0; i < dim; i += 16) {
        __m512 d = _mm512_sub_ps(_mm512_loadu_ps(out + i), center);

        _mm512_storeu_ps(out + i,
                         _mm512_fmadd_ps(_mm512_mul_ps(d, inverse), _mm512_loadu_ps(gamma + i),
                                         _mm512_loadu_ps(beta + i)));
    }
}
