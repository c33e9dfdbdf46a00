/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The latencies of many events in bounded memory, in the manner of HdrHistogram: the width of a
 * bucket grows with its values, so that any value from a microsecond to an hour is known within 3
 * %.
 */
#ifndef DISTIL_BENCH_HARNESS_HISTOGRAM_H
#define DISTIL_BENCH_HARNESS_HISTOGRAM_H

#include <stddef.h>
#include <stdint.h>

enum {
    HISTOGRAM_PART_BITS = 5, /* 2^5 buckets for each power of two */
    HISTOGRAM_BUCKETS = 32 << HISTOGRAM_PART_BITS
};

typedef struct histogram {
    uint64_t count[HISTOGRAM_BUCKETS];
    uint64_t total;
    double max_ns; /* the exact greatest value */
} histogram;

void histogram_add(histogram *h, double ns);

/* Adds all that `from` has counted. */
void histogram_merge(histogram *to, const histogram *from);

/* The upper end in nanoseconds of the bucket that holds the q-quantile, 0 < q <= 1, or 0 where the
 * histogram is empty. */
double histogram_quantile(const histogram *h, double q);

/* The lower and the upper end of a bucket in microseconds. */
double histogram_low(size_t bucket);
double histogram_high(size_t bucket);

#endif
