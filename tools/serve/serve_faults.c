/* SPDX-License-Identifier: Apache-2.0 */
/* Choice of faults; see serve_faults.h. */
#include "tools/serve/serve_faults.h"

#include "runtime/base/random.h"

enum { SLOW_MS = 60 /* the delay of a slow reply */ };

void serve_faults_init(serve_faults *f, double rate, uint64_t seed)
{
    f->rate = rate;
    f->random = seed;
    f->count = 0;
}

/* Returns 1, and counts, if the next reply gets a fault. */
static int draw_whether(serve_faults *f)
{
    if (f->rate <= 0 || splitmix64_fraction(&f->random) >= f->rate)
        return 0;
    f->count++;
    return 1;
}

serve_fault serve_faults_draw_store(serve_faults *f)
{
    if (!draw_whether(f))
        return SERVE_FAULT_NONE;
    return (serve_fault)(1 + splitmix64(&f->random) % (SERVE_FAULT_KINDS - 1));
}

serve_fault serve_faults_draw_runtime(serve_faults *f)
{
    static const serve_fault kinds[] = {SERVE_FAULT_LOST, SERVE_FAULT_BEFORE, SERVE_FAULT_CUT,
                                        SERVE_FAULT_SLOW, SERVE_FAULT_PIECES};

    if (!draw_whether(f))
        return SERVE_FAULT_NONE;
    return kinds[splitmix64(&f->random) % (sizeof kinds / sizeof *kinds)];
}

void serve_faults_apply(serve_reply *reply, serve_fault fault)
{
    reply->close_instead = fault == SERVE_FAULT_LOST;
    reply->cut = fault == SERVE_FAULT_CUT;
    reply->delay_ms = fault == SERVE_FAULT_SLOW ? SLOW_MS : 0;
    reply->in_pieces = fault == SERVE_FAULT_PIECES;
}
