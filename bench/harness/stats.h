/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Order statistics with confidence intervals by the bootstrap (Efron 1979, percentile method):
 * resample the samples with replacement, take the statistic of each resample, and cut off equal
 * tails. No distribution is assumed, which suits times: they have a floor and a long tail.
 *
 * The generator is seeded by the caller: the same samples give the same interval.
 */
#ifndef DISTIL_BENCH_HARNESS_STATS_H
#define DISTIL_BENCH_HARNESS_STATS_H

#include <stddef.h>
#include <stdint.h>

enum {
    STATS_MAX_SAMPLES = 4096,
    STATS_RESAMPLES = 1000 /* the ends of a 99 % interval are then 5 resamples from the extremes */
};

/* Estimate and the bounds of its interval. */
typedef struct stats_interval {
    double low, value, high;
} stats_interval;

/* The q-quantile (0 .. 1) of n >= 1 samples, interpolated between neighbours (type 7 of Hyndman and
 * Fan 1996). Sorts the samples. */
double stats_quantile(double *samples, size_t n, double q);

/* The q-quantile of n samples, 1 <= n <= STATS_MAX_SAMPLES, with its interval at `confidence`
 * (such as 0.99). Samples are left as they are. */
stats_interval stats_bootstrap(const double *samples, size_t n, double q, double confidence,
                               uint64_t seed);

/* The same for the ratio of the medians of two independent sets. */
stats_interval stats_bootstrap_ratio(const double *a, size_t a_count, const double *b,
                                     size_t b_count, double confidence, uint64_t seed);

/* Next of a seeded sequence, uniform in 0 .. n - 1 and in (0, 1). *state is any value at first. */
size_t stats_random(uint64_t *state, size_t n);
double stats_uniform(uint64_t *state);

#endif
