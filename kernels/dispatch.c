/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fills the table of a level from the list of variants, kernels.inc.
 */
#include "kernels/cpu.h"
#include "kernels/kernels.h"

static const unsigned char tile_rows[DISTIL_LEVEL_COUNT] = {
#define LEVEL(name, NAME, rows) [DISTIL_LEVEL_##NAME] = (rows),
    DISTIL_LEVELS(LEVEL)
#undef LEVEL
};
#define LEVEL(name, NAME, rows)                                                                    \
    _Static_assert((rows) <= DISTIL_MAX_TILE_ROWS, "a tile of " #name " is too high");
DISTIL_LEVELS(LEVEL)
#undef LEVEL

void distil_kernels_fill(distil_kernels *table, distil_level level)
{
    /* The list is in ascending order of levels, so a better variant overwrites a lesser one. */
#define KERNEL(op, name)                                                                           \
    if (distil_level_contains(level, (distil_level)DISTIL_LEVEL_OF_##name))                        \
        table->op = distil_##op##_##name;
#include "kernels/kernels.inc"
#undef KERNEL
    table->tile_rows = tile_rows[level];
    table->level = level;
}
