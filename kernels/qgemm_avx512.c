/* SPDX-License-Identifier: Apache-2.0 */
/*
 * int8 matrix product, AVX-512 without VNNI: contract in kernels.h. The loops around the inner
 * loops are in qgemm_avx512.inc and qgemm.inc.
 *
 * The arithmetic is that of qtile_avx2.S with 512 bits: vpmaddubsw adds two products in an int16
 * lane, vpaddw adds those of a lane group with wrapping, and vpmaddwd by ones widens them to int32.
 * The proof that the packed weights carry (kernels.h) excludes overflow. The tile has up to 6 rows
 * x 32 columns: 12 int32 sums, 12 int16 partial sums, 2 registers of weights, 1 of activations, 1
 * product and the ones are 29 of 32 registers. A lane group of 4 takes 48 multiply, 36 + 12 add and
 * 12 widen instructions for 3072 multiply-adds on two 512-bit ports, so at most 56.9 a cycle.
 *
 * One or two rows are limited by reading the weights. They use stream_rows, which multiplies one
 * panel after the other, because memory is fastest at a single stream in the order of addresses.
 */
#include "kernels/kernels.h"

#define QGEMM distil_qgemm_avx512
enum { TILE_ROWS = DISTIL_TILE_ROWS_avx512, MAX_STREAM_ROWS = 2 };

#include "kernels/qgemm_avx512.inc"

/* a + b. gcc reorders a sum of plain additions so that all products are in registers at the same
 * time, which spills and leaves 0.64 of the speed. It does not reorder masked additions, so this is
 * one with a mask of all lanes. clang keeps the order without a mask. To see the difference, use
 * the other branch and run bench_kernels --no-cold --filter 'qgemm/avx512/base qkv 32x*'. */
static inline __m512i add_in_order(__m512i a, __m512i b)
{
#ifdef __clang__
    return _mm512_add_epi16(a, b);
#else
    return _mm512_mask_add_epi16(a, (__mmask32)-1, a, b);
#endif
}

/* The inner loop (see qtile_fn) for a constant number of rows and lane group, with the prefetch of
 * few or of many tiles. */
__attribute__((always_inline)) static inline void
multiply_rows(int32_t *restrict sum, const tile_work *t, size_t rows, size_t group, int few)
{
    const size_t panel_bytes = t->quads * DISTIL_QUAD_BYTES;
    const __m512i ones = _mm512_set1_epi16(1);
    const int8_t *b = t->panel;
    const uint16_t *order = t->order;
    uintptr_t prefetch = t->prefetch, hint = t->hint;
    __m512i low[TILE_ROWS], high[TILE_ROWS];

    DISTIL_UNROLL
    for (size_t r = 0; r < rows; r++)
        low[r] = high[r] = _mm512_setzero_si512();
    for (size_t quad = 0; quad < t->quads; quad += group) {
        __m512i part_low[TILE_ROWS], part_high[TILE_ROWS];

        DISTIL_UNROLL
        for (size_t r = 0; r < rows; r++)
            part_low[r] = part_high[r] = _mm512_setzero_si512();
        DISTIL_UNROLL
        for (size_t g = 0; g < group; g++) {
            const uint8_t *a = t->a + (size_t)*order++ * rows * DISTIL_QUAD;
            __m512i b_low = _mm512_load_si512(b);
            __m512i b_high = _mm512_load_si512(b + panel_bytes);

            PREFETCH(few, prefetch, hint, b, panel_bytes);
            DISTIL_UNROLL
            for (size_t r = 0; r < rows; r++) {
                __m512i x = _mm512_set1_epi32(load_quad(a + r * DISTIL_QUAD));

                part_low[r] = add_in_order(part_low[r], _mm512_maddubs_epi16(x, b_low));
                part_high[r] = add_in_order(part_high[r], _mm512_maddubs_epi16(x, b_high));
            }
            b += DISTIL_QUAD_BYTES;
            HIDE_VALUE(b);
            prefetch += t->prefetch_stride;
            hint += t->hint_stride;
        }
        DISTIL_UNROLL
        for (size_t r = 0; r < rows; r++) {
            low[r] = _mm512_add_epi32(low[r], _mm512_madd_epi16(part_low[r], ones));
            high[r] = _mm512_add_epi32(high[r], _mm512_madd_epi16(part_high[r], ones));
        }
    }
    DISTIL_UNROLL
    for (size_t r = 0; r < rows; r++) {
        _mm512_store_si512(sum + r * DISTIL_PAIR_COLS, low[r]);
        _mm512_store_si512(sum + r * DISTIL_PAIR_COLS + DISTIL_PANEL_COLS, high[r]);
    }
}

/* The inner loop for one or two rows, one panel after the other. */
__attribute__((always_inline)) static inline void
stream_rows(int32_t *restrict sum, const tile_work *t, size_t rows, size_t group)
{
    const __m512i ones = _mm512_set1_epi16(1);
    const int8_t *b = t->panel;

    for (size_t p = 0; p < 2; p++, sum += DISTIL_PANEL_COLS) {
        const uint16_t *order = t->order;
        __m512i total[MAX_STREAM_ROWS];

        DISTIL_UNROLL
        for (size_t r = 0; r < rows; r++)
            total[r] = _mm512_setzero_si512();
        for (size_t quad = 0; quad < t->quads; quad += group) {
            __m512i part[MAX_STREAM_ROWS];

            DISTIL_UNROLL
            for (size_t r = 0; r < rows; r++)
                part[r] = _mm512_setzero_si512();
            DISTIL_UNROLL
            for (size_t g = 0; g < group; g++, b += DISTIL_QUAD_BYTES) {
                const uint8_t *a = t->a + (size_t)*order++ * rows * DISTIL_QUAD;
                __m512i weights = _mm512_load_si512(b);

                _mm_prefetch((const char *)((uintptr_t)b + STREAM_AHEAD), _MM_HINT_T0);
                DISTIL_UNROLL
                for (size_t r = 0; r < rows; r++) {
                    __m512i x = _mm512_set1_epi32(load_quad(a + r * DISTIL_QUAD));

                    part[r] = _mm512_add_epi16(part[r], _mm512_maddubs_epi16(x, weights));
                }
            }
            DISTIL_UNROLL
            for (size_t r = 0; r < rows; r++)
                total[r] = _mm512_add_epi32(total[r], _mm512_madd_epi16(part[r], ones));
        }
        DISTIL_UNROLL
        for (size_t r = 0; r < rows; r++)
            _mm512_store_si512(sum + r * DISTIL_PAIR_COLS, total[r]);
    }
}

/* Define the inner loops of one height: for the lane groups 1, 2 and 4. */
#define QTILE(name, call)                                                                          \
    static void name(int32_t *restrict sum, const tile_work *t)                                    \
    {                                                                                              \
        call;                                                                                      \
    }
#define STREAM(rows)                                                                               \
    QTILE(stream_r##rows##g1, stream_rows(sum, t, rows, 1))                                        \
    QTILE(stream_r##rows##g2, stream_rows(sum, t, rows, 2))                                        \
    QTILE(stream_r##rows##g4, stream_rows(sum, t, rows, 4))
#define FEW(rows)                                                                                  \
    QTILE(few_r##rows##g1, multiply_rows(sum, t, rows, 1, 1))                                      \
    QTILE(few_r##rows##g2, multiply_rows(sum, t, rows, 2, 1))                                      \
    QTILE(few_r##rows##g4, multiply_rows(sum, t, rows, 4, 1))
#define MANY(rows) QTILE(many_r##rows##g4, multiply_rows(sum, t, rows, 4, 0))
STREAM(1)
STREAM(2)
FEW(3)
FEW(4)
FEW(5)
FEW(6)
MANY(4)
MANY(5)
MANY(6)

/* Only common cases have a loop of their own for many tiles: the lane group 4, and the heights of 4
 * and more rows. (Rows are divided evenly, so a tile of many is never lower.) The loops for few
 * tiles are correct for any number of them. */
static qtile_fn *select_tile(size_t rows, size_t group, int few)
{
    /* The second index is 0, 1 or 2 for the lane group 1, 2 or 4. */
    static qtile_fn *const loops[TILE_ROWS][3] = {
        {stream_r1g1, stream_r1g2, stream_r1g4}, {stream_r2g1, stream_r2g2, stream_r2g4},
        {few_r3g1, few_r3g2, few_r3g4},          {few_r4g1, few_r4g2, few_r4g4},
        {few_r5g1, few_r5g2, few_r5g4},          {few_r6g1, few_r6g2, few_r6g4},
    };
    static qtile_fn *const many[TILE_ROWS] = {NULL, NULL, NULL, many_r4g4, many_r5g4, many_r6g4};

    assert(rows >= 1 && rows <= TILE_ROWS);
    assert(group == 1 || group == 2 || group == 4);
    if (!few && group == 4 && many[rows - 1] != NULL)
        return many[rows - 1];
    return loops[rows - 1][group / 2];
}
