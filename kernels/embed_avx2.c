/* SPDX-License-Identifier: Apache-2.0 */
/* One embedding row, AVX2: contract in kernels.h. */
#include "kernels/kernels.h"

#include <assert.h>
#include <immintrin.h>

void distil_embed_avx2(float *restrict out, const int8_t *restrict word, float word_scale,
                       const float *restrict position, size_t dim)
{
    const __m256 scale = _mm256_set1_ps(word_scale);

    assert(dim % 32 == 0);
    for (size_t i = 0; i < dim; i += 8) {
        __m256i wide = _mm256_cvtepi8_epi32(_mm_loadl_epi64((const __m128i *)(word + i)));
        __m256 y = _mm256_fmadd_ps(_mm256_cvtepi32_ps(wide), scale, _mm256_loadu_ps(position + i));

        _mm256_storeu_ps(out + i, y);
    }
}
