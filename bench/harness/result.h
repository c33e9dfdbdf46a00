/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The results of `distil bench run`: a table for people, and JSON (bench/results.schema.json), from
 * which bench/report.py makes all other forms.
 */
#ifndef DISTIL_BENCH_HARNESS_RESULT_H
#define DISTIL_BENCH_HARNESS_RESULT_H

#include <stdio.h>

#include "bench/machine.h"
#include "bench/harness/budget.h"
#include "bench/harness/measure.h"
#include "runtime/distil.h"

/* The machine, the revision and the model that the results belong to. */
typedef struct result_host {
    char cpu[64];         /* the CPU's name */
    const char *level;    /* the best level of this CPU */
    const char *revision; /* the text of --revision, or "" */
    const char *version;  /* the version of the library */
    const char *model;    /* path of the blob */
    distil_model_info info;
    int pages_known;   /* 1: `pages` is known */
    bench_pages pages; /* in which pages a process has the whole blob mapped */
} result_host;

typedef struct result {
    const budget *budget;
    measured measured;
    verdict verdict;
} result;

void result_print_head(FILE *out, const result_host *host);
void result_print(FILE *out, const result *r);

/* Writes one object with all results of a run that took `seconds`. */
void result_write_json(FILE *out, const result_host *host, const result *results, size_t count,
                       double seconds);

#endif
