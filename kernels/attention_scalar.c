/* SPDX-License-Identifier: Apache-2.0 */
/* Scaled dot-product attention of one head, scalar reference: contract in kernels.h. */
#include "kernels/kernels.h"
#include "kernels/lanes.h"
#include "kernels/poly.h"

#include <assert.h>
#include <math.h>

/* p[j] = exp_(s[j] - max s); returns their sum. */
static float exponentials(float *restrict p, size_t rows)
{
    float lane[DISTIL_LANES] = {0.0f};
    float max = p[0];

    for (size_t j = 1; j < rows; j++)
        max = p[j] > max ? p[j] : max;
    for (size_t j = 0; j < rows; j++) {
        p[j] = distil_exp_neg(p[j] - max);
        lane[j % DISTIL_LANES] += p[j];
    }
    return distil_lane_tree(lane);
}

void distil_attention_scalar(float *restrict out, size_t out_stride, const float *restrict q,
                             const float *restrict k, const float *restrict v, size_t stride,
                             size_t query_rows, size_t rows, size_t head_dim, float scale,
                             float *restrict scratch)
{
    float *p = scratch;

    assert(rows >= 1 && query_rows >= 1 && query_rows <= rows);
    assert(head_dim == 32 || head_dim == 64);
    for (size_t i = 0; i < query_rows; i++) {
        float inverse;

        for (size_t j = 0; j < rows; j++) {
            float s = 0.0f;

            for (size_t d = 0; d < head_dim; d++)
                s = fmaf(q[i * stride + d], k[j * stride + d], s);
            p[j] = s * scale;
        }
        inverse = 1.0f / exponentials(p, rows);

        for (size_t d = 0; d < head_dim; d++) {
            float o = 0.0f;

            for (size_t j = 0; j < rows; j++)
                o = fmaf(p[j], v[j * stride + d], o);
            out[i * out_stride + d] = o * inverse;
        }
    }
}
