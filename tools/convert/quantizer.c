/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Each pair of panels is quantised by itself. The search for an order of its quads and the search
 * for the scales of its columns alternate: a better order makes the int16 lanes overflow less,
 * which allows smaller scales, for which a better order is searched again.
 */
#include "tools/convert/quantizer.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/random.h"
#include "runtime/base/strict_float.h"
#include "tools/convert/column_fit.h"
#include "tools/convert/lane_search.h"

/* Chosen by experiments with the shipped model: ten times as many trials make scales only 2 %
 * smaller. */
enum { ROUNDS = 8, TRIALS_PER_QUAD = 128, SLACK = 12 };

/* Columns whose weights are all smaller are quantised to zeros, so that the inverse of every scale
 * is finite. */
#define LEAST_WEIGHT 1e-30f

/* The state of one pair. */
typedef struct pair_state {
    size_t depth;
    conv_lanes lanes;
    uint16_t *k_of;        /* (depth) the position in the depth of each packed position */
    uint16_t *position_of; /* (quads) the inverse of the order */
    float *packed;         /* (depth) scratch: a column in packed order */
    int8_t *rounded;       /* (depth) scratch: the same column as integers */
    int8_t *integers;      /* (32, depth) the weights of the pair rounded to the nearest integer */
    float largest[CONV_PAIR_COLS]; /* magnitude of the largest weight of each column */
    float scale[CONV_PAIR_COLS];
} pair_state;

static void pair_free(pair_state *pair)
{
    conv_lanes_free(&pair->lanes);
    free(pair->k_of);
    free(pair->position_of);
    free(pair->packed);
    free(pair->rounded);
    free(pair->integers);
}

static int pair_init(pair_state *pair, size_t depth)
{
    memset(pair, 0, sizeof *pair);
    pair->depth = depth;
    pair->k_of = calloc(depth, sizeof pair->k_of[0]);
    pair->position_of = calloc(depth / 4, sizeof pair->position_of[0]);
    pair->packed = calloc(depth, sizeof pair->packed[0]);
    pair->rounded = calloc(depth, 1);
    pair->integers = calloc(CONV_PAIR_COLS, depth);
    if (conv_lanes_init(&pair->lanes, depth / 4) || !pair->k_of || !pair->position_of ||
        !pair->packed || !pair->rounded || !pair->integers) {
        pair_free(pair);
        return -1;
    }
    return 0;
}

/* Copy a column into packed order. */
static void pack_column(pair_state *pair, const float *column)
{
    for (size_t i = 0; i < pair->depth; i++)
        pair->packed[i] = column[pair->k_of[i]];
}

/* Find the largest weight of each column and set a first scale. */
static void set_first_scales(pair_state *pair, const float *w)
{
    for (size_t c = 0; c < CONV_PAIR_COLS; c++) {
        const float *column = w + c * pair->depth;
        float largest = 0;

        for (size_t k = 0; k < pair->depth; k++)
            largest = fabsf(column[k]) > largest ? fabsf(column[k]) : largest;
        pair->largest[c] = largest;
        pair->scale[c] = largest < LEAST_WEIGHT ? 1 : largest / 64;
    }
}

/* Find better scales for the current order; `factor` is the ratio of neighbouring scales to try. */
static void fit_scales(pair_state *pair, const float *w, float factor)
{
    conv_packed_positions(pair->k_of, pair->lanes.order, pair->depth);
    for (size_t c = 0; c < CONV_PAIR_COLS; c++) {
        if (pair->largest[c] < LEAST_WEIGHT)
            continue;
        pack_column(pair, w + c * pair->depth);
        pair->scale[c] = conv_fit_scale(pair->packed, pair->depth, pair->scale[c], factor);
    }
}

/* Round all weights to the nearest integer, whatever the lanes can hold: the search for an order
 * needs the loads that this gives. */
static void round_to_nearest(pair_state *pair, const float *w)
{
    const float most = (float)CONV_WEIGHT_MAX;

    for (size_t c = 0; c < CONV_PAIR_COLS; c++) {
        float inverse = 1 / pair->scale[c];

        for (size_t k = 0; k < pair->depth; k++) {
            float v = w[c * pair->depth + k] * inverse;

            v = v < most ? v : most;
            v = v > -most ? v : -most;
            pair->integers[c * pair->depth + k] = (int8_t)conv_rint(v);
        }
    }
}

/* Search for the order and the scales of a pair. */
static void optimize_pair(pair_state *pair, const float *w, xorshift64 *random)
{
    uint64_t trials = TRIALS_PER_QUAD * (uint64_t)pair->lanes.quads;

    set_first_scales(pair, w);
    conv_lanes_shuffle(&pair->lanes, random);
    for (int round = 0; round < ROUNDS; round++) {
        fit_scales(pair, w, round == 0 ? 1.09f : 1.03f);
        round_to_nearest(pair, w);
        conv_lanes_load(&pair->lanes, pair->integers);
        conv_lanes_search(&pair->lanes, random, trials, SLACK);
    }
    fit_scales(pair, w, 1.01f);
}

/* Choose the final integers of column c of the pair. Returns the number to add to its bias. */
static float round_column(pair_state *pair, int8_t *q, const float *column, size_t c,
                          const conv_inputs *inputs)
{
    if (pair->largest[c] < LEAST_WEIGHT) {
        memset(q, 0, pair->depth);
        return 0;
    }
    if (inputs)
        return conv_compensate_column(q, column, pair->scale[c], inputs, pair->lanes.order,
                                      pair->position_of, pair->packed);
    pack_column(pair, column);
    conv_round_column(pair->rounded, pair->packed, pair->depth, pair->scale[c]);
    for (size_t i = 0; i < pair->depth; i++)
        q[pair->k_of[i]] = pair->rounded[i];
    return 0;
}

/* Writable pointers to the arrays of a conv_matrix, whose own pointers are const. */
typedef struct writable_matrix {
    int8_t *weights;
    uint16_t *order;
    uint8_t *group;
    float *scale, *bias;
} writable_matrix;

static int allocate_matrix(writable_matrix *r, conv_matrix *matrix, conv_memory *memory,
                           conv_error *error)
{
    size_t pairs = matrix->cols / CONV_PAIR_COLS;

    r->weights = conv_new(memory, matrix->cols, matrix->depth, error);
    r->order = conv_new(memory, pairs * (matrix->depth / 4), sizeof r->order[0], error);
    r->group = conv_new(memory, pairs, 1, error);
    r->scale = conv_new(memory, matrix->cols, sizeof r->scale[0], error);
    r->bias = conv_new(memory, matrix->cols, sizeof r->bias[0], error);
    if (!r->weights || !r->order || !r->group || !r->scale || !r->bias)
        return -1;
    matrix->weights = r->weights;
    matrix->order = r->order;
    matrix->group = r->group;
    matrix->scale = r->scale;
    matrix->bias = r->bias;
    return 0;
}

int conv_quantize(conv_matrix *matrix, conv_memory *memory, const float *weights, const float *bias,
                  const conv_inputs *inputs, uint64_t seed, conv_ranges *ranges, conv_error *error)
{
    size_t depth = matrix->depth;
    pair_state pair;
    writable_matrix out;

    if (allocate_matrix(&out, matrix, memory, error))
        return -1;
    if (pair_init(&pair, depth))
        return conv_fail(error, "out of memory");
    for (size_t p = 0; p < matrix->cols / CONV_PAIR_COLS; p++) {
        size_t first = p * CONV_PAIR_COLS;
        xorshift64 random = xorshift64_seed(seed << 32 | p);

        optimize_pair(&pair, weights + first * depth, &random);
        memcpy(out.order + p * (depth / 4), pair.lanes.order, depth / 4 * sizeof out.order[0]);
        out.group[p] = CONV_GROUP_QUADS;
        for (size_t i = 0; i < depth / 4; i++)
            pair.position_of[pair.lanes.order[i]] = (uint16_t)i;
        for (size_t c = 0; c < CONV_PAIR_COLS; c++) {
            out.scale[first + c] = pair.scale[c];
            out.bias[first + c] =
                bias[first + c] + round_column(&pair, out.weights + (first + c) * depth,
                                               weights + (first + c) * depth, c, inputs);
            ranges->sum += (double)pair.largest[c] / (double)pair.scale[c];
        }
    }
    ranges->columns += matrix->cols;
    pair_free(&pair);
    return 0;
}

void conv_quantize_rows(int8_t *out, float *scale, const float *in, const uint32_t *row_of,
                        size_t rows, size_t dim)
{
    for (size_t i = 0; i < rows; i++) {
        const float *x = in + i * dim;
        int8_t *q = out + row_of[i] * dim;
        float largest = 0;
        float inverse;

        for (size_t d = 0; d < dim; d++)
            largest = fabsf(x[d]) > largest ? fabsf(x[d]) : largest;
        largest = largest < LEAST_WEIGHT ? 0 : largest;
        scale[row_of[i]] = largest > 0 ? largest / (float)CONV_WEIGHT_MAX : 1;
        inverse = largest > 0 ? (float)CONV_WEIGHT_MAX / largest : 0;
        for (size_t d = 0; d < dim; d++)
            q[d] = (int8_t)conv_rint(x[d] * inverse);
    }
}
