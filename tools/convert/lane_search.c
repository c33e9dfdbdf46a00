/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Random swaps of quads between lane groups. For every position the sums of the other three quads
 * of its group are kept, so a trial needs one addition and one comparison of 128 bytes for each of
 * the two groups. conv_ops.inc has this inner loop.
 */
#include "tools/convert/lane_search.h"

#include <stdlib.h>
#include <string.h>

#include "runtime/base/random.h"
#include "tools/convert/conv_ops.h"

int conv_lanes_init(conv_lanes *lanes, size_t quads)
{
    lanes->quads = quads;
    lanes->load = aligned_alloc(64, quads * sizeof lanes->load[0]);
    lanes->rest = aligned_alloc(64, quads * sizeof lanes->rest[0]);
    lanes->excess = calloc(quads / CONV_GROUP_QUADS, sizeof lanes->excess[0]);
    lanes->order = calloc(quads, sizeof lanes->order[0]);
    if (!lanes->load || !lanes->rest || !lanes->excess || !lanes->order) {
        conv_lanes_free(lanes);
        return -1;
    }
    for (size_t i = 0; i < quads; i++)
        lanes->order[i] = (uint16_t)i;
    return 0;
}

void conv_lanes_free(conv_lanes *lanes)
{
    free(lanes->load);
    free(lanes->rest);
    free(lanes->excess);
    free(lanes->order);
    memset(lanes, 0, sizeof *lanes);
}

void conv_lanes_shuffle(conv_lanes *lanes, xorshift64 *random)
{
    for (size_t i = lanes->quads - 1; i > 0; i--) {
        size_t j = xorshift64_below(random, (uint32_t)i + 1);
        uint16_t quad = lanes->order[i];

        lanes->order[i] = lanes->order[j];
        lanes->order[j] = quad;
    }
}

void conv_lanes_load(conv_lanes *lanes, const int8_t *weights)
{
    size_t depth = 4 * lanes->quads;

    memset(lanes->load, 0, lanes->quads * sizeof lanes->load[0]);
    for (size_t column = 0; column < CONV_PAIR_COLS; column++) {
        const int8_t *w = weights + column * depth;

        for (size_t k = 0; k < depth; k++) {
            uint8_t *loads = &lanes->load[k / 4][column * 4 + (k % 4) / 2 * 2];

            loads[w[k] < 0] = (uint8_t)(loads[w[k] < 0] + abs(w[k]));
        }
    }
}

uint64_t conv_lanes_search(conv_lanes *lanes, xorshift64 *random, uint64_t trials, uint32_t slack)
{
    return conv_ops_best()->search(lanes, random, trials, slack);
}
