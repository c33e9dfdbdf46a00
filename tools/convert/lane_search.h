/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Search for an order of a pair's quads with which int16 lanes would overflow as little as
 * possible.
 *
 * The AVX2 kernel adds the products of four consecutive quads, a lane group, in int16 lanes. A
 * column has two such lanes: one for the first two weights of each quad, one for the last two. With
 * activations from 0 to 255 no lane overflows if its positive weights add up to at most 128 and its
 * negative ones to at least -128. Each quad therefore has 128 loads, the sums of its weights by
 * column (32), lane (2) and sign (2). The excess of a lane group is the sum, over its lanes and
 * signs, of the loads beyond 128. The search distributes the quads over lane groups so that the
 * total excess is small; column_fit.h then removes the rest by changing weights.
 */
#ifndef DISTIL_TOOLS_CONVERT_LANE_SEARCH_H
#define DISTIL_TOOLS_CONVERT_LANE_SEARCH_H

#include <stddef.h>
#include <stdint.h>

#include "runtime/base/random.h"

enum {
    CONV_PAIR_COLS = 32,
    CONV_PAIR_LOADS = 128, /* indexed by column * 4 + lane * 2 + (1 for the negative sum) */
    CONV_GROUP_QUADS = 4,
    CONV_LANE_LIMIT = 128
};

typedef struct conv_lanes {
    size_t quads; /* a multiple of CONV_GROUP_QUADS */
    /* A quad's load is at most 127 + 127; sums of loads saturate at 255, far above the limit. */
    uint8_t (*load)[CONV_PAIR_LOADS]; /* (quads) the loads of each quad */
    uint8_t (
        *rest)[CONV_PAIR_LOADS]; /* (quads) for each position, the loads of the group's others */
    uint32_t *excess;            /* (quads / 4) the excess of each lane group */
    uint16_t *order;             /* (quads) the quad at each position */
} conv_lanes;

/* Allocate, with the quads in ascending order. Returns 0, or -1 without memory. */
int conv_lanes_init(conv_lanes *lanes, size_t quads);
void conv_lanes_free(conv_lanes *lanes);

/* Put the quads in a random order. */
void conv_lanes_shuffle(conv_lanes *lanes, xorshift64 *random);

/* Compute the loads of quantised weights (32, 4 * quads), row-major. */
void conv_lanes_load(conv_lanes *lanes, const int8_t *weights);

/*
 * Improve the order by threshold accepting (Dueck and Scheuer 1990): propose `trials` random swaps
 * of two positions, and accept a swap if it raises the excess by at most a threshold, which falls
 * from `slack` to 0. Returns the total excess at the end. The same arguments give the same order.
 */
uint64_t conv_lanes_search(conv_lanes *lanes, xorshift64 *random, uint64_t trials, uint32_t slack);

#endif
