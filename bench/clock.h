/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Time for benchmarks: a monotonic clock, a pinned CPU, order statistics.
 */
#ifndef DISTIL_BENCH_CLOCK_H
#define DISTIL_BENCH_CLOCK_H

#include <stddef.h>

/* Nanoseconds of a clock that runs on whatever happens. */
double bench_now_ns(void);

/* Nanoseconds this thread has run: time that other programs had on its CPU does not count. */
double bench_thread_ns(void);

/* Pin the calling thread to a CPU, or to the last one allowed if cpu < 0. The CPU, or -1. */
int bench_pin(int cpu);

/* Bytes of the last-level cache, 0 if the system does not say. */
size_t bench_cache_bytes(void);

typedef struct bench_stats {
    double min, median;
} bench_stats;

/* Of n >= 1 samples, which are sorted in place. */
bench_stats bench_summarize(double *samples, size_t n);

#endif
