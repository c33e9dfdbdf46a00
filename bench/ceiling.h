/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ceilings: loops that execute a kernel's arithmetic instructions on registers, without loads and
 * without overhead. The rate of a kernel as a fraction of its ceiling, both measured in turn, says
 * how much can still be gained, even if the clock changes or other programs run. If reading the
 * weights from memory is the bound, reading them without computing is the ceiling.
 */
#ifndef DISTIL_BENCH_CEILING_H
#define DISTIL_BENCH_CEILING_H

#include <stddef.h>

#include "kernels/kernels.h"

typedef struct bench_ceiling {
    const char *mix;     /* names the instructions */
    distil_level level;  /* the lowest level that has them */
    double macs;         /* the multiply-adds of one round */
    void (*run)(size_t); /* executes this number of rounds, at least 1 */
} bench_ceiling;

/* The ceiling of a level's int8 product with a lane group of 4, 2 or 1; NULL for scalar. */
const bench_ceiling *bench_qgemm_ceiling(distil_level level, size_t group);

/* The ceiling of both products of attention together at a level; NULL for scalar. The two
 * products have the same number of multiply-adds. */
const bench_ceiling *bench_attention_ceiling(distil_level level);

/*
 * Read memory in the order of addresses, with one load for each cache line and a prefetch 4 KiB
 * ahead. Experiments with more streams, other distances and other prefetch instructions found
 * nothing faster. p is 16-byte aligned, and bytes is a positive multiple of 256.
 */
void bench_read(const void *p, size_t bytes);

/*
 * Allocate memory of twice the size of the last-level cache, but at least 128 MB and at most 600
 * MB, because a virtual machine may show the cache of a whole host. Reading all of it displaces
 * nearly everything that the caches had. *bytes is its size, a multiple of 256; its content is
 * undefined. The memory uses huge pages where the system has them. This resembles a blob in the
 * page cache, which lies in long runs of pages whose address translations the CPU can combine.
 * Returns NULL if the system has not this much memory. The caller frees it with free().
 */
void *bench_displacing_memory(size_t *bytes);

#endif
