/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an interval says about a budget, or about two programs. docs/benchmarking.md gives the
 * reasons, and bench/selftest.sh counts how often a verdict is wrong.
 *
 * The intervals are of the median of paired ratios, so what slows both sides down cancels. A
 * verdict needs the whole interval on one side of the line. Anything else is inconclusive, never a
 * guess.
 */
#ifndef DISTIL_BENCH_HARNESS_VERDICT_H
#define DISTIL_BENCH_HARNESS_VERDICT_H

#include "bench/stats.h"

typedef enum verdict {
    VERDICT_PASS = 0, /* within the budget; of two programs, the same */
    VERDICT_FASTER,   /* the new program is faster; this verdict is for two programs only */
    VERDICT_FAIL,     /* over the budget; of two programs, slower */
    VERDICT_INCONCLUSIVE
} verdict;

/* Two programs differ if the whole interval is beyond 3 %, and are the same if all of it is within
 * 5 %. Where the linker and the system put code and data makes up to 3 % by itself: with a limit of
 * 2 %, bench/selftest.sh called 4 of 100 identical pairs different. */
#define VERDICT_DIFFERENCE 0.03
#define VERDICT_SAME 0.05

/* Slowness is put down to the program only if at least this share of the rounds was quiet. */
#define VERDICT_QUIET 0.5

/* The verdict on the ratio of a figure to its budget, where 1 is at the limit. A busy machine can
 * make a fast program look slow but never a slow one fast; so with a smaller share of quiet rounds
 * than VERDICT_QUIET, "fail" becomes "inconclusive". Sizes and counts pass quiet = 1. */
verdict verdict_of_budget(stats_interval ratio, double quiet);

/* The verdict on the ratio of new to old. */
verdict verdict_of_pair(stats_interval ratio);

/* Returns "pass", "faster", "fail" or "inconclusive". */
const char *verdict_name(verdict v);

/* Returns "same", "faster", "slower" or "inconclusive". */
const char *verdict_pair_name(verdict v);

#endif
