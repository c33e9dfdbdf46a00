/* SPDX-License-Identifier: Apache-2.0 */
/* Softmax of one vector in place, AVX2: contract in kernels.h. */
#include "kernels/kernels.h"
#include "kernels/simd_avx2.h"

#include <assert.h>

static float greatest(const float *x, size_t n)
{
    __m256 first = _mm256_broadcast_ss(x);
    __m256 max = first;

    for (size_t i = 0; i < n; i += 8) {
        __m256i mask = distil_avx2_mask(n - i);

        max = _mm256_max_ps(max, _mm256_blendv_ps(first, _mm256_maskload_ps(x + i, mask),
                                                  _mm256_castsi256_ps(mask)));
    }
    return distil_avx2_max(max);
}

/* x[i] = exp_(x[i] - max); returns the sum. Lanes beyond n add 0, which changes no sum. */
static float exponentials(float *x, size_t n, float max)
{
    __m256 sum[2] = {_mm256_setzero_ps(), _mm256_setzero_ps()};

    for (size_t i = 0; i < n; i += 8) {
        __m256i mask = distil_avx2_mask(n - i);
        __m256 t = _mm256_sub_ps(_mm256_maskload_ps(x + i, mask), _mm256_set1_ps(max));
        __m256 p = _mm256_and_ps(distil_avx2_exp_neg(t), _mm256_castsi256_ps(mask));

        _mm256_maskstore_ps(x + i, mask, p);
        sum[i / 8 % 2] = _mm256_add_ps(sum[i / 8 % 2], p);
    }
    return distil_avx2_tree(sum[0], sum[1]);
}

void distil_softmax_avx2(float *x, size_t n)
{
    float inverse;

    assert(n >= 1);
    inverse = 1.0f / exponentials(x, n, greatest(x, n));
    for (size_t i = 0; i < n; i += 8) {
        __m256i mask = distil_avx2_mask(n - i);

        _mm256_maskstore_ps(
            x + i, mask, _mm256_mul_ps(_mm256_maskload_ps(x + i, mask), _mm256_set1_ps(inverse)));
    }
}
