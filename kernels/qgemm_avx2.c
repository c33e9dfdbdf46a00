/* SPDX-License-Identifier: Apache-2.0 */
/*
 * int8 matrix product, AVX2: contract in kernels.h, inner loop in qtile_avx2.S, the walk around it
 * in qgemm_avx2.inc.
 */
enum {
    TILE_ROWS = 3,
    MANY_TILES = 4 /* of a pair, so that a line in four quads is enough */
};

#include "kernels/qgemm_avx2.inc"

/* qtile_avx2.S: r is rows, g is the lane group, and how lines are fetched. */
#define GROUPS(rows, fetch)                                                                        \
    distil_qtile_avx2_r##rows##g1##fetch, distil_qtile_avx2_r##rows##g2##fetch,                    \
        distil_qtile_avx2_r##rows##g4##fetch
qtile_fn GROUPS(1, single), GROUPS(2, single), GROUPS(2, few), GROUPS(3, few), GROUPS(3, many);

/*
 * To which cache: on Zen 4, where one tile streams through its pair, 88 % of the speed of reading to
 * the first, 66 % to the second; where two or three tiles fetch the next pair fast, the first cache's
 * few line buffers are in the way (4 rows from memory: 56 instead of 115 GMAC/s); where many tiles
 * fetch it slowly, the first is 2 % faster.
 */
static qtile_fn *select_tile(size_t rows, size_t group, size_t tiles)
{
    static qtile_fn *const single[2][3] = {{GROUPS(1, single)}, {GROUPS(2, single)}};
    static qtile_fn *const few[2][3] = {{GROUPS(2, few)}, {GROUPS(3, few)}};
    static qtile_fn *const many[3] = {GROUPS(3, many)};

    assert(rows >= 1 && rows <= TILE_ROWS);
    assert(group == 1 || group == 2 || group == 4);
    if (rows == 1 || (rows == 2 && tiles == 1))
        return single[rows - 1][group / 2];
    if (rows == 3 && tiles >= MANY_TILES)
        return many[group / 2];
    return few[rows - 2][group / 2];
}

void distil_qgemm_avx2(float *restrict c, size_t c_stride, const distil_qrows *a,
                       const distil_qmatrix *w, size_t pair_begin, size_t pair_end,
                       distil_epilogue epilogue)
{
    multiply_all(c, c_stride, a, w, pair_begin, pair_end, epilogue);
}
