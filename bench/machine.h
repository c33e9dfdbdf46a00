/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What benchmarks need to know of time and of the CPU: two clocks, pinning to a CPU, the size of
 * the last-level cache.
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

#endif
