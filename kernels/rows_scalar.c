/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Scalar references of the operations on one row: embedding, layer normalisation, the float product
 * of the classification head, and softmax. Their definitions are in kernels.h.
 */
#include "kernels/kernels.h"
#include "kernels/poly.h"

#include <assert.h>
#include <math.h>

enum { LANES = 16 }; /* the virtual lanes by which kernels.h defines a sum of floats */

/* Return the sum of the lanes by the tree of kernels.h: lane i and lane i + 8 are added first, then
 * i + 4, i + 2 and i + 1. Overwrites `lane`. */
static float add_lanes(float lane[LANES])
{
    for (size_t distance = LANES / 2; distance > 0; distance /= 2)
        for (size_t i = 0; i < distance; i++)
            lane[i] += lane[i + distance];
    return lane[0];
}

void distil_embed_scalar(float *restrict out, const int8_t *restrict word, float word_scale,
                         const float *restrict position, size_t dim)
{
    assert(dim % 32 == 0);
    for (size_t i = 0; i < dim; i++)
        out[i] = fmaf((float)word[i], word_scale, position[i]);
}

void distil_layer_norm_scalar(float *out, const float *x, const float *residual,
                              const float *restrict gamma, const float *restrict beta, size_t dim,
                              float eps)
{
    float lane[LANES] = {0.0f};
    float mean, variance, inverse;

    assert(dim % 32 == 0 && dim > 0);
    for (size_t i = 0; i < dim; i++) {
        out[i] = residual != NULL ? x[i] + residual[i] : x[i];
        lane[i % LANES] += out[i];
    }
    mean = add_lanes(lane) / (float)dim;

    for (size_t i = 0; i < LANES; i++)
        lane[i] = 0.0f;
    for (size_t i = 0; i < dim; i++) {
        float d = out[i] - mean;

        lane[i % LANES] = fmaf(d, d, lane[i % LANES]);
    }
    variance = add_lanes(lane) / (float)dim;
    inverse = 1.0f / sqrtf(variance + eps);

    for (size_t i = 0; i < dim; i++)
        out[i] = fmaf((out[i] - mean) * inverse, gamma[i], beta[i]);
}

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

void distil_softmax_scalar(float *x, size_t n)
{
    float lane[LANES] = {0.0f};
    float max, inverse;

    assert(n >= 1);
    max = x[0];
    for (size_t i = 1; i < n; i++)
        max = x[i] > max ? x[i] : max;
    for (size_t i = 0; i < n; i++) {
        x[i] = distil_exp_neg(x[i] - max);
        lane[i % LANES] += x[i];
    }
    inverse = 1.0f / add_lanes(lane);
    for (size_t i = 0; i < n; i++)
        x[i] = x[i] * inverse;
}
