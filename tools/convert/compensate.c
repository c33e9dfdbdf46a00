/* SPDX-License-Identifier: Apache-2.0 */
/* Gathering the covariance of inputs, factoring it, and rounding with compensation within the
 * limits of int16 lanes. */
#include "tools/convert/compensate.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "model/format.h"
#include "runtime/base/strict_float.h"
#include "tools/convert/column_fit.h"
#include "tools/convert/dense_math.h"
#include "tools/convert/lane_search.h"

/* This part of the mean variance is added to every variance. A few hundred sentences are not enough
 * to tell a small variance from zero. */
#define DAMPING 0.01

int conv_inputs_init(conv_inputs *inputs, size_t depth, conv_error *error)
{
    inputs->depth = depth;
    inputs->sum = calloc(depth, sizeof inputs->sum[0]);
    inputs->origin = calloc(depth, sizeof inputs->origin[0]);
    inputs->centred = calloc(CONV_INPUT_ROWS * depth, sizeof inputs->centred[0]);
    inputs->factor = calloc(depth * depth, sizeof inputs->factor[0]);
    inputs->variance = calloc(depth, sizeof inputs->variance[0]);
    inputs->weight = calloc(depth, sizeof inputs->weight[0]);
    inputs->row = calloc(depth, sizeof inputs->row[0]);
    inputs->rows = 0;
    if (inputs->sum && inputs->origin && inputs->centred && inputs->factor && inputs->variance &&
        inputs->weight && inputs->row)
        return 0;
    conv_inputs_free(inputs);
    return conv_fail(error, "out of memory for the covariance of %zu inputs", depth);
}

void conv_inputs_free(conv_inputs *inputs)
{
    free(inputs->sum);
    free(inputs->origin);
    free(inputs->centred);
    free(inputs->factor);
    free(inputs->variance);
    free(inputs->weight);
    free(inputs->row);
    memset(inputs, 0, sizeof *inputs);
}

void conv_inputs_reset(conv_inputs *inputs)
{
    inputs->rows = 0;
    memset(inputs->sum, 0, inputs->depth * sizeof inputs->sum[0]);
    memset(inputs->factor, 0, inputs->depth * inputs->depth * sizeof inputs->factor[0]);
}

/* Add at most CONV_INPUT_ROWS inputs. */
static void add_block(conv_inputs *inputs, const float *x, size_t rows)
{
    size_t depth = inputs->depth;

    for (size_t m = 0; m < rows; m++)
        for (size_t k = 0; k < depth; k++)
            inputs->sum[k] += (double)x[m * depth + k];
    if (inputs->rows == 0)
        for (size_t k = 0; k < depth; k++)
            inputs->origin[k] = (float)(inputs->sum[k] / (double)rows);
    for (size_t m = 0; m < rows; m++)
        for (size_t k = 0; k < depth; k++)
            inputs->centred[m * depth + k] = x[m * depth + k] - inputs->origin[k];
    conv_add_squares(inputs->factor, inputs->centred, rows, depth);
    inputs->rows += rows;
}

void conv_inputs_add(conv_inputs *inputs, const float *x, size_t rows)
{
    for (size_t m = 0; m < rows; m += CONV_INPUT_ROWS)
        add_block(inputs, x + m * inputs->depth,
                  rows - m < CONV_INPUT_ROWS ? rows - m : CONV_INPUT_ROWS);
}

/* ---- factors -------------------------------------------------------------------------------- */

typedef struct ranked {
    double variance;
    uint16_t weight;
} ranked;

/* Sort by ascending variance, since rounding goes from the last row to the first. */
static int by_variance(const void *a, const void *b)
{
    const ranked *x = a;
    const ranked *y = b;

    if (x->variance != y->variance)
        return x->variance < y->variance ? -1 : 1;
    return x->weight > y->weight ? -1 : x->weight < y->weight;
}

/* The covariance of inputs i and j, from the sums, of which only the lower triangle is stored. */
static double covariance(const conv_inputs *inputs, size_t i, size_t j)
{
    size_t high = i > j ? i : j;
    size_t low = i > j ? j : i;
    double n = (double)inputs->rows;
    double a = inputs->sum[i] / n - (double)inputs->origin[i];
    double b = inputs->sum[j] / n - (double)inputs->origin[j];

    return (double)inputs->factor[high * inputs->depth + low] / n - a * b;
}

/* Assign weights to rows by their variance. Returns the mean variance. */
static double rank_weights(conv_inputs *inputs, ranked *rank)
{
    size_t depth = inputs->depth;
    double total = 0;

    for (size_t k = 0; k < depth; k++) {
        rank[k].variance = covariance(inputs, k, k);
        rank[k].weight = (uint16_t)k;
        total += rank[k].variance;
    }
    qsort(rank, depth, sizeof rank[0], by_variance);
    for (size_t r = 0; r < depth; r++) {
        inputs->weight[r] = rank[r].weight;
        inputs->row[rank[r].weight] = (uint16_t)r;
    }
    return total / (double)depth;
}

int conv_inputs_factor(conv_inputs *inputs, conv_error *error)
{
    size_t depth = inputs->depth;
    double *a = malloc(depth * depth * sizeof *a);
    double *scratch = malloc(16 * depth * sizeof *scratch);
    ranked *rank = malloc(depth * sizeof *rank);
    double damping;

    if (!a || !scratch || !rank) {
        free(a);
        free(scratch);
        free(rank);
        return conv_fail(error, "out of memory for factoring the covariance of %zu inputs", depth);
    }
    damping = DAMPING * rank_weights(inputs, rank);
    damping = damping > 0 ? damping : 1; /* constant inputs: any positive number will do */
    for (size_t r = 0; r < depth; r++) {
        for (size_t s = 0; s <= r; s++)
            a[r * depth + s] = covariance(inputs, inputs->weight[r], inputs->weight[s]);
        a[r * depth + r] += damping;
    }
    conv_cholesky(a, depth, damping / 2, scratch);
    for (size_t r = 0; r < depth; r++) {
        for (size_t s = 0; s < r; s++)
            inputs->factor[r * depth + s] = (float)(a[r * depth + s] / a[s * depth + s]);
        inputs->variance[r] = a[r * depth + r] * a[r * depth + r];
    }
    for (size_t k = 0; k < depth; k++)
        inputs->sum[k] /= (double)inputs->rows;
    free(a);
    free(scratch);
    free(rank);
    return 0;
}

/* ---- rounding ------------------------------------------------------------------------------- */

/* For each int16 lane of a column, the sums of the integers chosen so far. */
typedef struct lane_use {
    uint8_t used[DISTIL_BLOB_MAX_HIDDEN / 16][2][2]; /* [lane group][half of a quad][is negative] */
} lane_use;

static float clamp_rounded(float x)
{
    const float most = (float)CONV_WEIGHT_MAX;

    x = x < most ? x : most;
    x = x > -most ? x : -most;
    return conv_rint(x);
}

/*
 * Choose the integer of the weight at row r. The weights of its lane that have its sign and are not
 * yet rounded share what the lane's limit leaves. If their nearest integers exceed that together,
 * all of them are reduced by conv_reduce_sum, and this weight gets its reduced integer.
 */
static float round_in_lane(lane_use *use, const float *x, size_t r, const conv_inputs *inputs,
                           const uint16_t *order, const uint16_t *position_of)
{
    size_t k = inputs->weight[r];
    size_t group = position_of[k / 4] / CONV_GROUP_QUADS;
    size_t half = k % 4 / 2;
    float result = clamp_rounded(x[r]);
    float sign = result < 0 ? -1 : 1;
    uint8_t *used = &use->used[group][half][result < 0];
    float value[CONV_LANE_WEIGHTS], rounded[CONV_LANE_WEIGHTS], cost[CONV_LANE_WEIGHTS];
    float sum = 0;
    size_t count = 0, mine = 0;

    if (result == 0)
        return 0;
    for (size_t i = 0; i < CONV_LANE_WEIGHTS; i++) {
        size_t other = 4 * (size_t)order[CONV_GROUP_QUADS * group + i / 2] + 2 * half + i % 2;
        size_t row = inputs->row[other];
        float n = row <= r ? clamp_rounded(x[row]) * sign : 0;

        if (n <= 0)
            continue;
        mine = row == r ? count : mine;
        value[count] = x[row] * sign;
        rounded[count] = n;
        cost[count] = (float)inputs->variance[row];
        sum += n;
        count++;
    }
    if (sum > (float)(CONV_LANE_LIMIT - *used)) {
        conv_reduce_sum(rounded, value, cost, count, CONV_LANE_LIMIT - *used);
        result = rounded[mine] * sign;
    }
    *used = (uint8_t)(*used + (int)fabsf(result));
    return result;
}

float conv_compensate_column(int8_t *q, const float *w, float scale, const conv_inputs *inputs,
                             const uint16_t *order, const uint16_t *position_of, float *scratch)
{
    size_t depth = inputs->depth;
    float inverse = 1 / scale;
    double bias = 0;
    lane_use use;

    memset(&use, 0, sizeof use);
    for (size_t r = 0; r < depth; r++)
        scratch[r] = w[inputs->weight[r]] * inverse;
    for (size_t r = depth; r-- > 0;) {
        const float *passed = inputs->factor + r * depth;
        size_t k = inputs->weight[r];
        float n = round_in_lane(&use, scratch, r, inputs, order, position_of);
        float e = w[k] * inverse - n;

        q[k] = (int8_t)n;
        bias += inputs->sum[k] * ((double)w[k] - (double)n * (double)scale);
        for (size_t s = 0; s < r; s++)
            scratch[s] += e * passed[s];
    }
    return (float)bias;
}
