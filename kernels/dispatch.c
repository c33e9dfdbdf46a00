/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fill a table of kernels for a level from the one list, kernels.inc.
 */
#include "kernels/kernels.h"

/* Levels by the name they have in kernels.inc. */
enum {
    LEVEL_scalar = DISTIL_LEVEL_SCALAR,
    LEVEL_avx2 = DISTIL_LEVEL_AVX2,
    LEVEL_avxvnni = DISTIL_LEVEL_AVXVNNI,
    LEVEL_avx512 = DISTIL_LEVEL_AVX512,
    LEVEL_avx512vnni = DISTIL_LEVEL_AVX512VNNI
};

/* Most rows of an activation tile: the height of the level's qgemm register tile. */
static const unsigned char tile_rows[DISTIL_LEVEL_COUNT] = {
    [DISTIL_LEVEL_SCALAR] = 4, [DISTIL_LEVEL_AVX2] = 3,        [DISTIL_LEVEL_AVXVNNI] = 6,
    [DISTIL_LEVEL_AVX512] = 6, [DISTIL_LEVEL_AVX512VNNI] = 12,
};

/* Whether a CPU of `level` surely runs kernels of `part`: the AVX-512 levels do not promise
 * AVX-VNNI, every other level contains those below. */
static int runs(int level, int part)
{
    return part <= level && (part != LEVEL_avxvnni || level == LEVEL_avxvnni);
}

void distil_kernels_fill(distil_kernels *table, distil_level level)
{
    /* The list ascends, so a better variant replaces the one before. */
#define KERNEL(op, isa)                                                                            \
    if (runs((int)level, LEVEL_##isa))                                                             \
        table->op = distil_##op##_##isa;
#include "kernels/kernels.inc"
#undef KERNEL
    table->tile_rows = tile_rows[level];
    table->level = level;
}
