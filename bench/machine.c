/* SPDX-License-Identifier: Apache-2.0 */
/* The functions of machine.h. */
#define _GNU_SOURCE /* glibc declares sched_setaffinity only with this macro. */
#include "bench/machine.h"

#include <sched.h>
#include <unistd.h>

#include "runtime/base/clock.h"

double bench_now_ns(void)
{
    return (double)clock_now_ns();
}

double bench_thread_ns(void)
{
    return (double)clock_thread_ns();
}

int bench_pin(int cpu)
{
    cpu_set_t set;

    if (cpu < 0) {
        if (sched_getaffinity(0, sizeof set, &set) != 0)
            return -1;
        for (size_t i = 0; i < CPU_SETSIZE; i++)
            if (CPU_ISSET(i, &set))
                cpu = (int)i;
    }
    if (cpu < 0 || cpu >= CPU_SETSIZE)
        return -1;
    CPU_ZERO(&set);
    CPU_SET((size_t)cpu, &set);
    return sched_setaffinity(0, sizeof set, &set) == 0 ? cpu : -1;
}

size_t bench_cache_bytes(void)
{
    long most = 0;

    /* musl cannot tell the size of a cache. */
#ifdef _SC_LEVEL3_CACHE_SIZE
    long l3 = sysconf(_SC_LEVEL3_CACHE_SIZE);
    long l2 = sysconf(_SC_LEVEL2_CACHE_SIZE);

    most = l3 > l2 ? l3 : l2;
#endif
    return most > 0 ? (size_t)most : 0;
}
