/* SPDX-License-Identifier: Apache-2.0 */
/* The host's own limits: see probe.h. */
#include "bench/harness/probe.h"

#include "bench/ceiling.h"
#include "bench/clock.h"
#include "bench/harness/child.h"

enum { GROUP = 4 };
#define CALL_NS 1e6

static const bench_ceiling *ceiling_of(distil_level level)
{
    /* scalar code has no such loop; AVX2's is a fixed piece of work all the same */
    return bench_qgemm_ceiling(level == DISTIL_LEVEL_SCALAR ? DISTIL_LEVEL_AVX2 : level, GROUP);
}

static double arithmetic(void *argument)
{
    const probe_arithmetic *p = argument;
    double start = bench_now_ns();

    ceiling_of(p->level)->run(p->rounds);
    return bench_now_ns() - start;
}

void probe_arithmetic_init(probe_arithmetic *p, distil_level level)
{
    double least = 0;

    *p = (probe_arithmetic){.level = level, .rounds = 10000};
    for (int i = 0; i < 5; i++) {
        double ns = arithmetic(p);

        least = i == 0 || ns < least ? ns : least;
    }
    p->rounds = (size_t)(CALL_NS / least * (double)p->rounds) + 1;
    p->macs = ceiling_of(level)->macs * (double)p->rounds;
}

rounds_side probe_arithmetic_side(probe_arithmetic *p)
{
    return (rounds_side){arithmetic, p};
}

static double stream(void *argument)
{
    const probe_stream *p = argument;
    double start = bench_now_ns();

    bench_read(p->bytes, p->size / 256 * 256);
    return bench_now_ns() - start;
}

rounds_side probe_stream_side(probe_stream *p)
{
    return (rounds_side){stream, p};
}

static double process(void *argument)
{
    const probe_process *p = argument;
    char *argv[] = {(char *)(size_t)p->path, NULL};
    child_usage usage;

    return child_run(&usage, argv, NULL, CHILD_LIMIT_MS) == 0 ? usage.wall_ns : -1;
}

rounds_side probe_process_side(probe_process *p)
{
    return (rounds_side){process, p};
}
