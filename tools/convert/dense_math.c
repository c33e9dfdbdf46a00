/* SPDX-License-Identifier: Apache-2.0 */
/* Products made of the tiles of conv_ops.h, whose factors stay in the caches, and shared by
 * threads. */
#include "tools/convert/dense_math.h"

#include <math.h>
#include <string.h>

#include "runtime/base/strict_float.h"
#include "tools/convert/conv_parallel.h"

enum {
    DEPTH_AT_A_TIME = 256, /* 16 KiB of a panel, which stay in the first-level cache */
    CHOLESKY_COLS = 16,
    CHOLESKY_ROWS = 64 /* rows that a thread works on at a time */
};

void conv_pack_panels(float *panels, const float *weights, size_t cols, size_t depth)
{
    for (size_t p = 0; p < cols; p += CONV_TILE_COLS)
        for (size_t k = 0; k < depth; k++)
            for (size_t j = 0; j < CONV_TILE_COLS; j++)
                panels[p * depth + k * CONV_TILE_COLS + j] = weights[(p + j) * depth + k];
}

/* ---- product -------------------------------------------------------------------------------- */

typedef struct product {
    const conv_ops *ops;
    float *out;
    const float *x, *panels, *bias;
    size_t rows, cols, depth;
} product;

/* Add the products of a part of the depth to the columns of one panel. */
static void multiply_part(const product *p, size_t col, size_t first, size_t count)
{
    const float *panel = p->panels + col * p->depth + first * CONV_TILE_COLS;
    size_t row = 0;

    for (; row + CONV_TILE_ROWS <= p->rows; row += CONV_TILE_ROWS)
        p->ops->add_tile(p->out + row * p->cols + col, p->cols, p->x + row * p->depth + first, 1,
                         p->depth, panel, CONV_TILE_COLS, count);
    for (; row < p->rows; row++) { /* The tile computes each of the last rows four times over. */
        float *out = p->out + row * p->cols + col;
        float sum[CONV_TILE_ROWS][CONV_TILE_COLS];

        for (size_t i = 0; i < CONV_TILE_ROWS; i++)
            memcpy(sum[i], out, sizeof sum[i]);
        p->ops->add_tile(sum[0], CONV_TILE_COLS, p->x + row * p->depth + first, 1, 0, panel,
                         CONV_TILE_COLS, count);
        memcpy(out, sum[0], sizeof sum[0]);
    }
}

static void multiply_panel(void *user, size_t index, size_t worker)
{
    const product *p = user;
    size_t col = index * CONV_TILE_COLS;

    (void)worker;
    for (size_t row = 0; row < p->rows; row++)
        memcpy(p->out + row * p->cols + col, p->bias + col, CONV_TILE_COLS * sizeof(float));
    for (size_t first = 0; first < p->depth; first += DEPTH_AT_A_TIME) {
        size_t left = p->depth - first;

        multiply_part(p, col, first, left < DEPTH_AT_A_TIME ? left : DEPTH_AT_A_TIME);
    }
}

void conv_product(const conv_machine *machine, float *out, const float *x, size_t rows,
                  const float *panels, const float *bias, size_t cols, size_t depth)
{
    product p = {machine->ops, out, x, panels, bias, rows, cols, depth};

    conv_parallel(machine->threads, cols / CONV_TILE_COLS, multiply_panel, &p);
}

/* ---- squares -------------------------------------------------------------------------------- */

typedef struct squares {
    const conv_ops *ops;
    float *sums;
    const float *panels;
    size_t rows, depth;
} squares;

/* Compute sixteen rows of the triangle, the longest first. */
static void square_panel(void *user, size_t index, size_t worker)
{
    const squares *s = user;
    size_t first = s->depth - (index + 1) * CONV_TILE_COLS;
    const float *a = s->panels + first * s->rows;

    (void)worker;
    for (size_t b = 0; b <= first; b += CONV_TILE_COLS)
        for (size_t i = 0; i < CONV_TILE_COLS; i += CONV_TILE_ROWS)
            s->ops->add_tile(s->sums + (first + i) * s->depth + b, s->depth, a + i, CONV_TILE_COLS,
                             1, s->panels + b * s->rows, CONV_TILE_COLS, s->rows);
}

void conv_add_squares(const conv_machine *machine, float *sums, const float *panels, size_t rows,
                      size_t depth)
{
    squares s = {machine->ops, sums, panels, rows, depth};

    conv_parallel(machine->threads, depth / CONV_TILE_COLS, square_panel, &s);
}

/* ---- Cholesky factorisation ----------------------------------------------------------------- */

typedef struct cholesky {
    const conv_ops *ops;
    double *a;
    const double *packed; /* the rows from `first` on of L in groups of 8, for subtract_tile */
    size_t n, first;      /* rows of a, and the first of the sixteen columns */
    double least;
    double pivot[CHOLESKY_COLS]; /* what each column is divided by */
} cholesky;

/* Subtract from sixteen columns of some rows the contribution of all columns before them. */
static void subtract_before(const cholesky *c, size_t begin, size_t end)
{
    for (size_t r = begin; r < end; r += CONV_TILE_ROWS)
        for (size_t j = 0; j < CHOLESKY_COLS; j += CONV_TILE_DOUBLES)
            c->ops->subtract_tile(c->a + r * c->n + c->first + j, c->n, c->a + r * c->n,
                                  c->packed + j * c->n, c->first);
}

/* Returns element (r, s) of L before the division by the pivot. */
static double reduced(const cholesky *c, size_t r, size_t s)
{
    const double *a = c->a;
    double x = a[r * c->n + s];

    for (size_t t = c->first; t < s; t++)
        x -= a[r * c->n + t] * a[s * c->n + t];
    return x;
}

/* Factor the square of sixteen rows and columns on the diagonal. */
static void factor_diagonal(cholesky *c)
{
    for (size_t i = 0; i < CHOLESKY_COLS; i++) {
        size_t s = c->first + i;
        double x = reduced(c, s, s);

        x = x > c->least ? x : c->least;
        c->pivot[i] = sqrt(x);
        c->a[s * c->n + s] = x / c->pivot[i];
        for (size_t r = s + 1; r < c->first + CHOLESKY_COLS; r++)
            c->a[r * c->n + s] = reduced(c, r, s) / c->pivot[i];
    }
}

/* Factor sixteen columns of the rows below the square on the diagonal. */
static void factor_rows(void *user, size_t index, size_t worker)
{
    const cholesky *c = user;
    size_t begin = c->first + CHOLESKY_COLS + index * CHOLESKY_ROWS;
    size_t end = begin + CHOLESKY_ROWS < c->n ? begin + CHOLESKY_ROWS : c->n;

    (void)worker;
    subtract_before(c, begin, end);
    for (size_t r = begin; r < end; r++)
        for (size_t i = 0; i < CHOLESKY_COLS; i++)
            c->a[r * c->n + c->first + i] = reduced(c, r, c->first + i) / c->pivot[i];
}

void conv_cholesky(const conv_machine *machine, double *a, size_t n, double least, double *scratch)
{
    cholesky c = {.ops = machine->ops, .a = a, .packed = scratch, .n = n, .least = least};

    for (; c.first < n; c.first += CHOLESKY_COLS) {
        size_t below = n - c.first - CHOLESKY_COLS;

        for (size_t j = 0; j < CHOLESKY_COLS; j++)
            for (size_t t = 0; t < c.first; t++)
                scratch[(j / CONV_TILE_DOUBLES * n + t) * CONV_TILE_DOUBLES +
                        j % CONV_TILE_DOUBLES] = a[(c.first + j) * n + t];
        subtract_before(&c, c.first, c.first + CHOLESKY_COLS);
        factor_diagonal(&c);
        conv_parallel(machine->threads, (below + CHOLESKY_ROWS - 1) / CHOLESKY_ROWS, factor_rows,
                      &c);
    }
}
