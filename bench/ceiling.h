/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ceilings: loops of a kernel's arithmetic instructions on registers alone, no loads, no overhead.
 * What a kernel reaches of its ceiling, measured in turn with it, says how much is left to gain,
 * whatever the clock and the neighbours are doing.
 */
#ifndef DISTIL_BENCH_CEILING_H
#define DISTIL_BENCH_CEILING_H

#include <stddef.h>

#include "kernels/kernels.h"

typedef struct bench_ceiling {
    const char *mix;     /* what is executed */
    distil_level level;  /* what it needs */
    double macs;         /* multiply-adds of one round */
    void (*run)(size_t); /* rounds, at least 1 */
} bench_ceiling;

/* The int8 product of a level with a lane group of 4, 2 or 1 quads; NULL where none is known. */
const bench_ceiling *bench_qgemm_ceiling(distil_level level, size_t group);

/* fp32 fused multiply-adds of a level; NULL where none is known. */
const bench_ceiling *bench_fma_ceiling(distil_level level);

#endif
