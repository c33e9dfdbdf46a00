/* SPDX-License-Identifier: Apache-2.0 */
/*
 * int8 matrix product, AVX-VNNI: contract in kernels.h. The loops around the inner loops are in
 * qgemm_avx2.inc and qgemm.inc.
 *
 * vpdpbusd adds four products of u8 and int8 to an int32 lane exactly, so the lane group does not
 * matter here; only the order of the quads does. The tile has up to 6 rows x 16 columns: 12
 * accumulators, 2 registers of weights and 1 broadcast of activations are 15 of 16 registers. One
 * quad takes 12 vpdpbusd on two ports beside 8 loads, so the bound is 64 multiply-adds a cycle.
 * Tiles of up to three rows have too few accumulators to hide the latency of vpdpbusd. They use 4
 * or 2 sets of accumulators, to which the quads are added in turn, and add up the sets at the end.
 */
#include "kernels/kernels.h"

#define QGEMM distil_qgemm_avxvnni
enum { TILE_ROWS = DISTIL_TILE_ROWS_avxvnni, MAX_SUMS = 6 /* rows * sets */ };

#include "kernels/qgemm_avx2.inc"

/* The inner loop (see qtile_fn) for a constant number of rows and of sets of accumulators. */
__attribute__((always_inline)) static inline void
multiply_rows(int32_t *sum, const uint8_t *a, const int8_t *panel, const uint16_t *order,
              size_t quads, uintptr_t prefetch, size_t prefetch_stride, size_t rows, size_t sets)
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
            __m256i b_high = _mm256_load_si256((const __m256i *)(panel + DISTIL_QUAD_BYTES / 2));

            _mm_prefetch((const char *)prefetch, _MM_HINT_T1);
            DISTIL_UNROLL
            for (size_t r = 0; r < rows; r++) {
                __m256i x = _mm256_set1_epi32(load_quad(at + r * DISTIL_QUAD));

                low[s * rows + r] = _mm256_dpbusd_avx_epi32(low[s * rows + r], x, b_low);
                high[s * rows + r] = _mm256_dpbusd_avx_epi32(high[s * rows + r], x, b_high);
            }
            panel += DISTIL_QUAD_BYTES;
            prefetch += prefetch_stride;
        }
    }
    DISTIL_UNROLL
    for (size_t r = 0; r < rows; r++) {
        DISTIL_UNROLL
        for (size_t s = 1; s < sets; s++) {
            low[r] = _mm256_add_epi32(low[r], low[s * rows + r]);
            high[r] = _mm256_add_epi32(high[r], high[s * rows + r]);
        }
        _mm256_store_si256((__m256i *)(sum + r * DISTIL_PANEL_COLS), low[r]);
        _mm256_store_si256((__m256i *)(sum + r * DISTIL_PANEL_COLS + 8), high[r]);
    }
}

#define QTILE(rows, sets)                                                                          \
    static void qtile_r##rows(int32_t *sum, const uint8_t *a, const int8_t *panel,                 \
                              const uint16_t *order, size_t quads, uintptr_t prefetch,             \
                              size_t prefetch_stride)                                              \
    {                                                                                              \
        multiply_rows(sum, a, panel, order, quads, prefetch, prefetch_stride, rows, sets);         \
    }
QTILE(1, 4)
QTILE(2, 2)
QTILE(3, 2)
QTILE(4, 1)
QTILE(5, 1)
QTILE(6, 1)

static qtile_fn *select_tile(size_t rows, size_t group, size_t tiles)
{
    static qtile_fn *const loops[TILE_ROWS] = {qtile_r1, qtile_r2, qtile_r3,
                                               qtile_r4, qtile_r5, qtile_r6};

    (void)group;
    (void)tiles;
    assert(rows >= 1 && rows <= TILE_ROWS);
    return loops[rows - 1];
}
