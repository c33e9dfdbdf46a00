/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the int8 products with 256-bit registers share: the walk over row tiles of one pair of
 * panels, and the end of a tile. Included by qgemm_avx2.c and qgemm_avxvnni.c, which define
 * TILE_ROWS, their tile's height, before and select_tile, the inner loops, after.
 *
 * Loops: pair of panels outside, row tiles inside, whole depth at once. A pair (24 KiB at depth
 * 768) stays in the first or second cache while all rows pass; weights are read from memory once.
 *
 * Prefetch: the work on one pair is a stretch of tiles * 2 * quads quads, in which the 2 * quads
 * lines of the next pair are fetched evenly, so that memory never waits for arithmetic nor the
 * other way round (at 16 rows from memory: 1.3 times the speed of fetching during the last tile).
 * With a single tile every line is used once and the fetch runs a fixed distance ahead.
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
    SINGLE_TILE_AHEAD = 64 * LINE
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

/* All rows against one pair of panels. */
static void multiply_pair(float *restrict c, size_t c_stride, const distil_qrows *a,
                          const distil_qmatrix *w, size_t pair, distil_epilogue epilogue)
{
    size_t tiles = distil_tile_count(a->rows, a->tile_rows);
    size_t quads = w->depth / DISTIL_QUAD;
    const int8_t *panel = w->panels + pair * 2 * quads * LINE;
    const uint16_t *order = w->order + pair * quads;
    uintptr_t prefetch = (uintptr_t)panel + (tiles == 1 ? SINGLE_TILE_AHEAD : 2 * quads * LINE);
    size_t step = (LINE + tiles - 1) / tiles;
    alignas(32) int32_t sum[TILE_ROWS * COLS];

    for (size_t tile = 0, first = 0, rows; tile < tiles; tile++, first += rows) {
        const uint8_t *q = a->q + first * w->depth;
        qtile_fn *multiply;

        rows = a->rows / tiles + (tile < a->rows % tiles); /* as distil_tile_first cuts them */
        multiply = select_tile(rows, w->group[pair]);

        for (size_t half = 0; half < 2; half++) {
            multiply(sum, q, panel + half * quads * LINE, order, quads, prefetch, step);
            finish_tile(c, c_stride, sum, a, first, rows, w, pair * DISTIL_PAIR_COLS + half * COLS,
                        epilogue);
            prefetch += quads * step;
        }
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
