/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Times two things in turn until the ratio of their times is known well enough.
 *
 * A round times blocks of calls in the order A B B A, and the next round in the order B A A B. Both
 * sides meet the same drift of the clock rate and the same neighbours, and a linear drift cancels.
 * A block repeats its call until about block_ns have passed. The time of a side in a round is the
 * median of its calls. At both ends of each round runs a probe, a fixed piece of work on registers.
 * A round is quiet if neither probe took more than 5 % longer than the fastest probe of all rounds.
 */
#ifndef DISTIL_BENCH_HARNESS_ROUNDS_H
#define DISTIL_BENCH_HARNESS_ROUNDS_H

#include "bench/stats.h"

enum { ROUNDS_MAX = 400, ROUNDS_LEAST = 12 };

/* Makes one call and returns its nanoseconds, or a negative number where it failed. */
typedef double rounds_call(void *argument);

typedef struct rounds_side {
    rounds_call *call;
    void *argument;
} rounds_side;

typedef struct rounds_plan {
    rounds_side a, b;
    rounds_side probe; /* Without a probe (call NULL) every round counts as quiet. */
    double block_ns;   /* 0 for blocks of one call */
    double seconds;    /* longest time for all rounds */
    double half_width; /* Rounds end when half the interval of a / b is this share of its value. */
    double confidence;
} rounds_plan;

typedef struct rounds_result {
    /* the time of a, the time of b, and a / b, for each round */
    double a_ns[ROUNDS_MAX], b_ns[ROUNDS_MAX], ratio[ROUNDS_MAX];
    size_t rounds;
    double quiet;                  /* share of rounds that were quiet */
    stats_interval ratio_interval; /* the confidence interval of the median of `ratio` */
} rounds_result;

/* Returns 0, or -1 where a call failed. */
int rounds_run(rounds_result *result, const rounds_plan *plan);

#endif
