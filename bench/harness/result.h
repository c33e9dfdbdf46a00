/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Results of a run: a table for people, JSON for programs (bench/results.schema.json), from which
 * bench/report.py makes every other form.
 */
#ifndef DISTIL_BENCH_HARNESS_RESULT_H
#define DISTIL_BENCH_HARNESS_RESULT_H

#include <stdio.h>

#include "bench/harness/budget.h"
#include "bench/harness/measure.h"
#include "runtime/distil.h"

/* The machine, the revision and the model that figures belong to. */
typedef struct result_host {
    char cpu[64];
    const char *level;
    const char *revision; /* as given; "" where unknown */
    const char *version;
    const char *model; /* path of the blob */
    distil_model_info info;
} result_host;

typedef struct result {
    const budget *budget;
    measured measured;
    verdict verdict;
} result;

void result_print_head(FILE *out, const result_host *host);
void result_print(FILE *out, const result *r);

/* All of a run. */
void result_write_json(FILE *out, const result_host *host, const result *results, size_t count,
                       double seconds);

#endif
