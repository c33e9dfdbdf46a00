/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Scaled dot-product attention of one head, AVX2: contract in kernels.h.
 *
 * K is transposed and V copied once into blocks of 16 columns, [block][row of the product][16]: a
 * product then reads 64 bytes a step from one place, whatever the stride of the caller's matrix
 * (at 3 * 768 floats it would use 4 of a first cache's 64 sets). Both products are the same tile:
 *   c[r][0 .. 15] = factor[r] * (chain over k of fma(a[r][k], b[k][0 .. 15], c))
 * of up to 6 rows: 12 sums, 2 of b, 1 broadcast, 15 of 16 registers; 12 FMA on 8 loads, so the two
 * FMA ports are the bound. Query rows are cut into such tiles as evenly as possible; one tile's
 * scores, at most 6 x 512 floats, are all that is ever stored of the rows x rows matrix.
 */
#include "kernels/kernels.h"
#include "kernels/simd_avx2.h"

#include <assert.h>

enum { BLOCK = 16, TILE_ROWS = 6 };

/* Scratch: K and V in blocks of 16 columns, and the scores of a tile, `padded` apart. */
typedef struct packed_head {
    float *k;      /* (padded / 16, head_dim, 16) */
    float *v;      /* (head_dim / 16, rows, 16) */
    float *scores; /* (TILE_ROWS, padded) */
    size_t rows, padded, head_dim;
} packed_head;

/* 8 rows of 8 floats, `stride` apart: out[i * BLOCK + j] = x[j][i]. Beyond the last of `rows` rows,
 * 1 or more, that row is repeated. */
static inline void transpose_8x8(float *restrict out, const float *restrict x, size_t stride,
                                 size_t rows)
{
    __m256 half[8], pair[8];

    DISTIL_UNROLL
    for (size_t j = 0; j < 4; j++) {
        const float *upper = x + (j < rows ? j : rows - 1) * stride;
        const float *lower = x + (j + 4 < rows ? j + 4 : rows - 1) * stride;

        half[j] = _mm256_insertf128_ps(_mm256_castps128_ps256(_mm_loadu_ps(upper)),
                                       _mm_loadu_ps(lower), 1);
        half[j + 4] = _mm256_insertf128_ps(_mm256_castps128_ps256(_mm_loadu_ps(upper + 4)),
                                           _mm_loadu_ps(lower + 4), 1);
    }
    DISTIL_UNROLL
    for (size_t h = 0; h < 8; h += 4) {
        pair[h] = _mm256_unpacklo_ps(half[h], half[h + 1]);
        pair[h + 1] = _mm256_unpackhi_ps(half[h], half[h + 1]);
        pair[h + 2] = _mm256_unpacklo_ps(half[h + 2], half[h + 3]);
        pair[h + 3] = _mm256_unpackhi_ps(half[h + 2], half[h + 3]);
    }
    DISTIL_UNROLL
    for (size_t h = 0; h < 8; h += 4) {
        float *to = out + h * BLOCK;

        _mm256_store_ps(to, _mm256_shuffle_ps(pair[h], pair[h + 2], 0x44));
        _mm256_store_ps(to + BLOCK, _mm256_shuffle_ps(pair[h], pair[h + 2], 0xee));
        _mm256_store_ps(to + 2 * BLOCK, _mm256_shuffle_ps(pair[h + 1], pair[h + 3], 0x44));
        _mm256_store_ps(to + 3 * BLOCK, _mm256_shuffle_ps(pair[h + 1], pair[h + 3], 0xee));
    }
}

/* K transposed. The columns that pad it to a whole block repeat a row: their scores are not used,
 * but must be finite not to cost an exception. */
static void pack_k(const packed_head *head, const float *k, size_t stride)
{
    for (size_t j = 0; j < head->padded; j += 8) {
        size_t first = j < head->rows ? j : head->rows - 1;
        float *to = head->k + j / BLOCK * head->head_dim * BLOCK + j % BLOCK;

        for (size_t d = 0; d < head->head_dim; d += 8)
            transpose_8x8(to + d * BLOCK, k + first * stride + d, stride, head->rows - first);
    }
}

static void pack_v(const packed_head *head, const float *v, size_t stride)
{
    for (size_t d = 0; d < head->head_dim; d += BLOCK) {
        float *to = head->v + d * head->rows;

        for (size_t j = 0; j < head->rows; j++, to += BLOCK) {
            _mm256_store_ps(to, _mm256_loadu_ps(v + j * stride + d));
            _mm256_store_ps(to + 8, _mm256_loadu_ps(v + j * stride + d + 8));
        }
    }
}

/* c[r][0 .. 15] = factor[r] * sum_k a[r][k] * b[k][0 .. 15], for a constant number of rows. */
__attribute__((always_inline)) static inline void
multiply_rows(float *restrict c, size_t c_stride, const float *restrict a, size_t a_stride,
              const float *restrict b, size_t depth, const float *restrict factor, size_t rows)
{
    __m256 low[TILE_ROWS], high[TILE_ROWS];

    DISTIL_UNROLL
    for (size_t r = 0; r < rows; r++)
        low[r] = high[r] = _mm256_setzero_ps();
    for (size_t k = 0; k < depth; k++, b += BLOCK) {
        __m256 b_low = _mm256_load_ps(b);
        __m256 b_high = _mm256_load_ps(b + 8);

        DISTIL_UNROLL
        for (size_t r = 0; r < rows; r++) {
            __m256 x = _mm256_broadcast_ss(a + r * a_stride + k);

            low[r] = _mm256_fmadd_ps(x, b_low, low[r]);
            high[r] = _mm256_fmadd_ps(x, b_high, high[r]);
        }
    }
    DISTIL_UNROLL
    for (size_t r = 0; r < rows; r++) {
        __m256 f = _mm256_broadcast_ss(factor + r);

        _mm256_storeu_ps(c + r * c_stride, _mm256_mul_ps(low[r], f));
        _mm256_storeu_ps(c + r * c_stride + 8, _mm256_mul_ps(high[r], f));
    }
}

static void multiply_tile(float *restrict c, size_t c_stride, const float *restrict a,
                          size_t a_stride, const float *restrict b, size_t depth,
                          const float *restrict factor, size_t rows)
{
    switch (rows) {
    case 1:
        multiply_rows(c, c_stride, a, a_stride, b, depth, factor, 1);
        break;
    case 2:
        multiply_rows(c, c_stride, a, a_stride, b, depth, factor, 2);
        break;
    case 3:
        multiply_rows(c, c_stride, a, a_stride, b, depth, factor, 3);
        break;
    case 4:
        multiply_rows(c, c_stride, a, a_stride, b, depth, factor, 4);
        break;
    case 5:
        multiply_rows(c, c_stride, a, a_stride, b, depth, factor, 5);
        break;
    default:
        multiply_rows(c, c_stride, a, a_stride, b, depth, factor, 6);
        break;
    }
}

/* Greatest of n scores; those of the columns that pad K are left out. */
static inline float greatest(const float *s, size_t n)
{
    __m256 first = _mm256_broadcast_ss(s);
    __m256 low = first;
    __m256 high = first;
    size_t i = 0;

    for (; i + BLOCK <= n; i += BLOCK) {
        low = _mm256_max_ps(low, _mm256_load_ps(s + i));
        high = _mm256_max_ps(high, _mm256_load_ps(s + i + 8));
    }
    if (i < n) {
        __m256 mask_low = _mm256_castsi256_ps(distil_avx2_mask(n - i));
        __m256 mask_high = _mm256_castsi256_ps(distil_avx2_mask(n - i > 8 ? n - i - 8 : 0));

        low = _mm256_max_ps(low, _mm256_blendv_ps(first, _mm256_load_ps(s + i), mask_low));
        high = _mm256_max_ps(high, _mm256_blendv_ps(first, _mm256_load_ps(s + i + 8), mask_high));
    }
    return distil_avx2_max(_mm256_max_ps(low, high));
}

/* s[j] = exp_(s[j] - max s), 0 for padding, which changes no sum; returns the sum. */
static inline float exponentials(float *s, size_t n)
{
    const __m256 max = _mm256_set1_ps(greatest(s, n));
    __m256 low = _mm256_setzero_ps();
    __m256 high = _mm256_setzero_ps();

    for (size_t i = 0; i < n; i += BLOCK) {
        __m256 p0 = distil_avx2_exp_neg(_mm256_sub_ps(_mm256_load_ps(s + i), max));
        __m256 p1 = distil_avx2_exp_neg(_mm256_sub_ps(_mm256_load_ps(s + i + 8), max));

        if (n - i < BLOCK) {
            p0 = _mm256_and_ps(p0, _mm256_castsi256_ps(distil_avx2_mask(n - i)));
            p1 =
                _mm256_and_ps(p1, _mm256_castsi256_ps(distil_avx2_mask(n - i > 8 ? n - i - 8 : 0)));
        }
        _mm256_store_ps(s + i, p0);
        _mm256_store_ps(s + i + 8, p1);
        low = _mm256_add_ps(low, p0);
        high = _mm256_add_ps(high, p1);
    }
    return distil_avx2_tree(low, high);
}

/* One tile of query rows: scores, softmax, context. */
static void attend(float *restrict out, size_t out_stride, const float *restrict q, size_t stride,
                   size_t tile_rows, const packed_head *head, float scale)
{
    float scales[TILE_ROWS], inverse[TILE_ROWS];

    for (size_t r = 0; r < TILE_ROWS; r++)
        scales[r] = scale;
    for (size_t j = 0; j < head->padded; j += BLOCK)
        multiply_tile(head->scores + j, head->padded, q, stride, head->k + j * head->head_dim,
                      head->head_dim, scales, tile_rows);
    for (size_t r = 0; r < tile_rows; r++)
        inverse[r] = 1.0f / exponentials(head->scores + r * head->padded, head->rows);
    for (size_t d = 0; d < head->head_dim; d += BLOCK)
        multiply_tile(out + d, out_stride, head->scores, head->padded, head->v + d * head->rows,
                      head->rows, inverse, tile_rows);
}

void distil_attention_avx2(float *restrict out, size_t out_stride, const float *restrict q,
                           const float *restrict k, const float *restrict v, size_t stride,
                           size_t query_rows, size_t rows, size_t head_dim, float scale,
                           float *restrict scratch)
{
    size_t padded = (rows + BLOCK - 1) / BLOCK * BLOCK;
    packed_head head = {.k = scratch,
                        .v = scratch + padded * head_dim,
                        .scores = scratch + 2 * padded * head_dim,
                        .rows = rows,
                        .padded = padded,
                        .head_dim = head_dim};
    size_t tiles = distil_tile_count(query_rows, TILE_ROWS);

    assert(rows >= 1 && query_rows >= 1 && query_rows <= rows);
    assert(head_dim == 32 || head_dim == 64);
    pack_k(&head, k, stride);
    pack_v(&head, v, stride);
    for (size_t tile = 0; tile < tiles; tile++) {
        size_t first = distil_tile_first(query_rows, TILE_ROWS, tile);
        size_t count = distil_tile_first(query_rows, TILE_ROWS, tile + 1) - first;

        attend(out + first * out_stride, out_stride, q + first * stride, stride, count, &head,
               scale);
    }
}
