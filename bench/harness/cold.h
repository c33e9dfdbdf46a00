/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A cold start on a timeline: fresh processes that open the blob and classify one text, with the
 * blob in the page cache or evicted from it, and where their time and their page faults went.
 *
 * The process under measurement is this program itself, doing what the library does with a clock
 * read between the phases (cold_child.c), so that the product carries no measuring code. It is a
 * dynamic program, as one that uses the library is: how long its relocations took is what glibc's
 * loader says (LD_DEBUG=statistics), with any other loader they are part of the phase "exec". The
 * function's own program is static at a fixed address and has none to speak of.
 */
#ifndef DISTIL_BENCH_HARNESS_COLD_H
#define DISTIL_BENCH_HARNESS_COLD_H

#include <stddef.h>
#include <stdio.h>

enum { COLD_MAX_PHASES = 24, COLD_MAX_RUNS = 200, COLD_PHASE_BYTES = 16 };

/* When a phase ended, on the monotonic clock, and page faults of the process until then. */
typedef struct cold_mark {
    char name[COLD_PHASE_BYTES];
    double ns;
    double minor, major;
} cold_mark;

/* What a child tells its parent on standard output. */
typedef struct cold_report {
    cold_mark marks[COLD_MAX_PHASES];
    size_t count;
} cold_report;

/* The child: argv is {program, "--cold-child", MODEL}. Exit status. */
int cold_child(const char *model);

typedef struct cold_phase {
    char name[COLD_PHASE_BYTES];
    double begin_ms, end_ms; /* medians, from fork */
    double minor, major;     /* page faults, medians */
} cold_phase;

typedef struct cold_result {
    cold_phase phases[COLD_MAX_PHASES + 1]; /* those of the child, then its exit */
    size_t count;
    double total_ms, total_min_ms; /* fork to the end of the process */
    double cached_before;          /* share of the blob's pages in the page cache at the start */
    double read_bytes;             /* of the blob, brought into the page cache by a run */
    double blob_bytes;
    size_t runs;
} cold_result;

/* Measure; evict: drop the blob from the page cache before each run, and make sure that it is gone.
 * 0, or -1 with a message on stderr. */
int cold_run(cold_result *result, const char *model, size_t runs, int evict);

void cold_print(FILE *out, const cold_result *result);

/* One object; `cache` is "warm" or "evicted". */
void cold_write_json(FILE *out, const cold_result *result, const char *cache);

#endif
