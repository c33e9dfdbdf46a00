/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Checks every kernel variant that this CPU can run. Its results must have the bits of the scalar
 * variant's, on shapes and values that are likely to reveal mistakes, in guarded memory. The scalar
 * variants themselves are compared with a direct evaluation in double precision. A variant that
 * crashes fails its case, and the run continues. Last come one line for each level, which says how
 * many variants are compiled and why none of them ran if so, and the harness's closing line.
 */
#include "kernels/cpu.h"
#include "tests/support/kernel_cases.h"
#include "tests/support/support_naive.h"

#include "kernels/poly.h"

#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { JUNK_REFERENCE = 0x5a, JUNK_VARIANT = 0xff /* floats of these bytes are NaN */ };

static distil_cpuid cpu;

/* The number of test cases that ran at each level. */
static size_t cases_run[DISTIL_LEVEL_COUNT];

/* ---- running a variant that may crash ------------------------------------------------------ */

static sigjmp_buf crash_return;

static void on_crash(int number)
{
    siglongjmp(crash_return, number);
}

static void catch_crashes(void)
{
    static const int numbers[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE};
    struct sigaction action;

    memset(&action, 0, sizeof action);
    action.sa_handler = on_crash;
    sigemptyset(&action.sa_mask);
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
        sigaction(numbers[i], &action, NULL);
}

/* Run the table's function. Return 1 if it returned; if it crashed, fail the case and return 0. */
static int run_guarded(kernel_case *c, const distil_kernels *table)
{
    int number = sigsetjmp(crash_return, 1);

    if (number == 0) {
        kernel_case_run(c, table);
        return 1;
    }
    CHECKF(0, "crashed: %s", strsignal(number));
    return 0;
}

/* ---- comparison ---------------------------------------------------------------------------- */

/* Write the element at `at` as text. */
static void format_element(char *text, size_t bytes, kernel_type type, const unsigned char *at)
{
    float f;
    int32_t i;

    memcpy(&f, at, type == KERNEL_FLOAT ? sizeof f : 0);
    memcpy(&i, at, type == KERNEL_INT32 ? sizeof i : 0);
    if (type == KERNEL_FLOAT)
        snprintf(text, bytes, "%a (%.9g)", (double)f, (double)f);
    else if (type == KERNEL_INT32)
        snprintf(text, bytes, "%d", (int)i);
    else
        snprintf(text, bytes, "%u", *at);
}

/* Compare an output with what the scalar variant wrote, and fail the case at the first element
 * that differs. */
static void compare(const kernel_array *got, const unsigned char *want, size_t index)
{
    size_t bytes = kernel_type_bytes(got->type);

    for (size_t r = 0; r < got->rows; r++) {
        for (size_t n = 0; n < got->cols; n++) {
            size_t at = (r * got->stride + n) * bytes;
            char wanted[64], found[64];

            if (memcmp(got->guard.data + at, want + at, bytes) == 0)
                continue;
            format_element(wanted, sizeof wanted, got->type, want + at);
            format_element(found, sizeof found, got->type, got->guard.data + at);
            CHECKF(0, "output %zu row %zu column %zu: scalar %s, this %s", index, r, n, wanted,
                   found);
            return;
        }
    }
}

static void copy_outputs(const kernel_case *c, unsigned char *copies[KERNEL_MAX_OUTPUTS])
{
    for (size_t i = 0; i < c->outputs; i++) {
        copies[i] = malloc(c->out[i].guard.bytes + 1);
        if (copies[i] == NULL)
            abort();
        memcpy(copies[i], c->out[i].guard.data, c->out[i].guard.bytes);
    }
}

static void check_against_scalar(kernel_case *c, const distil_kernels *table)
{
    unsigned char *want[KERNEL_MAX_OUTPUTS] = {NULL};
    distil_kernels scalar;

    distil_kernels_fill(&scalar, DISTIL_LEVEL_SCALAR);
    kernel_case_prepare(c, JUNK_REFERENCE);
    kernel_case_run(c, &scalar);
    copy_outputs(c, want);
    kernel_case_prepare(c, JUNK_VARIANT);
    if (run_guarded(c, table)) {
        for (size_t i = 0; i < c->outputs; i++)
            compare(&c->out[i], want[i], i);
        CHECKF(kernel_case_intact(c, JUNK_VARIANT), "wrote outside its outputs");
    }
    for (size_t i = 0; i < c->outputs; i++)
        free(want[i]);
}

static void check_against_naive(kernel_case *c, const distil_kernels *table)
{
    size_t at;
    double ratio;

    kernel_case_prepare(c, JUNK_VARIANT);
    if (!run_guarded(c, table))
        return;
    CHECKF(kernel_case_intact(c, JUNK_VARIANT), "wrote outside its outputs");
    ratio = naive_error(c, &at);
    CHECKF(ratio <= 1.0, "error %.3g times the tolerance at %zu", ratio, at);
}

static void check_case(const kernel_variant *variant, const kernel_shape *shape, kernel_fill fill,
                       int at_end)
{
    kernel_shape actual = *shape;
    distil_kernels table;
    kernel_case c;

    if (!harness_case("%s/%s/%s/%s/%s", kernel_op_name(variant->op), variant->level_name,
                      kernel_shape_text(variant->op, shape), kernel_fill_name(fill),
                      at_end ? "end" : "start"))
        return;
    cases_run[variant->level]++;
    distil_kernels_fill(&table, DISTIL_LEVEL_SCALAR);
    variant->select(&table);
    if (variant->op == KERNEL_OP_qgemm && actual.tile_rows == 0) {
        distil_kernels own;

        distil_kernels_fill(&own, variant->level);
        actual.tile_rows = own.tile_rows;
    }
    kernel_case_make(&c, variant->op, &actual, fill, at_end);
    if (variant->level == DISTIL_LEVEL_SCALAR)
        check_against_naive(&c, &table);
    else
        check_against_scalar(&c, &table);
    kernel_case_free(&c);
}

/* Run a shape with every fill. The random fill runs twice: with the arrays right after an
 * unmapped page and right before one. */
static void check_all_fills(const kernel_variant *variant, const kernel_shape *shape)
{
    int count = variant->op == KERNEL_OP_attention ? KERNEL_FILL_COUNT : KERNEL_FILL_COMMON;

    check_case(variant, shape, KERNEL_FILL_RANDOM, 0);
    for (int fill = 0; fill < count; fill++)
        check_case(variant, shape, (kernel_fill)fill, 1);
}

/* Run a large shape with random values and with those at the limits only. */
static void check_two_fills(const kernel_variant *variant, const kernel_shape *shape)
{
    check_case(variant, shape, KERNEL_FILL_RANDOM, 1);
    check_case(variant, shape, KERNEL_FILL_LIMIT, 0);
}

/* ---- shapes of each operation -------------------------------------------------------------- */

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

static void check_embed(const kernel_variant *variant)
{
    static const size_t dims[] = {32, 64, 96, 384, 768};

    for (size_t i = 0; i < COUNT(dims); i++)
        check_all_fills(variant, &(kernel_shape){.cols = dims[i]});
}

static void check_layer_norm(const kernel_variant *variant)
{
    static const size_t dims[] = {32, 64, 96, 384, 768, 1024};

    for (size_t i = 0; i < COUNT(dims); i++)
        for (int flag = 0; flag < 3; flag++)
            check_all_fills(variant, &(kernel_shape){.cols = dims[i], .flag = flag});
}

static void check_quantize(const kernel_variant *variant)
{
    static const size_t depths[] = {32, 64, 96, 384};

    for (size_t rows = 1; rows <= DISTIL_MAX_TILE_ROWS; rows++)
        for (size_t i = 0; i < COUNT(depths); i++)
            check_all_fills(variant,
                            &(kernel_shape){.rows = rows, .depth = depths[i], .gap = rows % 3 * 5});
    for (size_t depth = 768; depth <= 3072; depth *= 2)
        check_two_fills(variant, &(kernel_shape){.rows = 3, .depth = depth});
}

static void check_qgemm(const kernel_variant *variant)
{
    static const size_t sides[][2] = {{32, 32}, {64, 96}, {96, 64}};
    static const size_t real[][2] = {{384, 1152}, {384, 384}, {384, 1536}, {1536, 384},
                                     {768, 2304}, {768, 768}, {768, 3072}, {3072, 768}};
    static const size_t real_rows[] = {1, 4, 13};

    for (size_t rows = 0; rows <= 2 * DISTIL_MAX_TILE_ROWS + 1; rows += rows < 18 ? 1 : 5) {
        for (size_t i = 0; i < COUNT(sides); i++) {
            kernel_shape shape = {.rows = rows, .depth = sides[i][0], .cols = sides[i][1]};

            shape.gap = rows % 2 * 3;
            for (shape.flag = 0; shape.flag < 2; shape.flag++)
                for (shape.group = 4; shape.group > 0; shape.group /= 2)
                    check_all_fills(variant, &shape);
        }
    }
    for (size_t i = 0; i < COUNT(real); i++) {
        for (size_t r = 0; r < COUNT(real_rows); r++) {
            kernel_shape shape = {.rows = real_rows[r], .depth = real[i][0], .cols = real[i][1]};

            shape.flag = real[i][1] > real[i][0];
            check_two_fills(variant, &shape);
        }
    }
    /* The activations exceed a block (see BLOCK_BYTES), so the product goes over the weights
     * twice. */
    check_two_fills(variant, &(kernel_shape){.rows = 203, .depth = 3072, .cols = 64, .gap = 3});
    /* This is the deepest matrix that is allowed. Its sums are within a factor of 4 of int32. */
    check_two_fills(variant, &(kernel_shape){.rows = 3, .depth = 16384, .cols = 32, .group = 1});
}

static void check_attention(const kernel_variant *variant)
{
    static const size_t rows[] = {1,  2,  3,  4,  5,  6,  7,  8,  9,  11, 12,
                                  13, 15, 16, 17, 25, 31, 32, 33, 49, 64};

    for (size_t i = 0; i < COUNT(rows); i++) {
        kernel_shape shape = {.rows = rows[i], .queries = rows[i]};

        shape.gap = i % 2 * 32;
        for (shape.depth = 32; shape.depth <= 64; shape.depth *= 2)
            check_all_fills(variant, &shape);
        shape.depth = 64;
        shape.queries = 1;
        check_all_fills(variant, &shape);
    }
    for (size_t n = 127; n <= 512; n = n < 511 ? n * 2 + 1 : n + 1) {
        kernel_shape shape = {.rows = n, .depth = 64, .queries = 7, .gap = 3 * 768 - 64};

        check_two_fills(variant, &shape);
        check_case(variant, &shape, KERNEL_FILL_EQUAL, 1);
        check_case(variant, &shape, KERNEL_FILL_OPPOSED, 0);
    }
    check_case(variant, &(kernel_shape){.rows = 512, .depth = 64, .queries = 512},
               KERNEL_FILL_RANDOM, 1);
    check_two_fills(variant, &(kernel_shape){.rows = 512, .depth = 32, .queries = 12});
}

static void check_dense(const kernel_variant *variant)
{
    static const size_t depths[] = {1, 2, 3, 4, 5, 7, 32, 384};
    static const size_t cols[] = {16, 32, 48, 384};

    for (size_t i = 0; i < COUNT(depths); i++)
        for (size_t j = 0; j < COUNT(cols); j++)
            for (int relu = 0; relu < 2; relu++)
                check_all_fills(variant,
                                &(kernel_shape){.depth = depths[i], .cols = cols[j], .flag = relu});
    check_two_fills(variant, &(kernel_shape){.depth = 768, .cols = 768, .flag = 1});
}

static void check_softmax(const kernel_variant *variant)
{
    for (size_t n = 1; n <= 40; n++)
        check_all_fills(variant, &(kernel_shape){.rows = n});
    check_all_fills(variant, &(kernel_shape){.rows = 1000});
}

static void check_variant(const kernel_variant *variant)
{
    static void (*const checks[KERNEL_OP_COUNT])(const kernel_variant *) = {
#define OP(op) check_##op,
        DISTIL_OPS(OP)
#undef OP
    };
    const char *missing = NULL;

    if (distil_cpuid_has(&cpu, variant->level, &missing)) {
        checks[variant->op](variant);
    } else if (harness_case("%s/%s", kernel_op_name(variant->op), variant->level_name)) {
        char reason[128];

        snprintf(reason, sizeof reason, "this CPU lacks %s", missing);
        harness_skip(reason);
    }
}

/* ---- the polynomials ----------------------------------------------------------------------- */

/* GELU of every 4099th float. 4099 is prime, so all exponents and all patterns of low bits
 * occur. */
static void check_gelu_error(void)
{
    double worst = 0.0;
    float at = 0.0f;

    if (!harness_case("gelu error"))
        return;
    for (uint64_t bits = 0; bits <= UINT32_MAX; bits += 4099) {
        uint32_t pattern = (uint32_t)bits;
        float x;
        double error;

        memcpy(&x, &pattern, sizeof x);
        if (!isfinite(x))
            continue;
        error = fabs((double)distil_gelu(x) - naive_gelu((double)x));
        if (!(error <= worst)) {
            worst = error;
            at = x;
        }
    }
    CHECKF(worst <= NAIVE_GELU_ERROR, "GELU errs by %.3g at %a", worst, (double)at);
    CHECK(distil_gelu(0.0f) == 0.0f);
    CHECK(distil_gelu(3e38f) == 3e38f);
    CHECK(distil_gelu(-3e38f) == distil_gelu(-DISTIL_GELU_CLAMP));
}

/* exp of every 1021st negative float. */
static void check_exp_error(void)
{
    double worst = 0.0;
    float at = 0.0f;

    if (!harness_case("exp error"))
        return;
    for (uint64_t bits = UINT32_C(0x80000000); bits <= UINT32_C(0xff7fffff); bits += 1021) {
        uint32_t pattern = (uint32_t)bits;
        double want, error;
        float x;

        memcpy(&x, &pattern, sizeof x);
        want = exp((double)(x > DISTIL_EXP_MIN ? x : DISTIL_EXP_MIN));
        error = fabs((double)distil_exp_neg(x) - want) / want;
        if (!(error <= worst)) {
            worst = error;
            at = x;
        }
    }
    CHECKF(worst <= 3e-7, "exp errs by %.3g relatively at %a", worst, (double)at);
    CHECK(distil_exp_neg(0.0f) == 1.0f);
    CHECK(distil_exp_neg(-0.0f) == 1.0f);
    CHECK(isnormal(distil_exp_neg(-3e38f)));
}

/* The weights of every 61st negative float, in descending order. No weight may exceed the one
 * before it. */
static void check_weight_error(void)
{
    double worst = 0.0;
    float at = 0.0f;
    int32_t last = DISTIL_WEIGHT_MAX;
    uint32_t falls = 0;

    if (!harness_case("exp2 weight error"))
        return;
    for (uint64_t bits = UINT32_C(0x80000000); bits <= UINT32_C(0xff7fffff); bits += 61) {
        uint32_t pattern = (uint32_t)bits;
        double want, excess;
        float y;
        int32_t weight;

        memcpy(&y, &pattern, sizeof y);
        weight = distil_exp2_weight(y);
        falls += weight <= last && weight >= 0;
        want = (double)DISTIL_WEIGHT_MAX * exp2((double)y);
        excess = fabs((double)weight - want) - 0.5 - 1.1e-4 * want;
        if (!(excess <= worst)) {
            worst = excess;
            at = y;
        }
        last = weight;
    }
    CHECKF(worst <= 0.0, "a weight errs by %.3g more than it may at %a", worst, (double)at);
    CHECK(falls == (UINT32_C(0xff7fffff) - UINT32_C(0x80000000)) / 61 + 1);
    CHECK(distil_exp2_weight(0.0f) == DISTIL_WEIGHT_MAX);
    CHECK(distil_exp2_weight(-0.0f) == DISTIL_WEIGHT_MAX);
    CHECK(distil_exp2_weight(-3e38f) == 0);
}

/* Print for each level how many variants are compiled, how many cases ran, and if none did, whether
 * the CPU or --filter excludes them. Prints nothing if no case ran at all, as with --list. */
static void print_levels(void)
{
    size_t compiled[DISTIL_LEVEL_COUNT] = {0}, total = 0;

    for (size_t i = 0; i < kernel_variant_count; i++)
        compiled[kernel_variants[i].level]++;
    for (int level = 0; level < DISTIL_LEVEL_COUNT; level++)
        total += cases_run[level];
    for (int level = 0; level < DISTIL_LEVEL_COUNT && total > 0; level++) {
        const char *missing = NULL;

        printf("level %s: %zu variants compiled, ", distil_level_name((distil_level)level),
               compiled[level]);
        if (!distil_cpuid_has(&cpu, (distil_level)level, &missing))
            printf("not supported: this CPU lacks %s\n", missing);
        else if (cases_run[level] == 0)
            printf("supported, excluded by --filter\n");
        else
            printf("supported, %zu cases run\n", cases_run[level]);
    }
}

int main(int argc, char **argv)
{
    harness_init("check_kernels", argc, argv);
    distil_cpuid_read(&cpu);
    catch_crashes();
    check_gelu_error();
    check_exp_error();
    check_weight_error();
    for (size_t i = 0; i < kernel_variant_count; i++)
        check_variant(&kernel_variants[i]);
    print_levels();
    return harness_finish();
}
