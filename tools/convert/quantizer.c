/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Each pair of panels is quantised by itself, but that the search begins at the order of the pair
 * before it. So threads share the search by matrices and the rounding by pairs. The search for an
 * order of a pair's quads and the search for the scales of its columns alternate: a better order
 * makes the int16 lanes overflow less, which allows smaller scales, for which a better order is
 * searched again.
 */
#include "tools/convert/quantizer.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/random.h"
#include "runtime/base/strict_float.h"
#include "tools/convert/column_fit.h"
#include "tools/convert/conv_parallel.h"
#include "tools/convert/lane_search.h"

/* Chosen by experiments with the shipped model: ten times as many trials make scales only 2 %
 * smaller. */
enum { ROUNDS = 8, TRIALS_PER_QUAD = 128, SLACK = 12 };

/* Columns whose weights are all smaller are quantised to zeros, so that the inverse of every scale
 * is finite. */
#define LEAST_WEIGHT 1e-30f

/* The state of one pair, and of the thread that works on it. */
typedef struct pair_state {
    size_t depth;
    const conv_ops *ops;
    conv_lanes lanes;
    conv_rounding rounding;
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
    conv_rounding_free(&pair->rounding);
    free(pair->k_of);
    free(pair->position_of);
    free(pair->packed);
    free(pair->rounded);
    free(pair->integers);
}

/* Allocate for matrices of up to this depth. */
static int pair_init(pair_state *pair, const conv_ops *ops, size_t depth)
{
    memset(pair, 0, sizeof *pair);
    pair->ops = ops;
    pair->k_of = calloc(depth, sizeof pair->k_of[0]);
    pair->position_of = calloc(depth / 4, sizeof pair->position_of[0]);
    pair->packed = calloc(depth, sizeof pair->packed[0]);
    pair->rounded = calloc(depth, 1);
    pair->integers = calloc(CONV_PAIR_COLS, depth);
    if (conv_lanes_init(&pair->lanes, depth / 4) || conv_rounding_init(&pair->rounding, depth) ||
        !pair->k_of || !pair->position_of || !pair->packed || !pair->rounded || !pair->integers) {
        pair_free(pair);
        return -1;
    }
    return 0;
}

/* Begin a matrix of this depth, at most that of pair_init, with the quads in ascending order. */
static void pair_begin(pair_state *pair, size_t depth)
{
    pair->depth = depth;
    pair->lanes.quads = depth / 4;
    for (size_t i = 0; i < depth / 4; i++)
        pair->lanes.order[i] = (uint16_t)i;
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
        pair->scale[c] = conv_fit_scale(pair->ops->round_column, pair->packed, pair->depth,
                                        pair->scale[c], factor);
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
        pair->ops->search(&pair->lanes, random, trials, SLACK);
    }
    fit_scales(pair, w, 1.01f);
}

/* Round a column to the nearest integers that the lanes can hold. */
static void round_column(pair_state *pair, int8_t *q, const float *column, size_t c)
{
    pack_column(pair, column);
    pair->ops->round_column(pair->rounded, pair->packed, pair->depth, pair->scale[c]);
    for (size_t i = 0; i < pair->depth; i++)
        q[pair->k_of[i]] = pair->rounded[i];
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

/* One matrix that is being quantised. */
typedef struct quantization {
    const conv_task *task;
    writable_matrix out;
    double range; /* the sum of the ranges of all columns */
} quantization;

typedef struct quantizer {
    quantization *matrices;
    pair_state *pairs; /* (threads) */
    size_t at;         /* the matrix that is being rounded */
} quantizer;

/* Search for the orders and the scales of a matrix; without statistics of its inputs, round it. */
static void search_matrix(void *user, size_t index, size_t worker)
{
    const quantizer *z = user;
    quantization *m = &z->matrices[index];
    const conv_task *task = m->task;
    pair_state *pair = &z->pairs[worker];
    size_t depth = task->matrix->depth, quads = depth / 4;

    pair_begin(pair, depth);
    for (size_t p = 0; p < task->matrix->cols / CONV_PAIR_COLS; p++) {
        size_t first = p * CONV_PAIR_COLS;
        xorshift64 random = xorshift64_seed(task->seed << 32 | p);

        optimize_pair(pair, task->weights + first * depth, &random);
        memcpy(m->out.order + p * quads, pair->lanes.order, quads * sizeof m->out.order[0]);
        m->out.group[p] = CONV_GROUP_QUADS;
        for (size_t c = 0; c < CONV_PAIR_COLS; c++) {
            m->out.scale[first + c] = pair->scale[c];
            m->out.bias[first + c] = task->bias[first + c];
            m->range += (double)pair->largest[c] / (double)pair->scale[c];
            if (!task->inputs)
                round_column(pair, m->out.weights + (first + c) * depth,
                             task->weights + (first + c) * depth, c);
        }
    }
}

/* Returns 1 if a column has only zeros after rounding. */
static int vanishes(const float *column, size_t depth)
{
    for (size_t k = 0; k < depth; k++)
        if (fabsf(column[k]) >= LEAST_WEIGHT)
            return 0;
    return 1;
}

/* Round one pair of the present matrix, whose order and scales are known. */
static void compensate_pair(void *user, size_t p, size_t worker)
{
    const quantizer *z = user;
    const quantization *m = &z->matrices[z->at];
    const conv_task *task = m->task;
    pair_state *pair = &z->pairs[worker];
    size_t depth = task->matrix->depth, quads = depth / 4, first = p * CONV_PAIR_COLS;
    const uint16_t *order = m->out.order + p * quads;
    const float *w = task->weights + first * depth;
    int8_t *q = m->out.weights + first * depth;
    float bias[CONV_PAIR_COLS];

    for (size_t i = 0; i < quads; i++)
        pair->position_of[order[i]] = (uint16_t)i;
    conv_compensate_pair(pair->ops, q, bias, w, m->out.scale + first, task->inputs, order,
                         pair->position_of, &pair->rounding);
    for (size_t c = 0; c < CONV_PAIR_COLS; c++) {
        if (vanishes(w + c * depth, depth))
            memset(q + c * depth, 0, depth);
        else
            m->out.bias[first + c] += bias[c];
    }
}

/* Quantise all matrices, given the results' arrays and the state of at least one thread. */
static void quantize_all(quantizer *z, size_t threads, size_t count, conv_ranges *ranges)
{
    conv_parallel(threads, count, search_matrix, z);
    for (z->at = 0; z->at < count; z->at++) {
        const conv_task *task = z->matrices[z->at].task;

        if (task->inputs)
            conv_parallel(threads, task->matrix->cols / CONV_PAIR_COLS, compensate_pair, z);
        ranges->sum += z->matrices[z->at].range;
        ranges->columns += task->matrix->cols;
    }
}

int conv_quantize(const conv_machine *machine, const conv_task *tasks, size_t count,
                  conv_memory *memory, conv_ranges *ranges, conv_error *error)
{
    quantizer z = {calloc(count, sizeof z.matrices[0]), calloc(machine->threads, sizeof z.pairs[0]),
                   0};
    size_t deepest = 0, ready = 0;
    int failed = !z.matrices || !z.pairs;

    for (size_t i = 0; i < count && !failed; i++) {
        z.matrices[i].task = &tasks[i];
        failed = allocate_matrix(&z.matrices[i].out, tasks[i].matrix, memory, error);
        deepest = tasks[i].matrix->depth > deepest ? tasks[i].matrix->depth : deepest;
    }
    while (!failed && ready < machine->threads &&
           pair_init(&z.pairs[ready], machine->ops, deepest) == 0)
        ready++;
    if (ready > 0)
        quantize_all(&z, ready, count, ranges);
    for (size_t i = 0; i < ready; i++)
        pair_free(&z.pairs[i]);
    free(z.matrices);
    free(z.pairs);
    return ready > 0 ? 0 : conv_fail(error, "out of memory");
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
