/* SPDX-License-Identifier: Apache-2.0 */
/* Residual addition and layer normalisation, scalar reference: contract in kernels.h. */
#include "kernels/kernels.h"
#include "kernels/lanes.h"

#include <assert.h>
#include <math.h>

void distil_layer_norm_scalar(float *out, const float *x, const float *residual,
                              const float *restrict gamma, const float *restrict beta, size_t dim,
                              float eps)
{
    float lane[DISTIL_LANES] = {0.0f};
    float mean, variance, inverse;

    assert(dim % 32 == 0 && dim > 0);
    for (size_t i = 0; i < dim; i++) {
        out[i] = residual != NULL ? x[i] + residual[i] : x[i];
        lane[i % DISTIL_LANES] += out[i];
    }
    mean = distil_lane_tree(lane) / (float)dim;

    for (size_t i = 0; i < DISTIL_LANES; i++)
        lane[i] = 0.0f;
    for (size_t i = 0; i < dim; i++) {
        float d = out[i] - mean;

        lane[i % DISTIL_LANES] = fmaf(d, d, lane[i % DISTIL_LANES]);
    }
    variance = distil_lane_tree(lane) / (float)dim;
    inverse = 1.0f / sqrtf(variance + eps);

    for (size_t i = 0; i < dim; i++)
        out[i] = fmaf((out[i] - mean) * inverse, gamma[i], beta[i]);
}
