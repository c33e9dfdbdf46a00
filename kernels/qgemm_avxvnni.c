/* SPDX-License-Identifier: Apache-2.0 */
/*
 * int8 matrix product, AVX-VNNI: contract in kernels.h, the walk around the inner loop in
 * qgemm_avx2.inc.
 *
 * vpdpbusd adds four u8 x s8 products to an int32 lane exactly, so the lane group does not matter
 * here; only the quad order does. The tile is up to 6 rows x 16 columns: 12 sums, 2 of weights, 1
 * broadcast of activations, 15 of 16 registers; a quad is 12 vpdpbusd on two ports beside 8 loads:
 * at most 64 multiply-adds a cycle. Up to three rows have too few sums to cover the instruction's
 * latency: their quads go to 4 or 2 sets of sums in turn, joined at the end.
 */
enum { TILE_ROWS = 6, MAX_SUMS = 6 /* rows x sets */ };

#include "kernels/qgemm_avx2.inc"

#include <string.h>

/* One quad of one row in every lane. */
static inline __m256i broadcast_quad(const uint8_t *a)
{
    int32_t quad;

    memcpy(&quad, a, sizeof quad);
    return _mm256_set1_epi32(quad);
}

/* The inner loop for a constant number of rows, quads dealt to `sets` sets of sums. */
__attribute__((always_inline)) static inline void
multiply_rows(int32_t *sum, const uint8_t *a, const int8_t *panel, const uint16_t *order,
              size_t quads, uintptr_t prefetch, size_t step, size_t rows, size_t sets)
{
    __m256i low[MAX_SUMS], high[MAX_SUMS];

    DISTIL_UNROLL
    for (size_t i = 0; i < rows * sets; i++)
        low[i] = high[i] = _mm256_setzero_si256();
    for (size_t quad = 0; quad < quads; quad += sets) {
        DISTIL_UNROLL
        for (size_t s = 0; s < sets; s++) {
            const uint8_t *at = a + (size_t)*order++ * rows * DISTIL_QUAD;
            __m256i b_low = _mm256_load_si256((const __m256i *)panel);
            __m256i b_high = _mm256_load_si256((const __m256i *)(panel + LINE / 2));

            _mm_prefetch((const char *)prefetch, _MM_HINT_T1);
            DISTIL_UNROLL
            for (size_t r = 0; r < rows; r++) {
                __m256i x = broadcast_quad(at + r * DISTIL_QUAD);

                low[s * rows + r] = _mm256_dpbusd_avx_epi32(low[s * rows + r], x, b_low);
                high[s * rows + r] = _mm256_dpbusd_avx_epi32(high[s * rows + r], x, b_high);
            }
            panel += LINE;
            prefetch += step;
        }
    }
    DISTIL_UNROLL
    for (size_t r = 0; r < rows; r++) {
        DISTIL_UNROLL
        for (size_t s = 1; s < sets; s++) {
            low[r] = _mm256_add_epi32(low[r], low[s * rows + r]);
            high[r] = _mm256_add_epi32(high[r], high[s * rows + r]);
        }
        _mm256_store_si256((__m256i *)(sum + r * COLS), low[r]);
        _mm256_store_si256((__m256i *)(sum + r * COLS + COLS / 2), high[r]);
    }
}

#define QTILE(rows, sets)                                                                          \
    static void qtile_r##rows(int32_t *sum, const uint8_t *a, const int8_t *panel,                 \
                              const uint16_t *order, size_t quads, uintptr_t prefetch,             \
                              size_t step)                                                         \
    {                                                                                              \
        multiply_rows(sum, a, panel, order, quads, prefetch, step, rows, sets);                    \
    }
QTILE(1, 4)
QTILE(2, 2)
QTILE(3, 2)
QTILE(4, 1)
QTILE(5, 1)
QTILE(6, 1)

static qtile_fn *select_tile(size_t rows, size_t group, size_t tiles)
{
    static qtile_fn *const of_rows[TILE_ROWS] = {qtile_r1, qtile_r2, qtile_r3,
                                                 qtile_r4, qtile_r5, qtile_r6};

    (void)group;
    (void)tiles;
    assert(rows >= 1 && rows <= TILE_ROWS);
    return of_rows[rows - 1];
}

void distil_qgemm_avxvnni(float *restrict c, size_t c_stride, const distil_qrows *a,
                          const distil_qmatrix *w, size_t pair_begin, size_t pair_end,
                          distil_epilogue epilogue)
{
    multiply_all(c, c_stride, a, w, pair_begin, pair_end, epilogue);
}
