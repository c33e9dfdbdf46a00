/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Figures of fresh processes with all files in the page cache: starts, each beside a static program
 * that does nothing, and memory.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/harness/child.h"
#include "bench/harness/inject.h"
#include "bench/harness/measure.h"
#include "bench/harness/texts.h"

enum { REPEATS = 5, TOUCHED_TOKENS = 16 };

/* A command and its environment, for the calls of rounds. */
typedef struct program {
    char *argv[8];
    char *environment[4];
    double slowdown;
    int limit_ms;
} program;

static void set_classify_command(program *p, const measure_subject *subject)
{
    *p = (program){.argv = {child_argument(subject->program), "classify", "-m",
                            child_argument(subject->model), "A gorgeous, witty, seductive movie."},
                   .slowdown = inject_factor(),
                   .limit_ms = subject->limit_ms};
}

static double run_to_end(void *argument)
{
    program *p = argument;
    double wall_ns;

    if (child_run(&wall_ns, p->argv, p->environment, p->limit_ms) != 0)
        return -1;
    return inject_slowdown(wall_ns, p->slowdown);
}

static double run_to_request(void *argument)
{
    program *p = argument;
    double ns = child_first_byte_ns(p->argv, p->environment, "AWS_LAMBDA_RUNTIME_API");

    return ns < 0 ? ns : inject_slowdown(ns, p->slowdown);
}

void measure_first_label(measured *m, const measure_subject *s, const char *parameters)
{
    program started;

    (void)parameters;
    set_classify_command(&started, s);
    measure_beside_empty(m, s, (rounds_side){run_to_end, &started}, s->program);
}

void measure_cold_start(measured *m, const measure_subject *s, const char *parameters)
{
    program started;

    (void)parameters;
    set_classify_command(&started, s);
    measure_start_ms(m, s, (rounds_side){run_to_end, &started}, s->program);
}

void measure_next_request(measured *m, const measure_subject *s, const char *parameters)
{
    char model[4200];
    program started = {.argv = {child_argument(s->bootstrap)},
                       .environment = {model, child_argument("DISTIL_STORE=none")},
                       .slowdown = inject_factor()};
    char *absolute = realpath(s->model, NULL);

    (void)parameters;
    if (s->bootstrap && absolute) {
        snprintf(model, sizeof model, "DISTIL_MODEL=%s", absolute);
        measure_beside_empty(m, s, (rounds_side){run_to_request, &started}, s->bootstrap);
    } else
        measure_absent(m, "no bootstrap; `make` builds it");
    free(absolute);
}

/* Starts a process that classifies one text, and calls bytes_of while it waits for the next.
 * Returns what bytes_of returned, or -1. */
static double bytes_after_one_text(const measure_subject *s,
                                   double (*bytes_of)(pid_t pid, const char *model))
{
    char *argv[] = {child_argument(s->program), "classify", "--stream", "-m",
                    child_argument(s->model),   NULL};
    char line[TEXTS_MAX_BYTES], *absolute = realpath(s->model, NULL);
    child_worker worker;
    double bytes = -1;

    if (absolute && child_start(&worker, argv, NULL, 0) == 0) {
        if (child_ask(&worker, line, texts_line(line, TOUCHED_TOKENS), s->limit_ms) > 0)
            bytes = bytes_of(worker.pid, absolute);
        child_stop(&worker);
    }
    free(absolute);
    return bytes;
}

static void store_bytes(measured *m, const measure_subject *s, double bytes)
{
    if (bytes > 0)
        measure_exact(m, bytes);
    else
        measure_failed(m, "%s gave no answer, or /proc is not readable", s->program);
}

static double peak_memory(pid_t pid, const char *model)
{
    (void)model;
    return child_peak_bytes(pid);
}

void measure_resident(measured *m, const measure_subject *s, const char *parameters)
{
    double most = 0;

    (void)parameters;
    for (int i = 0; i < REPEATS; i++) {
        double bytes = bytes_after_one_text(s, peak_memory);

        if (bytes <= 0) {
            most = -1;
            break;
        }
        most = bytes > most ? bytes : most;
    }
    store_bytes(m, s, most);
}

void measure_blob_touched(measured *m, const measure_subject *s, const char *parameters)
{
    (void)parameters;
    store_bytes(m, s, bytes_after_one_text(s, child_mapped_bytes));
}
