/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Latencies of many events in bounded memory, in the way of HdrHistogram: buckets whose width grows
 * with the value, so that any value from a microsecond to an hour is known within 3 %.
 */
#ifndef DISTIL_BENCH_HARNESS_HISTOGRAM_H
#define DISTIL_BENCH_HARNESS_HISTOGRAM_H

#include <stddef.h>
#include <stdint.h>

enum {
    HISTOGRAM_PART_BITS = 5, /* each power of two in 32 buckets */
    HISTOGRAM_BUCKETS = 32 << HISTOGRAM_PART_BITS
};

typedef struct histogram {
    uint64_t count[HISTOGRAM_BUCKETS]; /* of microseconds */
    uint64_t total;
    double max_ns;
} histogram;

void histogram_add(histogram *h, double ns);
void histogram_merge(histogram *to, const histogram *from);

/* The upper end of the bucket that holds the q-quantile, in nanoseconds; 0 where there is none. */
double histogram_quantile(const histogram *h, double q);

/* Ends of a bucket in microseconds. */
double histogram_low(size_t bucket);
double histogram_high(size_t bucket);

#endif
