/* SPDX-License-Identifier: Apache-2.0 */
/*
 * int8 matrix product, AVX-512 VNNI: contract in kernels.h. The loops around the inner loops are in
 * qgemm_avx512.inc and qgemm.inc.
 *
 * vpdpbusd adds four products of u8 and int8 to an int32 lane exactly. So this file ignores lane
 * groups, which say at other levels how many products may be added in 16 bits; it only needs the
 * order in which the quads are stored. The tile has up to 12 rows x 32 columns, which are
 * both panels of a pair: 24 accumulators, 2 registers of weights and 1 broadcast of activations are
 * 27 of 32 registers. One quad of a full tile takes 24 vpdpbusd on two ports, 12 cycles, beside 14
 * loads and 1 or 5 prefetches on two or three ports. So the multipliers are the bound, 128
 * multiply-adds a cycle.
 *
 * One or two rows are limited by reading the weights. They use stream_rows, which multiplies one
 * panel after the other, because memory is fastest at a single stream in the order of addresses.
 * One accumulator for each row would make every vpdpbusd wait 5 cycles for the one before. So the
 * quads are added in turn to 8 sets of accumulators for one row, or 4 for two rows, and the sets
 * are added up at the end. Two ports would need 10 accumulators to be always busy, but 8 are
 * enough, because the instructions wait for memory anyway.
 */
#include "kernels/kernels.h"

#define QGEMM distil_qgemm_avx512vnni
enum { TILE_ROWS = DISTIL_TILE_ROWS_avx512vnni, MAX_SUMS = 8 /* rows * sets of a stream */ };

#include "kernels/qgemm_avx512.inc"

/* The inner loop (see qtile_fn) for a constant number of rows, with the prefetch of few or of many
 * tiles. */
__attribute__((always_inline)) static inline void
multiply_rows(int32_t *restrict sum, const tile_work *t, size_t rows, int few)
{
    const size_t panel_bytes = t->quads * DISTIL_QUAD_BYTES;
    const int8_t *b = t->panel;
    const uint16_t *order = t->order;
    uintptr_t prefetch = t->prefetch, hint = t->hint;
    __m512i low[TILE_ROWS], high[TILE_ROWS];

    DISTIL_UNROLL
    for (size_t r = 0; r < rows; r++)
        low[r] = high[r] = _mm512_setzero_si512();
    for (size_t quad = 0; quad < t->quads; quad++) {
        const uint8_t *a = t->a + (size_t)*order++ * rows * DISTIL_QUAD;
        __m512i b_low = _mm512_load_si512(b);
        __m512i b_high = _mm512_load_si512(b + panel_bytes);

        PREFETCH(few, prefetch, hint, b, panel_bytes);
        DISTIL_UNROLL
        for (size_t r = 0; r < rows; r++) {
            __m512i x = _mm512_set1_epi32(load_quad(a + r * DISTIL_QUAD));

            low[r] = _mm512_dpbusd_epi32(low[r], x, b_low);
            high[r] = _mm512_dpbusd_epi32(high[r], x, b_high);
        }
        b += DISTIL_QUAD_BYTES;
        HIDE_VALUE(b);
        prefetch += t->prefetch_stride;
        hint += t->hint_stride;
    }
    DISTIL_UNROLL
    for (size_t r = 0; r < rows; r++) {
        _mm512_store_si512(sum + r * DISTIL_PAIR_COLS, low[r]);
        _mm512_store_si512(sum + r * DISTIL_PAIR_COLS + DISTIL_PANEL_COLS, high[r]);
    }
}

/* The inner loop for one or two rows, one panel after the other, with `sets` sets of
 * accumulators. */
__attribute__((always_inline)) static inline void
stream_rows(int32_t *restrict sum, const tile_work *t, size_t rows, size_t sets)
{
    const int8_t *b = t->panel;

    for (size_t p = 0; p < 2; p++, sum += DISTIL_PANEL_COLS) {
        const uint16_t *order = t->order;
        __m512i part[MAX_SUMS];

        DISTIL_UNROLL
        for (size_t i = 0; i < rows * sets; i++)
            part[i] = _mm512_setzero_si512();
        for (size_t quad = 0; quad < t->quads; quad += sets) {
            DISTIL_UNROLL
            for (size_t s = 0; s < sets; s++, b += DISTIL_QUAD_BYTES) {
                const uint8_t *a = t->a + (size_t)*order++ * rows * DISTIL_QUAD;
                __m512i weights = _mm512_load_si512(b);

                _mm_prefetch((const char *)((uintptr_t)b + STREAM_AHEAD), _MM_HINT_T0);
                DISTIL_UNROLL
                for (size_t r = 0; r < rows; r++) {
                    __m512i x = _mm512_set1_epi32(load_quad(a + r * DISTIL_QUAD));

                    part[s * rows + r] = _mm512_dpbusd_epi32(part[s * rows + r], x, weights);
                }
            }
        }
        DISTIL_UNROLL
        for (size_t r = 0; r < rows; r++) {
            DISTIL_UNROLL
            for (size_t s = 1; s < sets; s++)
                part[r] = _mm512_add_epi32(part[r], part[s * rows + r]);
            _mm512_store_si512(sum + r * DISTIL_PAIR_COLS, part[r]);
        }
    }
}

#define QTILE(name, call)                                                                          \
    static void name(int32_t *restrict sum, const tile_work *t)                                    \
    {                                                                                              \
        call;                                                                                      \
    }
#define FEW(rows) QTILE(few_r##rows, multiply_rows(sum, t, rows, 1))
#define MANY(rows) QTILE(many_r##rows, multiply_rows(sum, t, rows, 0))
QTILE(stream_r1, stream_rows(sum, t, 1, 8))
QTILE(stream_r2, stream_rows(sum, t, 2, 4))
FEW(3)
FEW(4)
FEW(5)
FEW(6)
FEW(7)
FEW(8)
FEW(9)
FEW(10)
FEW(11)
FEW(12)
MANY(8)
MANY(9)
MANY(10)
MANY(11)
MANY(12)

/* Rows are divided evenly, so where three or more tiles share a pair, each has at least 8 rows. */
static qtile_fn *select_tile(size_t rows, size_t group, int few)
{
    static qtile_fn *const few_tiles[TILE_ROWS] = {
        stream_r1, stream_r2, few_r3, few_r4,  few_r5,  few_r6,
        few_r7,    few_r8,    few_r9, few_r10, few_r11, few_r12,
    };
    static qtile_fn *const many_tiles[TILE_ROWS] = {
        [8 - 1] = many_r8,   [9 - 1] = many_r9,   [10 - 1] = many_r10,
        [11 - 1] = many_r11, [12 - 1] = many_r12,
    };

    (void)group;
    assert(rows >= 1 && rows <= TILE_ROWS);
    if (!few && many_tiles[rows - 1] != NULL)
        return many_tiles[rows - 1];
    return few_tiles[rows - 1];
}
