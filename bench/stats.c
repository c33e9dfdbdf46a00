/* SPDX-License-Identifier: Apache-2.0 */
/* The functions of stats.h. */
#include "bench/stats.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/random.h"
#include "runtime/base/strict_float.h"

size_t stats_random(uint64_t *state, size_t n)
{
    /* The product of 32 random bits and n favours some numbers by less than n / 2^32. */
    return (size_t)((splitmix64(state) >> 32) * n >> 32);
}

double stats_uniform(uint64_t *state)
{
    return ((double)(splitmix64(state) >> 12) + 0.5) * 0x1p-52;
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

double stats_quantile(double *samples, size_t n, double q)
{
    double at = q * (double)(n - 1), below = floor(at);
    size_t i = (size_t)below;

    assert(n >= 1 && q >= 0 && q <= 1);
    qsort(samples, n, sizeof *samples, ascending);
    return i + 1 < n ? samples[i] + (at - below) * (samples[i + 1] - samples[i]) : samples[n - 1];
}

/* The q-quantile of one resample of n sorted samples. The resample is not sorted: it is enough to
 * count how often each sample was drawn and to add up the counts until the rank is reached. */
static double resampled(const double *sorted, size_t n, double q, uint64_t *state)
{
    uint16_t drawn[STATS_MAX_SAMPLES];
    double at = q * (double)(n - 1);
    size_t rank = (size_t)at, seen = 0, i = 0;
    double low;

    memset(drawn, 0, n * sizeof *drawn);
    for (size_t k = 0; k < n; k++)
        drawn[stats_random(state, n)]++;
    while (seen + drawn[i] <= rank)
        seen += drawn[i++];
    low = sorted[i];
    if (rank + 1 >= n)
        return low;
    for (seen += drawn[i]; seen <= rank + 1 && i + 1 < n; seen += drawn[i])
        i++;
    return low + (at - (double)rank) * (sorted[i] - low);
}

stats_interval stats_scaled(stats_interval i, double factor)
{
    return (stats_interval){i.low * factor, i.value * factor, i.high * factor};
}

static stats_interval cut(double *estimates, double value, double confidence)
{
    double tail = (1 - confidence) / 2;

    return (stats_interval){stats_quantile(estimates, STATS_RESAMPLES, tail), value,
                            stats_quantile(estimates, STATS_RESAMPLES, 1 - tail)};
}

static void sorted_copy(double *to, const double *from, size_t n)
{
    assert(n >= 1 && n <= STATS_MAX_SAMPLES);
    memcpy(to, from, n * sizeof *to);
    qsort(to, n, sizeof *to, ascending);
}

stats_interval stats_bootstrap(const double *samples, size_t n, double q, double confidence,
                               uint64_t seed)
{
    double sorted[STATS_MAX_SAMPLES], estimates[STATS_RESAMPLES];

    sorted_copy(sorted, samples, n);
    for (size_t i = 0; i < STATS_RESAMPLES; i++)
        estimates[i] = resampled(sorted, n, q, &seed);
    return cut(estimates, stats_quantile(sorted, n, q), confidence);
}

bench_stats bench_summarize(double *samples, size_t n)
{
    double median = stats_quantile(samples, n, 0.5);

    return (bench_stats){.min = samples[0], .median = median};
}
