/* SPDX-License-Identifier: Apache-2.0 */
/* The functions of inject.h. */
#include "bench/harness/inject.h"

#include <stdlib.h>

#include "bench/machine.h"

double inject_factor(void)
{
    const char *text = getenv("DISTIL_BENCH_SLOWDOWN");
    double factor = text ? atof(text) : 1;

    return factor > 1 ? factor : 1;
}

double inject_slowdown(double ns, double factor)
{
    double start = bench_now_ns(), spin = ns * (factor - 1), spun = 0;

    while (factor > 1 && spun < spin)
        spun = bench_now_ns() - start;
    return ns + spun;
}
