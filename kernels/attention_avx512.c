/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Scaled dot-product attention of one head, AVX-512: contract in kernels.h.
 *
 * As attention_avx2.c, with blocks of 32 columns where there are as many: the tile
 *   c[r][0 .. 31] = factor[r] * (chain over k of fma(a[r][k], b[k][0 .. 31], c))
 * has up to 12 rows: 24 sums, 2 of b, 1 broadcast; 24 FMA on 14 loads, so the FMA ports are the
 * bound. Keys are padded to 16 columns; where their number of 16s is odd, the last tile is 16 wide.
 */
#include "kernels/kernels.h"
#include "kernels/simd_avx512.h"

#include <assert.h>

enum { VECTOR = 16, BLOCK = 32, TILE_ROWS = 12 };

/* Scratch: K and V in blocks of 32 columns (the last of K may be 16), and the scores of a tile. */
typedef struct packed_head {
    float *k;      /* (padded / 32, head_dim, 32), then (head_dim, 16) */
    float *v;      /* (head_dim / 32, rows, 32) */
    float *scores; /* (TILE_ROWS, padded) */
    size_t rows, padded, head_dim;
} packed_head;

/* 16 rows of 16 floats, `stride` apart: out[i * width + j] = x[j][i]. Beyond the last of `rows`
 * rows, 1 or more, that row is repeated. */
static inline void transpose_16x16(float *restrict out, size_t width, const float *restrict x,
                                   size_t stride, size_t rows)
{
    __m512 t[16], u[16];

    DISTIL_UNROLL
    for (size_t j = 0; j < 16; j++)
        u[j] = _mm512_loadu_ps(x + (j < rows ? j : rows - 1) * stride);
    DISTIL_UNROLL
    for (size_t j = 0; j < 16; j += 2) { /* pairs of rows, within 128 bits */
        t[j] = _mm512_unpacklo_ps(u[j], u[j + 1]);
        t[j + 1] = _mm512_unpackhi_ps(u[j], u[j + 1]);
    }
    DISTIL_UNROLL
    for (size_t j = 0; j < 16; j += 4) { /* u[j + i]: column 4 q + i of rows j .. j + 3 */
        u[j] = _mm512_shuffle_ps(t[j], t[j + 2], 0x44);
        u[j + 1] = _mm512_shuffle_ps(t[j], t[j + 2], 0xee);
        u[j + 2] = _mm512_shuffle_ps(t[j + 1], t[j + 3], 0x44);
        u[j + 3] = _mm512_shuffle_ps(t[j + 1], t[j + 3], 0xee);
    }
    DISTIL_UNROLL
    for (size_t i = 0; i < 4; i++) { /* 4 x 4 blocks of 128 bits */
        __m512 a = _mm512_shuffle_f32x4(u[i], u[4 + i], 0x88);
        __m512 b = _mm512_shuffle_f32x4(u[i], u[4 + i], 0xdd);
        __m512 c = _mm512_shuffle_f32x4(u[8 + i], u[12 + i], 0x88);
        __m512 d = _mm512_shuffle_f32x4(u[8 + i], u[12 + i], 0xdd);

        _mm512_store_ps(out + i * width, _mm512_shuffle_f32x4(a, c, 0x88));
        _mm512_store_ps(out + (4 + i) * width, _mm512_shuffle_f32x4(b, d, 0x88));
        _mm512_store_ps(out + (8 + i) * width, _mm512_shuffle_f32x4(a, c, 0xdd));
        _mm512_store_ps(out + (12 + i) * width, _mm512_shuffle_f32x4(b, d, 0xdd));
    }
}

/* Width of the block of K that holds column j. */
static inline size_t block_width(const packed_head *head, size_t j)
{
    return head->padded - j / BLOCK * BLOCK >= BLOCK ? BLOCK : VECTOR;
}

/* K transposed. The columns that pad it repeat the last row: their scores are not used, but must be
 * finite not to cost an exception. */
static void pack_k(const packed_head *head, const float *k, size_t stride)
{
    for (size_t j = 0; j < head->padded; j += VECTOR) {
        size_t width = block_width(head, j);
        float *to = head->k + j / BLOCK * BLOCK * head->head_dim + j % BLOCK;

        for (size_t d = 0; d < head->head_dim; d += VECTOR)
            transpose_16x16(to + d * width, width, k + j * stride + d, stride, head->rows - j);
    }
}

static void pack_v(const packed_head *head, const float *v, size_t stride)
{
    for (size_t d = 0; d < head->head_dim; d += BLOCK) {
        float *to = head->v + d * head->rows;

        for (size_t j = 0; j < head->rows; j++, to += BLOCK) {
            _mm512_store_ps(to, _mm512_loadu_ps(v + j * stride + d));
            _mm512_store_ps(to + VECTOR, _mm512_loadu_ps(v + j * stride + d + VECTOR));
        }
    }
}

/* c[r][0 .. width) = factor[r] * sum_k a[r][k] * b[k][0 .. width), for a constant number of rows
 * and a constant width of 32 or 16. */
__attribute__((always_inline)) static inline void
multiply_rows(float *restrict c, size_t c_stride, const float *restrict a, size_t a_stride,
              const float *restrict b, size_t depth, const float *restrict factor, size_t rows,
              size_t width)
{
    __m512 low[TILE_ROWS], high[TILE_ROWS];

    DISTIL_UNROLL
    for (size_t r = 0; r < rows; r++)
        low[r] = high[r] = _mm512_setzero_ps();
    for (size_t k = 0; k < depth; k++, b += width) {
        __m512 b_low = _mm512_load_ps(b);
        __m512 b_high = width == BLOCK ? _mm512_load_ps(b + VECTOR) : b_low;

        DISTIL_UNROLL
        for (size_t r = 0; r < rows; r++) {
            __m512 x = _mm512_set1_ps(a[r * a_stride + k]);

            low[r] = _mm512_fmadd_ps(x, b_low, low[r]);
            if (width == BLOCK)
                high[r] = _mm512_fmadd_ps(x, b_high, high[r]);
        }
    }
    DISTIL_UNROLL
    for (size_t r = 0; r < rows; r++) {
        __m512 f = _mm512_set1_ps(factor[r]);

        _mm512_storeu_ps(c + r * c_stride, _mm512_mul_ps(low[r], f));
        if (width == BLOCK)
            _mm512_storeu_ps(c + r * c_stride + VECTOR, _mm512_mul_ps(high[r], f));
    }
}

typedef void multiply_fn(float *restrict c, size_t c_stride, const float *restrict a,
                         size_t a_stride, const float *restrict b, size_t depth,
                         const float *restrict factor);

#define MULTIPLY(rows, width)                                                                      \
    static void multiply_##rows##x##width(                                                         \
        float *restrict c, size_t c_stride, const float *restrict a, size_t a_stride,              \
        const float *restrict b, size_t depth, const float *restrict factor)                       \
    {                                                                                              \
        multiply_rows(c, c_stride, a, a_stride, b, depth, factor, rows, width);                    \
    }
#define MULTIPLY_BOTH(rows) MULTIPLY(rows, 16) MULTIPLY(rows, 32)
MULTIPLY_BOTH(1)
MULTIPLY_BOTH(2)
MULTIPLY_BOTH(3)
MULTIPLY_BOTH(4)
MULTIPLY_BOTH(5)
MULTIPLY_BOTH(6)
MULTIPLY_BOTH(7)
MULTIPLY_BOTH(8)
MULTIPLY_BOTH(9)
MULTIPLY_BOTH(10)
MULTIPLY_BOTH(11)
MULTIPLY_BOTH(12)

static multiply_fn *const multiply[TILE_ROWS][2] = {
    {multiply_1x16, multiply_1x32},   {multiply_2x16, multiply_2x32},
    {multiply_3x16, multiply_3x32},   {multiply_4x16, multiply_4x32},
    {multiply_5x16, multiply_5x32},   {multiply_6x16, multiply_6x32},
    {multiply_7x16, multiply_7x32},   {multiply_8x16, multiply_8x32},
    {multiply_9x16, multiply_9x32},   {multiply_10x16, multiply_10x32},
    {multiply_11x16, multiply_11x32}, {multiply_12x16, multiply_12x32},
};

/* Greatest of n scores; those of the columns that pad K are left out. */
static inline float greatest(const float *s, size_t n)
{
    __m512 first = _mm512_set1_ps(s[0]);
    __m512 max = first;

    for (size_t i = 0; i < n; i += VECTOR)
        max = _mm512_mask_max_ps(max, distil_avx512_mask(n - i), max, _mm512_load_ps(s + i));
    return _mm512_reduce_max_ps(max);
}

/* s[j] = exp_(s[j] - max s), 0 for padding, which changes no sum; returns the sum. */
static inline float exponentials(float *s, size_t n)
{
    const __m512 max = _mm512_set1_ps(greatest(s, n));
    __m512 sum = _mm512_setzero_ps();

    for (size_t i = 0; i < n; i += VECTOR) {
        __m512 p = distil_avx512_exp_neg(_mm512_sub_ps(_mm512_load_ps(s + i), max));

        p = _mm512_maskz_mov_ps(distil_avx512_mask(n - i), p);
        _mm512_store_ps(s + i, p);
        sum = _mm512_add_ps(sum, p);
    }
    return distil_avx512_tree(sum);
}

/* One tile of query rows: scores, softmax, context. */
static void attend(float *restrict out, size_t out_stride, const float *restrict q, size_t stride,
                   size_t tile_rows, const packed_head *head, float scale)
{
    multiply_fn *const *tile = multiply[tile_rows - 1];
    float scales[TILE_ROWS], inverse[TILE_ROWS];

    for (size_t r = 0; r < TILE_ROWS; r++)
        scales[r] = scale;
    for (size_t j = 0; j < head->padded; j += BLOCK)
        tile[block_width(head, j) == BLOCK](head->scores + j, head->padded, q, stride,
                                            head->k + j * head->head_dim, head->head_dim, scales);
    for (size_t r = 0; r < tile_rows; r++)
        inverse[r] = 1.0f / exponentials(head->scores + r * head->padded, head->rows);
    for (size_t d = 0; d < head->head_dim; d += BLOCK)
        tile[1](out + d, out_stride, head->scores, head->padded, head->v + d * head->rows,
                head->rows, inverse);
}

void distil_attention_avx512(float *restrict out, size_t out_stride, const float *restrict q,
                             const float *restrict k, const float *restrict v, size_t stride,
                             size_t query_rows, size_t rows, size_t head_dim, float scale,
                             float *restrict scratch)
{
    size_t padded = (rows + VECTOR - 1) / VECTOR * VECTOR;
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
