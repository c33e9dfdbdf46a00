/* SPDX-License-Identifier: Apache-2.0 */
/* Scaled dot-product attention of one head, scalar reference: contract in kernels.h. */
#include "kernels/kernels.h"
#include "kernels/poly.h"

#include <assert.h>
#include <math.h>

/* Greatest of `range` and |x|, which may be NaN, over n elements `step` apart. */
static float widen(float range, const float *x, size_t n, size_t step)
{
    for (size_t i = 0; i < n; i++)
        range = fabsf(x[i * step]) > range ? fabsf(x[i * step]) : range;
    return range < DISTIL_ATTENTION_RANGE_MAX ? range : DISTIL_ATTENTION_RANGE_MAX;
}

static int16_t to_integer(float x, float inverse, float most)
{
    float t = x * inverse;

    t = t > -most ? t : -most;
    t = t < most ? t : most;
    return (int16_t)lrintf(t);
}

/* K as integers (rows, head_dim); returns their step. */
static float pack_k(int16_t *to, const float *k, size_t stride, size_t rows, size_t head_dim)
{
    float range = 0.0f, inverse;

    for (size_t j = 0; j < rows; j++)
        range = widen(range, k + j * stride, head_dim, 1);
    inverse = distil_attention_inverse(range, DISTIL_ATTENTION_MOST_K);
    for (size_t j = 0; j < rows; j++)
        for (size_t d = 0; d < head_dim; d++)
            to[j * head_dim + d] = to_integer(k[j * stride + d], inverse, DISTIL_ATTENTION_MOST_K);
    return distil_attention_step(range, DISTIL_ATTENTION_MOST_K);
}

/* V as integers (rows, head_dim); the step of each column. */
static void pack_v(int16_t *to, float *step, const float *v, size_t stride, size_t rows,
                   size_t head_dim)
{
    float most = distil_attention_most_v(rows);

    for (size_t d = 0; d < head_dim; d++) {
        float range = widen(0.0f, v + d, rows, stride);
        float inverse = distil_attention_inverse(range, most);

        for (size_t j = 0; j < rows; j++)
            to[j * head_dim + d] = to_integer(v[j * stride + d], inverse, most);
        step[d] = distil_attention_step(range, most);
    }
}

/* s[j] = Q[i] . K[j] of one row; returns the factor that makes y of their differences, with step_k
 * that of K times scale and log2 e. */
static float score(int32_t *restrict s, const float *restrict q, const int16_t *restrict k,
                   float step_k, size_t rows, size_t head_dim)
{
    float range = widen(0.0f, q, head_dim, 1);
    float inverse = distil_attention_inverse(range, DISTIL_ATTENTION_MOST_Q);
    int16_t integers[DISTIL_ATTENTION_MAX_HEAD];

    for (size_t d = 0; d < head_dim; d++)
        integers[d] = to_integer(q[d], inverse, DISTIL_ATTENTION_MOST_Q);
    for (size_t j = 0; j < rows; j++) {
        s[j] = 0;
        for (size_t d = 0; d < head_dim; d++)
            s[j] += integers[d] * k[j * head_dim + d];
    }
    return distil_attention_step(range, DISTIL_ATTENTION_MOST_Q) * step_k;
}

/* s[j] = exp2_((s[j] - max s) * factor); returns their sum. */
static int32_t weigh(int32_t *s, size_t rows, float factor)
{
    int32_t max = s[0], sum = 0;

    for (size_t j = 1; j < rows; j++)
        max = s[j] > max ? s[j] : max;
    for (size_t j = 0; j < rows; j++) {
        s[j] = distil_exp2_weight((float)(s[j] - max) * factor);
        sum += s[j];
    }
    return sum;
}

void distil_attention_scalar(float *restrict out, size_t out_stride, const float *restrict q,
                             const float *restrict k, const float *restrict v, size_t stride,
                             size_t query_rows, size_t rows, size_t head_dim, float scale,
                             void *restrict scratch)
{
    int16_t *integers_k = scratch, *integers_v = integers_k + rows * head_dim;
    int32_t *s = (int32_t *)(void *)(integers_v + rows * head_dim);
    float step_v[DISTIL_ATTENTION_MAX_HEAD], step_k;

    assert(rows >= 1 && rows <= DISTIL_ATTENTION_MAX_ROWS);
    assert(query_rows >= 1 && query_rows <= rows);
    assert(head_dim == 32 || head_dim == 64);
    step_k = pack_k(integers_k, k, stride, rows, head_dim) * (scale * DISTIL_EXP_LOG2E);
    pack_v(integers_v, step_v, v, stride, rows, head_dim);
    for (size_t i = 0; i < query_rows; i++) {
        float factor = score(s, q + i * stride, integers_k, step_k, rows, head_dim);
        float inverse = 1.0f / (float)weigh(s, rows, factor);

        for (size_t d = 0; d < head_dim; d++) {
            int32_t sum = 0;

            for (size_t j = 0; j < rows; j++)
                sum += s[j] * integers_v[j * head_dim + d];
            out[i * out_stride + d] = (float)sum * inverse * step_v[d];
        }
    }
}
