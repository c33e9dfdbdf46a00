/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Times every kernel variant that this CPU runs, on the shapes of real models, and beside it the
 * ceiling of its instruction mix (ceiling.h).
 *
 * The program first compares a variant with the scalar one on the operands that it will time, and
 * does not time it if any bit differs. Samples of the kernel and of the ceiling alternate on one
 * pinned CPU, so that clock changes and other programs affect both. It prints the median and the
 * minimum.
 */
#include "kernels/cpu.h"
#include "bench/ceiling.h"
#include "bench/machine.h"
#include "bench/stats.h"
#include "tests/support/kernel_cases.h"

#include <errno.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char usage[] =
    "usage: bench_kernels [--filter WILDCARD] [--json] [--no-cold] [--seconds S] [--cpu N]\n"
    "Times every kernel variant that this CPU runs, on real shapes, beside its ceiling.\n"
    "  --filter WILDCARD  only names that match, such as 'qgemm/avx2/base qkv 16x768x2304 g4';\n"
    "                     names stand in the first column, g4 is the lane group\n"
    "  --json             one JSON object a line instead of the table\n"
    "  --no-cold          leave out weights from memory\n"
    "  --seconds S        time for each measurement (default 0.15)\n"
    "  --cpu N            CPU to run on (default: the last one allowed)\n"
    "bench/README.md says what the columns mean. Exit status 1: a variant differs from scalar, or\n"
    "nothing that this CPU runs matches.\n"
    "example: bench_kernels --no-cold --filter 'qgemm/avx2/base*g4*'\n";

enum { MAX_SAMPLES = 201, MIN_SAMPLES = 5, SCALAR_MAX_ROWS = 32 };

static const double sample_ns = 200e3; /* A sample of a kernel repeats the call for this time. */
static const double probe_ns = 50e3;   /* A sample of a ceiling runs for this time. */
/* The least number of bytes that one timed sample of memory reading covers. */
static const double read_bytes = 1e6;

typedef struct bench {
    const char *filter;
    int json, cold;
    int counting; /* 1 while matching lines are counted in `matches` instead of timed */
    size_t matches;
    double seconds;
    distil_cpuid cpu;
    int8_t *ring; /* copies of weights, larger than the last-level cache; NULL with --no-cold */
    size_t ring_bytes;
    int failures;
} bench;

typedef struct measurement {
    bench_stats kernel; /* ns of one call */
    bench_stats probe;  /* ns of one multiply-add of the ceiling; 0 if there is none */
    bench_stats read;   /* ns of reading the weights of one call; 0 except for qgemm */
} measurement;

/* ---- sampling ------------------------------------------------------------------------------ */

/* Let the case use the copy of the weights with the index *at, and move *at to the next copy. */
static void next_weights(const bench *b, kernel_case *c, size_t *at)
{
    size_t bytes = c->w.depth * c->w.cols;

    if ((*at + 1) * bytes > b->ring_bytes)
        *at = 0;
    c->w.panels = b->ring + *at * bytes;
    *at += 1;
}

/* The mean time of one call in ns. If `at` is not NULL, each call uses other weights of the
 * ring. */
static double time_calls(const bench *b, kernel_case *c, const distil_kernels *table, size_t calls,
                         size_t *at)
{
    double start = bench_thread_ns();

    for (size_t i = 0; i < calls; i++) {
        if (at != NULL)
            next_weights(b, c, at);
        kernel_case_run(c, table);
    }
    return (bench_thread_ns() - start) / (double)calls;
}

/* The time of one multiply-add of the ceiling in ns. */
static double time_probe(const bench_ceiling *ceiling)
{
    size_t rounds = (size_t)(probe_ns * 60.0 / ceiling->macs) + 1;
    double start = bench_thread_ns();

    ceiling->run(rounds);
    return (bench_thread_ns() - start) / ((double)rounds * ceiling->macs);
}

/* The time of reading the weights of one call in ns. If `at` is not NULL, these are the next
 * weights of the ring, otherwise always the same. */
static double time_read(const bench *b, kernel_case *c, size_t *at)
{
    size_t bytes = c->w.depth * c->w.cols;
    size_t scans = (size_t)(read_bytes / (double)bytes) + 1;
    double start = bench_thread_ns();

    for (size_t i = 0; i < scans; i++) {
        if (at != NULL)
            next_weights(b, c, at);
        bench_read(c->w.panels, bytes);
    }
    return (bench_thread_ns() - start) / (double)scans;
}

static measurement measure(const bench *b, kernel_case *c, const distil_kernels *table,
                           const bench_ceiling *ceiling, int cold)
{
    double kernel[MAX_SAMPLES], probe[MAX_SAMPLES], read[MAX_SAMPLES];
    size_t position = 0;
    size_t *at = cold ? &position : NULL;
    double once = time_calls(b, c, table, 1, at);
    size_t calls = (size_t)(sample_ns / once) + 1;
    double stop = bench_now_ns() + b->seconds * 1e9;
    measurement result = {{0.0, 0.0}, {0.0, 0.0}, {0.0, 0.0}};
    size_t n = 0;

    while (n < MAX_SAMPLES && (n < MIN_SAMPLES || bench_now_ns() < stop)) {
        kernel[n] = time_calls(b, c, table, calls, at);
        if (ceiling != NULL)
            probe[n] = time_probe(ceiling);
        if (c->op == KERNEL_OP_qgemm)
            read[n] = time_read(b, c, at);
        n++;
    }
    result.kernel = bench_summarize(kernel, n);
    if (ceiling != NULL)
        result.probe = bench_summarize(probe, n);
    if (c->op == KERNEL_OP_qgemm)
        result.read = bench_summarize(read, n);
    return result;
}

/* ---- check before timing ------------------------------------------------------------------- */

/* Compare the variant with the scalar one. Return the time of the scalar call in ns, or a
 * negative number if any bit differs. */
static double check_and_time_scalar(const bench *b, kernel_case *c, const distil_kernels *table)
{
    unsigned char *want[KERNEL_MAX_OUTPUTS];
    distil_kernels scalar;
    double ns;

    distil_kernels_fill(&scalar, DISTIL_LEVEL_SCALAR);
    kernel_case_prepare(c, 0);
    ns = time_calls(b, c, &scalar, 1, NULL);
    for (size_t i = 0; i < c->outputs; i++) {
        want[i] = malloc(c->out[i].guard.bytes + 1);
        if (want[i] == NULL)
            abort();
        memcpy(want[i], c->out[i].guard.data, c->out[i].guard.bytes);
    }
    kernel_case_prepare(c, 0);
    kernel_case_run(c, table);
    for (size_t i = 0; i < c->outputs; i++) {
        if (memcmp(want[i], c->out[i].guard.data, c->out[i].guard.bytes) != 0)
            ns = -1.0;
        free(want[i]);
    }
    return ns;
}

/* ---- output -------------------------------------------------------------------------------- */

/* One line of the output. */
typedef struct subject {
    const kernel_variant *variant;
    kernel_shape shape;
    const char *model; /* the model and the layer, such as "base qkv" */
    double work;       /* the multiply-adds or elements of one call */
    const bench_ceiling *ceiling;
} subject;

/* The rate in 10^9 multiply-adds or elements a second, of a call that takes `ns`. */
static double rate(const subject *s, double ns)
{
    return s->work / ns;
}

/* The kernel's rate as a fraction of the ceiling's; 0 without a ceiling. */
static double fraction(const subject *s, const measurement *m)
{
    return s->ceiling == NULL ? 0.0 : m->probe.median * rate(s, m->kernel.median);
}

/* The kernel's rate as a fraction of the rate of reading its weights. */
static double read_fraction(const measurement *m)
{
    return m->read.median / m->kernel.median;
}

/* The rate of reading the weights in GB/s. */
static double read_rate(const subject *s, const measurement *m)
{
    return (double)(s->shape.depth * s->shape.cols) / m->read.median;
}

static void print_table_line(const bench *b, const char *name, const subject *s,
                             const measurement *warm, const measurement *cold, double scalar_ns)
{
    printf("%-44s %10.2f %10.2f %8.2f", name, warm->kernel.median / 1e3, warm->kernel.min / 1e3,
           rate(s, warm->kernel.median));
    if (s->ceiling != NULL)
        printf(" %8.1f %5.1f%%", 1.0 / warm->probe.median, 100.0 * fraction(s, warm));
    else
        printf(" %8s %6s", "", "");
    if (cold != NULL && s->ceiling != NULL)
        printf(" %8.2f %5.1f%% %6.1f %5.1f%%", rate(s, cold->kernel.median),
               100.0 * fraction(s, cold), read_rate(s, cold), 100.0 * read_fraction(cold));
    else if (cold != NULL)
        printf(" %8.2f %6s %6.1f %5.1f%%", rate(s, cold->kernel.median), "", read_rate(s, cold),
               100.0 * read_fraction(cold));
    else if (b->ring != NULL)
        printf(" %8s %6s %6s %6s", "", "", "", "");
    printf(" %7.1f\n", scalar_ns / warm->kernel.median);
    fflush(stdout);
}

static void print_json_line(const bench *b, const subject *s, const measurement *m, int cold,
                            double scalar_ns)
{
    const kernel_shape *shape = &s->shape;

    printf("{\"bench\":\"kernels\",\"op\":\"%s\",\"level\":\"%s\",\"model\":\"%s\",\"rows\":%zu,"
           "\"depth\":%zu,\"cols\":%zu,\"weights\":\"%s\",\"median_ns\":%.1f,\"min_ns\":%.1f,"
           "\"giga_per_second\":%.3f,\"best_giga_per_second\":%.3f",
           kernel_op_name(s->variant->op), s->variant->level_name, s->model, shape->rows,
           shape->depth, shape->cols, cold ? "cold" : "warm", m->kernel.median, m->kernel.min,
           rate(s, m->kernel.median), rate(s, m->kernel.min));
    if (s->ceiling != NULL)
        printf(",\"ceiling\":\"%s\",\"ceiling_giga_per_second\":%.3f,\"fraction\":%.4f",
               s->ceiling->mix, 1.0 / m->probe.median, fraction(s, m));
    if (s->variant->op == KERNEL_OP_qgemm)
        printf(",\"read_gigabytes_per_second\":%.2f,\"read_fraction\":%.4f", read_rate(s, m),
               read_fraction(m));
    printf(",\"times_scalar\":%.2f,\"cpu\":\"%s\"}\n", scalar_ns / m->kernel.median, b->cpu.brand);
    fflush(stdout);
}

static void bench_subject(bench *b, const subject *s)
{
    char name[128];
    distil_kernels table;
    kernel_case c;
    measurement warm, cold;
    int with_cold = b->ring != NULL && s->variant->op == KERNEL_OP_qgemm;
    double scalar_ns;

    snprintf(name, sizeof name, "%s/%s/%s %s", kernel_op_name(s->variant->op),
             s->variant->level_name, s->model, kernel_shape_text(s->variant->op, &s->shape));
    if (b->filter != NULL && fnmatch(b->filter, name, 0) != 0)
        return;
    if (b->counting) {
        b->matches++;
        return;
    }
    distil_kernels_fill(&table, DISTIL_LEVEL_SCALAR);
    s->variant->select(&table);
    kernel_case_make(&c, s->variant->op, &s->shape, KERNEL_FILL_RANDOM, 1);
    scalar_ns = check_and_time_scalar(b, &c, &table);
    if (scalar_ns < 0.0) {
        fprintf(stderr, "%s: differs from scalar, not timed; run check_kernels\n", name);
        b->failures++;
        kernel_case_free(&c);
        return;
    }
    warm = measure(b, &c, &table, s->ceiling, 0);
    if (with_cold)
        cold = measure(b, &c, &table, s->ceiling, 1);
    if (b->json) {
        print_json_line(b, s, &warm, 0, scalar_ns);
        if (with_cold)
            print_json_line(b, s, &cold, 1, scalar_ns);
    } else {
        print_table_line(b, name, s, &warm, with_cold ? &cold : NULL, scalar_ns);
    }
    kernel_case_free(&c);
}

/* ---- subjects ------------------------------------------------------------------------------ */

typedef struct model_shape {
    const char *model;
    size_t dim, hidden, head_dim;
} model_shape;

typedef struct gemm_shape {
    const char *model;
    size_t depth, cols;
    int epilogue;
} gemm_shape;

static const model_shape models[] = {
#define SHAPE_MODEL(model, dim, hidden, heads, head_dim) {#model, dim, hidden, head_dim},
#include "bench/shapes.inc"
};
static const gemm_shape gemms[] = {
#define SHAPE_GEMM(model, layer, depth, cols, epilogue) {#model " " #layer, depth, cols, epilogue},
#include "bench/shapes.inc"
};
static const size_t row_counts[] = {
#define SHAPE_ROWS(rows) rows,
#include "bench/shapes.inc"
};

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

static int too_slow(const kernel_variant *variant, size_t rows)
{
    return variant->level == DISTIL_LEVEL_SCALAR && rows > SCALAR_MAX_ROWS;
}

static void bench_gemm(bench *b, const kernel_variant *variant, const gemm_shape *g, size_t rows,
                       size_t group)
{
    subject s = {variant, {0}, g->model, 0.0, bench_qgemm_ceiling(variant->level, group)};
    distil_kernels own;

    distil_kernels_fill(&own, variant->level);
    s.shape = (kernel_shape){.rows = rows,
                             .depth = g->depth,
                             .cols = g->cols,
                             .tile_rows = own.tile_rows,
                             .group = group,
                             .flag = g->epilogue};
    s.work = (double)rows * (double)g->depth * (double)g->cols;
    bench_subject(b, &s);
}

/* Time the lane group 4, which nearly all panels have. On the levels whose arithmetic depends on
 * the lane group, time the groups 2 and 1 as well, at one number of rows. */
static void bench_gemms(bench *b, const kernel_variant *variant)
{
    int group_matters =
        variant->level == DISTIL_LEVEL_AVX2 || variant->level == DISTIL_LEVEL_AVX512;

    for (size_t i = 0; i < COUNT(gemms); i++) {
        for (size_t r = 0; r < COUNT(row_counts) && !too_slow(variant, row_counts[r]); r++) {
            bench_gemm(b, variant, &gemms[i], row_counts[r], 4);
            if (group_matters && row_counts[r] == 32) {
                bench_gemm(b, variant, &gemms[i], row_counts[r], 2);
                bench_gemm(b, variant, &gemms[i], row_counts[r], 1);
            }
        }
    }
}

/* Time all queries of one head of one text. The rows of Q, K and V are as far apart as in the
 * encoder. */
static void bench_attention(bench *b, const kernel_variant *variant, const model_shape *m)
{
    for (size_t r = 0; r < COUNT(row_counts) && !too_slow(variant, row_counts[r]); r++) {
        size_t rows = row_counts[r];
        subject s = {variant, {0}, m->model, 0.0, bench_attention_ceiling(variant->level)};

        s.shape = (kernel_shape){
            .rows = rows, .depth = m->head_dim, .queries = rows, .gap = 3 * m->dim - m->head_dim};
        s.work = 2.0 * (double)rows * (double)rows * (double)m->head_dim;
        bench_subject(b, &s);
    }
}

static void bench_rows(bench *b, const kernel_variant *variant, const model_shape *m)
{
    distil_kernels own;
    subject s = {variant, {0}, m->model, (double)m->dim, NULL};

    distil_kernels_fill(&own, variant->level);
    switch (variant->op) {
    case KERNEL_OP_quantize:
        s.shape = (kernel_shape){.rows = own.tile_rows, .depth = m->dim};
        s.work = (double)(own.tile_rows * m->dim);
        bench_subject(b, &s);
        s.shape.depth = m->hidden;
        s.work = (double)(own.tile_rows * m->hidden);
        break;
    case KERNEL_OP_dense:
        s.shape = (kernel_shape){.depth = m->dim, .cols = m->dim, .flag = 1};
        s.work = (double)(m->dim * m->dim);
        break;
    case KERNEL_OP_softmax:
        s.shape = (kernel_shape){.rows = 2};
        s.work = 2.0;
        break;
    default:
        s.shape = (kernel_shape){.cols = m->dim, .flag = 1};
        break;
    }
    bench_subject(b, &s);
}

static void bench_variant(bench *b, const kernel_variant *variant)
{
    if (variant->op == KERNEL_OP_qgemm) {
        bench_gemms(b, variant);
        return;
    }
    for (size_t i = 0; i < COUNT(models); i++) {
        if (variant->op == KERNEL_OP_attention)
            bench_attention(b, variant, &models[i]);
        else
            bench_rows(b, variant, &models[i]);
    }
}

/* The number of lines of a variant that match the filter, whether or not this CPU runs it. */
static size_t count_matches(bench *b, const kernel_variant *variant)
{
    b->counting = 1;
    b->matches = 0;
    bench_variant(b, variant);
    b->counting = 0;
    return b->matches;
}

/* ---- setting up ---------------------------------------------------------------------------- */

/* Allocate and fill the ring of weights. The values are so small that they are valid for every lane
 * group. */
static void make_ring(bench *b)
{
    b->ring = bench_displacing_memory(&b->ring_bytes);
    if (b->ring == NULL) {
        fprintf(stderr,
                "bench_kernels: no memory for %zu bytes of weights: nothing is timed cold\n",
                b->ring_bytes);
        return;
    }
    for (size_t i = 0; i < b->ring_bytes; i++)
        b->ring[i] = (int8_t)((int)(i * 2654435761u >> 24 & 31) - 15);
}

static double parse_number(const char *option, const char *text)
{
    char *end = NULL;
    double value = 0.0;

    errno = 0;
    if (text != NULL)
        value = strtod(text, &end);
    if (text == NULL || end == text || *end != '\0' || errno != 0 || value < 0.0) {
        fprintf(stderr, "bench_kernels: %s needs a number\n%s", option, usage);
        exit(2);
    }
    return value;
}

static void parse_options(bench *b, int *cpu, int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--help") == 0) {
            fputs(usage, stdout);
            exit(0);
        } else if (strcmp(argv[i], "--json") == 0) {
            b->json = 1;
        } else if (strcmp(argv[i], "--no-cold") == 0) {
            b->cold = 0;
        } else if (strcmp(argv[i], "--filter") == 0 && i + 1 < argc) {
            b->filter = argv[++i];
        } else if (strcmp(argv[i], "--seconds") == 0) {
            b->seconds = parse_number("--seconds", argv[++i]);
        } else if (strcmp(argv[i], "--cpu") == 0) {
            *cpu = (int)parse_number("--cpu", argv[++i]);
        } else {
            fprintf(stderr, "bench_kernels: unknown or incomplete '%s'\n%s", argv[i], usage);
            exit(2);
        }
    }
}

static void print_head(const bench *b, int cpu)
{
    printf("%s, CPU %d, best level %s; rates are 10^9 multiply-adds (qgemm, attention, dense)\n"
           "or elements a second by the median",
           b->cpu.brand, cpu, distil_level_name(distil_cpuid_best(&b->cpu, DISTIL_LEVEL_BEST)));
    if (b->ring != NULL)
        printf("; cold: weights from %zu MB of memory; read: GB/s\n"
               "of reading those weights alone",
               b->ring_bytes / 1000000);
    printf("\n\n%-44s %10s %10s %8s %8s %6s", "kernel/level/shape", "median us", "min us", "rate",
           "ceiling", "of it");
    if (b->ring != NULL)
        printf(" %8s %6s %6s %6s", "cold", "of it", "read", "of it");
    printf(" %7s\n", "xscalar");
}

int main(int argc, char **argv)
{
    bench b = {.cold = 1, .seconds = 0.15};
    size_t matches = 0, runnable = 0, products = 0;
    const char *missing = NULL;
    int cpu = -1;

    parse_options(&b, &cpu, argc, argv);
    harness_reseed(0);
    distil_cpuid_read(&b.cpu);
    for (size_t i = 0; i < kernel_variant_count; i++) {
        const kernel_variant *variant = &kernel_variants[i];
        size_t count = count_matches(&b, variant);

        matches += count;
        if (count > 0 && !distil_cpuid_has(&b.cpu, variant->level, &missing)) {
            fprintf(stderr, "%s/%s: skipped, this CPU lacks %s\n", kernel_op_name(variant->op),
                    variant->level_name, missing);
            continue;
        }
        runnable += count;
        products += variant->op == KERNEL_OP_qgemm ? count : 0;
    }
    if (matches == 0) {
        fprintf(stderr,
                "bench_kernels: no name matches '%s'; names are like "
                "'qgemm/avx2/base ffn1 16x768x3072 g4 gelu'\n",
                b.filter);
        return 1;
    }
    if (runnable == 0)
        return 1;
    cpu = bench_pin(cpu);
    if (b.cold && products > 0)
        make_ring(&b);
    if (!b.json)
        print_head(&b, cpu);
    for (size_t i = 0; i < kernel_variant_count; i++)
        if (distil_cpuid_has(&b.cpu, kernel_variants[i].level, &missing))
            bench_variant(&b, &kernel_variants[i]);
    free(b.ring);
    return b.failures == 0 ? 0 : 1;
}
