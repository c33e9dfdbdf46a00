/* SPDX-License-Identifier: Apache-2.0 */
/* Scaled dot-product attention of one head, scalar reference: contract in kernels.h. */
#include "kernels/kernels.h"
#include "kernels/poly.h"

#include <assert.h>
#include <math.h>

_Static_assert(INT32_MAX / DISTIL_WEIGHT_MAX >= DISTIL_ATTENTION_MAX_PV,
               "sums of weights times V fit int32 for any number of rows");

/* The greater of `range` and |x|. A NaN does not count. */
static float max_abs(float range, float x)
{
    return fabsf(x) > range ? fabsf(x) : range;
}

/* `range`, but at most DISTIL_ATTENTION_RANGE_MAX. */
static float limit(float range)
{
    return range < DISTIL_ATTENTION_RANGE_MAX ? range : DISTIL_ATTENTION_RANGE_MAX;
}

/* Set the scale of a range whose integers go up to `max`, and return the factor that makes them. */
static float choose_scale(float *scale, float range, float max)
{
    int small = !(range >= DISTIL_ATTENTION_RANGE_MIN);

    *scale = small ? 0.0f : range / max;
    return small ? 0.0f : max / range;
}

/* Round t and clamp it to least .. most. A t that does not fit int32 or is NaN becomes `least`. */
static int16_t to_integer(float t, int16_t least, int16_t most)
{
    long n = fabsf(t) < 0x1p31f ? lrintf(t) : INT32_MIN;

    return (int16_t)(n < least ? least : n > most ? most : n);
}

/* Quantise K to integers (rows, head_dim), and compute the scale of each column. */
static void pack_k(int16_t *to, float *scale, const float *k, size_t stride, size_t rows,
                   size_t head_dim)
{
    for (size_t d = 0; d < head_dim; d++) {
        float low = DISTIL_ATTENTION_RANGE_MAX, high = -low, inverse;

        for (size_t j = 0; j < rows; j++) {
            float x = k[j * stride + d];

            low = x < low ? x : low;
            high = x > high ? x : high;
        }
        low = low > -DISTIL_ATTENTION_RANGE_MAX ? low : -DISTIL_ATTENTION_RANGE_MAX;
        high = limit(high);
        inverse = choose_scale(&scale[d], high - low, DISTIL_ATTENTION_MAX_K);
        for (size_t j = 0; j < rows; j++)
            to[j * head_dim + d] = to_integer(fmaf(k[j * stride + d], inverse, -low * inverse), 0,
                                              DISTIL_ATTENTION_MAX_K);
    }
}

/* Quantise V to integers (rows, head_dim), and compute the scale of each column. */
static void pack_v(int16_t *to, float *scale, const float *v, size_t stride, size_t rows,
                   size_t head_dim)
{
    int16_t most = distil_attention_max_v(rows);

    for (size_t d = 0; d < head_dim; d++) {
        float range = 0.0f, inverse;

        for (size_t j = 0; j < rows; j++)
            range = max_abs(range, v[j * stride + d]);
        range = limit(range);
        inverse = choose_scale(&scale[d], range, most);
        for (size_t j = 0; j < rows; j++)
            to[j * head_dim + d] = to_integer(v[j * stride + d] * inverse, (int16_t)-most, most);
    }
}

/* Quantise one row of Q and compute its scores s[j] with all rows of K. Return the scale of the
 * row. */
static float score(int32_t *restrict s, const float *restrict q, const int16_t *restrict k,
                   const float *restrict scale_k, size_t rows, size_t head_dim)
{
    float range = 0.0f, inverse, scale;
    int16_t integers[DISTIL_ATTENTION_MAX_HEAD];

    for (size_t d = 0; d < head_dim; d++)
        range = max_abs(range, q[d] * scale_k[d]);
    range = limit(range);
    inverse = choose_scale(&scale, range, DISTIL_ATTENTION_MAX_Q);
    for (size_t d = 0; d < head_dim; d++)
        integers[d] = to_integer(q[d] * scale_k[d] * inverse, -DISTIL_ATTENTION_MAX_Q,
                                 DISTIL_ATTENTION_MAX_Q);
    for (size_t j = 0; j < rows; j++) {
        s[j] = 0;
        for (size_t d = 0; d < head_dim; d++)
            s[j] += integers[d] * k[j * head_dim + d];
    }
    return scale;
}

/* Replace each score by its weight exp2_((s[j] - max s) * factor), and return the sum of the
 * weights. */
static int32_t replace_by_weights(int32_t *s, size_t rows, float factor)
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
                             size_t query_rows, size_t rows, size_t head_dim, float score_scale,
                             void *restrict scratch)
{
    int16_t *integers_k = scratch, *integers_v = integers_k + rows * head_dim;
    int32_t *s = (int32_t *)(void *)(integers_v + rows * head_dim);
    float scale_k[DISTIL_ATTENTION_MAX_HEAD], scale_v[DISTIL_ATTENTION_MAX_HEAD];

    assert(rows >= 1 && rows <= DISTIL_ATTENTION_MAX_ROWS);
    assert(query_rows >= 1 && query_rows <= rows);
    assert(head_dim == 32 || head_dim == 64);
    pack_k(integers_k, scale_k, k, stride, rows, head_dim);
    pack_v(integers_v, scale_v, v, stride, rows, head_dim);
    for (size_t i = 0; i < query_rows; i++) {
        float scale_q = score(s, q + i * stride, integers_k, scale_k, rows, head_dim);
        float inverse =
            1.0f / (float)replace_by_weights(s, rows, scale_q * (score_scale * DISTIL_EXP_LOG2E));

        for (size_t d = 0; d < head_dim; d++) {
            int32_t sum = 0;

            for (size_t j = 0; j < rows; j++)
                sum += s[j] * integers_v[j * head_dim + d];
            out[i * out_stride + d] = (float)sum * inverse * scale_v[d];
        }
    }
}
