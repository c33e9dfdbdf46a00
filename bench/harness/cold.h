/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Cold starts on a timeline: where the time and the page faults of a fresh process go, with the
 * blob in the page cache or evicted from it.
 *
 * Two things can be started. One is distil-bench itself with --cold-child, which opens the blob and
 * classifies one text as the library does, but reads a clock between the phases (cold_child.c); so
 * the product carries no measuring code. It is a dynamic program, as one that uses the library is.
 * How long its relocations took is what glibc's loader prints (LD_DEBUG=statistics); with another
 * loader they are part of the phase "exec". The other one is the container image in a sandbox,
 * which has two phases that can be seen from outside: until it asks for an event, and until it has
 * answered one.
 */
#ifndef DISTIL_BENCH_HARNESS_COLD_H
#define DISTIL_BENCH_HARNESS_COLD_H

#include <stddef.h>
#include <stdio.h>

#include "bench/harness/image.h"

enum { COLD_MAX_PHASES = 24, COLD_MAX_RUNS = 200, COLD_PHASE_BYTES = 16 };

/* The end of a phase on the monotonic clock, and the page faults of the process until then. */
typedef struct cold_mark {
    char name[COLD_PHASE_BYTES];
    double ns;
    double minor, major;
} cold_mark;

/* What the child writes to its standard output, as the bytes of this struct. */
typedef struct cold_timeline {
    cold_mark marks[COLD_MAX_PHASES];
    size_t count;
} cold_timeline;

/* The main function of the child, whose arguments are {program, "--cold-child", MODEL}. Returns the
 * exit status. */
int cold_child(const char *model);

typedef struct cold_plan {
    const char *model; /* path of the blob; with an image, of the blob in the unpacked image */
    image *image;      /* the open image to start, or NULL for distil-bench itself */
    size_t runs;       /* fresh processes of each kind, at most COLD_MAX_RUNS */
} cold_plan;

typedef struct cold_phase {
    char name[COLD_PHASE_BYTES];
    double begin_ms, end_ms; /* medians, counted from fork */
    double minor, major;     /* medians of the page faults; 0 for an image */
} cold_phase;

typedef struct cold_result {
    /* The phases of the child's start in order of time; the last one is called "exit". */
    cold_phase phases[COLD_MAX_PHASES + 1];
    size_t count;
    double total_ms, total_min_ms; /* fork to the end of the process, or to the image's answer */
    double cached_before;          /* share of the blob in the page cache before the start */
    double read_bytes;             /* bytes of the blob that one run brought into the page cache */
    double blob_bytes;
    size_t runs;
} cold_result;

/* Starts plan->runs processes. With `evict`, each starts with the blob (and the image's program)
 * evicted from the page cache. Returns 0, or -1 with a message on stderr. */
int cold_run(cold_result *result, const cold_plan *plan, int evict);

void cold_print(FILE *out, const cold_result *result);

/* Writes one object; `cache` is "warm" or "evicted". */
void cold_write_json(FILE *out, const cold_result *result, const char *cache);

#endif
