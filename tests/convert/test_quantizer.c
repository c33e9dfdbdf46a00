/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of the search for an order of quads, and of the quantisation of embedding rows. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/harness.h"
#include "tools/convert/lane_search.h"
#include "tools/convert/quantizer.h"

enum { QUADS = 24, DEPTH = 4 * QUADS };

/* Load the lanes with weights that are so large that many lane groups have an excess. */
static void load_random(conv_lanes *lanes, xorshift64 *random)
{
    static int8_t weights[CONV_PAIR_COLS * DEPTH];

    for (size_t i = 0; i < sizeof weights; i++)
        weights[i] = (int8_t)((int)xorshift64_below(random, 161) - 80);
    conv_lanes_load(lanes, weights);
}

/* The excess of the present order, computed from its definition in lane_search.h. */
static uint64_t excess_by_definition(const conv_lanes *lanes)
{
    uint64_t excess = 0;

    for (size_t group = 0; group < QUADS / CONV_GROUP_QUADS; group++)
        for (size_t i = 0; i < CONV_PAIR_LOADS; i++) {
            unsigned sum = 0;

            for (size_t q = 0; q < CONV_GROUP_QUADS; q++)
                sum += lanes->load[lanes->order[CONV_GROUP_QUADS * group + q]][i];
            sum = sum < 255 ? sum : 255;
            excess += sum > CONV_LANE_LIMIT ? sum - CONV_LANE_LIMIT : 0;
        }
    return excess;
}

static int is_permutation(const conv_lanes *lanes)
{
    int seen[QUADS] = {0};

    for (size_t i = 0; i < QUADS; i++) {
        if (lanes->order[i] >= QUADS || seen[lanes->order[i]]++)
            return 0;
    }
    return 1;
}

static void test_search(void)
{
    xorshift64 random = {UINT64_C(88172645463325252)};
    conv_lanes lanes;
    uint64_t before, after;

    if (!harness_case("the search returns the excess of its order, which is lower than before"))
        return;
    if (conv_lanes_init(&lanes, QUADS) != 0)
        abort();
    for (int round = 0; round < 20; round++) {
        load_random(&lanes, &random);
        conv_lanes_shuffle(&lanes, &random);
        before = conv_lanes_search(&lanes, &random, 0, 0);
        CHECK(before == excess_by_definition(&lanes));
        after = conv_lanes_search(&lanes, &random, 4000, 40);
        CHECKF(after == excess_by_definition(&lanes), "round %d", round);
        CHECKF(after < before, "round %d: %llu, then %llu", round, (unsigned long long)before,
               (unsigned long long)after);
        CHECK(is_permutation(&lanes));
    }
    conv_lanes_free(&lanes);
}

static void test_rows(void)
{
    enum { ROWS = 5, DIM = 32 };
    static const uint32_t row_of[ROWS] = {3, 0, 4, 1, 2};
    xorshift64 random = {UINT64_C(88172645463325252)};
    float in[ROWS * DIM], scale[ROWS];
    int8_t out[ROWS * DIM];

    if (!harness_case(
            "embedding rows: nearest integers, the greatest is 127, rows in their places"))
        return;
    for (size_t i = 0; i < ROWS * DIM; i++)
        in[i] = ((float)xorshift64_below(&random, 20001) - 10000.0f) / 7000.0f;
    memset(in + DIM, 0, DIM * sizeof *in);
    conv_quantize_rows(out, scale, in, row_of, ROWS, DIM);
    for (size_t row = 0; row < ROWS; row++) {
        const int8_t *q = out + row_of[row] * DIM;
        float step = scale[row_of[row]];
        int greatest = 0;

        for (size_t d = 0; d < DIM; d++) {
            CHECKF(fabsf((float)q[d] * step - in[row * DIM + d]) <= 0.5001f * step,
                   "row %zu, element %zu", row, d);
            greatest = abs(q[d]) > greatest ? abs(q[d]) : greatest;
        }
        CHECK(greatest == (row == 1 ? 0 : 127));
    }
    CHECK(scale[row_of[1]] == 1.0f);
}

int main(int argc, char **argv)
{
    harness_init("test_quantizer", argc, argv);
    test_search();
    test_rows();
    return harness_finish();
}
