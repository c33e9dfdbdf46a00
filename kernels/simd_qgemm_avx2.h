/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the int8 products with 256-bit registers share: the walk over row tiles of one pair of
 * panels, and the end of a tile. Included by qgemm_avx2.c and qgemm_avxvnni.c, which define
 * TILE_ROWS, their tile's height, before and select_tile, the inner loops, after.
 *
 * Loops: block of row tiles, pair of panels, row tile, whole depth at once. A pair (24 KiB at depth
 * 768) stays in the first or second cache while the block's rows pass, the block's activations in
 * the second while all weights pass; weights are read from memory once, a few times where there are
 * many rows.
 *
 * Prefetch: the work on one pair is a stretch of tiles * 2 * quads quads, in which the 2 * quads
 * lines of the next pair are fetched evenly, so that memory never waits for arithmetic nor the
 * other way round (at 16 rows from memory: 1.3 times the speed of fetching during the last tile).
 * With a single tile every line is used once and the fetch runs a fixed distance ahead. It goes to
 * the second cache: prefetches to the first are limited by its few line buffers (1 row from memory:
 * 80 instead of 92 % of the speed of reading).
 */
#ifndef DISTIL_KERNELS_SIMD_QGEMM_AVX2_H
#define DISTIL_KERNELS_SIMD_QGEMM_AVX2_H

#include <assert.h>
#include <stdalign.h>

#include "kernels/kernels.h"
#include "kernels/simd_avx2.h"

enum {
    COLS = DISTIL_PANEL_COLS,
    LINE = DISTIL_PANEL_COLS * DISTIL_QUAD, /* one quad of a panel, and one cache line */
    SINGLE_TILE_AHEAD = 64 * LINE,
    BLOCK_BYTES = 192 << 10 /* of activations that stay in the second cache */
};

/*
 * One tile against one panel: sum (rows, 16) receives sum_k a[row][k] * panel[k][col]; 32-byte
 * aligned. a, panel and order are as in distil_qrows and distil_qmatrix. For each quad the line at
 * `prefetch` is fetched, which then moves on by `step` bytes; it may point anywhere.
 */
typedef void qtile_fn(int32_t *sum, const uint8_t *a, const int8_t *panel, const uint16_t *order,
                      size_t quads, uintptr_t prefetch, size_t step);

/* The inner loop for 1 .. TILE_ROWS rows and a lane group of 4, 2 or 1. */
static qtile_fn *select_tile(size_t rows, size_t group);

/* Finish 8 columns of one row: sum - zero_point * col_sum, scale, bias, GELU where asked. */
static inline __m256 finish(const int32_t *sum, __m256i zero_point, __m256 scale,
                            const distil_qmatrix *w, size_t n, distil_epilogue epilogue)
{
    __m256i col_sum = _mm256_loadu_si256((const __m256i *)(w->col_sum + n));
    __m256i exact = _mm256_sub_epi32(_mm256_load_si256((const __m256i *)sum),
                                     _mm256_mullo_epi32(zero_point, col_sum));
    __m256 y = _mm256_fmadd_ps(_mm256_cvtepi32_ps(exact),
                               _mm256_mul_ps(scale, _mm256_loadu_ps(w->scale + n)),
                               _mm256_loadu_ps(w->bias + n));

    return epilogue == DISTIL_EPILOGUE_GELU ? distil_avx2_gelu(y) : y;
}

/* The tile's sums to c: rows first .. first + rows, columns n .. n + 15. */
static void finish_tile(float *restrict c, size_t c_stride, const int32_t *sum,
                        const distil_qrows *a, size_t first, size_t rows, const distil_qmatrix *w,
                        size_t n, distil_epilogue epilogue)
{
    for (size_t r = 0; r < rows; r++, sum += COLS) {
        float *out = c + (first + r) * c_stride + n;
        __m256i zero_point = _mm256_set1_epi32(a->zero_point[first + r]);
        __m256 scale = _mm256_set1_ps(a->scale[first + r]);

        _mm256_storeu_ps(out, finish(sum, zero_point, scale, w, n, epilogue));
        _mm256_storeu_ps(out + 8, finish(sum + 8, zero_point, scale, w, n + 8, epilogue));
    }
}

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
    size_t tiles = block.end - block.begin;
    size_t first = distil_tile_first(a->rows, a->tile_rows, block.begin);
    const int8_t *panel = w->panels + pair * 2 * quads * LINE;
    const uint16_t *order = w->order + pair * quads;
    uintptr_t prefetch = tiles == 1 ? (uintptr_t)panel + SINGLE_TILE_AHEAD : (uintptr_t)next;
    size_t step = (LINE + tiles - 1) / tiles;
    alignas(32) int32_t sum[TILE_ROWS * COLS];

    for (size_t tile = block.begin; tile < block.end; tile++) {
        size_t last = distil_tile_first(a->rows, a->tile_rows, tile + 1);
        qtile_fn *multiply = select_tile(last - first, w->group[pair]);

        for (size_t half = 0; half < 2; half++) {
            multiply(sum, a->q + first * w->depth, panel + half * quads * LINE, order, quads,
                     prefetch, step);
            finish_tile(c, c_stride, sum, a, first, last - first, w,
                        pair * DISTIL_PAIR_COLS + half * COLS, epilogue);
            prefetch += quads * step;
        }
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
