/* SPDX-License-Identifier: Apache-2.0 */
/* The system's clocks, in nanoseconds or milliseconds as 64-bit integers. */
#include "runtime/base/clock.h"

#include <errno.h>
#include <time.h>

enum { NS_PER_MS = 1000000, NS_PER_S = 1000000000 };

static int64_t read_ns(clockid_t clock)
{
    struct timespec now;

    clock_gettime(clock, &now);
    return (int64_t)now.tv_sec * NS_PER_S + now.tv_nsec;
}

int64_t clock_now_ns(void)
{
    return read_ns(CLOCK_MONOTONIC);
}

int64_t clock_thread_ns(void)
{
    return read_ns(CLOCK_THREAD_CPUTIME_ID);
}

int64_t clock_unix_ms(void)
{
    return read_ns(CLOCK_REALTIME) / NS_PER_MS;
}

int64_t clock_after_ms(int64_t ms)
{
    int64_t now = clock_now_ns();

    if (ms <= 0)
        return now;
    return ms > (CLOCK_NEVER - now) / NS_PER_MS ? CLOCK_NEVER : now + ms * NS_PER_MS;
}

void clock_sleep_until(int64_t deadline_ns)
{
    struct timespec until = {deadline_ns / NS_PER_S, deadline_ns % NS_PER_S};

    if (deadline_ns <= 0)
        return;
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL) == EINTR)
        ;
}
