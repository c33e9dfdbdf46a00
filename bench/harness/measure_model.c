/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Latency of a classification within this process, beside what the host can do at its best.
 *
 * The reference of `latency` is the time that the int8 products of the pass would take at the rate
 * of the level's own instructions on registers; of `stream`, that of reading all layers' weights
 * once. Both are measured in turn with the pass. Multiply-adds of a pass of T tokens, width d,
 * feed-forward h: (T (4 d d + 2 d h)) a layer, of the last one T 2 d d + 2 d d + 2 d h, for all but
 * its keys and values are computed for one row.
 */
#include <stdlib.h>
#include <string.h>

#include "bench/clock.h"
#include "bench/harness/inject.h"
#include "bench/harness/measure.h"
#include "bench/harness/probe.h"
#include "bench/harness/texts.h"
#include "runtime/distil.h"

#define CONFIDENCE 0.99
#define HALF_WIDTH 0.01
#define BLOCK_NS 5e6

enum { P95_CALLS = 400, MIN_CALLS = 40 };

/* A model open at a level, and what to classify. */
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

/* "LEVEL/TOKENS" or "TOKENS" (the best level). 0 with the pass open, or m says why not. */
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
    if (distil_context_new(&p->context, p->model, NULL) != DISTIL_OK ||
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

/* Run the pass beside a reference of which `times` make the unit. */
static void beside(measured *m, pass *p, const measure_subject *s, rounds_side reference,
                   probe_arithmetic *probe, double times)
{
    rounds_result r;
    rounds_plan plan = {.a = {classify, p},
                        .b = reference,
                        .probe = probe_arithmetic_side(probe),
                        .block_ns = BLOCK_NS,
                        .seconds = s->seconds,
                        .half_width = HALF_WIDTH,
                        .confidence = CONFIDENCE};

    if (rounds_run(&r, &plan) != 0) {
        measure_failed(m, "classifying failed");
        return;
    }
    m->status = MEASURE_DONE;
    m->value = (stats_interval){r.ratio_interval.low / times, r.ratio_interval.value / times,
                                r.ratio_interval.high / times};
    m->ms = stats_quantile(r.a_ns, r.rounds, 0.5) * 1e-6;
    m->reference_ms = stats_quantile(r.b_ns, r.rounds, 0.5) * times * 1e-6;
    m->rounds = r.rounds;
    m->quiet = r.quiet;
}

void measure_latency(measured *m, const measure_subject *s, const char *parameters)
{
    probe_arithmetic probe;
    pass p;

    if (open_pass(&p, m, s, parameters) != 0)
        return;
    probe_arithmetic_init(&probe, (distil_level)p.info.isa);
    beside(m, &p, s, probe_arithmetic_side(&probe), &probe, pass_macs(&p) / probe.macs);
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
        probe_arithmetic_init(&probe, (distil_level)p.info.isa);
        beside(m, &p, s, probe_stream_side(&stream), &probe, 1);
    } else
        measure_failed(m, "no memory for %zu bytes to read", stream.size);
    free(bytes);
    close_pass(&p);
}

/* Times of single calls, no reference: absolute. */
static void alone(measured *m, const measure_subject *s, const char *parameters, double q)
{
    double samples[P95_CALLS], until = bench_now_ns() + s->seconds * 1e9;
    stats_interval i;
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
    i = stats_bootstrap(samples, n, q, CONFIDENCE, 1);
    m->status = MEASURE_DONE;
    m->value = (stats_interval){i.low * 1e-6, i.value * 1e-6, i.high * 1e-6};
    m->ms = m->value.value;
    m->rounds = n;
    close_pass(&p);
}

void measure_p95(measured *m, const measure_subject *s, const char *parameters)
{
    alone(m, s, parameters, 0.95);
}

void measure_ms(measured *m, const measure_subject *s, const char *parameters)
{
    alone(m, s, parameters, 0.5);
}
