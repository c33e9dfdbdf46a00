/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the AVX-512 int8 products share: the walk over row tiles of one pair of panels. Included by
 * qgemm_avx512.c and qgemm_avx512vnni.c, which define TILE_ROWS, their tile's height, before and
 * multiply_tile, the inner loop, after.
 *
 * Loops and prefetch as in qgemm_avx2.c: pair of panels outside, row tiles inside, whole depth at
 * once; the next pair's lines are fetched evenly over the work on this one.
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
    SINGLE_TILE_AHEAD = 64 * LINE
};

/* One tile's work against one pair of panels. */
typedef struct tile_work {
    const uint8_t *a;      /* the tile's activations */
    const int8_t *panel;   /* the pair's first panel */
    const uint16_t *order; /* (quads) */
    size_t quads;
    uintptr_t prefetch; /* of the first panel's successor; the second's is quads * LINE further */
    size_t step;        /* bytes that prefetch moves on by a quad */
} tile_work;

/* One quad of one row in every lane. */
static inline __m512i broadcast_quad(const uint8_t *a)
{
    int32_t quad;

    memcpy(&quad, a, sizeof quad);
    return _mm512_set1_epi32(quad);
}

/* sum (rows, 32) = tile x pair, 64-byte aligned; rows 1 .. TILE_ROWS; group of the pair. */
static void multiply_tile(int32_t *restrict sum, const tile_work *t, size_t rows, size_t group);

/* All rows against one pair of panels. */
static void multiply_pair(float *restrict c, size_t c_stride, const distil_qrows *a,
                          const distil_qmatrix *w, size_t pair, distil_epilogue epilogue)
{
    size_t tiles = distil_tile_count(a->rows, a->tile_rows);
    size_t quads = w->depth / DISTIL_QUAD;
    size_t n = pair * DISTIL_PAIR_COLS;
    const distil_avx512_panel panel[2] = {distil_avx512_panel_load(w, n),
                                          distil_avx512_panel_load(w, n + COLS)};
    tile_work t = {.panel = w->panels + pair * 2 * quads * LINE,
                   .order = w->order + pair * quads,
                   .quads = quads,
                   .step = (LINE + tiles - 1) / tiles};
    alignas(64) int32_t sum[TILE_ROWS * 2 * COLS];

    t.prefetch = (uintptr_t)t.panel + (tiles == 1 ? SINGLE_TILE_AHEAD : 2 * quads * LINE);
    for (size_t tile = 0, first = 0, rows; tile < tiles; tile++, first += rows) {
        rows = a->rows / tiles + (tile < a->rows % tiles); /* as distil_tile_first cuts them */
        t.a = a->q + first * w->depth;
        multiply_tile(sum, &t, rows, w->group[pair]);
        t.prefetch += quads * t.step;
        distil_avx512_finish(c + first * c_stride + n, c_stride, sum, a->scale + first,
                             a->zero_point + first, rows, panel, epilogue);
    }
}

/* The whole contract of qgemm. */
static inline void multiply_all(float *restrict c, size_t c_stride, const distil_qrows *a,
                                const distil_qmatrix *w, size_t pair_begin, size_t pair_end,
                                distil_epilogue epilogue)
{
    assert(pair_begin <= pair_end && pair_end * DISTIL_PAIR_COLS <= w->cols);
    assert(w->depth % 32 == 0 && w->depth > 0);
    assert(a->tile_rows >= 1 && a->tile_rows <= TILE_ROWS);
    for (size_t pair = pair_begin; pair < pair_end && a->rows > 0; pair++)
        multiply_pair(c, c_stride, a, w, pair, epilogue);
}

#endif
