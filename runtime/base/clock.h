/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The two clocks. Deadlines within the process are monotonic nanoseconds; what comes from or goes
 * to others (deadline headers, signatures, log lines) is milliseconds since 1970.
 */
#ifndef DISTIL_LAMBDA_CLOCK_H
#define DISTIL_LAMBDA_CLOCK_H

#include <stdint.h>

#define CLOCK_NEVER INT64_MAX /* a deadline that does not come */

int64_t clock_now_ns(void);  /* monotonic */
int64_t clock_unix_ms(void); /* real time */

/* The deadline `ms` milliseconds from now; CLOCK_NEVER where that is beyond the clock. */
int64_t clock_after_ms(int64_t ms);

/* Sleep until a monotonic time. Returns at once if it has passed. */
void clock_sleep_until(int64_t deadline_ns);

#endif
