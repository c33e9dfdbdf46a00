/* SPDX-License-Identifier: Apache-2.0 */
/* Quantisation of rows to u8, scalar reference: contract in kernels.h. */
#include "kernels/kernels.h"
#include "kernels/poly.h"

#include <assert.h>
#include <math.h>

/* Quantise one row of a tile of `rows` rows. q is the place of its first quad; the next quads
 * follow rows * 4 bytes apart. */
static void quantize_row(uint8_t *restrict q, float *restrict scale, int32_t *restrict zero_point,
                         const float *restrict x, size_t rows, size_t depth)
{
    float lo = 0.0f;
    float hi = 0.0f;
    float inverse;

    for (size_t k = 0; k < depth; k++) {
        lo = x[k] < lo ? x[k] : lo;
        hi = x[k] > hi ? x[k] : hi;
    }
    inverse = distil_quantize_scale(scale, zero_point, lo, hi);
    for (size_t k = 0; k < depth; k++) {
        float product = x[k] * inverse; /* NaN only where x is NaN, or infinite with inverse 0 */
        long value = isnan(product) ? 0 : lrintf(product) + *zero_point;

        value = value < 0 ? 0 : value > DISTIL_QUANTIZE_MAX ? DISTIL_QUANTIZE_MAX : value;
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
