/* SPDX-License-Identifier: Apache-2.0 */
/* Quantisation of rows to u8, AVX-512: contract in kernels.h. */
#include "kernels/kernels.h"
#include "kernels/poly.h"
#include "kernels/simd_avx512.h"

#include <assert.h>

/* Set *lo to the least element or 0, whichever is less, and *hi to the greatest element or 0. The
 * instructions return their second operand where the first is NaN, so NaNs do not count. */
static void find_range(float *lo, float *hi, const float *x, size_t depth)
{
    __m512 min[2] = {_mm512_setzero_ps(), _mm512_setzero_ps()};
    __m512 max[2] = {_mm512_setzero_ps(), _mm512_setzero_ps()};

    for (size_t k = 0; k < depth; k += 32) {
        DISTIL_UNROLL
        for (size_t v = 0; v < 2; v++) {
            __m512 t = _mm512_loadu_ps(x + k + 16 * v);

            min[v] = _mm512_min_ps(t, min[v]);
            max[v] = _mm512_max_ps(t, max[v]);
        }
    }
    *lo = _mm512_reduce_min_ps(_mm512_min_ps(min[0], min[1]));
    *hi = _mm512_reduce_max_ps(_mm512_max_ps(max[0], max[1]));
}

/* 16 elements of one row as bytes, which are 4 quads. */
static inline __m128i quantize_16(const float *x, __m512 inverse, __m512i zero)
{
    __m512i q =
        _mm512_add_epi32(_mm512_cvtps_epi32(_mm512_mul_ps(_mm512_loadu_ps(x), inverse)), zero);

    return _mm512_cvtusepi32_epi8(_mm512_max_epi32(q, _mm512_setzero_si512()));
}

/* Quantise one row and store its quads quad_bytes apart. */
static void quantize_row(uint8_t *q, size_t quad_bytes, const float *x, __m512 inverse,
                         __m512i zero, size_t depth)
{
    for (size_t k = 0; k < depth; k += 16, q += 4 * quad_bytes) {
        __m128i bytes = quantize_16(x + k, inverse, zero);

        store_quad(q, _mm_cvtsi128_si32(bytes));
        store_quad(q + quad_bytes, _mm_extract_epi32(bytes, 1));
        store_quad(q + 2 * quad_bytes, _mm_extract_epi32(bytes, 2));
        store_quad(q + 3 * quad_bytes, _mm_extract_epi32(bytes, 3));
    }
}

/* 64 elements of one row as bytes, which are 16 quads. The pack instructions work within lanes
 * of 128 bits, so quad 4 * j + i is in the 32-bit lane j of the 128-bit lane i. */
static inline __m512i quantize_64(const float *x, __m512 inverse, __m512i zero)
{
    __m512i q[4];

    DISTIL_UNROLL
    for (size_t j = 0; j < 4; j++)
        q[j] = _mm512_add_epi32(
            _mm512_cvtps_epi32(_mm512_mul_ps(_mm512_loadu_ps(x + 16 * j), inverse)), zero);
    return _mm512_packus_epi16(_mm512_packs_epi32(q[0], q[1]), _mm512_packs_epi32(q[2], q[3]));
}

/* Store four consecutive quads of four rows: the 128-bit lane i has quad i of all four rows, and
 * the places of the quads are quad_bytes apart. */
static inline void store_4_quads(uint8_t *q, size_t quad_bytes, __m512i quads)
{
    _mm_storeu_si128((__m128i *)q, _mm512_castsi512_si128(quads));
    _mm_storeu_si128((__m128i *)(q + quad_bytes), _mm512_extracti32x4_epi32(quads, 1));
    _mm_storeu_si128((__m128i *)(q + 2 * quad_bytes), _mm512_extracti32x4_epi32(quads, 2));
    _mm_storeu_si128((__m128i *)(q + 3 * quad_bytes), _mm512_extracti32x4_epi32(quads, 3));
}

/* Quantise four neighbouring rows of a tile. Their quads lie side by side, so the rows are
 * transposed in registers and one store writes 16 bytes. */
static void quantize_4_rows(uint8_t *q, size_t quad_bytes, const float *x, size_t x_stride,
                            const __m512 inverse[4], const __m512i zero[4], size_t depth)
{
    size_t k = 0;

    for (; k + 64 <= depth; k += 64, q += 16 * quad_bytes) {
        __m512i r0 = quantize_64(x + k, inverse[0], zero[0]);
        __m512i r1 = quantize_64(x + x_stride + k, inverse[1], zero[1]);
        __m512i r2 = quantize_64(x + 2 * x_stride + k, inverse[2], zero[2]);
        __m512i r3 = quantize_64(x + 3 * x_stride + k, inverse[3], zero[3]);
        __m512i low01 = _mm512_unpacklo_epi32(r0, r1), high01 = _mm512_unpackhi_epi32(r0, r1);
        __m512i low23 = _mm512_unpacklo_epi32(r2, r3), high23 = _mm512_unpackhi_epi32(r2, r3);

        store_4_quads(q, quad_bytes, _mm512_unpacklo_epi64(low01, low23));
        store_4_quads(q + 4 * quad_bytes, quad_bytes, _mm512_unpackhi_epi64(low01, low23));
        store_4_quads(q + 8 * quad_bytes, quad_bytes, _mm512_unpacklo_epi64(high01, high23));
        store_4_quads(q + 12 * quad_bytes, quad_bytes, _mm512_unpackhi_epi64(high01, high23));
    }
    for (; k < depth; k += 16, q += 4 * quad_bytes) {
        __m128i r0 = quantize_16(x + k, inverse[0], zero[0]);
        __m128i r1 = quantize_16(x + x_stride + k, inverse[1], zero[1]);
        __m128i r2 = quantize_16(x + 2 * x_stride + k, inverse[2], zero[2]);
        __m128i r3 = quantize_16(x + 3 * x_stride + k, inverse[3], zero[3]);
        __m128i low01 = _mm_unpacklo_epi32(r0, r1), high01 = _mm_unpackhi_epi32(r0, r1);
        __m128i low23 = _mm_unpacklo_epi32(r2, r3), high23 = _mm_unpackhi_epi32(r2, r3);

        _mm_storeu_si128((__m128i *)q, _mm_unpacklo_epi64(low01, low23));
        _mm_storeu_si128((__m128i *)(q + quad_bytes), _mm_unpackhi_epi64(low01, low23));
        _mm_storeu_si128((__m128i *)(q + 2 * quad_bytes), _mm_unpacklo_epi64(high01, high23));
        _mm_storeu_si128((__m128i *)(q + 3 * quad_bytes), _mm_unpackhi_epi64(high01, high23));
    }
}

/* Choose the scale and the zero point of one row. Return the factor that turns its elements into
 * integers. */
static float scale_row(float *scale, int32_t *zero_point, const float *x, size_t depth)
{
    float lo, hi;

    find_range(&lo, &hi, x, depth);
    return distil_quantize_scale(scale, zero_point, lo, hi);
}

void distil_quantize_avx512(uint8_t *restrict q, float *restrict scale,
                            int32_t *restrict zero_point, const float *restrict x, size_t x_stride,
                            size_t rows, size_t depth)
{
    size_t quad_bytes = rows * DISTIL_QUAD, r = 0;

    assert(rows >= 1 && rows <= DISTIL_MAX_TILE_ROWS);
    assert(depth % 32 == 0);
    for (; r + 4 <= rows; r += 4) {
        __m512 inverse[4];
        __m512i zero[4];

        for (size_t i = 0; i < 4; i++) {
            inverse[i] = _mm512_set1_ps(
                scale_row(scale + r + i, zero_point + r + i, x + (r + i) * x_stride, depth));
            zero[i] = _mm512_set1_epi32(zero_point[r + i]);
        }
        quantize_4_rows(q + r * DISTIL_QUAD, quad_bytes, x + r * x_stride, x_stride, inverse, zero,
                        depth);
    }
    for (; r < rows; r++) {
        const float *row = x + r * x_stride;
        __m512 inverse = _mm512_set1_ps(scale_row(scale + r, zero_point + r, row, depth));

        quantize_row(q + r * DISTIL_QUAD, quad_bytes, row, inverse,
                     _mm512_set1_epi32(zero_point[r]), depth);
    }
}
