/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The inner loops of a conversion: for SSE2, which every x86-64 CPU has, and for AVX2. Both
 * variants do the same operations in the same order for each element, without fused operations, so
 * they give the same bits.
 */
#ifndef DISTIL_TOOLS_CONVERT_CONV_OPS_H
#define DISTIL_TOOLS_CONVERT_CONV_OPS_H

#include <stddef.h>
#include <stdint.h>

#include "tools/convert/column_fit.h"
#include "tools/convert/lane_search.h"

enum {
    CONV_TILE_ROWS = 4,
    CONV_TILE_COLS = 16,  /* columns of a tile of floats, and of a panel of dense_math.h */
    CONV_TILE_DOUBLES = 8 /* columns of a tile of doubles */
};

typedef struct conv_ops {
    /*
     * Add to each element of a tile of 4 x 16 floats: sum[i * sum_row + j] += the sum over
     * t < count of a[t * a_step + i * a_row] * b[t * b_step + j], one product after the other.
     */
    void (*add_tile)(float *sum, size_t sum_row, const float *a, ptrdiff_t a_step, size_t a_row,
                     const float *b, ptrdiff_t b_step, size_t count);
    /* y[i] += a * x[i] for i < count, a multiple of 8. */
    void (*add_scaled)(float *y, const float *x, float a, size_t count);
    /* Subtract from each element of a tile of 4 x 8 doubles: out[i * row + j] -= the sum over
     * t < count of a[i * row + t] * b[t * 8 + j]. */
    void (*subtract_tile)(double *out, size_t row, const double *a, const double *b, size_t count);
    /* Replace x[i] by GELU(x[i]). count is a multiple of 8. */
    void (*gelu)(float *x, size_t count);
    /* The function conv_lanes_search of lane_search.h. */
    uint64_t (*search)(conv_lanes *lanes, xorshift64 *random, uint64_t trials, uint32_t slack);
    conv_round_column_fn *round_column; /* see column_fit.h */
} conv_ops;

extern const conv_ops conv_ops_sse2, conv_ops_avx2;

/* The variant for the CPU that runs this. */
const conv_ops *conv_ops_best(void);

#endif
