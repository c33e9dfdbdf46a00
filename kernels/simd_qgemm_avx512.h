/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the AVX-512 int8 products share: the walk over row tiles of one pair of panels. Included by
 * qgemm_avx512.c and qgemm_avx512vnni.c, which define TILE_ROWS, their tile's height, before and
 * multiply_tile, the inner loop, after.
 *
 * Loops: block of row tiles, pair of panels, row tile, whole depth at once. Activations of a block
 * stay in the second cache while all weights pass (512 rows of depth 3072 without blocks: 2/3 of
 * the speed); weights are read from memory once, a few times where there are many rows.
 *
 * Prefetch: while tiles use one pair, the next pair's lines are fetched evenly over that work, both
 * panels side by side (one after the other: 0.85 of the speed at 16 rows from memory). A single
 * tile uses each line once: lines are fetched AHEAD quads before, in the end the next pair's.
 */
#ifndef DISTIL_KERNELS_SIMD_QGEMM_AVX512_H
#define DISTIL_KERNELS_SIMD_QGEMM_AVX512_H

#include <assert.h>
#include <stdalign.h>
#include <string.h>

#include "kernels/kernels.h"
#include "kernels/simd_avx512.h"

enum {
    COLS = DISTIL_PANEL_COLS,
    LINE = DISTIL_PANEL_COLS * DISTIL_QUAD, /* one quad of a panel, and one cache line */
    AHEAD = 64,                             /* quads that a single tile's fetch is ahead */
    BLOCK_BYTES = 384 << 10                 /* of activations that stay in the second cache */
};

/* One tile's work against one pair of panels. */
typedef struct tile_work {
    const uint8_t *a;      /* the tile's activations */
    const int8_t *panel;   /* the pair's first panel */
    const uint16_t *order; /* (quads) */
    size_t quads;
    uintptr_t prefetch; /* in the first panel; the second one's line is quads * LINE further */
    size_t step;        /* bytes that prefetch moves on by a quad */
    unsigned near;      /* 1: what is fetched is used at once, 0: after this pair */
    size_t turn;        /* near: from this quad on, a multiple of 4, fetch from `next` on */
    uintptr_t next;
} tile_work;

/* Fetch a line of each panel, to the first cache if near, else to the second: the first is full
 * with what is being used. A macro: gcc takes a function that only prefetches for one without
 * effect, and drops the calls. */
#define FETCH_LINES(at, panel_bytes, hint)                                                         \
    do {                                                                                           \
        _mm_prefetch((const char *)(at), hint);                                                    \
        _mm_prefetch((const char *)((at) + (panel_bytes)), hint);                                  \
    } while (0)

/* One quad of one row in every lane. */
static inline __m512i broadcast_quad(const uint8_t *a)
{
    int32_t quad;

    memcpy(&quad, a, sizeof quad);
    return _mm512_set1_epi32(quad);
}

/* sum (rows, 32) = tile x pair, 64-byte aligned; rows 1 .. TILE_ROWS; group of the pair. */
static void multiply_tile(int32_t *restrict sum, const tile_work *t, size_t rows, size_t group);

/* A block of row tiles: begin <= tile < end. */
typedef struct tile_block {
    size_t begin, end;
} tile_block;

/* A block's rows against one pair of panels, while the pair at `next` is fetched. */
static void multiply_pair(float *restrict c, size_t c_stride, const distil_qrows *a,
                          const distil_qmatrix *w, size_t pair, tile_block block,
                          const int8_t *next, distil_epilogue epilogue)
{
    size_t quads = w->depth / DISTIL_QUAD;
    size_t n = pair * DISTIL_PAIR_COLS;
    size_t tiles = block.end - block.begin;
    size_t first = distil_tile_first(a->rows, a->tile_rows, block.begin);
    size_t ahead = quads < AHEAD ? quads : AHEAD;
    const distil_avx512_panel panel[2] = {distil_avx512_panel_load(w, n),
                                          distil_avx512_panel_load(w, n + COLS)};
    tile_work t = {.panel = w->panels + pair * 2 * quads * LINE,
                   .order = w->order + pair * quads,
                   .quads = quads,
                   .prefetch = (uintptr_t)next,
                   .step = (LINE + tiles - 1) / tiles};
    alignas(64) int32_t sum[TILE_ROWS * 2 * COLS];

    if (tiles == 1) {
        t.near = 1;
        t.prefetch = (uintptr_t)(t.panel + ahead * LINE);
        t.turn = quads - ahead;
        t.next = (uintptr_t)next;
    }
    for (size_t tile = block.begin; tile < block.end; tile++) {
        size_t last = distil_tile_first(a->rows, a->tile_rows, tile + 1);

        t.a = a->q + first * w->depth;
        multiply_tile(sum, &t, last - first, w->group[pair]);
        t.prefetch += quads * t.step;
        distil_avx512_finish(c + first * c_stride + n, c_stride, sum, a->scale + first,
                             a->zero_point + first, last - first, panel, epilogue);
        first = last;
    }
}

/* The whole contract of qgemm. */
static inline void multiply_all(float *restrict c, size_t c_stride, const distil_qrows *a,
                                const distil_qmatrix *w, size_t pair_begin, size_t pair_end,
                                distil_epilogue epilogue)
{
    size_t tiles = distil_tile_count(a->rows, a->tile_rows);
    size_t most = BLOCK_BYTES / (a->tile_rows * w->depth);
    size_t blocks = distil_tile_count(tiles, most > 0 ? most : 1);
    size_t pair_bytes = w->depth * DISTIL_PAIR_COLS;

    assert(pair_begin <= pair_end && pair_end * DISTIL_PAIR_COLS <= w->cols);
    assert(w->depth % 32 == 0 && w->depth > 0);
    assert(a->tile_rows >= 1 && a->tile_rows <= TILE_ROWS);
    for (size_t b = 0; b < blocks; b++) {
        tile_block block = {tiles * b / blocks, tiles * (b + 1) / blocks};

        for (size_t pair = pair_begin; pair < pair_end; pair++) {
            size_t after = pair + 1 < pair_end || b + 1 == blocks ? pair + 1 : pair_begin;

            multiply_pair(c, c_stride, a, w, pair, block, w->panels + after * pair_bytes, epilogue);
        }
    }
}

#endif
