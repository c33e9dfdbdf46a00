/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rounding within the limits of int16 lanes, and the search for a scale. The converter spends half
 * of its time here, so the inner loop uses SSE2, which every x86-64 CPU has.
 */
#include "tools/convert/column_fit.h"

#include <emmintrin.h>
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

void conv_reduce_sum(float *rounded, const float *value, const float *cost, size_t count, int limit)
{
    int sum = 0;

    for (size_t i = 0; i < count; i++)
        sum += (int)rounded[i];
    for (; sum > limit; sum--) {
        size_t best = 0;
        float least = INFINITY;

        /* Lowering the integer raises its squared error from e^2 to (e + 1)^2. */
        for (size_t i = 0; i < count; i++) {
            float rise = (2 * (value[i] - rounded[i]) + 1) * cost[i];

            if (rounded[i] > 0 && rise < least) {
                least = rise;
                best = i;
            }
        }
        rounded[best] -= 1;
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

/*
 * Check both sums of a lane: nonzero if one exceeds the limit. The arguments are the lane's eight
 * integers, from -127 to 127. Conversion to unsigned bytes turns negative numbers into 0, so the
 * integers give the magnitudes of the positive ones and their negatives those of the negative ones.
 * One instruction adds up each half.
 */
static int exceeds(__m128i r_low, __m128i r_high)
{
    const __m128i zero = _mm_setzero_si128();
    __m128i r = _mm_packs_epi32(r_low, r_high);
    __m128i magnitudes = _mm_packus_epi16(r, _mm_sub_epi16(zero, r));
    __m128i sums = _mm_sad_epu8(magnitudes, zero);

    return _mm_movemask_epi8(_mm_cmpgt_epi32(sums, _mm_set1_epi32(CONV_LANE_LIMIT)));
}

double conv_round_column(int8_t *q, const float *w, size_t depth, float scale)
{
    const __m128 max = _mm_set1_ps(CONV_WEIGHT_MAX);
    const __m128 min = _mm_set1_ps(-CONV_WEIGHT_MAX);
    const __m128 inverse = _mm_set1_ps(1 / scale);
    __m128 error[2] = {_mm_setzero_ps(), _mm_setzero_ps()};
    float errors[CONV_LANE_WEIGHTS];
    double total = 0;

    for (size_t lane = 0; lane < depth; lane += CONV_LANE_WEIGHTS) {
        __m128 v[2], r[2];
        __m128i n[2];

        for (size_t i = 0; i < 2; i++) {
            v[i] = _mm_mul_ps(_mm_loadu_ps(w + lane + 4 * i), inverse);
            n[i] = _mm_cvtps_epi32(_mm_max_ps(_mm_min_ps(v[i], max), min));
            r[i] = _mm_cvtepi32_ps(n[i]);
        }
        if (exceeds(n[0], n[1])) {
            float value[CONV_LANE_WEIGHTS], rounded[CONV_LANE_WEIGHTS];

            for (size_t i = 0; i < 2; i++) {
                _mm_storeu_ps(value + 4 * i, v[i]);
                _mm_storeu_ps(rounded + 4 * i, r[i]);
            }
            reduce_sign(rounded, value, 1);
            reduce_sign(rounded, value, -1);
            for (size_t i = 0; i < 2; i++)
                r[i] = _mm_loadu_ps(rounded + 4 * i);
        }
        for (size_t i = 0; i < 2; i++) {
            __m128 e = _mm_sub_ps(v[i], r[i]);

            error[i] = _mm_add_ps(error[i], _mm_mul_ps(e, e));
        }
        if (q) {
            float rounded[CONV_LANE_WEIGHTS];

            _mm_storeu_ps(rounded, r[0]);
            _mm_storeu_ps(rounded + 4, r[1]);
            for (size_t i = 0; i < CONV_LANE_WEIGHTS; i++)
                q[lane + i] = (int8_t)rounded[i];
        }
    }
    _mm_storeu_ps(errors, error[0]);
    _mm_storeu_ps(errors + 4, error[1]);
    for (size_t i = 0; i < CONV_LANE_WEIGHTS; i++)
        total += (double)errors[i];
    return total;
}

/* The squared error of a column after rounding with a scale. */
static double squared_error(const float *w, size_t depth, float scale)
{
    double units = conv_round_column(NULL, w, depth, scale);

    return units * (double)scale * (double)scale;
}

float conv_fit_scale(const float *w, size_t depth, float scale, float factor)
{
    double least = squared_error(w, depth, scale);
    float best = scale;

    /* The error is not a smooth function of the scale, so the search goes on for a few scales that
     * do not improve it. */
    for (int up = 1; up >= 0; up--) {
        float next = scale;

        for (int left = FIT_PATIENCE; left > 0; left--) {
            double error;

            next = up ? next * factor : next / factor;
            error = squared_error(w, depth, next);
            if (error < least) {
                least = error;
                best = next;
                left = FIT_PATIENCE;
            }
        }
    }
    return best;
}
