/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which of two builds of the command `distil` is faster? The harness keeps one process of each
 * build running, which classifies a stream of lines, and asks them in turn, so that both see the
 * same machine. Starts are measured with fresh processes.
 */
#ifndef DISTIL_BENCH_HARNESS_COMPARE_H
#define DISTIL_BENCH_HARNESS_COMPARE_H

#include <stdio.h>

#include "bench/harness/rounds.h"
#include "bench/harness/verdict.h"

enum { COMPARE_MAX_LENGTHS = 16 };

typedef struct compare_plan {
    const char *old_program, *new_program;
    const char *old_model, *new_model; /* NULL lets the program find its own model. */
    size_t tokens[COMPARE_MAX_LENGTHS];
    size_t lengths; /* the number of entries of `tokens` that are set */
    int start;      /* 1: the starts of the two programs are compared too */
    double seconds; /* longest time for each line of the table */
    int limit_ms;   /* A program that takes longer for one answer or one start is killed. */
} compare_plan;

/* One line of the table, called "128 tokens" or "start". */
typedef struct compare_line {
    char what[32];
    double old_ns, new_ns; /* medians */
    stats_interval ratio;  /* new / old */
    size_t rounds;
    double quiet; /* share of rounds that were quiet; see rounds.h */
    verdict verdict;
} compare_line;

typedef struct compare_result {
    compare_line lines[COMPARE_MAX_LENGTHS + 1];
    size_t count;
    /* The verdict on all lines: slower if one line is; otherwise inconclusive if one is; otherwise
     * faster if one is; otherwise the same. */
    verdict verdict;
} compare_result;

/* Returns 0, or -1 with a message on stderr. */
int compare_run(compare_result *result, const compare_plan *plan);

void compare_print(FILE *out, const compare_result *result);
void compare_write_json(FILE *out, const compare_result *result);

#endif
