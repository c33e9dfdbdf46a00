/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rounding one column of weights so that its int16 lanes hold, and choosing its scale.
 *
 * The column comes in packed order: eight weights a lane and group (four quads, two weights each),
 * so that every run of eight is one sum that the AVX2 kernel makes: its positive integers may add
 * up to 128 and its negative ones to -128. Rounding goes to the nearest integer first; where a sum
 * exceeds the limit, the integers whose change costs least are moved towards zero by one until it
 * does not. A finer scale makes rounding errors smaller and such moves more frequent: the scale
 * with the least squared error lies in between, and is searched.
 */
#ifndef DISTIL_TOOLS_CONVERT_COLUMN_FIT_H
#define DISTIL_TOOLS_CONVERT_COLUMN_FIT_H

#include <stddef.h>
#include <stdint.h>

enum { CONV_LANE_WEIGHTS = 8, CONV_WEIGHT_MAX = 127 };

/* The nearest integer, ties to even, of |x| < 2^22: adding 1.5 * 2^23 leaves no room for a
 * fraction. (rintf is a call without SSE4.1.) */
static inline float conv_rint(float x)
{
    return (x + 0x1.8p+23f) - 0x1.8p+23f;
}

/* k of each packed position: lane (group, half) by lane, for an order of depth / 4 quads. */
void conv_packed_positions(uint16_t *k_of, const uint16_t *order, size_t depth);

/*
 * Round a column, packed, for a scale > 0: q[i] * scale is near w[i] and all lanes hold. q may be
 * NULL. Returns the sum of squared errors in units of scale. depth is a multiple of 16.
 */
double conv_column_round(int8_t *q, const float *w, size_t depth, float scale);

/*
 * A scale with a small error, found by stepping from `scale` by factors of `step` (> 1) in the
 * direction in which the error falls.
 */
float conv_column_fit(const float *w, size_t depth, float scale, float step);

/*
 * Bring the magnitudes of one sign within their limit: value[i] >= 0 wanted, rounded[i] >= 0 whole
 * numbers, cost[i] > 0 of a squared error. Lowers by one the cheapest first until the sum is at
 * most limit.
 */
void conv_lane_lower(float *rounded, const float *value, const float *cost, size_t count,
                     int limit);

#endif
