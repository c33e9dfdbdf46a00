/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The list of instruction-set levels. Enumerators, names, tile heights, dispatch and tests all come
 * from it.
 */
#ifndef DISTIL_KERNELS_LEVELS_H
#define DISTIL_KERNELS_LEVELS_H

/*
 * The instruction-set levels in ascending order: name, name in capitals, and the most rows that a
 * tile of the level's int8 product has, which the number of vector registers limits. The Makefile
 * has the compiler's flags of each level. A level is a fixed set of CPU features:
 *   scalar      the x86-64 baseline
 *   avx2        AVX2, FMA, BMI2, and an operating system that saves the ymm registers
 *   avxvnni     avx2 and AVX-VNNI
 *   avx512      avx2, AVX-512 F, BW, DQ, VL, and an operating system that saves the zmm registers
 *   avx512vnni  avx512 and AVX-512 VNNI
 */
#define DISTIL_LEVELS(LEVEL)                                                                       \
    LEVEL(scalar, SCALAR, 4)                                                                       \
    LEVEL(avx2, AVX2, 3)                                                                           \
    LEVEL(avxvnni, AVXVNNI, 6)                                                                     \
    LEVEL(avx512, AVX512, 6)                                                                       \
    LEVEL(avx512vnni, AVX512VNNI, 12)

#define LEVEL(name, NAME, rows) +1
enum { DISTIL_LEVEL_COUNT = DISTIL_LEVELS(LEVEL) };
#undef LEVEL

typedef enum distil_level {
#define LEVEL(name, NAME, rows) DISTIL_LEVEL_##NAME,
    DISTIL_LEVELS(LEVEL)
#undef LEVEL
    /* The last level of the list, for callers who want the best level that a CPU has. */
    DISTIL_LEVEL_BEST = DISTIL_LEVEL_COUNT - 1
} distil_level;

/* For each level the enumerator by the name in kernels.inc, such as DISTIL_LEVEL_OF_avx2, and the
 * tile height, such as DISTIL_TILE_ROWS_avx2. */
enum {
#define LEVEL(name, NAME, rows)                                                                    \
    DISTIL_LEVEL_OF_##name = DISTIL_LEVEL_##NAME, DISTIL_TILE_ROWS_##name = (rows),
    DISTIL_LEVELS(LEVEL)
#undef LEVEL
};

#endif
