/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ceilings: see ceiling.h. The loops are inline assembly, so that this file needs no flags of an
 * instruction set and no compiler changes the mix; the caller asks only for levels the CPU has.
 */
#include "bench/ceiling.h"

/* ---- AVX2 u8 x s8: the registers and order of kernels/qtile_avx2.S with 3 rows ------------- */

#define MADDUBS_FIRST                                                                              \
    "vpmaddubsw %%ymm12, %%ymm14, %%ymm6\n\t"                                                      \
    "vpmaddubsw %%ymm13, %%ymm14, %%ymm7\n\t"                                                      \
    "vpmaddubsw %%ymm12, %%ymm14, %%ymm8\n\t"                                                      \
    "vpmaddubsw %%ymm13, %%ymm14, %%ymm9\n\t"                                                      \
    "vpmaddubsw %%ymm12, %%ymm14, %%ymm10\n\t"                                                     \
    "vpmaddubsw %%ymm13, %%ymm14, %%ymm11\n\t"
#define MADDUBS_ADD(b, part)                                                                       \
    "vpmaddubsw %%" b ", %%ymm14, %%ymm15\n\t"                                                     \
    "vpaddw %%ymm15, %%" part ", %%" part "\n\t"
#define MADDUBS_NEXT                                                                               \
    MADDUBS_ADD("ymm12", "ymm6")                                                                   \
    MADDUBS_ADD("ymm13", "ymm7")                                                                   \
    MADDUBS_ADD("ymm12", "ymm8")                                                                   \
    MADDUBS_ADD("ymm13", "ymm9")                                                                   \
    MADDUBS_ADD("ymm12", "ymm10")                                                                  \
    MADDUBS_ADD("ymm13", "ymm11")
#define WIDEN(part, sum)                                                                           \
    "vpmaddwd %%ymm12, %%" part ", %%" part "\n\t"                                                 \
    "vpaddd %%" part ", %%" sum ", %%" sum "\n\t"
#define JOIN                                                                                       \
    WIDEN("ymm6", "ymm0")                                                                          \
    WIDEN("ymm7", "ymm1")                                                                          \
    WIDEN("ymm8", "ymm2")                                                                          \
    WIDEN("ymm9", "ymm3")                                                                          \
    WIDEN("ymm10", "ymm4")                                                                         \
    WIDEN("ymm11", "ymm5")

#define CLOBBERS                                                                                   \
    "cc", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", \
        "xmm11", "xmm12", "xmm13", "xmm14", "xmm15"

/* Registers are zeroed first: their values then are no denormals, and no operand is stale. */
#define LOOP(body)                                                                                 \
    __asm__ volatile("vzeroall\n\t"                                                                \
                     ".p2align 5\n"                                                                \
                     "1:\n\t" body "sub $1, %0\n\t"                                                \
                     "jnz 1b\n\t"                                                                  \
                     "vzeroupper"                                                                  \
                     : "+r"(rounds)                                                                \
                     :                                                                             \
                     : CLOBBERS)

static void run_maddubs_1(size_t rounds)
{
    LOOP(MADDUBS_FIRST JOIN MADDUBS_FIRST JOIN MADDUBS_FIRST JOIN MADDUBS_FIRST JOIN);
}

static void run_maddubs_2(size_t rounds)
{
    LOOP(MADDUBS_FIRST MADDUBS_NEXT JOIN MADDUBS_FIRST MADDUBS_NEXT JOIN);
}

static void run_maddubs_4(size_t rounds)
{
    LOOP(MADDUBS_FIRST MADDUBS_NEXT MADDUBS_NEXT MADDUBS_NEXT JOIN);
}

/* ---- AVX2 fp32: 12 chains of 8 lanes ------------------------------------------------------- */

#define FMA(sum) "vfmadd231ps %%ymm12, %%ymm13, %%" sum "\n\t"
#define FMA_12                                                                                     \
    FMA("ymm0")                                                                                    \
    FMA("ymm1")                                                                                    \
    FMA("ymm2")                                                                                    \
    FMA("ymm3")                                                                                    \
    FMA("ymm4")                                                                                    \
    FMA("ymm5")                                                                                    \
    FMA("ymm6")                                                                                    \
    FMA("ymm7")                                                                                    \
    FMA("ymm8")                                                                                    \
    FMA("ymm9")                                                                                    \
    FMA("ymm10")                                                                                   \
    FMA("ymm11")

static void run_fma_ymm(size_t rounds)
{
    LOOP(FMA_12);
}

const bench_ceiling *bench_qgemm_ceiling(distil_level level, size_t group)
{
    /* 4 quads of 3 rows and 16 columns a round */
    static const bench_ceiling maddubs[] = {
        {"vpmaddubsw k=1", DISTIL_LEVEL_AVX2, 768, run_maddubs_1},
        {"vpmaddubsw k=2", DISTIL_LEVEL_AVX2, 768, run_maddubs_2},
        {"vpmaddubsw k=4", DISTIL_LEVEL_AVX2, 768, run_maddubs_4},
    };

    if (level == DISTIL_LEVEL_AVX2)
        return &maddubs[group / 2];
    return NULL;
}

const bench_ceiling *bench_fma_ceiling(distil_level level)
{
    static const bench_ceiling fma_ymm = {"vfmadd ymm", DISTIL_LEVEL_AVX2, 96, run_fma_ymm};

    return level == DISTIL_LEVEL_AVX2 || level == DISTIL_LEVEL_AVXVNNI ? &fma_ymm : NULL;
}
