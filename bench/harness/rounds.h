/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two things timed in turn, until the ratio of their times is known well enough.
 *
 * A round is A B B A, the next one B A A B, a block each: both sides meet the same drift of clock
 * and neighbours, and a linear drift cancels. A block repeats its call until about block_ns have
 * passed; a side of a round counts as the median of its calls. A probe, a fixed piece of work on
 * registers, runs at both ends of each round: a round is quiet if neither was more than 5 % slower
 * than the fastest probe of the run.
 */
#ifndef DISTIL_BENCH_HARNESS_ROUNDS_H
#define DISTIL_BENCH_HARNESS_ROUNDS_H

#include "bench/harness/stats.h"

enum { ROUNDS_MAX = 400, ROUNDS_LEAST = 12 };

/* One timed call: nanoseconds, or a negative number when it failed. */
typedef double rounds_call(void *argument);

typedef struct rounds_side {
    rounds_call *call;
    void *argument;
} rounds_side;

typedef struct rounds_plan {
    rounds_side a, b;
    rounds_side probe; /* call NULL: every round counts as quiet */
    double block_ns;   /* 0: one call a block */
    double seconds;    /* most that all rounds may take */
    double half_width; /* stop early when the interval of a / b is this narrow, relative */
    double confidence;
} rounds_plan;

typedef struct rounds_result {
    double a_ns[ROUNDS_MAX], b_ns[ROUNDS_MAX], ratio[ROUNDS_MAX]; /* of each round */
    size_t rounds;
    double quiet;                  /* share of quiet rounds */
    double a_min, b_min;           /* of single calls */
    stats_interval ratio_interval; /* of the median of the rounds' ratios */
} rounds_result;

/* 0, or -1 when a call failed. */
int rounds_run(rounds_result *result, const rounds_plan *plan);

#endif
