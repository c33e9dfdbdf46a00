/* SPDX-License-Identifier: Apache-2.0 */
/* For each column the product of the covariance and the errors is kept, which is the gradient of
 * the squared error. A change of one integer subtracts a row of the covariance from it. */
#include "tools/convert/refine.h"

#include <math.h>
#include <string.h>

#include "runtime/base/strict_float.h"
#include "tools/convert/column_fit.h"
#include "tools/convert/lane_search.h"

enum {
    SWEEPS = 2,         /* further ones gain less than a hundredth of the error */
    ROWS_AT_A_TIME = 64 /* rows of the covariance that stay in the second-level cache */
};

/* What is the same for all columns of a pair. */
typedef struct pair_descent {
    const conv_ops *ops;
    const conv_inputs *inputs;
    const uint16_t *order, *position_of;
    size_t depth;
} pair_descent;

/* One column. */
typedef struct column_descent {
    int8_t *q;       /* (depth) */
    float *gradient; /* (depth) */
    uint8_t *used;   /* (lane groups, 2, 2) */
} column_descent;

/* Returns the sum of the column's integers of one sign in the lane of weight k. */
static uint8_t *lane_of(const pair_descent *pair, const column_descent *column, size_t k,
                        int negative)
{
    size_t group = pair->position_of[k / 4] / CONV_GROUP_QUADS;

    return &column->used[4 * group + 2 * (k % 4 / 2) + (size_t)negative];
}

/* Set the integer of weight k. */
static void set_integer(const pair_descent *pair, column_descent *column, size_t k, int value)
{
    int old = column->q[k];
    uint8_t *positive = lane_of(pair, column, k, 0);
    uint8_t *negative = lane_of(pair, column, k, 1);

    *positive = (uint8_t)(*positive - (old > 0 ? old : 0) + (value > 0 ? value : 0));
    *negative = (uint8_t)(*negative + (old < 0 ? old : 0) - (value < 0 ? value : 0));
    column->q[k] = (int8_t)value;
    pair->ops->add_scaled(column->gradient, pair->inputs->covariance + k * pair->depth,
                          (float)(old - value), pair->depth);
}

/* Returns the integer nearest to `wanted` that the lane has room for in place of weight k's. */
static int within_lane(const pair_descent *pair, const column_descent *column, size_t k,
                       float wanted)
{
    int old = column->q[k];
    int most = CONV_LANE_LIMIT - *lane_of(pair, column, k, 0) + (old > 0 ? old : 0);
    int least = -(CONV_LANE_LIMIT - *lane_of(pair, column, k, 1) + (old < 0 ? -old : 0));

    most = most < CONV_WEIGHT_MAX ? most : CONV_WEIGHT_MAX;
    least = least > -CONV_WEIGHT_MAX ? least : -CONV_WEIGHT_MAX;
    wanted = wanted < (float)most ? wanted : (float)most;
    wanted = wanted > (float)least ? wanted : (float)least;
    return (int)conv_rint(wanted);
}

/* Weight k should grow by one in the direction `sign`, but its lane is full. Give it a unit of
 * another weight of the lane, if that lowers the error. */
static void swap_unit(const pair_descent *pair, column_descent *column, size_t k, int sign)
{
    const float *row = pair->inputs->covariance + k * pair->depth;
    size_t group = pair->position_of[k / 4] / CONV_GROUP_QUADS, best = k;
    float least = 0;

    if (column->q[k] * sign < 0 || column->q[k] * sign >= CONV_WEIGHT_MAX)
        return;
    for (size_t i = 0; i < CONV_LANE_WEIGHTS; i++) {
        size_t m =
            4 * (size_t)pair->order[CONV_GROUP_QUADS * group + i / 2] + 2 * (k % 4 / 2) + i % 2;
        float change;

        if (m == k || column->q[m] * sign <= 0)
            continue;
        change = row[k] + pair->inputs->covariance[m * pair->depth + m] - 2 * row[m] -
                 2 * (float)sign * (column->gradient[k] - column->gradient[m]);
        if (change < least) {
            least = change;
            best = m;
        }
    }
    if (best == k)
        return;
    set_integer(pair, column, best, column->q[best] - sign);
    set_integer(pair, column, k, column->q[k] + sign);
}

static void improve_weight(const pair_descent *pair, column_descent *column, size_t k)
{
    float step = column->gradient[k] / pair->inputs->covariance[k * pair->depth + k];
    int old = column->q[k], value;

    if (fabsf(step) <= 0.5f)
        return;
    value = within_lane(pair, column, k, (float)old + step);
    if (value != old)
        set_integer(pair, column, k, value);
    else
        swap_unit(pair, column, k, step > 0 ? 1 : -1);
}

/* Compute the gradients (32, depth) of the errors (32, depth). */
static void compute_gradients(const pair_descent *pair, float *gradient, const float *error)
{
    size_t depth = pair->depth;

    memset(gradient, 0, CONV_PAIR_COLS * depth * sizeof gradient[0]);
    for (size_t k = 0; k < depth; k += ROWS_AT_A_TIME)
        for (size_t s = 0; s < depth; s += CONV_TILE_COLS)
            for (size_t c = 0; c < CONV_PAIR_COLS; c += CONV_TILE_ROWS)
                pair->ops->add_tile(gradient + c * depth + s, depth, error + c * depth + k, 1,
                                    depth, pair->inputs->covariance + k * depth + s,
                                    (ptrdiff_t)depth,
                                    depth - k < ROWS_AT_A_TIME ? depth - k : ROWS_AT_A_TIME);
}

void conv_refine_pair(const conv_ops *ops, int8_t *q, const float *w, const float *scale,
                      const conv_inputs *inputs, const uint16_t *order, const uint16_t *position_of,
                      const conv_rounding *rounding)
{
    size_t depth = inputs->depth;
    const pair_descent pair = {ops, inputs, order, position_of, depth};

    for (size_t c = 0; c < CONV_PAIR_COLS; c++) {
        float inverse = 1 / scale[c];

        for (size_t k = 0; k < depth; k++)
            rounding->error[c * depth + k] = w[c * depth + k] * inverse - (float)q[c * depth + k];
    }
    compute_gradients(&pair, rounding->value, rounding->error);
    for (int sweep = 0; sweep < SWEEPS; sweep++)
        for (size_t k = 0; k < depth; k++)
            for (size_t c = 0; c < CONV_PAIR_COLS; c++) {
                column_descent column = {q + c * depth, rounding->value + c * depth,
                                         rounding->used + c * (depth / 16) * 4};

                improve_weight(&pair, &column, k);
            }
}
