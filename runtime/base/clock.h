/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Time. Deadlines and durations within a process are nanoseconds of the monotonic clock, which no
 * change of the system's time affects. Times that come from or go to other machines (deadline
 * headers, signatures, log lines) are milliseconds since 1970.
 *
 * These clocks cost a call of tens of nanoseconds. The benchmarks also read the CPU's counters of
 * cycles and instructions (bench/harness/counter.h), which measure work rather than time.
 */
#ifndef DISTIL_BASE_CLOCK_H
#define DISTIL_BASE_CLOCK_H

#include <stdint.h>

#define CLOCK_NEVER INT64_MAX /* a deadline that never comes */

int64_t clock_now_ns(void);    /* the monotonic clock */
int64_t clock_thread_ns(void); /* the CPU time that the calling thread has used */
int64_t clock_unix_ms(void);   /* the time since 1970 */

/* The deadline that is `ms` milliseconds from now. CLOCK_NEVER if it lies beyond the clock's range;
 * now if ms is not positive. */
int64_t clock_after_ms(int64_t ms);

/* Sleep until a time of the monotonic clock, signals notwithstanding. Returns at once if that time
 * has passed. */
void clock_sleep_until(int64_t deadline_ns);

#endif
