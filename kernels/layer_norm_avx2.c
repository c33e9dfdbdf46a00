/* SPDX-License-Identifier: Apache-2.0 */
/* Residual addition and layer normalisation, AVX2: contract in kernels.h. */
#include "kernels/kernels.h"
#include "kernels/simd_avx2.h"

#include <assert.h>

/* t = x + residual into out; returns the sum of t. */
static float add_residual(float *out, const float *x, const float *residual, size_t dim)
{
    __m256 low = _mm256_setzero_ps();
    __m256 high = _mm256_setzero_ps();

    for (size_t i = 0; i < dim; i += 16) {
        __m256 t0 = _mm256_loadu_ps(x + i);
        __m256 t1 = _mm256_loadu_ps(x + i + 8);

        if (residual != NULL) {
            t0 = _mm256_add_ps(t0, _mm256_loadu_ps(residual + i));
            t1 = _mm256_add_ps(t1, _mm256_loadu_ps(residual + i + 8));
        }
        _mm256_storeu_ps(out + i, t0);
        _mm256_storeu_ps(out + i + 8, t1);
        low = _mm256_add_ps(low, t0);
        high = _mm256_add_ps(high, t1);
    }
    return distil_avx2_tree(low, high);
}

static float sum_squares(const float *t, float mean, size_t dim)
{
    const __m256 center = _mm256_set1_ps(mean);
    __m256 low = _mm256_setzero_ps();
    __m256 high = _mm256_setzero_ps();

    for (size_t i = 0; i < dim; i += 16) {
        __m256 d0 = _mm256_sub_ps(_mm256_loadu_ps(t + i), center);
        __m256 d1 = _mm256_sub_ps(_mm256_loadu_ps(t + i + 8), center);

        low = _mm256_fmadd_ps(d0, d0, low);
        high = _mm256_fmadd_ps(d1, d1, high);
    }
    return distil_avx2_tree(low, high);
}

void distil_layer_norm_avx2(float *out, const float *x, const float *residual,
                            const float *restrict gamma, const float *restrict beta, size_t dim,
                            float eps)
{
    float mean, variance;
    __m256 center, inverse;

    assert(dim % 32 == 0 && dim > 0);
    mean = add_residual(out, x, residual, dim) / (float)dim;
    variance = sum_squares(out, mean, dim) / (float)dim;
    center = _mm256_set1_ps(mean);
    inverse = _mm256_set1_ps(1.0f / sqrtf(variance + eps));

    for (size_t i = 0; i < dim; i += 8) {
        __m256 d = _mm256_sub_ps(_mm256_loadu_ps(out + i), center);

        _mm256_storeu_ps(out + i,
                         _mm256_fmadd_ps(_mm256_mul_ps(d, inverse), _mm256_loadu_ps(gamma + i),
                                         _mm256_loadu_ps(beta + i)));
    }
}
