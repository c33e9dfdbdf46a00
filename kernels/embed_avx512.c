/* SPDX-License-Identifier: Apache-2.0 */
/* One embedding row, AVX-512: contract in kernels.h. */
#include "kernels/kernels.h"

#include <assert.h>
#include <immintrin.h>

void distil_embed_avx512(float *restrict out, const int8_t *restrict word, float word_scale,
                         const float *restrict position, size_t dim)
{
    const __m512 scale = _mm512_set1_ps(word_scale);

    assert(dim % 32 == 0);
    for (size_t i = 0; i < dim; i += 16) {
        __m512i wide = _mm512_cvtepi8_epi32(_mm_loadu_si128((const __m128i *)(word + i)));

        _mm512_storeu_ps(out + i, _mm512_fmadd_ps(_mm512_cvtepi32_ps(wide), scale,
                                                  _mm512_loadu_ps(position + i)));
    }
}
