/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Starting: fresh processes, page cache warm, each beside a static program that does nothing.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/harness/child.h"
#include "bench/harness/inject.h"
#include "bench/harness/measure.h"
#include "bench/harness/probe.h"
#include "bench/harness/texts.h"
#include "bench/sandbox.h"

#define CONFIDENCE 0.99
#define HALF_WIDTH 0.02

enum { REPEATS = 5, TOUCHED_TOKENS = 16 };

/* A program and how it is started. */
typedef struct program {
    char *argv[8];
    char *environment[4];
    double slowdown;
    int limit_ms;
} program;

static char *as_argument(const char *text)
{
    return (char *)(size_t)text; /* exec's argv is not const, and not changed */
}

static void classify_once(program *p, const measure_subject *subject)
{
    *p = (program){.argv = {as_argument(subject->program), "classify", "-m",
                            as_argument(subject->model), "A gorgeous, witty, seductive movie."},
                   .slowdown = inject_factor(),
                   .limit_ms = subject->limit_ms};
}

static double run_to_end(void *argument)
{
    program *p = argument;
    child_usage usage;

    if (child_run(&usage, p->argv, p->environment, p->limit_ms) != 0)
        return -1;
    return inject_slowdown(usage.wall_ns, p->slowdown);
}

static double run_to_request(void *argument)
{
    program *p = argument;
    double ns = child_first_bytes(p->argv, p->environment, "AWS_LAMBDA_RUNTIME_API");

    return ns < 0 ? ns : inject_slowdown(ns, p->slowdown);
}

/* In empty processes; or in milliseconds. */
static void beside_empty(measured *m, const measure_subject *subject, rounds_call *call,
                         program *started, int milliseconds)
{
    probe_process empty = {subject->empty};
    probe_arithmetic probe;
    rounds_result r;
    rounds_plan plan = {.a = {call, started},
                        .b = probe_process_side(&empty),
                        .seconds = subject->seconds,
                        .half_width = HALF_WIDTH,
                        .confidence = CONFIDENCE};

    if (!subject->empty) {
        measure_absent(m, "no empty program to compare with; `make bench-tools` builds it");
        return;
    }
    probe_arithmetic_init(&probe, DISTIL_LEVEL_AVX2);
    plan.probe = probe_arithmetic_side(&probe);
    if (rounds_run(&r, &plan) != 0) {
        measure_failed(m, "%s did not run", started->argv[0]);
        return;
    }
    m->status = MEASURE_DONE;
    m->value =
        milliseconds ? stats_bootstrap(r.a_ns, r.rounds, 0.5, CONFIDENCE, 1) : r.ratio_interval;
    if (milliseconds)
        m->value =
            (stats_interval){m->value.low * 1e-6, m->value.value * 1e-6, m->value.high * 1e-6};
    m->ms = stats_quantile(r.a_ns, r.rounds, 0.5) * 1e-6;
    m->reference_ms = stats_quantile(r.b_ns, r.rounds, 0.5) * 1e-6;
    m->rounds = r.rounds;
    m->quiet = r.quiet;
}

void measure_first_label(measured *m, const measure_subject *s, const char *parameters)
{
    program started;

    (void)parameters;
    classify_once(&started, s);
    beside_empty(m, s, run_to_end, &started, 0);
}

void measure_cold_start(measured *m, const measure_subject *s, const char *parameters)
{
    program started;

    (void)parameters;
    classify_once(&started, s);
    beside_empty(m, s, run_to_end, &started, 1);
}

void measure_next_request(measured *m, const measure_subject *s, const char *parameters)
{
    char model[4200];
    program started = {
        .argv = {as_argument(s->bootstrap)}, .environment = {model}, .slowdown = inject_factor()};
    char *absolute = realpath(s->model, NULL);

    (void)parameters;
    if (s->bootstrap && absolute) {
        snprintf(model, sizeof model, "DISTIL_MODEL=%s", absolute);
        beside_empty(m, s, run_to_request, &started, 0);
    } else
        measure_absent(m, "no bootstrap; `make` builds it");
    free(absolute);
}

/* A process that has classified one text and waits: what `weigh` says of it, or -1. */
static double after_one_text(const measure_subject *s,
                             double (*weigh)(pid_t pid, const char *model))
{
    char *argv[] = {as_argument(s->program), "classify", "--stream", "-m",
                    as_argument(s->model),   NULL};
    char line[TEXTS_MAX_BYTES], *absolute = realpath(s->model, NULL);
    child_worker worker;
    double bytes = -1;

    if (absolute && child_start(&worker, argv, NULL, 0) == 0) {
        if (child_ask(&worker, line, texts_line(line, TOUCHED_TOKENS), s->limit_ms) > 0)
            bytes = weigh(worker.pid, absolute);
        child_stop(&worker);
    }
    free(absolute);
    return bytes;
}

static void finish_weighing(measured *m, const measure_subject *s, double bytes)
{
    if (bytes > 0)
        measure_exact(m, bytes);
    else
        measure_failed(m, "%s gave no answer, or /proc is not readable", s->program);
}

static double peak_memory(pid_t pid, const char *model)
{
    (void)model;
    return (double)process_bytes(pid, "status", NULL, "VmHWM");
}

void measure_resident(measured *m, const measure_subject *s, const char *parameters)
{
    double most = 0;

    (void)parameters;
    for (int i = 0; i < REPEATS; i++) {
        double bytes = after_one_text(s, peak_memory);

        if (bytes <= 0) {
            most = -1;
            break;
        }
        most = bytes > most ? bytes : most;
    }
    finish_weighing(m, s, most);
}

void measure_blob_touched(measured *m, const measure_subject *s, const char *parameters)
{
    (void)parameters;
    finish_weighing(m, s, after_one_text(s, child_mapped_bytes));
}
