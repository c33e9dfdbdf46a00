/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Figures of classifications within this process, beside what the host can do at its best.
 *
 * The reference of `latency` is the time that the int8 products of the pass would take at the rate
 * of the level's own instructions on registers. The reference of `stream` is the time of reading
 * the layers' weights once. Both references are measured in turn with the pass.
 *
 * A pass of T tokens has T (4 d d + 2 d h) multiply-adds in each layer of width d and feed-forward
 * width h. The last layer has T 2 d d + 2 d d + 2 d h, because it computes everything but keys and
 * values for one row only.
 */
#include <stdlib.h>
#include <string.h>

#include "bench/machine.h"
#include "bench/harness/inject.h"
#include "bench/harness/measure.h"
#include "bench/harness/probe.h"
#include "bench/harness/texts.h"
#include "runtime/distil.h"

#define HALF_WIDTH 0.01
#define BLOCK_NS 5e6

enum { P95_CALLS = 400, MIN_CALLS = 40 };

/* A model that is open at one level, and the token ids to classify. */
typedef struct pass {
    distil_model *model;
    distil_context *context;
    distil_model_info info;
    int32_t ids[TEXTS_MAX_TOKENS];
    size_t tokens;
    double slowdown;
} pass;

static double classify(void *argument)
{
    pass *p = argument;
    double start = bench_now_ns();
    distil_result result;

    if (distil_classify_ids(p->context, &result, NULL, p->ids, p->tokens) != DISTIL_OK)
        return -1;
    return inject_slowdown(bench_now_ns() - start, p->slowdown);
}

static void close_pass(pass *p)
{
    distil_context_free(p->context);
    distil_model_close(p->model);
}

/* Opens the model at the level of "LEVEL/TOKENS", or for "TOKENS" at the best level. Returns 0, or
 * -1 with the reason in m. */
static int open_pass(pass *p, measured *m, const measure_subject *s, const char *parameters)
{
    distil_options options = DISTIL_OPTIONS_INIT;
    const char *slash = strchr(parameters, '/');
    char level[16] = "best", *end;
    distil_error error;

    memset(p, 0, sizeof *p);
    if (slash && (size_t)(slash - parameters) < sizeof level) {
        memcpy(level, parameters, (size_t)(slash - parameters));
        level[slash - parameters] = '\0';
    }
    p->tokens = strtoul(slash ? slash + 1 : parameters, &end, 10);
    if (distil_isa_parse(&options.max_isa, level) != DISTIL_OK || *end || p->tokens < 1 ||
        p->tokens > TEXTS_MAX_TOKENS) {
        measure_failed(m, "%s: no level and number of tokens, 1 to %d", parameters,
                       TEXTS_MAX_TOKENS);
        return -1;
    }
    options.exact_isa = slash != NULL;
    p->slowdown = inject_factor();
    switch (distil_model_open(&p->model, s->model, &options, &error)) {
    case DISTIL_OK:
        break;
    case DISTIL_BAD_CPU:
        measure_other_cpu(m, level);
        return -1;
    default:
        measure_failed(m, "%s: %s", s->model, error.message);
        return -1;
    }
    if (distil_context_new(&p->context, p->model, NULL, NULL) != DISTIL_OK ||
        distil_model_get_info(p->model, &p->info) != DISTIL_OK) {
        distil_model_close(p->model);
        measure_failed(m, "no memory for a context");
        return -1;
    }
    texts_ids(p->ids, p->tokens, p->info.vocab_size);
    return 0;
}

static double layer_bytes(const distil_model_info *i)
{
    return (double)i->n_layers * (double)i->dim *
           (4.0 * (double)i->dim + 2.0 * (double)i->hidden_dim);
}

static double pass_macs(const pass *p)
{
    double d = (double)p->info.dim, h = (double)p->info.hidden_dim, t = (double)p->tokens;

    return (double)(p->info.n_layers - 1) * t * (4 * d * d + 2 * d * h) + t * 2 * d * d +
           2 * d * d + 2 * d * h;
}

/* Runs the pass in rounds with a reference. The unit of the figure is `times` calls of the
 * reference. */
static void run_beside(measured *m, pass *p, const measure_subject *s, rounds_side reference,
                       probe_arithmetic *probe, double times)
{
    rounds_result r;
    rounds_plan plan = {.a = {classify, p},
                        .b = reference,
                        .probe = probe_arithmetic_side(probe),
                        .block_ns = BLOCK_NS,
                        .seconds = s->seconds,
                        .half_width = HALF_WIDTH,
                        .confidence = MEASURE_CONFIDENCE};

    if (rounds_run(&r, &plan) != 0) {
        measure_failed(m, "classifying failed");
        return;
    }
    measure_store_rounds(m, &r, times);
}

void measure_latency(measured *m, const measure_subject *s, const char *parameters)
{
    probe_arithmetic probe;
    pass p;

    if (open_pass(&p, m, s, parameters) != 0)
        return;
    probe_arithmetic_init(&probe, (distil_level)(p.info.isa - DISTIL_ISA_SCALAR));
    run_beside(m, &p, s, probe_arithmetic_side(&probe), &probe, pass_macs(&p) / probe.macs);
    close_pass(&p);
}

void measure_stream(measured *m, const measure_subject *s, const char *parameters)
{
    probe_arithmetic probe;
    probe_stream stream;
    void *bytes;
    pass p;

    if (open_pass(&p, m, s, parameters) != 0)
        return;
    stream.size = (size_t)layer_bytes(&p.info);
    bytes = aligned_alloc(64, (stream.size + 63) / 64 * 64);
    if (bytes) {
        memset(bytes, 1, stream.size);
        stream.bytes = bytes;
        probe_arithmetic_init(&probe, (distil_level)(p.info.isa - DISTIL_ISA_SCALAR));
        run_beside(m, &p, s, probe_stream_side(&stream), &probe, 1);
    } else
        measure_failed(m, "no memory for %zu bytes to read", stream.size);
    free(bytes);
    close_pass(&p);
}

/* Times single calls without a reference, and stores the q-quantile in milliseconds. */
static void time_calls(measured *m, const measure_subject *s, const char *parameters, double q)
{
    double samples[P95_CALLS], until = bench_now_ns() + s->seconds * 1e9;
    size_t n = 0;
    pass p;

    if (open_pass(&p, m, s, parameters) != 0)
        return;
    for (int warm = 0; warm < 3; warm++)
        (void)classify(&p);
    while (n < P95_CALLS && (n < MIN_CALLS || bench_now_ns() < until)) {
        samples[n] = classify(&p);
        if (samples[n++] < 0) {
            measure_failed(m, "classifying failed");
            close_pass(&p);
            return;
        }
    }
    m->status = MEASURE_DONE;
    m->value = stats_scaled(stats_bootstrap(samples, n, q, MEASURE_CONFIDENCE, MEASURE_SEED), 1e-6);
    m->ms = m->value.value;
    m->rounds = n;
    close_pass(&p);
}

void measure_p95(measured *m, const measure_subject *s, const char *parameters)
{
    time_calls(m, s, parameters, 0.95);
}

void measure_ms(measured *m, const measure_subject *s, const char *parameters)
{
    time_calls(m, s, parameters, 0.5);
}
