/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When a measurement says something, and what. docs/benchmarking.md has the reasons and the error
 * rates; the self-tests in tests/system/test_bench_harness.sh measure them.
 *
 * Intervals are of the median of paired ratios, so what slows both sides down cancels out. A
 * verdict needs the whole interval on one side of the line; anything else is inconclusive, never a
 * guess.
 */
#ifndef DISTIL_BENCH_HARNESS_VERDICT_H
#define DISTIL_BENCH_HARNESS_VERDICT_H

#include "bench/harness/stats.h"

typedef enum verdict {
    VERDICT_PASS = 0, /* within the budget; of two programs: the same */
    VERDICT_FASTER,
    VERDICT_FAIL, /* over the budget; of two programs: slower */
    VERDICT_INCONCLUSIVE
} verdict;

/* Two programs differ if the whole interval is beyond 3 %, are the same if all of it is within 5 %:
 * where code and data happen to lie in memory makes up to 3 % (at 2 % bench/selftest.sh called 4 of
 * 100 identical pairs different). */
#define VERDICT_DIFFERENCE 0.03
#define VERDICT_SAME 0.05

/* Share of rounds that must have been quiet before slowness is put down to the program. */
#define VERDICT_QUIET 0.5

/* `ratio` of a measurement to its budget (1 is at the line). A busy machine can make a good program
 * look slow but never a slow one good: with fewer quiet rounds than VERDICT_QUIET failing becomes
 * inconclusive. quiet is 1 where noise plays no part (sizes, instructions). */
verdict verdict_of_budget(stats_interval ratio, double quiet);

/* `ratio` of new to old. */
verdict verdict_of_pair(stats_interval ratio);

/* "pass", "faster", "fail", "inconclusive"; of a pair "same", "faster", "slower",
 * "inconclusive". */
const char *verdict_name(verdict v);
const char *verdict_pair_name(verdict v);

#endif
