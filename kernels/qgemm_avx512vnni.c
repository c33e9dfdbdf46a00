/* SPDX-License-Identifier: Apache-2.0 */
/*
 * int8 matrix product, AVX-512 VNNI: contract in kernels.h.
 *
 * vpdpbusd adds four u8 x s8 products to an int32 lane exactly, so the lane group does not matter
 * here; only the quad order does. The tile is up to 12 rows x 32 columns, both panels of a pair:
 * 24 sums, 2 of weights, 1 broadcast of activations, 27 of 32 registers. A quad of the full tile is
 * 24 vpdpbusd on two ports, 12 cycles, beside 14 loads and 1 or 5 prefetches on two or three ports:
 * the multiplier is the bound, 128 multiply-adds a cycle.
 *
 * One or two rows, whose bound is reading the weights, take one panel after the other: a single
 * stream in the order of addresses is what memory gives fastest. They have too few sums to cover
 * the instruction's latency (5 cycles on two ports want 10): their quads go to 8 or 4 sets of sums
 * in turn, joined at the end.
 */
enum { TILE_ROWS = 12 };

#include "kernels/qgemm_avx512.inc"

enum { MAX_SUMS = 8 /* rows x sets of a stream */ };

/* sum (rows, 32) = tile x pair, for a constant number of rows. */
__attribute__((always_inline)) static inline void
multiply_rows(int32_t *restrict sum, const tile_work *t, size_t rows, int few)
{
    const size_t panel_bytes = t->quads * LINE;
    const int8_t *b = t->panel;
    const uint16_t *order = t->order;
    uintptr_t prefetch = t->prefetch, later = t->later;
    __m512i low[TILE_ROWS], high[TILE_ROWS];

    DISTIL_UNROLL
    for (size_t r = 0; r < rows; r++)
        low[r] = high[r] = _mm512_setzero_si512();
    for (size_t quad = 0; quad < t->quads; quad++) {
        const uint8_t *a = t->a + (size_t)*order++ * rows * DISTIL_QUAD;
        __m512i b_low = _mm512_load_si512(b);
        __m512i b_high = _mm512_load_si512(b + panel_bytes);

        PREFETCH(few, prefetch, later, b, panel_bytes);
        DISTIL_UNROLL
        for (size_t r = 0; r < rows; r++) {
            __m512i x = broadcast_quad(a + r * DISTIL_QUAD);

            low[r] = _mm512_dpbusd_epi32(low[r], x, b_low);
            high[r] = _mm512_dpbusd_epi32(high[r], x, b_high);
        }
        b += LINE;
        OPAQUE(b);
        prefetch += t->step;
        later += t->later_step;
    }
    DISTIL_UNROLL
    for (size_t r = 0; r < rows; r++) {
        _mm512_store_si512(sum + r * 2 * COLS, low[r]);
        _mm512_store_si512(sum + r * 2 * COLS + COLS, high[r]);
    }
}

/* The same, one panel after the other, quads dealt to `sets` sets. */
__attribute__((always_inline)) static inline void
stream_rows(int32_t *restrict sum, const tile_work *t, size_t rows, size_t sets)
{
    const int8_t *b = t->panel;

    for (size_t p = 0; p < 2; p++, sum += COLS) {
        const uint16_t *order = t->order;
        __m512i part[MAX_SUMS];

        DISTIL_UNROLL
        for (size_t i = 0; i < rows * sets; i++)
            part[i] = _mm512_setzero_si512();
        for (size_t quad = 0; quad < t->quads; quad += sets) {
            DISTIL_UNROLL
            for (size_t s = 0; s < sets; s++, b += LINE) {
                const uint8_t *a = t->a + (size_t)*order++ * rows * DISTIL_QUAD;
                __m512i weights = _mm512_load_si512(b);

                _mm_prefetch((const char *)((uintptr_t)b + STREAM_AHEAD), _MM_HINT_T0);
                DISTIL_UNROLL
                for (size_t r = 0; r < rows; r++)
                    part[s * rows + r] = _mm512_dpbusd_epi32(
                        part[s * rows + r], broadcast_quad(a + r * DISTIL_QUAD), weights);
            }
        }
        DISTIL_UNROLL
        for (size_t r = 0; r < rows; r++) {
            DISTIL_UNROLL
            for (size_t s = 1; s < sets; s++)
                part[r] = _mm512_add_epi32(part[r], part[s * rows + r]);
            _mm512_store_si512(sum + r * 2 * COLS, part[r]);
        }
    }
}

#define STREAM(rows, sets)                                                                         \
    case rows:                                                                                     \
        stream_rows(sum, t, rows, sets);                                                           \
        break;
#define FEW(rows)                                                                                  \
    case rows:                                                                                     \
        multiply_rows(sum, t, rows, 1);                                                            \
        break;
#define TILE(rows)                                                                                 \
    case rows:                                                                                     \
        if (t->few)                                                                                \
            multiply_rows(sum, t, rows, 1);                                                        \
        else                                                                                       \
            multiply_rows(sum, t, rows, 0);                                                        \
        break;

/* Rows cut into tiles evenly leave no tile of so few rows that is one of many. */
static void multiply_tile(int32_t *restrict sum, const tile_work *t, size_t rows, size_t group)
{
    (void)group;
    switch (rows) {
        STREAM(1, 8)
        STREAM(2, 4)
        FEW(3)
        FEW(4)
        FEW(5)
        FEW(6)
        FEW(7)
        TILE(8)
        TILE(9)
        TILE(10)
        TILE(11)
        TILE(12)
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
