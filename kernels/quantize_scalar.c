/* SPDX-License-Identifier: Apache-2.0 */
/* Rows to u8 with a scale and a zero point each, scalar reference: contract in kernels.h. */
#include "kernels/kernels.h"

#include <assert.h>
#include <math.h>

/* One row into its place in the tile: quad i of the row is at q + i * rows * 4. */
static void quantize_row(uint8_t *restrict q, float *restrict scale, int32_t *restrict zero_point,
                         const float *restrict x, size_t rows, size_t depth)
{
    float lo = 0.0f;
    float hi = 0.0f;
    float range;
    float inverse = 0.0f;
    long zero = 0;

    for (size_t k = 0; k < depth; k++) {
        lo = x[k] < lo ? x[k] : lo;
        hi = x[k] > hi ? x[k] : hi;
    }
    range = hi - lo;
    *scale = 1.0f;
    if (range >= 1e-30f) {
        *scale = range / 255.0f;
        inverse = 255.0f / range;
        zero = lrintf(-lo * inverse);
    }
    *zero_point = (int32_t)zero;

    for (size_t k = 0; k < depth; k++) {
        long value = lrintf(x[k] * inverse) + zero;

        value = value < 0 ? 0 : value > 255 ? 255 : value;
        q[k / DISTIL_QUAD * rows * DISTIL_QUAD + k % DISTIL_QUAD] = (uint8_t)value;
    }
}

void distil_quantize_scalar(uint8_t *restrict q, float *restrict scale,
                            int32_t *restrict zero_point, const float *restrict x, size_t x_stride,
                            size_t rows, size_t depth)
{
    assert(rows >= 1 && rows <= DISTIL_MAX_TILE_ROWS);
    assert(depth % 32 == 0);
    for (size_t r = 0; r < rows; r++)
        quantize_row(q + r * DISTIL_QUAD, scale + r, zero_point + r, x + r * x_stride, rows, depth);
}
