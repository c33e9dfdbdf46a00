/* SPDX-License-Identifier: Apache-2.0 */
/* The functions of probe.h. */
#include "bench/harness/probe.h"

#include "bench/ceiling.h"
#include "bench/machine.h"
#include "bench/harness/child.h"

enum { LANE_GROUP = 4 };
#define CALL_NS 1e6

static const bench_ceiling *ceiling_of(distil_level level)
{
    /* Scalar code has no ceiling. The ceiling of AVX2 stands in, since a probe only has to do the
     * same work every time. */
    return bench_qgemm_ceiling(level == DISTIL_LEVEL_SCALAR ? DISTIL_LEVEL_AVX2 : level,
                               LANE_GROUP);
}

static double run_arithmetic(void *argument)
{
    const probe_arithmetic *p = argument;
    double start = bench_now_ns();

    ceiling_of(p->level)->run(p->loops);
    return bench_now_ns() - start;
}

void probe_arithmetic_init(probe_arithmetic *p, distil_level level)
{
    double least = 0;

    *p = (probe_arithmetic){.level = level, .loops = 10000};
    for (int i = 0; i < 5; i++) {
        double ns = run_arithmetic(p);

        least = i == 0 || ns < least ? ns : least;
    }
    p->loops = (size_t)(CALL_NS / least * (double)p->loops) + 1;
    p->macs = ceiling_of(level)->macs * (double)p->loops;
}

rounds_side probe_arithmetic_side(probe_arithmetic *p)
{
    return (rounds_side){run_arithmetic, p};
}

static double read_stream(void *argument)
{
    const probe_stream *p = argument;
    double start = bench_now_ns();

    bench_read(p->bytes, p->size / 256 * 256);
    return bench_now_ns() - start;
}

rounds_side probe_stream_side(probe_stream *p)
{
    return (rounds_side){read_stream, p};
}

static double start_process(void *argument)
{
    const probe_process *p = argument;
    char *argv[] = {child_argument(p->path), NULL};
    double wall_ns;

    return child_run(&wall_ns, argv, NULL, CHILD_LIMIT_MS) == 0 ? wall_ns : -1;
}

rounds_side probe_process_side(probe_process *p)
{
    return (rounds_side){start_process, p};
}
