/* SPDX-License-Identifier: Apache-2.0 */
/*
 * int8 matrix product, AVX-512 VNNI: contract in kernels.h.
 *
 * vpdpbusd adds four u8 x s8 products to an int32 lane exactly, so the lane group does not matter
 * here; only the quad order does. The tile is up to 12 rows x 32 columns, both panels of a pair:
 * 24 sums, 2 of weights, 1 broadcast of activations, 27 of 32 registers. A quad of the full tile is
 * 24 vpdpbusd on two ports, 12 cycles, beside 14 loads and 2 prefetches on two or three ports: the
 * multiplier is the bound, 128 multiply-adds a cycle.
 *
 * One to three rows have too few sums to cover the instruction's latency (5 cycles on two ports
 * wants 10): their quads go to 4 or 2 sets of sums in turn, joined at the end.
 */
enum { TILE_ROWS = 12, MAX_SUMS = 12 /* rows x sets */ };

#include "kernels/qgemm_avx512.inc"

/* sum (rows, 32) = tile x pair, for a constant number of rows, quads dealt to `sets` sets. */
__attribute__((always_inline)) static inline void
multiply_rows(int32_t *restrict sum, const tile_work *t, size_t rows, size_t sets, int near)
{
    const size_t panel_bytes = t->quads * LINE;
    const int8_t *b = t->panel;
    const uint16_t *order = t->order;
    uintptr_t prefetch = t->prefetch;
    __m512i low[MAX_SUMS], high[MAX_SUMS];

    DISTIL_UNROLL
    for (size_t i = 0; i < rows * sets; i++)
        low[i] = high[i] = _mm512_setzero_si512();
    for (size_t quad = 0; quad < t->quads; quad += sets) {
        if (near && quad == t->turn)
            prefetch = t->next;
        DISTIL_UNROLL
        for (size_t s = 0; s < sets; s++) {
            const uint8_t *a = t->a + (size_t)*order++ * rows * DISTIL_QUAD;
            __m512i b_low = _mm512_load_si512(b);
            __m512i b_high = _mm512_load_si512(b + panel_bytes);

            if (near)
                FETCH_LINES(prefetch, panel_bytes, _MM_HINT_T0);
            else
                FETCH_LINES(prefetch, panel_bytes, _MM_HINT_T1);
            DISTIL_UNROLL
            for (size_t r = 0; r < rows; r++) {
                __m512i x = broadcast_quad(a + r * DISTIL_QUAD);

                low[s * rows + r] = _mm512_dpbusd_epi32(low[s * rows + r], x, b_low);
                high[s * rows + r] = _mm512_dpbusd_epi32(high[s * rows + r], x, b_high);
            }
            b += LINE;
            prefetch += t->step;
        }
    }
    DISTIL_UNROLL
    for (size_t r = 0; r < rows; r++) {
        DISTIL_UNROLL
        for (size_t s = 1; s < sets; s++) {
            low[r] = _mm512_add_epi32(low[r], low[s * rows + r]);
            high[r] = _mm512_add_epi32(high[r], high[s * rows + r]);
        }
        _mm512_store_si512(sum + r * 2 * COLS, low[r]);
        _mm512_store_si512(sum + r * 2 * COLS + COLS, high[r]);
    }
}

#define TILE(rows, sets)                                                                           \
    case 2 * (rows):                                                                               \
        multiply_rows(sum, t, rows, sets, 0);                                                      \
        break;                                                                                     \
    case 2 * (rows) + 1:                                                                           \
        multiply_rows(sum, t, rows, sets, 1);                                                      \
        break;

static void multiply_tile(int32_t *restrict sum, const tile_work *t, size_t rows, size_t group)
{
    (void)group;
    switch (2 * rows + t->near) {
        TILE(1, 4)
        TILE(2, 4)
        TILE(3, 2)
        TILE(4, 2)
        TILE(5, 1)
        TILE(6, 1)
        TILE(7, 1)
        TILE(8, 1)
        TILE(9, 1)
        TILE(10, 1)
        TILE(11, 1)
        TILE(12, 1)
    default:
        assert(0 && "rows of a tile");
    }
}

void distil_qgemm_avx512vnni(float *restrict c, size_t c_stride, const distil_qrows *a,
                             const distil_qmatrix *w, size_t pair_begin, size_t pair_end,
                             distil_epilogue epilogue)
{
    multiply_all(c, c_stride, a, w, pair_begin, pair_end, epilogue);
}
