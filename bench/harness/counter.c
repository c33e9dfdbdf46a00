/* SPDX-License-Identifier: Apache-2.0 */
/* The functions of counter.h, by perf_event_open. */
#include "bench/harness/counter.h"

#include <linux/perf_event.h>
#include <sys/syscall.h>
#include <unistd.h>

int counter_open(void)
{
    struct perf_event_attr attributes = {.type = PERF_TYPE_HARDWARE,
                                         .size = sizeof attributes,
                                         .config = PERF_COUNT_HW_INSTRUCTIONS,
                                         .exclude_kernel = 1,
                                         .exclude_hv = 1};

    return (int)syscall(SYS_perf_event_open, &attributes, 0, -1, -1, PERF_FLAG_FD_CLOEXEC);
}

uint64_t counter_read(int fd)
{
    uint64_t count = 0;

    return read(fd, &count, sizeof count) == (ssize_t)sizeof count ? count : 0;
}

void counter_close(int fd)
{
    close(fd);
}
