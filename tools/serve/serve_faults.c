/* SPDX-License-Identifier: Apache-2.0 */
/* Choice of faults; see serve_faults.h. */
#include "tools/serve/serve_faults.h"

enum { SLOW_MS = 60 /* by which a slow reply is late */ };

void serve_faults_init(serve_faults *f, double rate, uint64_t seed)
{
    f->rate = rate;
    f->state = seed;
    f->count = 0;
}

/* The generator is splitmix64, which gives a good sequence for every seed, 0 included. */
uint64_t serve_faults_random(serve_faults *f)
{
    uint64_t x = f->state += 0x9e3779b97f4a7c15U;

    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9U;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebU;
    return x ^ (x >> 31);
}

/* Returns 1, and counts, if the next reply gets a fault. */
static int draw_whether(serve_faults *f)
{
    if (f->rate <= 0 || (double)(serve_faults_random(f) >> 11) * 0x1p-53 >= f->rate)
        return 0;
    f->count++;
    return 1;
}

serve_fault serve_faults_draw_store(serve_faults *f)
{
    if (!draw_whether(f))
        return SERVE_FAULT_NONE;
    return (serve_fault)(1 + serve_faults_random(f) % (SERVE_FAULT_KINDS - 1));
}

serve_fault serve_faults_draw_runtime(serve_faults *f)
{
    static const serve_fault kinds[] = {SERVE_FAULT_LOST, SERVE_FAULT_BEFORE, SERVE_FAULT_CUT,
                                        SERVE_FAULT_SLOW, SERVE_FAULT_PIECES};

    if (!draw_whether(f))
        return SERVE_FAULT_NONE;
    return kinds[serve_faults_random(f) % (sizeof kinds / sizeof *kinds)];
}

void serve_faults_apply(serve_reply *reply, serve_fault fault)
{
    reply->close_instead = fault == SERVE_FAULT_LOST;
    reply->cut = fault == SERVE_FAULT_CUT;
    reply->delay_ms = fault == SERVE_FAULT_SLOW ? SLOW_MS : 0;
    reply->in_pieces = fault == SERVE_FAULT_PIECES;
}
