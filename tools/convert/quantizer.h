/* SPDX-License-Identifier: Apache-2.0 */
/* Quantise float weights to int8: order tables, column scales, rounding (docs/numerics.md). */
#ifndef DISTIL_TOOLS_CONVERT_QUANTIZER_H
#define DISTIL_TOOLS_CONVERT_QUANTIZER_H

#include <stddef.h>
#include <stdint.h>

#include "tools/convert/blob_writer.h"
#include "tools/convert/compensate.h"
#include "tools/convert/conv_error.h"
#include "tools/convert/conv_memory.h"
#include "tools/convert/dense_math.h"

/* How much of the range of int8 the columns use, for the summary of a conversion. */
typedef struct conv_ranges {
    double sum;     /* over columns, of the largest weight / scale, which is at most 127 */
    size_t columns; /* columns added so far */
} conv_ranges;

/* One weight matrix that is to be quantised. */
typedef struct conv_task {
    conv_matrix *matrix;       /* the result, whose cols and depth the caller sets */
    const float *weights;      /* (cols, depth) row-major, finite */
    const float *bias;         /* (cols) */
    const conv_inputs *inputs; /* factored statistics of the matrix's inputs, with which rounding
                                  errors are compensated in other weights and in the bias; NULL
                                  rounds every weight to the nearest integer */
    uint64_t seed;             /* of the random search for orders, another one for each matrix */
} conv_task;

/*
 * Quantise some matrices. The arrays of the results belong to memory, and the ranges of the columns
 * are added to ranges. The machine changes no result. Returns 0, or -1 with *error filled without
 * memory.
 */
int conv_quantize(const conv_machine *machine, const conv_task *tasks, size_t count,
                  conv_memory *memory, conv_ranges *ranges, conv_error *error);

/* Quantise embeddings (rows, dim) to int8 with one scale for each row. Row i of the input becomes
 * row row_of[i] of the output. */
void conv_quantize_rows(int8_t *out, float *scale, const float *in, const uint32_t *row_of,
                        size_t rows, size_t dim);

#endif
