/* SPDX-License-Identifier: Apache-2.0 */
/*
 * int8 matrix product, AVX-512 without VNNI: contract in kernels.h.
 *
 * The scheme of qtile_avx2.S at 512 bits: vpmaddubsw adds two products in an int16 lane, vpaddw
 * those of a lane group with wrapping, vpmaddwd by ones widens. No lane overflows, by the proof in
 * the panel. The tile is up to 6 rows x 32 columns: 12 int32 sums, 12 int16 partial sums, 2 of
 * weights, activations, a product and the ones, 29 of 32 registers, which compilers manage. A group
 * of 4 quads is 48 multiply, 36 + 12 add and 12 widen instructions for 3072 multiply-adds on two
 * 512-bit ports: at most 56.9 a cycle.
 *
 * One or two rows, whose bound is reading the weights, take one panel after the other: a single
 * stream in the order of addresses is what memory gives fastest.
 */
enum { TILE_ROWS = 6 };

#include "kernels/qgemm_avx512.inc"

enum { MAX_STREAM_ROWS = 2 };

/* a + b. gcc takes a sum of plain additions apart and keeps all its products at once, more than
 * there are registers for (2/3 of the speed); through a mask, of all lanes, it cannot. */
static inline __m512i add_in_order(__m512i a, __m512i b)
{
#ifdef __clang__
    return _mm512_add_epi16(a, b); /* keeps its order, and is slower by a tenth with a mask */
#else
    return _mm512_mask_add_epi16(a, (__mmask32)-1, a, b);
#endif
}

/* sum (rows, 32) = tile x pair, for a constant number of rows. */
__attribute__((always_inline)) static inline void
multiply_rows(int32_t *restrict sum, const tile_work *t, size_t rows, size_t group, int few)
{
    const size_t panel_bytes = t->quads * LINE;
    const __m512i ones = _mm512_set1_epi16(1);
    const int8_t *b = t->panel;
    const uint16_t *order = t->order;
    uintptr_t prefetch = t->prefetch, later = t->later;
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

            PREFETCH(few, prefetch, later, b, panel_bytes);
            DISTIL_UNROLL
            for (size_t r = 0; r < rows; r++) {
                __m512i x = broadcast_quad(a + r * DISTIL_QUAD);

                part_low[r] = add_in_order(part_low[r], _mm512_maddubs_epi16(x, b_low));
                part_high[r] = add_in_order(part_high[r], _mm512_maddubs_epi16(x, b_high));
            }
            b += LINE;
            OPAQUE(b);
            prefetch += t->step;
            later += t->later_step;
        }
        DISTIL_UNROLL
        for (size_t r = 0; r < rows; r++) {
            low[r] = _mm512_add_epi32(low[r], _mm512_madd_epi16(part_low[r], ones));
            high[r] = _mm512_add_epi32(high[r], _mm512_madd_epi16(part_high[r], ones));
        }
    }
    DISTIL_UNROLL
    for (size_t r = 0; r < rows; r++) {
        _mm512_store_si512(sum + r * 2 * COLS, low[r]);
        _mm512_store_si512(sum + r * 2 * COLS + COLS, high[r]);
    }
}

/* The same, one panel after the other. */
__attribute__((always_inline)) static inline void
stream_rows(int32_t *restrict sum, const tile_work *t, size_t rows, size_t group)
{
    const __m512i ones = _mm512_set1_epi16(1);
    const int8_t *b = t->panel;

    for (size_t p = 0; p < 2; p++, sum += COLS) {
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
            for (size_t g = 0; g < group; g++, b += LINE) {
                const uint8_t *a = t->a + (size_t)*order++ * rows * DISTIL_QUAD;
                __m512i weights = _mm512_load_si512(b);

                _mm_prefetch((const char *)((uintptr_t)b + STREAM_AHEAD), _MM_HINT_T0);
                DISTIL_UNROLL
                for (size_t r = 0; r < rows; r++)
                    part[r] = _mm512_add_epi16(
                        part[r],
                        _mm512_maddubs_epi16(broadcast_quad(a + r * DISTIL_QUAD), weights));
            }
            DISTIL_UNROLL
            for (size_t r = 0; r < rows; r++)
                total[r] = _mm512_add_epi32(total[r], _mm512_madd_epi16(part[r], ones));
        }
        DISTIL_UNROLL
        for (size_t r = 0; r < rows; r++)
            _mm512_store_si512(sum + r * 2 * COLS, total[r]);
    }
}

/* Only what is common has a form for many tiles: a lane group of 4, and the rows that a tile has
 * then; the other form is right for all. */
#define FEW_TILES_OF(rows, group)                                                                  \
    case 8 * (rows) + (group):                                                                     \
        multiply_rows(sum, t, rows, group, 1);                                                     \
        break;
#define MANY_TILES_OF(rows, group)                                                                 \
    case 8 * (rows) + (group):                                                                     \
        if (t->few)                                                                                \
            multiply_rows(sum, t, rows, group, 1);                                                 \
        else                                                                                       \
            multiply_rows(sum, t, rows, group, 0);                                                 \
        break;
#define STREAM_OF(rows, group)                                                                     \
    case 8 * (rows) + (group):                                                                     \
        stream_rows(sum, t, rows, group);                                                          \
        break;
#define STREAM(rows) STREAM_OF(rows, 4) STREAM_OF(rows, 2) STREAM_OF(rows, 1)
#define RARE(rows) FEW_TILES_OF(rows, 2) FEW_TILES_OF(rows, 1)
#define FEW(rows) FEW_TILES_OF(rows, 4) RARE(rows)
#define TILE(rows) MANY_TILES_OF(rows, 4) RARE(rows)

static void multiply_tile(int32_t *restrict sum, const tile_work *t, size_t rows, size_t group)
{
    switch (8 * rows + group) {
        STREAM(1)
        STREAM(2)
        FEW(3)
        TILE(4)
        TILE(5)
        TILE(6)
    default:
        assert(0 && "rows and group of a tile");
    }
}

void distil_qgemm_avx512(float *restrict c, size_t c_stride, const distil_qrows *a,
                         const distil_qmatrix *w, size_t pair_begin, size_t pair_end,
                         distil_epilogue epilogue)
{
    multiply_all(c, c_stride, a, w, pair_begin, pair_end, epilogue);
}
