/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rounding one column of weights so that no int16 lane overflows, and choosing the column's scale.
 *
 * The column is in packed order: every eight consecutive weights (two from each quad of a lane
 * group) are those whose products the AVX2 kernel adds in one int16 lane. Their positive integers
 * may add up to at most 128 and their negative ones to at least -128. Each weight is rounded to the
 * nearest integer first. If a sum exceeds its limit, integers are moved towards zero by one, those
 * first whose change raises the squared error least, until the sum is within the limit. A smaller
 * scale makes rounding errors smaller and such changes more frequent, so the scale with the least
 * squared error lies in between and is searched for.
 */
#ifndef DISTIL_TOOLS_CONVERT_COLUMN_FIT_H
#define DISTIL_TOOLS_CONVERT_COLUMN_FIT_H

#include <stddef.h>
#include <stdint.h>

enum { CONV_LANE_WEIGHTS = 8, CONV_WEIGHT_MAX = 127 };

/* Round |x| < 2^22 to the nearest integer, ties to even: a float of about 1.5 * 2^23 has no bits
 * for a fraction. Without SSE4.1, rintf would be a function call. */
static inline float conv_rint(float x)
{
    return (x + 0x1.8p+23f) - 0x1.8p+23f;
}

/* Set k_of[i] to the position in the depth of the weight at packed position i, for an order of
 * depth / 4 quads. */
void conv_packed_positions(uint16_t *k_of, const uint16_t *order, size_t depth);

/*
 * Round a packed column for a scale > 0, so that q[i] * scale approximates w[i] and no lane can
 * overflow. q may be NULL. depth is a multiple of 16. Returns the sum of squared errors in units of
 * scale^2.
 */
typedef double conv_round_column_fn(int8_t *q, const float *w, size_t depth, float scale);

/*
 * Find a scale with a small squared error for a packed column: multiply and divide `scale` by
 * `factor` (> 1) repeatedly while the error falls.
 */
float conv_fit_scale(conv_round_column_fn *round_column, const float *w, size_t depth, float scale,
                     float factor);

/* Reduce the eight rounded integers of a lane until both of its sums are within the limit. value
 * has the exact values. */
void conv_reduce_lane(float rounded[CONV_LANE_WEIGHTS], const float value[CONV_LANE_WEIGHTS]);

/*
 * Reduce the sum of rounded[] to at most `limit`. The integers rounded[i] >= 0 approximate
 * value[i] >= 0, count is at most CONV_LANE_WEIGHTS, and a squared error of 1 in element i costs
 * cost[i] > 0. In each iteration the integer whose change costs least is lowered by one.
 */
void conv_reduce_sum(float *rounded, const float *value, const float *cost, size_t count,
                     int limit);

#endif
