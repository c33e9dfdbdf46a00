/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of the search for an order of quads, of rounding with the statistics of inputs, and of the
 * quantisation of embedding rows. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/harness.h"
#include "tools/convert/lane_search.h"
#include "tools/convert/quantizer.h"
#include "tools/convert/refine.h"

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

/* The squared error e^T C e of a column, in units of scale^2. */
static double squared_error(const conv_inputs *inputs, const float *w, const int8_t *q, float scale)
{
    double e[DEPTH], total = 0;

    for (size_t k = 0; k < DEPTH; k++)
        e[k] = (double)w[k] / (double)scale - q[k];
    for (size_t i = 0; i < DEPTH; i++)
        for (size_t k = 0; k < DEPTH; k++)
            total += e[i] * e[k] * (double)inputs->covariance[i * DEPTH + k];
    return total;
}

/* Returns 1 if no lane of the column exceeds its limit; used, if not NULL, gets the sums. */
static int lanes_fit(const int8_t *q, const uint16_t *k_of, uint8_t *used)
{
    int fit = 1;

    for (size_t lane = 0; lane < DEPTH / CONV_LANE_WEIGHTS; lane++) {
        int sums[2] = {0, 0};

        for (size_t i = 0; i < CONV_LANE_WEIGHTS; i++) {
            int n = q[k_of[lane * CONV_LANE_WEIGHTS + i]];

            sums[n < 0] += abs(n);
        }
        fit = fit && sums[0] <= CONV_LANE_LIMIT && sums[1] <= CONV_LANE_LIMIT;
        for (size_t sign = 0; used && sign < 2; sign++)
            used[2 * lane + sign] = (uint8_t)sums[sign];
    }
    return fit;
}

/* Inputs with strong correlations, as those of a layer have them. */
static void add_inputs(const conv_machine *machine, conv_inputs *inputs)
{
    enum { INPUTS = 500, SOURCES = 20 };
    static float x[INPUTS][DEPTH], mix[SOURCES][DEPTH];

    for (size_t s = 0; s < SOURCES; s++)
        for (size_t k = 0; k < DEPTH; k++)
            mix[s][k] = harness_uniform(-1, 1);
    for (size_t i = 0; i < INPUTS; i++)
        for (size_t s = 0; s < SOURCES; s++) {
            float source = harness_uniform(-1, 1);

            for (size_t k = 0; k < DEPTH; k++)
                x[i][k] = (s == 0 ? harness_uniform(-0.3f, 0.3f) : x[i][k]) + source * mix[s][k];
        }
    conv_inputs_add(machine, inputs, x[0], INPUTS);
}

static void test_rounding(void)
{
    static float w[CONV_PAIR_COLS * DEPTH];
    static int8_t nearest[CONV_PAIR_COLS * DEPTH], q[CONV_PAIR_COLS * DEPTH];
    uint16_t order[QUADS], k_of[DEPTH];
    float scale[CONV_PAIR_COLS], bias[CONV_PAIR_COLS], packed[DEPTH];
    const conv_machine machine = {conv_ops_best(), 2};
    conv_rounding rounding;
    conv_inputs inputs;
    conv_error error = {""};
    double sums[3] = {0, 0, 0}; /* nearest, nearest and refined, compensated and refined */

    if (!harness_case("compensation and descent lower the error, and lanes keep their limit"))
        return;
    if (conv_inputs_init(&inputs, DEPTH, &error) || conv_rounding_init(&rounding, DEPTH))
        abort();
    add_inputs(&machine, &inputs);
    CHECKF(conv_inputs_factor(&machine, &inputs, &error) == 0, "%s", error.message);
    for (size_t i = 0; i < QUADS; i++)
        order[i] = (uint16_t)i;
    conv_packed_positions(k_of, order, DEPTH);
    for (size_t c = 0; c < CONV_PAIR_COLS; c++) {
        int8_t rounded[DEPTH];

        scale[c] = 0.02f;
        for (size_t k = 0; k < DEPTH; k++)
            w[c * DEPTH + k] = harness_uniform(-1, 1);
        for (size_t i = 0; i < DEPTH; i++)
            packed[i] = w[c * DEPTH + k_of[i]];
        (void)machine.ops->round_column(rounded, packed, DEPTH, scale[c]);
        for (size_t i = 0; i < DEPTH; i++)
            nearest[c * DEPTH + k_of[i]] = rounded[i];
        sums[0] += squared_error(&inputs, w + c * DEPTH, nearest + c * DEPTH, scale[c]);
        CHECK(lanes_fit(nearest + c * DEPTH, k_of, rounding.used + c * (DEPTH / 16) * 4));
    }
    conv_refine_pair(machine.ops, nearest, w, scale, &inputs, order, order, &rounding);
    conv_compensate_pair(machine.ops, q, bias, w, scale, &inputs, order, order, &rounding);
    for (size_t c = 0; c < CONV_PAIR_COLS; c++) {
        sums[1] += squared_error(&inputs, w + c * DEPTH, nearest + c * DEPTH, scale[c]);
        sums[2] += squared_error(&inputs, w + c * DEPTH, q + c * DEPTH, scale[c]);
        CHECK(lanes_fit(nearest + c * DEPTH, k_of, NULL));
        CHECK(lanes_fit(q + c * DEPTH, k_of, NULL));
    }
    CHECKF(sums[1] < 0.5 * sums[0] && sums[2] < 0.5 * sums[0], "%g, %g and %g", sums[0], sums[1],
           sums[2]);
    conv_inputs_free(&inputs);
    conv_rounding_free(&rounding);
}

int main(int argc, char **argv)
{
    harness_init("test_quantizer", argc, argv);
    test_search();
    test_rows();
    test_rounding();
    return harness_finish();
}
