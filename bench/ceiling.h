/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ceilings: loops of a kernel's arithmetic instructions on registers alone, no loads, no overhead.
 * What a kernel reaches of its ceiling, measured in turn with it, says how much is left to gain,
 * whatever the clock and the neighbours are doing. Where the weights' stream is the bound, reading
 * them without computing is the ceiling.
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

/* Both products of attention, which have as many multiply-adds, on a level; NULL where none is
 * known. */
const bench_ceiling *bench_attention_ceiling(distil_level level);

/*
 * Read memory in order, one load a cache line, prefetched 4 KiB ahead: as fast as one core gets
 * bytes from memory, found by trying (more streams, other distances and hints: within 6 %).
 * 16-byte aligned, a positive multiple of 256 bytes.
 */
void bench_read(const void *p, size_t bytes);

/*
 * Memory of twice the last-level cache, within 128 MB .. 600 MB (a virtual machine may name the
 * cache of a whole host), a multiple of 256 bytes, unset; NULL without that much. Reading it all
 * displaces nearly all that the caches had. In huge pages where there are any: a blob in the page
 * cache lies in long runs of pages, whose translations the CPU keeps together; small pages of a
 * process lie anywhere, a walk for each. To be freed with free().
 */
void *bench_displacing_memory(size_t *bytes);

#endif
