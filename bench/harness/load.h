/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The function under load: events arrive at random times (a Poisson process of a fixed seed)
 * whether or not earlier ones have been answered, at the real bootstrap behind `distil serve`.
 *
 * Latency counts from the intended arrival. A generator that waits for an answer before it sends
 * again would not see the events that came meanwhile (coordinated omission); this one sends late
 * what it could not send in time, and counts the wait.
 */
#ifndef DISTIL_BENCH_HARNESS_LOAD_H
#define DISTIL_BENCH_HARNESS_LOAD_H

#include <stdio.h>

#include "bench/harness/histogram.h"

typedef struct load_plan {
    const char *program; /* distil */
    const char *bootstrap;
    const char *model;
    const char
        *texts;  /* a file, one text a line in UTF-8; of a TSV with a header the first column */
    double rate; /* events a second */
    double seconds;
    unsigned long seed;
} load_plan;

typedef struct load_result {
    histogram latency;
    size_t sent, failed;
    double seconds, rate;
    double mean_chars;
} load_result;

/* 0, or -1 with a message on stderr. */
int load_run(load_result *result, const load_plan *plan);

void load_print(FILE *out, const load_result *result);
void load_write_json(FILE *out, const load_result *result);

#endif
