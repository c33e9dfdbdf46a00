/* SPDX-License-Identifier: Apache-2.0 */
/* The method of rounds.h. */
#include "bench/harness/rounds.h"

#include <math.h>

#include "bench/machine.h"
#include "runtime/base/strict_float.h"

enum { MAX_CALLS = 256, CHECK_EVERY = 4, SEED = 1 };
#define QUIET_PROBE 1.05

/* The times of one side's calls in one round. */
typedef struct block {
    double ns[MAX_CALLS];
    size_t calls;
} block;

/* Times calls until block_ns have passed, at most half of what a block holds. Returns 0, or -1. */
static int run_block(block *to, const rounds_side *side, double block_ns)
{
    double spent = 0;

    do {
        double ns = side->call(side->argument);

        if (ns < 0)
            return -1;
        to->ns[to->calls++] = ns;
        spent += ns;
    } while (spent < block_ns && to->calls < MAX_CALLS / 2);
    return 0;
}

/* Times the second block of a side in this round, with as many calls as the first. Returns 0, or
 * -1. */
static int repeat_block(block *to, const rounds_side *side)
{
    for (size_t n = to->calls; n > 0; n--) {
        double ns = side->call(side->argument);

        if (ns < 0)
            return -1;
        to->ns[to->calls++] = ns;
    }
    return 0;
}

static double run_probe(const rounds_plan *plan)
{
    return plan->probe.call ? plan->probe.call(plan->probe.argument) : 0;
}

/* Times one round: A B B A if its number is even, B A A B if it is odd, so that neither side is
 * always first. Returns 0, or -1. */
static int run_round(rounds_result *r, const rounds_plan *plan, double *worst_probe)
{
    block a = {.calls = 0}, b = {.calls = 0};
    int swap = r->rounds % 2 == 1;
    block *outer = swap ? &b : &a, *inner = swap ? &a : &b;
    const rounds_side *out = swap ? &plan->b : &plan->a, *in = swap ? &plan->a : &plan->b;
    double before = run_probe(plan);

    if (run_block(outer, out, plan->block_ns) != 0 || run_block(inner, in, plan->block_ns) != 0 ||
        repeat_block(inner, in) != 0 || repeat_block(outer, out) != 0)
        return -1;
    *worst_probe = fmax(before, run_probe(plan));
    r->a_ns[r->rounds] = stats_quantile(a.ns, a.calls, 0.5);
    r->b_ns[r->rounds] = stats_quantile(b.ns, b.calls, 0.5);
    r->ratio[r->rounds] = r->a_ns[r->rounds] / r->b_ns[r->rounds];
    r->rounds++;
    return 0;
}

static double quiet_share(const double *probes, size_t n)
{
    double best = probes[0];
    size_t quiet = 0;

    for (size_t i = 1; i < n; i++)
        best = fmin(best, probes[i]);
    for (size_t i = 0; i < n; i++)
        quiet += probes[i] <= best * QUIET_PROBE;
    return (double)quiet / (double)n;
}

static int is_narrow(const rounds_result *r, const rounds_plan *plan)
{
    stats_interval i = r->ratio_interval;

    return (i.high - i.low) / 2 <= plan->half_width * i.value;
}

int rounds_run(rounds_result *r, const rounds_plan *plan)
{
    double worst[ROUNDS_MAX], until = bench_now_ns() + plan->seconds * 1e9;

    r->rounds = 0;
    for (int warm = 0; warm < 3; warm++)
        if (plan->a.call(plan->a.argument) < 0 || plan->b.call(plan->b.argument) < 0)
            return -1;
    while (r->rounds < ROUNDS_MAX && (r->rounds < ROUNDS_LEAST || bench_now_ns() < until)) {
        if (run_round(r, plan, &worst[r->rounds]) != 0)
            return -1;
        if (r->rounds < ROUNDS_LEAST || r->rounds % CHECK_EVERY != 0)
            continue;
        r->ratio_interval = stats_bootstrap(r->ratio, r->rounds, 0.5, plan->confidence, SEED);
        if (is_narrow(r, plan))
            break;
    }
    r->ratio_interval = stats_bootstrap(r->ratio, r->rounds, 0.5, plan->confidence, SEED);
    r->quiet = quiet_share(worst, r->rounds);
    return 0;
}
