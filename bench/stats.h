/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Order statistics, and confidence intervals by the percentile bootstrap (Efron 1979): draw as many
 * samples as there are, with replacement, take the statistic of that resample, repeat, and cut
 * equal shares off both ends of what was found. The method assumes no distribution, which suits
 * times: they have a floor and a long tail. Callers give the seed, so the same samples give the
 * same interval.
 */
#ifndef DISTIL_BENCH_STATS_H
#define DISTIL_BENCH_STATS_H

#include <stddef.h>
#include <stdint.h>

enum {
    STATS_MAX_SAMPLES = 4096,
    /* With 1000 resamples each end of a 99 % interval is the fifth most extreme one. */
    STATS_RESAMPLES = 1000
};

typedef struct bench_stats {
    double min, median;
} bench_stats;

/* Minimum and median of n >= 1 samples. The function sorts the samples. */
bench_stats bench_summarize(double *samples, size_t n);

/* An estimate and the two ends of its interval. */
typedef struct stats_interval {
    double low, value, high;
} stats_interval;

/* The interval with all three numbers multiplied by factor > 0. */
stats_interval stats_scaled(stats_interval i, double factor);

/* The q-quantile, 0 <= q <= 1, of n >= 1 samples, interpolated between neighbours (type 7 of
 * Hyndman and Fan 1996). The function sorts the samples. */
double stats_quantile(double *samples, size_t n, double q);

/* The q-quantile of n samples, 1 <= n <= STATS_MAX_SAMPLES, with its interval at `confidence`, such
 * as 0.99. The function leaves the samples as they are. */
stats_interval stats_bootstrap(const double *samples, size_t n, double q, double confidence,
                               uint64_t seed);

/* The next number of a pseudo-random sequence, uniform in 0 .. n - 1 for n <= 2^32. *state is the
 * seed before the first call. */
size_t stats_random(uint64_t *state, size_t n);

/* The next number of the same sequence, uniform in the open interval (0, 1). */
double stats_uniform(uint64_t *state);

#endif
