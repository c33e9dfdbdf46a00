/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Products in register tiles of 4 x 8 floats and 4 x 4 doubles with SSE2, which every x86-64 CPU
 * has. A tile of floats has eight accumulators; an iteration needs two loads and four broadcasts.
 */
#include "tools/convert/dense_math.h"

#include <emmintrin.h>
#include <math.h>
#include <string.h>

#include "runtime/base/strict_float.h"

enum { TILE_ROWS = 4, SQUARE_ROWS = 64, CHOLESKY_COLS = 16, DOUBLE_COLS = 4 };

/* Add to each element of a 4 x 8 tile: sum[i][j] += the sum over t < count of
 * a[t * a_stride + i * a_row] * b[t * b_stride + j]. */
static void tile(float sum[TILE_ROWS][CONV_PANEL], const float *a, size_t a_stride, size_t a_row,
                 const float *b, size_t b_stride, size_t count)
{
    __m128 s[TILE_ROWS][2];

    for (size_t i = 0; i < TILE_ROWS; i++) {
        s[i][0] = _mm_loadu_ps(sum[i]);
        s[i][1] = _mm_loadu_ps(sum[i] + 4);
    }
    for (size_t t = 0; t < count; t++) {
        __m128 b0 = _mm_loadu_ps(b + t * b_stride);
        __m128 b1 = _mm_loadu_ps(b + t * b_stride + 4);
        const float *at = a + t * a_stride;
        __m128 a0 = _mm_set1_ps(at[0]);
        __m128 a1 = _mm_set1_ps(at[a_row]);
        __m128 a2 = _mm_set1_ps(at[2 * a_row]);
        __m128 a3 = _mm_set1_ps(at[3 * a_row]);

        s[0][0] = _mm_add_ps(s[0][0], _mm_mul_ps(a0, b0));
        s[0][1] = _mm_add_ps(s[0][1], _mm_mul_ps(a0, b1));
        s[1][0] = _mm_add_ps(s[1][0], _mm_mul_ps(a1, b0));
        s[1][1] = _mm_add_ps(s[1][1], _mm_mul_ps(a1, b1));
        s[2][0] = _mm_add_ps(s[2][0], _mm_mul_ps(a2, b0));
        s[2][1] = _mm_add_ps(s[2][1], _mm_mul_ps(a2, b1));
        s[3][0] = _mm_add_ps(s[3][0], _mm_mul_ps(a3, b0));
        s[3][1] = _mm_add_ps(s[3][1], _mm_mul_ps(a3, b1));
    }
    for (size_t i = 0; i < TILE_ROWS; i++) {
        _mm_storeu_ps(sum[i], s[i][0]);
        _mm_storeu_ps(sum[i] + 4, s[i][1]);
    }
}

void conv_pack_panels(float *panels, const float *weights, size_t cols, size_t depth)
{
    for (size_t p = 0; p < cols; p += CONV_PANEL)
        for (size_t k = 0; k < depth; k++)
            for (size_t j = 0; j < CONV_PANEL; j++)
                panels[p * depth + k * CONV_PANEL + j] = weights[(p + j) * depth + k];
}

void conv_product(float *out, const float *x, size_t rows, const float *panels, const float *bias,
                  size_t cols, size_t depth)
{
    /* A few rows at a time are multiplied with all panels, so that their inputs stay in the
     * first-level cache. */
    for (size_t row = 0; row < rows; row += TILE_ROWS) {
        size_t here = rows - row < TILE_ROWS ? rows - row : TILE_ROWS;
        float sum[TILE_ROWS][CONV_PANEL];

        for (size_t p = 0; p < cols; p += CONV_PANEL) {
            for (size_t i = 0; i < TILE_ROWS; i++)
                memcpy(sum[i], bias + p, sizeof sum[i]);
            if (here == TILE_ROWS) {
                tile(sum, x + row * depth, 1, depth, panels + p * depth, CONV_PANEL, depth);
            } else { /* The last tile has fewer rows: each is computed four times over. */
                for (size_t i = 0; i < here; i++) {
                    float alone[TILE_ROWS][CONV_PANEL];

                    for (size_t copy = 0; copy < TILE_ROWS; copy++)
                        memcpy(alone[copy], bias + p, sizeof alone[copy]);
                    tile(alone, x + (row + i) * depth, 1, 0, panels + p * depth, CONV_PANEL, depth);
                    memcpy(sum[i], alone[0], sizeof sum[i]);
                }
            }
            for (size_t i = 0; i < here; i++)
                memcpy(out + (row + i) * cols + p, sum[i], sizeof sum[i]);
        }
    }
}

void conv_add_squares(float *sums, const float *x, size_t rows, size_t depth)
{
    for (size_t first = 0; first < rows; first += SQUARE_ROWS) {
        size_t here = rows - first < SQUARE_ROWS ? rows - first : SQUARE_ROWS;
        const float *block = x + first * depth;

        for (size_t a = 0; a < depth; a += TILE_ROWS) {
            for (size_t b = 0; b <= a; b += CONV_PANEL) {
                float sum[TILE_ROWS][CONV_PANEL];

                for (size_t i = 0; i < TILE_ROWS; i++)
                    memcpy(sum[i], sums + (a + i) * depth + b, sizeof sum[i]);
                tile(sum, block + a, depth, 1, block + b, depth, here);
                for (size_t i = 0; i < TILE_ROWS; i++)
                    memcpy(sums + (a + i) * depth + b, sum[i], sizeof sum[i]);
            }
        }
    }
}

/* Subtract a product from a 4 x 4 tile: out[i][j] -= the sum over t < count of a[i][t] * b[t][j].
 * The rows of out and a are `stride` apart, those of b are packed. */
static void subtract_tile(double *out, size_t stride, const double *a, const double *b,
                          size_t count)
{
    __m128d s[TILE_ROWS][2];

    for (size_t i = 0; i < TILE_ROWS; i++)
        s[i][0] = s[i][1] = _mm_setzero_pd();
    for (size_t t = 0; t < count; t++) {
        __m128d b0 = _mm_loadu_pd(b + t * DOUBLE_COLS);
        __m128d b1 = _mm_loadu_pd(b + t * DOUBLE_COLS + 2);

        for (size_t i = 0; i < TILE_ROWS; i++) {
            __m128d ai = _mm_set1_pd(a[i * stride + t]);

            s[i][0] = _mm_add_pd(s[i][0], _mm_mul_pd(ai, b0));
            s[i][1] = _mm_add_pd(s[i][1], _mm_mul_pd(ai, b1));
        }
    }
    for (size_t i = 0; i < TILE_ROWS; i++) {
        double *o = out + i * stride;

        _mm_storeu_pd(o, _mm_sub_pd(_mm_loadu_pd(o), s[i][0]));
        _mm_storeu_pd(o + 2, _mm_sub_pd(_mm_loadu_pd(o + 2), s[i][1]));
    }
}

/* Factor the columns from `first` to first + 15, from which the contribution of all columns before
 * them is already subtracted. */
static void factor_columns(double *a, size_t n, size_t first, double least)
{
    for (size_t s = first; s < first + CHOLESKY_COLS; s++) {
        double pivot = 0;

        for (size_t r = s; r < n; r++) {
            double x = a[r * n + s];

            for (size_t t = first; t < s; t++)
                x -= a[r * n + t] * a[s * n + t];
            if (r == s) {
                x = x > least ? x : least;
                pivot = sqrt(x);
            }
            a[r * n + s] = x / pivot;
        }
    }
}

void conv_cholesky(double *a, size_t n, double least, double *scratch)
{
    for (size_t first = 0; first < n; first += CHOLESKY_COLS) {
        /* Pack the rows of L that belong to these columns in groups of four, for subtract_tile. */
        for (size_t j = 0; j < CHOLESKY_COLS; j++)
            for (size_t t = 0; t < first; t++)
                scratch[(j / DOUBLE_COLS * n + t) * DOUBLE_COLS + j % DOUBLE_COLS] =
                    a[(first + j) * n + t];
        for (size_t r = first; r < n; r += TILE_ROWS)
            for (size_t j = 0; j < CHOLESKY_COLS; j += DOUBLE_COLS)
                subtract_tile(a + r * n + first + j, n, a + r * n, scratch + j * n, first);
        factor_columns(a, n, first, least);
    }
}
