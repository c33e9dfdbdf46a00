/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Random swaps of quads between lane groups. For every position the sums of the other three quads
 * of its group are kept, so a trial needs one addition and one comparison of 128 bytes for each of
 * the two groups, about 30 ns. SSE2, which every x86-64 CPU has, adds bytes with saturation.
 */
#include "tools/convert/lane_search.h"

#include <emmintrin.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/random.h"

_Static_assert(CONV_PAIR_LOADS % 16 == 0, "the loads fill whole SSE2 registers");

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

/* The excess of the loads a + b: the sum of what each has beyond the limit. */
static uint32_t excess_of(const uint8_t *a, const uint8_t *b)
{
    const __m128i limit = _mm_set1_epi8((char)CONV_LANE_LIMIT);
    const __m128i zero = _mm_setzero_si128();
    __m128i sum = zero;

    for (size_t i = 0; i < CONV_PAIR_LOADS; i += 16) {
        __m128i x = _mm_load_si128((const __m128i *)(const void *)(a + i));
        __m128i y = _mm_load_si128((const __m128i *)(const void *)(b + i));
        __m128i beyond = _mm_subs_epu8(_mm_adds_epu8(x, y), limit);

        sum = _mm_add_epi32(sum, _mm_sad_epu8(beyond, zero));
    }
    return (uint32_t)_mm_cvtsi128_si32(sum) + (uint32_t)_mm_cvtsi128_si32(_mm_srli_si128(sum, 8));
}

static void add_three(uint8_t *out, const uint8_t *a, const uint8_t *b, const uint8_t *c)
{
    for (size_t i = 0; i < CONV_PAIR_LOADS; i += 16) {
        __m128i x = _mm_load_si128((const __m128i *)(const void *)(a + i));
        __m128i y = _mm_load_si128((const __m128i *)(const void *)(b + i));
        __m128i z = _mm_load_si128((const __m128i *)(const void *)(c + i));

        _mm_store_si128((__m128i *)(void *)(out + i), _mm_adds_epu8(_mm_adds_epu8(x, y), z));
    }
}

/* Recompute the sums and the excess of a lane group after a change of its quads. */
static void update_group(conv_lanes *lanes, size_t group)
{
    const uint16_t *order = lanes->order + CONV_GROUP_QUADS * group;
    const uint8_t *a = lanes->load[order[0]];
    const uint8_t *b = lanes->load[order[1]];
    const uint8_t *c = lanes->load[order[2]];
    const uint8_t *d = lanes->load[order[3]];
    uint8_t(*rest)[CONV_PAIR_LOADS] = lanes->rest + CONV_GROUP_QUADS * group;

    add_three(rest[0], b, c, d);
    add_three(rest[1], a, c, d);
    add_three(rest[2], a, b, d);
    add_three(rest[3], a, b, c);
    lanes->excess[group] = excess_of(rest[0], a);
}

/* Swap the quads at positions i and j, which are in two lane groups, if that raises the excess by
 * at most slack. Returns the change of the excess. */
static int64_t try_swap(conv_lanes *lanes, size_t i, size_t j, uint32_t slack)
{
    uint32_t before = lanes->excess[i / CONV_GROUP_QUADS] + lanes->excess[j / CONV_GROUP_QUADS];
    uint16_t at_i = lanes->order[i];
    uint16_t at_j = lanes->order[j];
    uint32_t after = excess_of(lanes->rest[i], lanes->load[at_j]);

    if (after > before + slack)
        return 0;
    after += excess_of(lanes->rest[j], lanes->load[at_i]);
    if (after > before + slack)
        return 0;
    lanes->order[i] = at_j;
    lanes->order[j] = at_i;
    update_group(lanes, i / CONV_GROUP_QUADS);
    update_group(lanes, j / CONV_GROUP_QUADS);
    return (int64_t)after - (int64_t)before;
}

uint64_t conv_lanes_search(conv_lanes *lanes, xorshift64 *random, uint64_t trials, uint32_t slack)
{
    uint32_t groups = (uint32_t)(lanes->quads / CONV_GROUP_QUADS);
    int64_t total = 0;

    for (size_t group = 0; group < groups; group++) {
        update_group(lanes, group);
        total += lanes->excess[group];
    }
    for (uint64_t trial = 0; trial < trials && total > 0; trial++) {
        uint32_t allowed = (uint32_t)(slack * (trials - trial) / trials);
        uint32_t group = xorshift64_below(random, groups);
        uint32_t other, members;

        /* Only a group with excess can gain from a swap. A few draws find one, if there are
         * many. */
        for (int draw = 0; draw < 8 && lanes->excess[group] == 0; draw++)
            group = xorshift64_below(random, groups);
        other = xorshift64_below(random, groups);
        if (other == group)
            continue;
        members = xorshift64_next(random);
        total += try_swap(lanes, CONV_GROUP_QUADS * group + members % 4,
                          CONV_GROUP_QUADS * other + members / 4 % 4, allowed);
    }
    return (uint64_t)total;
}
