/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Matrix products of the converter, in plain multiplications and additions: each result is one
 * chain in the order of the index, so that every machine and compiler gives the same bits.
 */
#ifndef DISTIL_TOOLS_CONVERT_DENSE_MATH_H
#define DISTIL_TOOLS_CONVERT_DENSE_MATH_H

#include <stddef.h>

enum { CONV_PANEL = 8 }; /* columns that a product takes at a time */

/* Copy (cols, depth) row-major weights into panels: panel p holds (depth, 8), columns 8 p .. 8 p +
 * 7. cols is a multiple of 8. */
void conv_pack_panels(float *panels, const float *weights, size_t cols, size_t depth);

/* out (rows, cols) = x (rows, depth) * panels + bias. No overlap. */
void conv_product(float *out, const float *x, size_t rows, const float *panels, const float *bias,
                  size_t cols, size_t depth);

/* Lower triangle of sums (depth, depth) += x^T x for x (rows, depth); what lies above the diagonal
 * is undefined. depth is a multiple of 8. */
void conv_add_squares(float *sums, const float *x, size_t rows, size_t depth);

/*
 * Cholesky factorisation in place: the lower triangle of a (n, n) becomes L with a = L L^T; what
 * lies above is undefined. A pivot below least, which rounding can make of a small one, counts as
 * least. n is a multiple of 16. scratch: 16 * n doubles.
 */
void conv_cholesky(double *a, size_t n, double least, double *scratch);

#endif
