/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The order of quads in a panel pair, searched so that int16 lanes overflow as little as possible.
 *
 * A panel pair has 32 columns. The AVX2 kernel adds the products of four consecutive quads (a
 * group) in int16 lanes, two lanes a column: k 0-1 and 2-3 of each quad. With activations of
 * 0 .. 255 a lane is safe if its positive weights sum to at most 128 and its negative ones to at
 * least -128. So each quad is a vector of 128 loads (32 columns x 2 lanes x 2 signs), and the
 * search deals the quads into groups of four so that the loads beyond 128, added up over all lanes
 * of all groups, are few. What then still exceeds a lane is taken off by column_fit.h.
 */
#ifndef DISTIL_TOOLS_CONVERT_LANE_SEARCH_H
#define DISTIL_TOOLS_CONVERT_LANE_SEARCH_H

#include <stddef.h>
#include <stdint.h>

#include "runtime/base/random.h"

enum {
    CONV_PAIR_COLS = 32,
    CONV_PAIR_LOADS = 128, /* of a quad: column * 4 + lane * 2 + (negative) */
    CONV_GROUP_QUADS = 4,
    CONV_LANE_LIMIT = 128
};

typedef struct conv_lanes {
    size_t quads; /* multiple of CONV_GROUP_QUADS */
    /* All sums stop at 255, far beyond the limit: loads are sums of two magnitudes up to 127. */
    uint8_t (*load)[CONV_PAIR_LOADS]; /* (quads) of each quad */
    uint8_t (*rest)[CONV_PAIR_LOADS]; /* (quads) of each position: its group without its own quad */
    uint32_t *excess;                 /* (quads / 4) of each group, over its lanes */
    uint16_t *order;                  /* (quads) the quad at each position */
} conv_lanes;

/* 0, or -1 without memory. order begins as 0, 1, 2, ... */
int conv_lanes_init(conv_lanes *lanes, size_t quads);
void conv_lanes_free(conv_lanes *lanes);

/* Shuffle the order. */
void conv_lanes_shuffle(conv_lanes *lanes, xorshift64 *random);

/* Set the loads from quantised weights, (32, 4 * quads) row-major. */
void conv_lanes_load(conv_lanes *lanes, const int8_t *weights);

/*
 * Improve the order by `trials` swaps of two positions, proposed at random. A swap is taken if it
 * raises the excess by at most a slack that falls from `slack` to 0 (threshold accepting, Dueck and
 * Scheuer 1990). Returns the excess that is left. The same arguments give the same order.
 */
uint64_t conv_lanes_search(conv_lanes *lanes, xorshift64 *random, uint64_t trials, uint32_t slack);

#endif
