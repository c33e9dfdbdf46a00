/* SPDX-License-Identifier: Apache-2.0 */
/*
 * int8 matrix product, scalar reference: contract in kernels.h.
 *
 * Two rows share one 64-bit multiplication, because (a0 + a1 * 2^32) * w = a0 * w + (a1 * w) *
 * 2^32, and the same holds for sums of such products. Both sums are below 2^30 in magnitude (see
 * distil_qmatrix). So the low half of the 64-bit sum, read as int32, is exactly the first row's
 * sum, and the rest divided by 2^32 is the second row's sum.
 */
#include "kernels/kernels.h"
#include "kernels/poly.h"

#include <assert.h>
#include <math.h>

/* Multiply two rows of a tile with one panel over the whole depth. row1 may be the same row as
 * row0. */
static void dot_rows(int32_t sum0[DISTIL_PANEL_COLS], int32_t sum1[DISTIL_PANEL_COLS],
                     const uint8_t *row0, const uint8_t *row1, size_t tile_rows,
                     const int8_t *panel, const uint16_t *order, size_t quads)
{
    int64_t sum[DISTIL_PANEL_COLS] = {0};

    for (size_t i = 0; i < quads; i++) {
        size_t at = order[i] * tile_rows * DISTIL_QUAD;
        const int8_t *w = panel + i * DISTIL_PANEL_COLS * DISTIL_QUAD;
        int64_t a[DISTIL_QUAD];

        for (size_t k = 0; k < DISTIL_QUAD; k++)
            a[k] = (int64_t)row0[at + k] | (int64_t)row1[at + k] << 32;
        for (size_t col = 0; col < DISTIL_PANEL_COLS; col++, w += DISTIL_QUAD)
            sum[col] += a[0] * w[0] + a[1] * w[1] + a[2] * w[2] + a[3] * w[3];
    }
    for (size_t col = 0; col < DISTIL_PANEL_COLS; col++) {
        sum0[col] = (int32_t)(uint32_t)((uint64_t)sum[col] & UINT32_MAX);
        sum1[col] = (int32_t)((sum[col] - sum0[col]) / (INT64_C(1) << 32));
    }
}

/* A sum of a column's weights from the blob, within the bounds that the sum of weights keeps. */
static int32_t limit_col_sum(int32_t col_sum)
{
    return col_sum < -DISTIL_COL_SUM_MAX  ? -DISTIL_COL_SUM_MAX
           : col_sum > DISTIL_COL_SUM_MAX ? DISTIL_COL_SUM_MAX
                                          : col_sum;
}

/* Apply the epilogue to the sums of one row in the columns n .. n + 15 and write the results to
 * c. */
static void finish_row(float *restrict c, const int32_t sum[DISTIL_PANEL_COLS],
                       const distil_qrows *a, size_t row, const distil_qmatrix *w, size_t n,
                       distil_epilogue epilogue)
{
    for (size_t col = 0; col < DISTIL_PANEL_COLS; col++) {
        int32_t exact = sum[col] - a->zero_point[row] * limit_col_sum(w->col_sum[n + col]);
        float y = fmaf((float)exact, a->scale[row] * w->scale[n + col], w->bias[n + col]);

        c[col] = epilogue == DISTIL_EPILOGUE_GELU ? distil_gelu(y) : y;
    }
}

/* Multiply one tile of rows with one panel and apply the epilogue. */
static void multiply_tile(float *restrict c, size_t c_stride, const distil_qrows *a, size_t tile,
                          const distil_qmatrix *w, size_t panel, distil_epilogue epilogue)
{
    size_t first = distil_tile_first(a->rows, a->tile_rows, tile);
    size_t rows = distil_tile_first(a->rows, a->tile_rows, tile + 1) - first;
    size_t quads = w->depth / DISTIL_QUAD;
    const uint8_t *q = a->q + first * w->depth;
    const int8_t *b = w->panels + panel * DISTIL_PANEL_COLS * w->depth;
    const uint16_t *order = w->order + panel / 2 * quads;
    size_t n = panel * DISTIL_PANEL_COLS;

    for (size_t r = 0; r < rows; r += 2) {
        size_t next = r + 1 < rows ? r + 1 : r;
        int32_t sum0[DISTIL_PANEL_COLS], sum1[DISTIL_PANEL_COLS];

        dot_rows(sum0, sum1, q + r * DISTIL_QUAD, q + next * DISTIL_QUAD, rows, b, order, quads);
        finish_row(c + (first + r) * c_stride + n, sum0, a, first + r, w, n, epilogue);
        if (next != r)
            finish_row(c + (first + next) * c_stride + n, sum1, a, first + next, w, n, epilogue);
    }
}

void distil_qgemm_scalar(float *restrict c, size_t c_stride, const distil_qrows *a,
                         const distil_qmatrix *w, size_t pair_begin, size_t pair_end,
                         distil_epilogue epilogue)
{
    size_t tiles = distil_tile_count(a->rows, a->tile_rows);

    assert(pair_begin <= pair_end && pair_end * DISTIL_PAIR_COLS <= w->cols);
    assert(w->depth % 32 == 0);
    for (size_t panel = 2 * pair_begin; panel < 2 * pair_end; panel++)
        for (size_t tile = 0; tile < tiles; tile++)
            multiply_tile(c, c_stride, a, tile, w, panel, epilogue);
}
