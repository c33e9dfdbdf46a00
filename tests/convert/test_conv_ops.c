/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The inner loops of the converter: both variants give the same bits, and a product, its squares
 * and a factorisation are what their definitions say, on any number of threads.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/cpu.h"
#include "tests/support/harness.h"
#include "tools/convert/conv_ops.h"
#include "tools/convert/conv_parallel.h"
#include "tools/convert/dense_math.h"

enum { ROWS = 37, COLS = 48, DEPTH = 288, COUNT = 61 };

static void fill(float *x, size_t count, float most)
{
    for (size_t i = 0; i < count; i++)
        x[i] = harness_uniform(-most, most);
}

static int has_avx2(void)
{
    distil_cpuid cpu;

    distil_cpuid_read(&cpu);
    return distil_cpuid_has(&cpu, DISTIL_LEVEL_AVX2, NULL);
}

static void compare_tiles(void)
{
    static float a[COUNT * 64], b[COUNT * 32], sums[2][4 * 32];
    static double da[4 * 64], db[64 * 8], out[2][4 * 64];
    const conv_ops *const ops[2] = {&conv_ops_sse2, &conv_ops_avx2};

    fill(a, COUNT * 64, 1);
    fill(b, COUNT * 32, 1);
    fill(sums[0], 4 * 32, 1);
    memcpy(sums[1], sums[0], sizeof sums[0]);
    for (size_t i = 0; i < 2; i++) {
        ops[i]->add_tile(sums[i], 32, a, 1, COUNT, b, 16, COUNT);
        ops[i]->add_tile(sums[i] + 16, 32, a + 63 * (COUNT - 1), -63, 2, b + 1, 17, COUNT);
    }
    for (size_t i = 0; i < 2; i++)
        ops[i]->add_scaled(sums[i], a, 0.3f, 40);
    CHECK(memcmp(sums[0], sums[1], sizeof sums[0]) == 0);
    for (size_t i = 0; i < 4 * 64; i++)
        da[i] = out[0][i] = out[1][i] = (double)harness_uniform(-1, 1);
    for (size_t i = 0; i < 64 * 8; i++)
        db[i] = (double)harness_uniform(-1, 1);
    for (size_t i = 0; i < 2; i++)
        ops[i]->subtract_tile(out[i] + 40, 64, da, db, 40);
    CHECK(memcmp(out[0], out[1], sizeof out[0]) == 0);
}

static void compare_columns(void)
{
    static float w[DEPTH], x[2][DEPTH];
    static int8_t q[2][DEPTH];
    double error[2];

    for (float scale = 0.001f; scale < 0.3f; scale *= 1.3f) {
        fill(w, DEPTH, 1);
        error[0] = conv_ops_sse2.round_column(q[0], w, DEPTH, scale);
        error[1] = conv_ops_avx2.round_column(q[1], w, DEPTH, scale);
        CHECKF(error[0] == error[1] && memcmp(q[0], q[1], sizeof q[0]) == 0, "scale %g",
               (double)scale);
        CHECK(conv_ops_avx2.round_column(NULL, w, DEPTH, scale) == error[0]);
    }
    fill(x[0], DEPTH, 9);
    x[0][3] = -0.0f;
    memcpy(x[1], x[0], sizeof x[0]);
    memcpy(w, x[0], sizeof w);
    conv_ops_sse2.gelu(x[0], DEPTH);
    conv_ops_avx2.gelu(x[1], DEPTH);
    CHECK(memcmp(x[0], x[1], sizeof x[0]) == 0);
    for (size_t i = 0; i < DEPTH; i++) {
        double v = (double)w[i], want = 0.5 * v * (1 + erf(v / sqrt(2)));

        CHECKF(fabs((double)x[0][i] - want) < 2e-6, "GELU(%g) is %g", v, (double)x[0][i]);
    }
}

static void compare_searches(void)
{
    enum { QUADS = 64 };
    static int8_t weights[CONV_PAIR_COLS * 4 * QUADS];
    conv_lanes lanes[2];
    uint64_t excess[2];

    for (size_t i = 0; i < sizeof weights; i++)
        weights[i] = (int8_t)harness_uniform(-60, 60);
    for (size_t i = 0; i < 2; i++) {
        xorshift64 random = {UINT64_C(88172645463325252)};

        if (conv_lanes_init(&lanes[i], QUADS) != 0)
            abort();
        conv_lanes_load(&lanes[i], weights);
        excess[i] =
            (i == 0 ? &conv_ops_sse2 : &conv_ops_avx2)->search(&lanes[i], &random, 20000, 12);
    }
    CHECK(excess[0] == excess[1]);
    CHECK(memcmp(lanes[0].order, lanes[1].order, QUADS * sizeof lanes[0].order[0]) == 0);
    conv_lanes_free(&lanes[0]);
    conv_lanes_free(&lanes[1]);
}

static void test_variants(void)
{
    if (!harness_case("SSE2 and AVX2 give the same bits"))
        return;
    if (!has_avx2()) {
        harness_skip("this CPU has no AVX2");
        return;
    }
    compare_tiles();
    compare_columns();
    compare_searches();
}

static void test_product(void)
{
    static float x[ROWS * DEPTH], w[COLS * DEPTH], panels[COLS * DEPTH], bias[COLS];
    static float out[2][ROWS * COLS];

    if (!harness_case("a product is one chain for each element, on 1 and 3 threads"))
        return;
    fill(x, ROWS * DEPTH, 1);
    fill(w, COLS * DEPTH, 1);
    fill(bias, COLS, 1);
    conv_pack_panels(panels, w, COLS, DEPTH);
    for (size_t i = 0; i < 2; i++) {
        conv_machine machine = {conv_ops_best(), i == 0 ? 1 : 3};

        conv_product(&machine, out[i], x, ROWS, panels, bias, COLS, DEPTH);
    }
    CHECK(memcmp(out[0], out[1], sizeof out[0]) == 0);
    for (size_t m = 0; m < ROWS; m++)
        for (size_t n = 0; n < COLS; n++) {
            float sum = bias[n];

            for (size_t k = 0; k < DEPTH; k++)
                sum += x[m * DEPTH + k] * w[n * DEPTH + k];
            CHECKF(sum == out[0][m * COLS + n], "row %zu, column %zu", m, n);
        }
}

static void test_cholesky(void)
{
    static float x[ROWS * DEPTH], sums[2][DEPTH * DEPTH];
    static double a[2][DEPTH * DEPTH], scratch[16 * DEPTH];

    if (!harness_case("squares and their factor, on 1 and 3 threads"))
        return;
    fill(x, ROWS * DEPTH, 1);
    for (size_t i = 0; i < 2; i++) {
        conv_machine machine = {conv_ops_best(), i == 0 ? 1 : 3};

        conv_add_squares(&machine, sums[i], x, ROWS, DEPTH);
        for (size_t r = 0; r < DEPTH; r++)
            for (size_t s = 0; s <= r; s++)
                a[i][r * DEPTH + s] = (double)sums[i][r * DEPTH + s] + (r == s ? 0.5 : 0);
        conv_cholesky(&machine, a[i], DEPTH, 1e-6, scratch);
    }
    for (size_t r = 0; r < DEPTH; r++)
        for (size_t s = 0; s <= r; s++) {
            const float *u = x + r / 16 * 16 * ROWS + r % 16;
            const float *v = x + s / 16 * 16 * ROWS + s % 16;
            float square = 0;
            double product = 0;

            for (size_t t = 0; t < ROWS; t++)
                square += u[t * 16] * v[t * 16];
            for (size_t t = 0; t <= s; t++)
                product += a[0][r * DEPTH + t] * a[0][s * DEPTH + t];
            CHECKF(sums[0][r * DEPTH + s] == square, "row %zu, column %zu", r, s);
            CHECK(sums[1][r * DEPTH + s] == square);
            CHECKF(fabs(product - (double)square - (r == s ? 0.5 : 0)) < 1e-9,
                   "row %zu, column %zu", r, s);
            CHECK(a[0][r * DEPTH + s] == a[1][r * DEPTH + s]);
        }
}

static void count_call(void *user, size_t index, size_t worker)
{
    unsigned char *calls = user;

    calls[index]++;
    CHECK(worker < 5);
}

static void test_parallel(void)
{
    unsigned char calls[COUNT];

    if (!harness_case("each iteration of a loop runs once"))
        return;
    for (size_t threads = 1; threads <= 5; threads++)
        for (size_t count = 0; count <= COUNT; count += 20) {
            memset(calls, 0, sizeof calls);
            conv_parallel(threads, count, count_call, calls);
            for (size_t i = 0; i < COUNT; i++)
                CHECKF(calls[i] == (i < count), "%zu threads, %zu of %zu", threads, i, count);
        }
}

int main(int argc, char **argv)
{
    harness_init("test_conv_ops", argc, argv);
    test_variants();
    test_product();
    test_cholesky();
    test_parallel();
    return harness_finish();
}
