/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What benchmarks need to know of time, of the CPU and of memory: two clocks, pinning to a CPU, the
 * size of the last-level cache, the sizes of a mapped file's pages.
 */
#ifndef DISTIL_BENCH_MACHINE_H
#define DISTIL_BENCH_MACHINE_H

#include <stddef.h>

/* Nanoseconds of the monotonic clock, as a double: differences stay exact to the nanosecond for 104
 * days after boot. */
double bench_now_ns(void);

/* Nanoseconds that the calling thread has run. The clock stands still while another program has the
 * CPU. */
double bench_thread_ns(void);

/* Pins the calling thread to a CPU, or with cpu < 0 to the last one that it may use. Returns the
 * CPU, or -1. */
int bench_pin(int cpu);

/* Bytes of the last-level cache, or 0 where the system does not say. */
size_t bench_cache_bytes(void);

/* The bytes of a file that this process has mapped and touched, and how many of them are in huge
 * pages, which have 2 MB. */
typedef struct bench_pages {
    size_t touched, huge;
} bench_pages;

/* Stores in which pages this process has a file mapped. The time of a pass over few tokens depends
 * on it, and it depends on how the file came into the page cache, so figures of two runs compare
 * only if it is the same. Returns 0, or -1 where /proc does not say or nothing of the file is
 * mapped. */
int bench_file_pages(bench_pages *p, const char *path);

#endif
