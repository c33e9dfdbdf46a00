/* SPDX-License-Identifier: Apache-2.0 */
/* One embedding row, scalar reference: contract in kernels.h. */
#include "kernels/kernels.h"

#include <assert.h>
#include <math.h>

void distil_embed_scalar(float *restrict out, const int8_t *restrict word, float word_scale,
                         const float *restrict position, size_t dim)
{
    assert(dim % 32 == 0);
    for (size_t i = 0; i < dim; i++)
        out[i] = fmaf((float)word[i], word_scale, position[i]);
}
