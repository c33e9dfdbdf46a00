/* SPDX-License-Identifier: Apache-2.0 */
/* fp32 product of one row with a matrix, scalar reference: contract in kernels.h. */
#include "kernels/kernels.h"

#include <assert.h>
#include <math.h>

void distil_dense_scalar(float *restrict out, const float *restrict x, const float *restrict w,
                         const float *restrict bias, size_t depth, size_t cols, int relu)
{
    assert(cols % 16 == 0);
    for (size_t n = 0; n < cols; n++) {
        float o = bias[n];

        for (size_t k = 0; k < depth; k++)
            o = fmaf(x[k], w[k * cols + n], o);
        out[n] = relu && !(o > 0.0f) ? 0.0f : o;
    }
}
