/* SPDX-License-Identifier: Apache-2.0 */
/* Quantisation of rows to u8, AVX2: contract in kernels.h. */
#include "kernels/kernels.h"
#include "kernels/poly.h"
#include "kernels/simd_avx2.h"

#include <assert.h>

/* Set *lo to the least element or 0, whichever is less, and *hi to the greatest element or 0. The
 * instructions return their second operand where the first is NaN, so NaNs do not count. */
static void find_range(float *lo, float *hi, const float *x, size_t depth)
{
    __m256 min[4], max[4];

    DISTIL_UNROLL
    for (size_t v = 0; v < 4; v++)
        min[v] = max[v] = _mm256_setzero_ps();
    for (size_t k = 0; k < depth; k += 32) {
        DISTIL_UNROLL
        for (size_t v = 0; v < 4; v++) {
            __m256 t = _mm256_loadu_ps(x + k + 8 * v);

            min[v] = _mm256_min_ps(t, min[v]);
            max[v] = _mm256_max_ps(t, max[v]);
        }
    }
    *lo = distil_avx2_min(
        _mm256_min_ps(_mm256_min_ps(min[0], min[1]), _mm256_min_ps(min[2], min[3])));
    *hi = distil_avx2_max(
        _mm256_max_ps(_mm256_max_ps(max[0], max[1]), _mm256_max_ps(max[2], max[3])));
}

/* The integers of 8 elements, which are not clamped yet. */
static inline __m256i quantize_8(const float *x, __m256 inverse, __m256i zero)
{
    return _mm256_add_epi32(_mm256_cvtps_epi32(_mm256_mul_ps(_mm256_loadu_ps(x), inverse)), zero);
}

/* Quantise 32 elements of one row and store them as 8 quads, quad_bytes apart. The pack
 * instructions clamp to 0 .. 255. They work within halves of 128 bits, which leaves the even
 * quads in the low half and the odd quads in the high half. */
static inline void quantize_32(uint8_t *q, size_t quad_bytes, const float *x, __m256 inverse,
                               __m256i zero)
{
    __m256i even =
        _mm256_packs_epi32(quantize_8(x, inverse, zero), quantize_8(x + 8, inverse, zero));
    __m256i odd =
        _mm256_packs_epi32(quantize_8(x + 16, inverse, zero), quantize_8(x + 24, inverse, zero));
    __m256i bytes = _mm256_packus_epi16(even, odd);
    __m128i low = _mm256_castsi256_si128(bytes);
    __m128i high = _mm256_extracti128_si256(bytes, 1);

    store_quad(q, _mm_cvtsi128_si32(low));
    store_quad(q + quad_bytes, _mm_cvtsi128_si32(high));
    store_quad(q + 2 * quad_bytes, _mm_extract_epi32(low, 1));
    store_quad(q + 3 * quad_bytes, _mm_extract_epi32(high, 1));
    store_quad(q + 4 * quad_bytes, _mm_extract_epi32(low, 2));
    store_quad(q + 5 * quad_bytes, _mm_extract_epi32(high, 2));
    store_quad(q + 6 * quad_bytes, _mm_extract_epi32(low, 3));
    store_quad(q + 7 * quad_bytes, _mm_extract_epi32(high, 3));
}

void distil_quantize_avx2(uint8_t *restrict q, float *restrict scale, int32_t *restrict zero_point,
                          const float *restrict x, size_t x_stride, size_t rows, size_t depth)
{
    size_t quad_bytes = rows * DISTIL_QUAD;

    assert(rows >= 1 && rows <= DISTIL_MAX_TILE_ROWS);
    assert(depth % 32 == 0);
    for (size_t r = 0; r < rows; r++, x += x_stride, q += DISTIL_QUAD) {
        float lo, hi, inverse;

        find_range(&lo, &hi, x, depth);
        inverse = distil_quantize_scale(scale + r, zero_point + r, lo, hi);
        for (size_t k = 0; k < depth; k += 32)
            quantize_32(q + k / DISTIL_QUAD * quad_bytes, quad_bytes, x + k,
                        _mm256_set1_ps(inverse), _mm256_set1_epi32(zero_point[r]));
    }
}
