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
#include "tools/convert/conv_parallel.h"
#include "tools/convert/dense_math.h"
#include "tools/convert/lane_search.h"
#include "tools/convert/refine.h"

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
    inputs->covariance = calloc(depth * depth, sizeof inputs->covariance[0]);
    inputs->variance = calloc(depth, sizeof inputs->variance[0]);
    inputs->weight = calloc(depth, sizeof inputs->weight[0]);
    inputs->row = calloc(depth, sizeof inputs->row[0]);
    inputs->rows = 0;
    if (inputs->sum && inputs->origin && inputs->centred && inputs->factor && inputs->covariance &&
        inputs->variance && inputs->weight && inputs->row)
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
    free(inputs->covariance);
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

typedef struct input_block {
    conv_inputs *inputs;
    const float *x;
    size_t rows;
} input_block;

/* Add sixteen elements of each input to their sums, and copy them minus the origin. */
static void add_panel(void *user, size_t index, size_t worker)
{
    const input_block *block = user;
    conv_inputs *inputs = block->inputs;
    size_t first = index * CONV_TILE_COLS, depth = inputs->depth;
    double *sum = inputs->sum + first;
    float *origin = inputs->origin + first;
    float *centred = inputs->centred + first * block->rows;

    (void)worker;
    for (size_t m = 0; m < block->rows; m++) {
        for (size_t j = 0; j < CONV_TILE_COLS; j++)
            sum[j] += (double)block->x[m * depth + first + j];
        if (inputs->rows == 0 && (m + 1 == block->rows || m + 1 == CONV_ORIGIN_ROWS))
            for (size_t j = 0; j < CONV_TILE_COLS && m < CONV_ORIGIN_ROWS; j++)
                origin[j] = (float)(sum[j] / (double)(m + 1));
    }
    for (size_t m = 0; m < block->rows; m++)
        for (size_t j = 0; j < CONV_TILE_COLS; j++)
            centred[m * CONV_TILE_COLS + j] = block->x[m * depth + first + j] - origin[j];
}

void conv_inputs_add(const conv_machine *machine, conv_inputs *inputs, const float *x, size_t rows)
{
    for (size_t m = 0; m < rows; m += CONV_INPUT_ROWS) {
        input_block block = {inputs, x + m * inputs->depth,
                             rows - m < CONV_INPUT_ROWS ? rows - m : CONV_INPUT_ROWS};

        conv_parallel(machine->threads, inputs->depth / CONV_TILE_COLS, add_panel, &block);
        conv_add_squares(machine, inputs->factor, inputs->centred, block.rows, inputs->depth);
        inputs->rows += block.rows;
    }
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

typedef struct factoring {
    conv_inputs *inputs;
    double *a; /* (depth, depth) the covariance in the order of the rows, then its factor L */
    double damping;
} factoring;

static void gather_row(void *user, size_t r, size_t worker)
{
    const factoring *f = user;
    size_t depth = f->inputs->depth;

    (void)worker;
    for (size_t s = 0; s <= r; s++)
        f->a[r * depth + s] = covariance(f->inputs, f->inputs->weight[r], f->inputs->weight[s]);
    f->a[r * depth + r] += f->damping;
    for (size_t s = 0; s <= r; s++) {
        size_t i = f->inputs->weight[r], j = f->inputs->weight[s];

        f->inputs->covariance[i * depth + j] = (float)f->a[r * depth + s];
        f->inputs->covariance[j * depth + i] = (float)f->a[r * depth + s];
    }
}

static void store_row(void *user, size_t r, size_t worker)
{
    const factoring *f = user;
    size_t depth = f->inputs->depth;

    (void)worker;
    for (size_t s = 0; s < r; s++)
        f->inputs->factor[r * depth + s] = (float)(f->a[r * depth + s] / f->a[s * depth + s]);
    f->inputs->variance[r] = f->a[r * depth + r] * f->a[r * depth + r];
}

int conv_inputs_factor(const conv_machine *machine, conv_inputs *inputs, conv_error *error)
{
    size_t depth = inputs->depth;
    double *scratch = malloc(16 * depth * sizeof *scratch);
    ranked *rank = malloc(depth * sizeof *rank);
    factoring f = {inputs, malloc(depth * depth * sizeof *f.a), 0};

    if (!f.a || !scratch || !rank) {
        free(f.a);
        free(scratch);
        free(rank);
        return conv_fail(error, "out of memory for factoring the covariance of %zu inputs", depth);
    }
    f.damping = DAMPING * rank_weights(inputs, rank);
    f.damping = f.damping > 0 ? f.damping : 1; /* constant inputs: any positive number will do */
    conv_parallel(machine->threads, depth, gather_row, &f);
    conv_cholesky(machine, f.a, depth, f.damping / 2, scratch);
    conv_parallel(machine->threads, depth, store_row, &f);
    for (size_t k = 0; k < depth; k++)
        inputs->sum[k] /= (double)inputs->rows;
    free(f.a);
    free(scratch);
    free(rank);
    return 0;
}

/* ---- rounding ------------------------------------------------------------------------------- */

enum { BLOCK_ROWS = 32 }; /* rows whose errors are passed on together to all rows before them */

int conv_rounding_init(conv_rounding *rounding, size_t depth)
{
    rounding->value = aligned_alloc(64, depth * CONV_PAIR_COLS * sizeof rounding->value[0]);
    rounding->error = aligned_alloc(64, depth * CONV_PAIR_COLS * sizeof rounding->error[0]);
    rounding->used = malloc(depth / 16 * CONV_PAIR_COLS * 4);
    if (rounding->value && rounding->error && rounding->used)
        return 0;
    conv_rounding_free(rounding);
    return -1;
}

void conv_rounding_free(conv_rounding *rounding)
{
    free(rounding->value);
    free(rounding->error);
    free(rounding->used);
    memset(rounding, 0, sizeof *rounding);
}

static float clamp_rounded(float x)
{
    const float most = (float)CONV_WEIGHT_MAX;

    x = x < most ? x : most;
    x = x > -most ? x : -most;
    return conv_rint(x);
}

/* What is the same for all columns of a pair. */
typedef struct pair_rounding {
    const conv_inputs *inputs;
    const uint16_t *order, *position_of;
} pair_rounding;

/*
 * Choose the integer of the weight at row r of a column. x has the column's values, which are
 * CONV_PAIR_COLS apart, and used has its lanes. The weights of its lane that have its sign and are
 * not yet rounded share what the lane's limit leaves. If their nearest integers exceed that
 * together, all of them are reduced by conv_reduce_sum, and this weight gets its reduced integer.
 */
static float round_in_lane(const pair_rounding *pair, uint8_t *used, const float *x, size_t r)
{
    const conv_inputs *inputs = pair->inputs;
    size_t k = inputs->weight[r];
    size_t group = pair->position_of[k / 4] / CONV_GROUP_QUADS;
    size_t half = k % 4 / 2;
    float result = clamp_rounded(x[r * CONV_PAIR_COLS]);
    float sign = result < 0 ? -1 : 1;
    float value[CONV_LANE_WEIGHTS], rounded[CONV_LANE_WEIGHTS], cost[CONV_LANE_WEIGHTS];
    float sum = 0;
    size_t count = 0, mine = 0;

    if (result == 0)
        return 0;
    used += 4 * group + 2 * half + (result < 0);
    for (size_t i = 0; i < CONV_LANE_WEIGHTS; i++) {
        size_t other = 4 * (size_t)pair->order[CONV_GROUP_QUADS * group + i / 2] + 2 * half + i % 2;
        size_t row = inputs->row[other];
        float n = row <= r ? clamp_rounded(x[row * CONV_PAIR_COLS]) * sign : 0;

        if (n <= 0)
            continue;
        mine = row == r ? count : mine;
        value[count] = x[row * CONV_PAIR_COLS] * sign;
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

/* Pass the errors of `count` rows (count, 32), the highest row first, on to four rows of x. passed
 * is the factor of the highest row for the first of them. */
static void pass_on(const conv_ops *ops, float *x, const float *passed, size_t depth,
                    const float *error, size_t count)
{
    for (size_t c = 0; c < CONV_PAIR_COLS; c += CONV_TILE_COLS)
        ops->add_tile(x + c, CONV_PAIR_COLS, passed, -(ptrdiff_t)depth, 1, error + c,
                      CONV_PAIR_COLS, count);
}

void conv_compensate_pair(const conv_ops *ops, int8_t *q, float *bias, const float *w,
                          const float *scale, const conv_inputs *inputs, const uint16_t *order,
                          const uint16_t *position_of, const conv_rounding *rounding)
{
    const pair_rounding pair = {inputs, order, position_of};
    size_t depth = inputs->depth;
    float *x = rounding->value;
    float inverse[CONV_PAIR_COLS], error[BLOCK_ROWS][CONV_PAIR_COLS];

    memset(rounding->used, 0, depth / 16 * CONV_PAIR_COLS * 4);
    for (size_t c = 0; c < CONV_PAIR_COLS; c++) {
        inverse[c] = 1 / scale[c];
        for (size_t r = 0; r < depth; r++)
            x[r * CONV_PAIR_COLS + c] = w[c * depth + inputs->weight[r]] * inverse[c];
    }
    for (size_t end = depth, begin; end > 0; end = begin) {
        begin = end > BLOCK_ROWS ? end - BLOCK_ROWS : 0;
        for (size_t r = end; r-- > begin;) {
            float *e = error[end - 1 - r];
            size_t k = inputs->weight[r];

            for (size_t c = 0; c < CONV_PAIR_COLS; c++) {
                float n = round_in_lane(&pair, rounding->used + c * (depth / 16) * 4, x + c, r);

                q[c * depth + k] = (int8_t)n;
                e[c] = w[c * depth + k] * inverse[c] - n;
            }
            /* The last tile may reach beyond r, into values that nobody reads again. */
            for (size_t s = begin; s < r; s += CONV_TILE_ROWS)
                pass_on(ops, x + s * CONV_PAIR_COLS, inputs->factor + r * depth + s, depth, e, 1);
        }
        for (size_t s = 0; s < begin; s += CONV_TILE_ROWS)
            pass_on(ops, x + s * CONV_PAIR_COLS, inputs->factor + (end - 1) * depth + s, depth,
                    error[0], end - begin);
    }
    conv_refine_pair(ops, q, w, scale, inputs, order, position_of, rounding);
    for (size_t c = 0; c < CONV_PAIR_COLS; c++) {
        double change = 0;

        for (size_t k = 0; k < depth; k++)
            change += inputs->sum[k] *
                      ((double)w[c * depth + k] - (double)q[c * depth + k] * (double)scale[c]);
        bias[c] = (float)change;
    }
}
