/* SPDX-License-Identifier: Apache-2.0 */
/* The functions of machine.h. */
#define _GNU_SOURCE /* glibc declares sched_setaffinity only with this macro. */
#include "bench/machine.h"

#include <inttypes.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
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

/* Returns the path in the first line of a mapping in /proc/self/smaps, or NULL for a line that is
 * no such one or has no path. The line's end is cut off. */
static const char *mapped_path(char *line)
{
    uint64_t begin, end;
    const char *path = strchr(line, '/');

    line[strcspn(line, "\n")] = '\0';
    if (sscanf(line, "%" SCNx64 "-%" SCNx64 " ", &begin, &end) != 2)
        return NULL;
    return path != NULL ? path : "";
}

int bench_file_pages(bench_pages *p, const char *path)
{
    char line[4352], *absolute = realpath(path, NULL);
    FILE *maps = absolute != NULL ? fopen("/proc/self/smaps", "re") : NULL;
    int within = 0; /* 1: the lines are about a mapping of the file */

    *p = (bench_pages){0, 0};
    while (maps != NULL && fgets(line, sizeof line, maps) != NULL) {
        const char *of = mapped_path(line);
        size_t kilobytes;

        if (of != NULL)
            within = strcmp(of, absolute) == 0;
        else if (within && sscanf(line, "Rss: %zu kB", &kilobytes) == 1)
            p->touched += kilobytes << 10;
        else if (within && (sscanf(line, "FilePmdMapped: %zu kB", &kilobytes) == 1 ||
                            sscanf(line, "ShmemPmdMapped: %zu kB", &kilobytes) == 1))
            p->huge += kilobytes << 10;
    }
    if (maps != NULL)
        fclose(maps);
    free(absolute);
    return p->touched > 0 ? 0 : -1;
}
