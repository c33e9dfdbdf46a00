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

/* qtile_avx2.S: r is rows, g is the lane group. */
qtile_fn distil_qtile_avx2_r1g1, distil_qtile_avx2_r1g2, distil_qtile_avx2_r1g4;
qtile_fn distil_qtile_avx2_r2g1, distil_qtile_avx2_r2g2, distil_qtile_avx2_r2g4;
qtile_fn distil_qtile_avx2_r3g1, distil_qtile_avx2_r3g2, distil_qtile_avx2_r3g4;
qtile_fn distil_qtile_avx2_r2g4single, distil_qtile_avx2_r3g4many;

/*
 * How lines are fetched, by their rate. On Zen 4: a tile that streams alone through its pair
 * reaches 88 % of the speed of reading if they go to the first cache, 66 % to the second; where two
 * or three tiles fetch the next pair, the first cache's few line buffers bound it (4 rows from
 * memory: 56 instead of 115 GMAC/s); where many do, slowly, the first makes passes 2 % shorter. A
 * lane group of 4, which nearly all panels have, has the forms for that; others have one a height.
 */
static qtile_fn *select_tile(size_t rows, size_t group, size_t tiles)
{
    static qtile_fn *const few[TILE_ROWS][3] = {
        {distil_qtile_avx2_r1g1, distil_qtile_avx2_r1g2, distil_qtile_avx2_r1g4},
        {distil_qtile_avx2_r2g1, distil_qtile_avx2_r2g2, distil_qtile_avx2_r2g4},
        {distil_qtile_avx2_r3g1, distil_qtile_avx2_r3g2, distil_qtile_avx2_r3g4},
    };

    assert(rows >= 1 && rows <= TILE_ROWS);
    assert(group == 1 || group == 2 || group == 4);
    if (group == 4 && rows == 2 && tiles == 1)
        return distil_qtile_avx2_r2g4single;
    if (group == 4 && rows == 3 && tiles >= MANY_TILES)
        return distil_qtile_avx2_r3g4many;
    return few[rows - 1][group / 2];
}

void distil_qgemm_avx2(float *restrict c, size_t c_stride, const distil_qrows *a,
                       const distil_qmatrix *w, size_t pair_begin, size_t pair_end,
                       distil_epilogue epilogue)
{
    multiply_all(c, c_stride, a, w, pair_begin, pair_end, epilogue);
}
