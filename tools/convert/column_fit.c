/* SPDX-License-Identifier: Apache-2.0 */
/* Rounding within the limits of int16 lanes, and the search for a scale. conv_ops.h has the inner
 * loop. */
#include "tools/convert/column_fit.h"

#include <math.h>

#include "runtime/base/strict_float.h"
#include "tools/convert/lane_search.h"

/* Scales that the search tries in one direction after the last improvement. */
enum { FIT_PATIENCE = 3 };

void conv_packed_positions(uint16_t *k_of, const uint16_t *order, size_t depth)
{
    size_t out = 0;

    for (size_t group = 0; group < depth / 16; group++)
        for (size_t half = 0; half < 2; half++)
            for (size_t i = 0; i < CONV_LANE_WEIGHTS; i++)
                k_of[out++] =
                    (uint16_t)(4 * order[CONV_GROUP_QUADS * group + i / 2] + 2 * half + i % 2);
}

/* Lowering an integer by one raises its squared error from e^2 to (e + 1)^2. Zero stays zero. */
static float rise_of(float rounded, float value, float cost)
{
    return rounded > 0 ? (2 * (value - rounded) + 1) * cost : INFINITY;
}

void conv_reduce_sum(float *rounded, const float *value, const float *cost, size_t count, int limit)
{
    float rise[CONV_LANE_WEIGHTS]; /* of the squared error, if the integer is lowered by one */
    int sum = 0;

    for (size_t i = 0; i < count; i++) {
        sum += (int)rounded[i];
        rise[i] = rise_of(rounded[i], value[i], cost[i]);
    }
    for (; sum > limit; sum--) {
        size_t best = 0;

        for (size_t i = 1; i < count; i++)
            best = rise[i] < rise[best] ? i : best;
        rounded[best] -= 1;
        rise[best] = rise_of(rounded[best], value[best], cost[best]);
    }
}

/* Reduce the integers r of one sign (+1 or -1) in a lane to their limit; v has the exact values. */
static void reduce_sign(float *r, const float *v, float sign)
{
    static const float even[CONV_LANE_WEIGHTS] = {1, 1, 1, 1, 1, 1, 1, 1};
    float value[CONV_LANE_WEIGHTS], rounded[CONV_LANE_WEIGHTS];

    for (size_t i = 0; i < CONV_LANE_WEIGHTS; i++) {
        int mine = r[i] * sign > 0;

        value[i] = mine ? v[i] * sign : 0;
        rounded[i] = mine ? r[i] * sign : 0;
    }
    conv_reduce_sum(rounded, value, even, CONV_LANE_WEIGHTS, CONV_LANE_LIMIT);
    for (size_t i = 0; i < CONV_LANE_WEIGHTS; i++)
        if (r[i] * sign > 0)
            r[i] = rounded[i] * sign;
}

void conv_reduce_lane(float rounded[CONV_LANE_WEIGHTS], const float value[CONV_LANE_WEIGHTS])
{
    reduce_sign(rounded, value, 1);
    reduce_sign(rounded, value, -1);
}

/* The squared error of a column after rounding with a scale. */
static double squared_error(conv_round_column_fn *round_column, const float *w, size_t depth,
                            float scale)
{
    double units = round_column(NULL, w, depth, scale);

    return units * (double)scale * (double)scale;
}

float conv_fit_scale(conv_round_column_fn *round_column, const float *w, size_t depth, float scale,
                     float factor)
{
    double least = squared_error(round_column, w, depth, scale);
    float best = scale;

    /* The error is not a smooth function of the scale, so the search goes on for a few scales that
     * do not improve it. */
    for (int up = 1; up >= 0; up--) {
        float next = scale;

        for (int left = FIT_PATIENCE; left > 0; left--) {
            double error;

            next = up ? next * factor : next / factor;
            error = squared_error(round_column, w, depth, next);
            if (error < least) {
                least = error;
                best = next;
                left = FIT_PATIENCE;
            }
        }
    }
    return best;
}
