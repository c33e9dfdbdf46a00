/* SPDX-License-Identifier: Apache-2.0 */
/*
 * int8 matrix product, AVX2: contract in kernels.h. The inner loops are in qtile_avx2.S, and the
 * loops around them are in qgemm_avx2.inc and qgemm.inc.
 */
#include "kernels/kernels.h"

#define QGEMM distil_qgemm_avx2
enum {
    TILE_ROWS = DISTIL_TILE_ROWS_avx2,
    /* With this many tiles or more in a block, prefetching one cache line in every four quads is
     * enough. */
    MANY_TILES = 4
};

#include "kernels/qgemm_avx2.inc"

/* qtile_avx2.S. The digit after r is the number of rows, and the digit after g the lane group. */
qtile_fn distil_qtile_avx2_r1g1, distil_qtile_avx2_r1g2, distil_qtile_avx2_r1g4;
qtile_fn distil_qtile_avx2_r2g1, distil_qtile_avx2_r2g2, distil_qtile_avx2_r2g4;
qtile_fn distil_qtile_avx2_r3g1, distil_qtile_avx2_r3g2, distil_qtile_avx2_r3g4;
qtile_fn distil_qtile_avx2_r2g4single, distil_qtile_avx2_r3g4many;

/*
 * The inner loops differ in the cache to which they prefetch, because the rate of prefetches
 * differs (docs/kernels.md has the figures). A single tile that streams through its pair is fastest
 * with lines prefetched to the first-level cache. Two or three tiles prefetch the next pair so fast
 * that the few line buffers of the first-level cache would limit them, so they use the second-level
 * cache. Four or more tiles need few lines and use the first-level cache again. Only the lane group
 * 4, which nearly all panels have, has separate loops for these cases; the other groups have one
 * loop for each height.
 */
static qtile_fn *select_tile(size_t rows, size_t group, size_t tiles)
{
    /* The second index is 0, 1 or 2 for the lane group 1, 2 or 4. */
    static qtile_fn *const loops[TILE_ROWS][3] = {
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
    return loops[rows - 1][group / 2];
}
