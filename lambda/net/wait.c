/* SPDX-License-Identifier: Apache-2.0 */
/* Waiting on a socket with poll(2) and a deadline in nanoseconds. */
#include "lambda/net/wait.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>

#include "runtime/base/clock.h"

enum { NS_PER_MS = 1000000 };

net_status net_wait(int fd, short events, int64_t deadline_ns)
{
    struct pollfd p = {fd, events, 0};

    for (;;) {
        int64_t left = deadline_ns == CLOCK_NEVER ? 0 : deadline_ns - clock_now_ns();
        /* Round up to whole milliseconds, so that poll never returns before the deadline. */
        int64_t ms = left <= 0 ? 0 : (left - 1) / NS_PER_MS + 1;
        int n;

        if (deadline_ns == CLOCK_NEVER)
            ms = -1;
        n = poll(&p, 1, ms > INT_MAX ? INT_MAX : (int)ms);
        if (n > 0)
            return NET_OK;
        if (n < 0 && errno != EINTR)
            return NET_FAILED;
        if (n == 0 && left <= 0 && deadline_ns != CLOCK_NEVER)
            return NET_TIMEOUT;
    }
}

int net_wait_or_stop(int fd, int stop_fd)
{
    struct pollfd p[2] = {{fd, POLLIN, 0}, {stop_fd, POLLIN, 0}};

    int n;

    do
        n = poll(p, 2, -1);
    while (n < 0 && errno == EINTR);
    /* After an error the caller reads, and then learns what is wrong with its descriptor. */
    return n < 0 || p[0].revents != 0;
}
