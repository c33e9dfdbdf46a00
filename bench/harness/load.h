/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The function under load. Events arrive at the real bootstrap behind `distil serve` at random
 * times, a Poisson process of a fixed seed, whether or not earlier events have been answered.
 *
 * Latency counts from the intended arrival. A generator that waits for an answer before it sends
 * the next event would not see the events that would have come meanwhile (coordinated omission).
 * This one sends late what it could not send in time, and counts the wait.
 */
#ifndef DISTIL_BENCH_HARNESS_LOAD_H
#define DISTIL_BENCH_HARNESS_LOAD_H

#include <stdio.h>

#include "bench/harness/histogram.h"

typedef struct load_plan {
    const char *program;   /* the command `distil` */
    const char *bootstrap; /* the Lambda function */
    const char *model;     /* the blob */
    const char *texts;     /* a file with one text a line, or a TSV whose first column has them */
    double rate;           /* events a second */
    double seconds;
    unsigned long seed;
} load_plan;

typedef struct load_result {
    histogram latency;
    size_t sent, failed; /* events */
    double seconds, rate;
    double mean_chars; /* characters of a text */
} load_result;

/* Returns 0, or -1 with a message on stderr. */
int load_run(load_result *result, const load_plan *plan);

void load_print(FILE *out, const load_result *result);
void load_write_json(FILE *out, const load_result *result);

#endif
