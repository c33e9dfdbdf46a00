/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A linear layer's weights as int8: quad orders, column scales, rounding (docs/numerics.md).
 */
#ifndef DISTIL_TOOLS_CONVERT_QUANTIZER_H
#define DISTIL_TOOLS_CONVERT_QUANTIZER_H

#include <stddef.h>
#include <stdint.h>

#include "tools/convert/blob_writer.h"
#include "tools/convert/compensate.h"
#include "tools/convert/conv_error.h"
#include "tools/convert/conv_memory.h"

/* How fine the integers came out. */
typedef struct conv_fineness {
    double range_sum; /* of each column, its largest weight in units of its scale: up to 127 */
    size_t columns;
} conv_fineness;

/*
 * Quantise `matrix->cols` columns of `matrix->depth` weights, (cols, depth) row-major, finite.
 * Sets the matrix's weights, order, group, scale and bias, all in `memory`.
 *
 * inputs   NULL: to the nearest integers. Else what is known of the layer's inputs: errors of
 *          rounding are then passed on to weights not yet rounded, and to the bias.
 * seed     of the search; one a matrix
 * fineness added to
 *
 * 0, or -1 with *error filled (no memory).
 */
int conv_quantize(conv_matrix *matrix, conv_memory *memory, const float *weights, const float *bias,
                  const conv_inputs *inputs, uint64_t seed, conv_fineness *fineness,
                  conv_error *error);

/*
 * Embedding rows as int8 with a scale each, (rows, dim): out[row_of[i]] is in[i].
 */
void conv_quantize_rows(int8_t *out, float *scale, const float *in, const uint32_t *row_of,
                        size_t rows, size_t dim);

#endif
