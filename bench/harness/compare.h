/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two builds of the command `distil`, which is faster? Each is kept running as a stream of lines
 * and asked in turn, so that both see the same machine; starting is measured with fresh processes.
 */
#ifndef DISTIL_BENCH_HARNESS_COMPARE_H
#define DISTIL_BENCH_HARNESS_COMPARE_H

#include <stdio.h>

#include "bench/harness/rounds.h"
#include "bench/harness/verdict.h"

enum { COMPARE_MAX_LENGTHS = 16 };

typedef struct compare_plan {
    const char *old_program, *new_program;
    const char *old_model, *new_model; /* NULL: what the program finds by itself */
    size_t tokens[COMPARE_MAX_LENGTHS];
    size_t lengths;
    int start;      /* compare starting too */
    double seconds; /* most for each line of the table */
    int limit_ms;   /* most for one answer or one start: a program that takes longer is killed */
} compare_plan;

/* One line: "128 tokens" or "start". */
typedef struct compare_line {
    char what[32];
    double old_ns, new_ns; /* medians */
    stats_interval ratio;  /* new / old */
    size_t rounds;
    double quiet;
    verdict verdict;
} compare_line;

typedef struct compare_result {
    compare_line lines[COMPARE_MAX_LENGTHS + 1];
    size_t count;
    verdict verdict; /* of all: slower if one is, else inconclusive if one is, else faster if one
                        is and none slower, else the same */
} compare_result;

/* 0, or -1 with a message on stderr. */
int compare_run(compare_result *result, const compare_plan *plan);

void compare_print(FILE *out, const compare_result *result);
void compare_print_json(FILE *out, const compare_result *result);

#endif
