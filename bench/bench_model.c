/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Latency of the whole forward pass by number of tokens, on one thread that is pinned to a CPU or
 * on several that are free to move. With --profile the program also prints each operation's share
 * of the time. With --cold it times passes whose weights no cache holds, and reading those weights
 * alone.
 *
 * The profile costs the product nothing. The encoder calls its kernels through a table, and the
 * profile gives it a table whose functions read the clock around the real ones.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/ceiling.h"
#include "bench/machine.h"
#include "bench/stats.h"
#include "kernels/cpu.h"
#include "kernels/kernels.h"
#include "model/blob.h"
#include "runtime/base/random.h"
#include "runtime/encoder.h"
#include "runtime/pool.h"

#define LEVEL_COMMA(name, NAME, rows) #name ", "
#define LEVEL_NAMES DISTIL_LEVELS(LEVEL_COMMA)

static const char usage[] =
    "usage: bench_model [-m BLOB] [--isa LEVEL] [--texts N] [--threads N] [--profile | --cold]\n"
    "                   [--json] [TOKENS...]\n"
    "Prints the milliseconds of one forward pass, median and minimum, for each number of tokens,\n"
    "and at the end in which pages the weights lay: only with the same do two runs compare.\n"
    "One thread is pinned to a CPU; several threads are free to move.\n"
    "  -m BLOB       the model (build/sst2.distil)\n"
    "  --isa LEVEL   " LEVEL_NAMES "by default the best of this CPU\n"
    "  --texts N     N texts of TOKENS tokens in each pass (1)\n"
    "  --threads N   1 to 256 threads (1)\n"
    "  --profile     also print the share of each operation; with one thread only\n"
    "  --cold        displace the weights from the caches before each pass, and also time reading\n"
    "                them, which is the bound at few tokens; with one thread only\n"
    "  --json        print one JSON object a line\n"
    "The default of TOKENS is 8 16 32 64 128 256 512, and with --cold 1 2 3 4 6 8.\n"
    "example: bench_model --isa avx2 --profile 32 128\n"
    "         bench_model --cold 3 4 8\n";

enum { MAX_SAMPLES = 400, MIN_SAMPLES = 15, COLD_SAMPLES = 60, OPS = 7 };
static const char default_blob[] = "build/sst2.distil";
/* Longest time for one number of tokens, unless MIN_SAMPLES take longer. */
static const double budget_ns = 1.5e9;

static const char *const op_name[OPS] = {"embed",     "layer_norm", "quantize", "qgemm",
                                         "attention", "dense",      "softmax"};

/* ---- profile -------------------------------------------------------------------------------- */

static const distil_kernels *real;
static double spent_ns[OPS];

#define TIMED(op, call)                                                                            \
    do {                                                                                           \
        double start = bench_now_ns();                                                             \
        call;                                                                                      \
        spent_ns[op] += bench_now_ns() - start;                                                    \
    } while (0)

static void timed_embed(float *restrict out, const int8_t *restrict word, float scale,
                        const float *restrict position, size_t dim)
{
    TIMED(0, real->embed(out, word, scale, position, dim));
}

static void timed_layer_norm(float *out, const float *x, const float *residual,
                             const float *restrict gamma, const float *restrict beta, size_t dim,
                             float eps)
{
    TIMED(1, real->layer_norm(out, x, residual, gamma, beta, dim, eps));
}

static void timed_quantize(uint8_t *restrict q, float *restrict scale, int32_t *restrict zero,
                           const float *restrict x, size_t stride, size_t rows, size_t depth)
{
    TIMED(2, real->quantize(q, scale, zero, x, stride, rows, depth));
}

static void timed_qgemm(float *restrict c, size_t c_stride, const distil_qrows *a,
                        const distil_qmatrix *w, size_t begin, size_t end, distil_epilogue epilogue)
{
    TIMED(3, real->qgemm(c, c_stride, a, w, begin, end, epilogue));
}

static void timed_attention(float *restrict out, size_t out_stride, const float *restrict q,
                            const float *restrict k, const float *restrict v, size_t stride,
                            size_t query_rows, size_t rows, size_t head_dim, float scale,
                            void *restrict scratch)
{
    TIMED(4, real->attention(out, out_stride, q, k, v, stride, query_rows, rows, head_dim, scale,
                             scratch));
}

static void timed_dense(float *restrict out, const float *restrict x, const float *restrict w,
                        const float *restrict bias, size_t depth, size_t cols, int relu)
{
    TIMED(5, real->dense(out, x, w, bias, depth, cols, relu));
}

static void timed_softmax(float *x, size_t n)
{
    TIMED(6, real->softmax(x, n));
}

/* ---- runs ----------------------------------------------------------------------------------- */

typedef struct settings {
    const char *blob;
    distil_level level;
    size_t texts, threads;
    int profile, cold, json;
} settings;

typedef struct bench {
    settings settings;
    distil_weights weights;
    void *displacing; /* memory to read between passes with --cold, otherwise NULL */
    size_t displacing_bytes;
    distil_kernels kernels, timed;
    int32_t *ids;
    size_t *lengths;
    float *logits;
} bench;

/* Fills in pseudo-random token ids, which are the same in every run. */
static void fill_ids(bench *b, size_t n)
{
    uint64_t state = 1;

    for (size_t i = 0; i < n; i++)
        b->ids[i] = (int32_t)(splitmix64(&state) % b->weights.vocab_size);
}

static double time_pass(bench *b, const distil_encoder *encoder, distil_scratch *scratch)
{
    double start = bench_now_ns();

    distil_enc_run(encoder, scratch, b->logits, b->ids, b->lengths, b->settings.texts);
    return bench_now_ns() - start;
}

/* Bytes of the layers' matrices and of the classification head's dense weights, which is what a
 * pass of few tokens spends most of its time on reading. They are one range of the blob, because
 * its sections lie in the order in which a pass uses them. */
static size_t weight_bytes(const distil_weights *w)
{
    return (size_t)((const int8_t *)w->dense_bias - w->layers[0].qkv.panels) / 256 * 256;
}

static double time_read(const distil_weights *w)
{
    double start = bench_now_ns();

    bench_read(w->layers[0].qkv.panels, weight_bytes(w));
    return bench_now_ns() - start;
}

static bench_stats measure(bench *b, const distil_encoder *encoder, distil_scratch *scratch)
{
    double samples[MAX_SAMPLES], spent = 0;
    size_t n = 0;

    for (int warm = 0; warm < 3; warm++)
        time_pass(b, encoder, scratch);
    while (n < MAX_SAMPLES && (n < MIN_SAMPLES || spent < budget_ns)) {
        samples[n] = time_pass(b, encoder, scratch);
        spent += samples[n++];
    }
    return bench_summarize(samples, n);
}

/* Times passes and reads of the weights in turn. Before each, reading other memory displaces the
 * weights from the caches. */
static bench_stats measure_cold(bench *b, const distil_encoder *encoder, distil_scratch *scratch,
                                bench_stats *read)
{
    double samples[COLD_SAMPLES], reading[COLD_SAMPLES], spent = 0;
    size_t n = 0;

    while (n < COLD_SAMPLES && (n < MIN_SAMPLES || spent < budget_ns)) {
        bench_read(b->displacing, b->displacing_bytes);
        samples[n] = time_pass(b, encoder, scratch);
        spent += samples[n];
        bench_read(b->displacing, b->displacing_bytes);
        reading[n++] = time_read(&b->weights);
    }
    *read = bench_summarize(reading, n);
    return bench_summarize(samples, n);
}

static void print_profile(const bench *b, size_t tokens)
{
    double total = 0;

    for (int op = 0; op < OPS; op++)
        total += spent_ns[op];
    for (int op = 0; op < OPS; op++) {
        if (b->settings.json)
            printf("{\"bench\":\"share\",\"tokens\":%zu,\"op\":\"%s\",\"share\":%.4f}\n", tokens,
                   op_name[op], spent_ns[op] / total);
        else
            printf("        %-11s %5.1f %%\n", op_name[op], 100 * spent_ns[op] / total);
    }
}

static void print_latency(const bench *b, size_t tokens, bench_stats pass, bench_stats read)
{
    const settings *s = &b->settings;
    bench_pages pages;

    if (s->json)
        printf("{\"bench\":\"model\",\"level\":\"%s\",\"tokens\":%zu,\"texts\":%zu,"
               "\"threads\":%zu,\"weights\":\"%s\",\"median_ms\":%.4f,\"min_ms\":%.4f",
               distil_level_name(s->level), tokens, s->texts, s->threads, s->cold ? "cold" : "warm",
               pass.median * 1e-6, pass.min * 1e-6);
    else
        printf("%6zu %10.3f %10.3f %14.0f", tokens, pass.median * 1e-6, pass.min * 1e-6,
               (double)(tokens * s->texts) / (pass.median * 1e-9));
    if (s->cold && s->json)
        printf(",\"read_bytes\":%zu,\"read_median_ms\":%.4f,\"read_min_ms\":%.4f,"
               "\"read_fraction\":%.4f",
               weight_bytes(&b->weights), read.median * 1e-6, read.min * 1e-6,
               read.median / pass.median);
    else if (s->cold)
        printf(" %10.3f %5.1f%%", read.median * 1e-6, 100 * read.median / pass.median);
    if (s->json && bench_file_pages(&pages, s->blob) == 0)
        printf(",\"touched_bytes\":%zu,\"huge_bytes\":%zu", pages.touched, pages.huge);
    puts(s->json ? "}" : "");
}

static int run(bench *b, size_t tokens)
{
    const settings *s = &b->settings;
    size_t rows = tokens * s->texts;
    distil_encoder encoder = {&b->weights, &b->kernels, NULL, NULL, 0};
    distil_scratch scratch;
    void *memory = aligned_alloc(64, distil_enc_layout(NULL, NULL, &b->weights, rows, s->threads));
    void *pool_memory;
    bench_stats pass, read = {0};

    b->ids = malloc(rows * sizeof *b->ids);
    b->lengths = malloc(s->texts * sizeof *b->lengths);
    b->logits = malloc(rows * b->weights.n_labels * sizeof *b->logits); /* enough for each head */
    pool_memory = aligned_alloc(64, (distil_pool_bytes(s->threads) + 64) / 64 * 64);
    if (!memory || !b->ids || !b->lengths || !b->logits || !pool_memory) {
        fprintf(stderr, "bench_model: out of memory for %zu rows\n", rows);
        return -1;
    }
    distil_enc_layout(&scratch, memory, &b->weights, rows, s->threads);
    if (s->threads > 1) {
        scratch.pool = distil_pool_start(pool_memory, s->threads);
        if (distil_pool_threads(scratch.pool) < s->threads) {
            fprintf(stderr, "bench_model: cannot start %zu threads\n", s->threads);
            return -1;
        }
    }
    fill_ids(b, rows);
    for (size_t t = 0; t < s->texts; t++)
        b->lengths[t] = tokens;
    pass = s->cold ? measure_cold(b, &encoder, &scratch, &read) : measure(b, &encoder, &scratch);
    print_latency(b, tokens, pass, read);
    if (s->profile) {
        memset(spent_ns, 0, sizeof spent_ns);
        encoder.kernels = &b->timed;
        measure(b, &encoder, &scratch);
        print_profile(b, tokens);
    }
    distil_pool_stop(scratch.pool);
    free(pool_memory);
    free(memory);
    free(b->ids);
    free(b->lengths);
    free(b->logits);
    return 0;
}

/* Prints in which pages the weights lay. All of them have been read by then. */
static void print_pages(const settings *s)
{
    bench_pages pages;

    if (!s->json && bench_file_pages(&pages, s->blob) == 0)
        printf("pages: %.1f of the %.1f MB of the model in use are in 2 MB pages\n",
               (double)pages.huge * 1e-6, (double)pages.touched * 1e-6);
}

static int make_displacing(bench *b)
{
    b->displacing = bench_displacing_memory(&b->displacing_bytes);
    if (!b->displacing) {
        fprintf(stderr, "bench_model: no memory for %zu bytes to displace the caches with\n",
                b->displacing_bytes);
        return -1;
    }
    memset(b->displacing, 1, b->displacing_bytes);
    return 0;
}

static int parse_level(distil_level *level, const char *name)
{
    for (int l = 0; l < DISTIL_LEVEL_COUNT; l++)
        if (strcmp(name, distil_level_name((distil_level)l)) == 0) {
            *level = (distil_level)l;
            return 0;
        }
    fprintf(stderr, "bench_model: unknown level '%s'\n", name);
    return -1;
}

/* Parses the options and returns the index of the first TOKENS argument, or -1 after a message. */
static int parse(settings *s, int argc, char **argv)
{
    int i = 1;

    for (; i < argc && argv[i][0] == '-'; i++) {
        if (strcmp(argv[i], "--profile") == 0)
            s->profile = 1;
        else if (strcmp(argv[i], "--cold") == 0)
            s->cold = 1;
        else if (strcmp(argv[i], "--json") == 0)
            s->json = 1;
        else if (strcmp(argv[i], "-m") == 0 && i + 1 < argc)
            s->blob = argv[++i];
        else if (strcmp(argv[i], "--isa") == 0 && i + 1 < argc) {
            if (parse_level(&s->level, argv[++i]) != 0)
                return -1;
        } else if (strcmp(argv[i], "--texts") == 0 && i + 1 < argc && atoi(argv[i + 1]) > 0)
            s->texts = (size_t)atoi(argv[++i]);
        else if (strcmp(argv[i], "--threads") == 0 && i + 1 < argc && atoi(argv[i + 1]) > 0 &&
                 atoi(argv[i + 1]) <= DISTIL_POOL_MAX_THREADS)
            s->threads = (size_t)atoi(argv[++i]);
        else {
            if (strcmp(argv[i], "--help") == 0) {
                fputs(usage, stdout);
                exit(0);
            }
            fputs(usage, stderr);
            return -1;
        }
    }
    if ((s->profile || s->cold) && s->threads > 1) {
        fputs("bench_model: --profile and --cold are for one thread\n", stderr);
        return -1;
    }
    if (s->profile && s->cold) {
        fputs("bench_model: either --profile or --cold\n", stderr);
        return -1;
    }
    return i;
}

/* Returns 1 if each argument is a number of tokens from 1 to `most`. Otherwise prints the first one
 * that is not, and returns 0. */
static int lengths_fit(const char *const *lengths, size_t most)
{
    for (; *lengths != NULL; lengths++) {
        char *end;
        unsigned long tokens = strtoul(*lengths, &end, 10);

        if (*end == '\0' && end != *lengths && tokens >= 1 && tokens <= most)
            continue;
        fprintf(stderr, "bench_model: tokens '%s' not in 1 .. %zu\n", *lengths, most);
        return 0;
    }
    return 1;
}

static void print_blob_error(const char *path, const distil_blob_error *error)
{
    if (error->code == DISTIL_BLOB_FILE_OPEN || error->code == DISTIL_BLOB_FILE_READ)
        fprintf(stderr, "bench_model: %s: %s: %s\n", path, error->what, strerror(error->sys_errno));
    else
        fprintf(stderr, "bench_model: %s: byte %" PRIu64 ": %s\n", path, error->offset,
                error->what);
    if (error->code == DISTIL_BLOB_FILE_OPEN && strcmp(path, default_blob) == 0)
        fputs("  run `make` first, and this from the root of the repository; or -m BLOB\n", stderr);
}

int main(int argc, char **argv)
{
    static const char *const usual[] = {"8", "16", "32", "64", "128", "256", "512", NULL};
    static const char *const usual_cold[] = {"1", "2", "3", "4", "6", "8", NULL};
    const char *const *lengths;
    bench b = {.settings = {.blob = default_blob, .texts = 1, .threads = 1}};
    distil_blob blob;
    distil_blob_error error;
    distil_cpuid cpu;
    const char *missing;
    int first, failed = 0;

    distil_cpuid_read(&cpu);
    b.settings.level = distil_cpuid_best(&cpu, DISTIL_LEVEL_BEST);
    first = parse(&b.settings, argc, argv);
    if (first < 0)
        return 2;
    if (!distil_cpuid_has(&cpu, b.settings.level, &missing)) {
        fprintf(stderr, "bench_model: %s needs %s, which this CPU lacks\n",
                distil_level_name(b.settings.level), missing);
        return 1;
    }
    if (distil_blob_open(&blob, b.settings.blob, DISTIL_BLOB_VERIFY_NONE, &error) !=
        DISTIL_BLOB_OK) {
        print_blob_error(b.settings.blob, &error);
        return 1;
    }
    distil_weights_init(&b.weights, &blob);
    lengths = argv[first] != NULL ? (const char *const *)argv + first
              : b.settings.cold   ? usual_cold
                                  : usual;
    if (!lengths_fit(lengths, b.weights.max_positions))
        return 1;
    distil_kernels_fill(&b.kernels, b.settings.level);
    real = &b.kernels;
    b.timed = (distil_kernels){timed_embed,   timed_layer_norm,    timed_quantize,
                               timed_qgemm,   timed_attention,     timed_dense,
                               timed_softmax, b.kernels.tile_rows, b.kernels.level};
    if (b.settings.threads == 1)
        (void)bench_pin(-1);
    if (b.settings.cold && make_displacing(&b) != 0)
        return 1;
    if (!b.settings.json) {
        printf("%s, level %s, %zu thread%s\n", cpu.brand, distil_level_name(b.settings.level),
               b.settings.threads, b.settings.threads == 1 ? ", pinned" : "s");
        printf("model %s: %zu layers of %zu, feed-forward %zu; %zu text%s a pass\n",
               b.settings.blob, b.weights.n_layers, b.weights.dim, b.weights.hidden_dim,
               b.settings.texts, b.settings.texts == 1 ? "" : "s");
        printf("tokens  median ms     min ms       tokens/s%s\n",
               b.settings.cold ? "    read ms  of it" : "");
    }
    for (; *lengths != NULL && !failed; lengths++)
        failed = run(&b, (size_t)atoi(*lengths)) != 0;
    if (!failed)
        print_pages(&b.settings);
    free(b.displacing);
    distil_blob_close(&blob);
    return failed;
}
