/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Matrix products of the converter. Each result is one chain of multiplications and additions in
 * the order of the index, without fused operations, so every machine, compiler and number of
 * threads gives the same bits.
 */
#ifndef DISTIL_TOOLS_CONVERT_DENSE_MATH_H
#define DISTIL_TOOLS_CONVERT_DENSE_MATH_H

#include <stddef.h>

#include "tools/convert/conv_ops.h"

/* What a conversion computes with. */
typedef struct conv_machine {
    const conv_ops *ops;
    size_t threads;
} conv_machine;

/* Panels have CONV_TILE_COLS columns, as those of the library do. */

/* Copy row-major weights (cols, depth) into panels: panel p has columns 16 * p to 16 * p + 15 as a
 * matrix (depth, 16). cols is a multiple of 16. */
void conv_pack_panels(float *panels, const float *weights, size_t cols, size_t depth);

/* out (rows, cols) = x (rows, depth) * panels + bias. The arrays must not overlap. */
void conv_product(const conv_machine *machine, float *out, const float *x, size_t rows,
                  const float *panels, const float *bias, size_t cols, size_t depth);

/* Add x^T x to the lower triangle of sums (depth, depth), for panels of x: panel p has columns
 * 16 * p to 16 * p + 15 of x as a matrix (rows, 16). The elements above the diagonal are undefined.
 * depth is a multiple of 16. */
void conv_add_squares(const conv_machine *machine, float *sums, const float *panels, size_t rows,
                      size_t depth);

/*
 * Cholesky factorisation in place: the lower triangle of a (n, n) becomes L with a = L L^T. The
 * elements above the diagonal are undefined. A pivot below `least` is replaced by it, because
 * rounding errors can make a small pivot negative. n is a multiple of 16. scratch has 16 * n
 * doubles.
 */
void conv_cholesky(const conv_machine *machine, double *a, size_t n, double least, double *scratch);

#endif
