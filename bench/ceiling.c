/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ceilings: see ceiling.h. The loops are inline assembly, so that no compiler changes their
 * instructions and this file can be compiled without the flags of a level. The caller runs only
 * ceilings of levels that the CPU has.
 */
#include "bench/ceiling.h"
#include "bench/machine.h"

#include <stdlib.h>
#include <sys/mman.h>

/* A loop body is one string literal that is longer than what C guarantees. gcc and clang accept
 * it. */
#pragma GCC diagnostic ignored "-Woverlength-strings"

/* ---- AVX2 u8 x s8: kernels/qtile_avx2.S with 3 rows ---------------------------------------- */

/* The registers are those of the kernel, but one register stands for all weights. Two products come
 * before their two additions, as in the kernel: a product followed by its own addition is slower on
 * Zen 4, and the kernel would exceed its ceiling. */
#define MADDUBS_FIRST                                                                              \
    "vpmaddubsw %%ymm13, %%ymm14, %%ymm6\n\t"                                                      \
    "vpmaddubsw %%ymm13, %%ymm14, %%ymm7\n\t"                                                      \
    "vpmaddubsw %%ymm13, %%ymm14, %%ymm8\n\t"                                                      \
    "vpmaddubsw %%ymm13, %%ymm14, %%ymm9\n\t"                                                      \
    "vpmaddubsw %%ymm13, %%ymm14, %%ymm10\n\t"                                                     \
    "vpmaddubsw %%ymm13, %%ymm14, %%ymm11\n\t"
#define MADDUBS_ADD(part0, part1)                                                                  \
    "vpmaddubsw %%ymm13, %%ymm14, %%ymm15\n\t"                                                     \
    "vpmaddubsw %%ymm13, %%ymm14, %%ymm12\n\t"                                                     \
    "vpaddw %%ymm15, %%" part0 ", %%" part0 "\n\t"                                                 \
    "vpaddw %%ymm12, %%" part1 ", %%" part1 "\n\t"
#define MADDUBS_NEXT                                                                               \
    MADDUBS_ADD("ymm6", "ymm7") MADDUBS_ADD("ymm8", "ymm9") MADDUBS_ADD("ymm10", "ymm11")
#define JOIN_ROW(part0, part1, sum0, sum1)                                                         \
    "vpmaddwd %%ymm13, %%" part0 ", %%" part0 "\n\t"                                               \
    "vpmaddwd %%ymm13, %%" part1 ", %%" part1 "\n\t"                                               \
    "vpaddd %%" part0 ", %%" sum0 ", %%" sum0 "\n\t"                                               \
    "vpaddd %%" part1 ", %%" sum1 ", %%" sum1 "\n\t"
#define JOIN                                                                                       \
    JOIN_ROW("ymm6", "ymm7", "ymm0", "ymm1")                                                       \
    JOIN_ROW("ymm8", "ymm9", "ymm2", "ymm3") JOIN_ROW("ymm10", "ymm11", "ymm4", "ymm5")

#define CLOBBERS                                                                                   \
    "cc", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", \
        "xmm11", "xmm12", "xmm13", "xmm14", "xmm15"

/* Run `body` `rounds` times. The registers are set to zero first, so that no value left over
 * from other code, such as a denormal, can change the time. */
#define LOOP_CLOBBERING(zero_rest, body, ...)                                                      \
    __asm__ volatile("vzeroall\n\t" zero_rest ".p2align 6\n"                                       \
                     "1:\n\t" body "sub $1, %0\n\t"                                                \
                     "jnz 1b\n\t"                                                                  \
                     "vzeroupper"                                                                  \
                     : "+r"(rounds)                                                                \
                     :                                                                             \
                     : __VA_ARGS__)
#define LOOP(body) LOOP_CLOBBERING("", body, CLOBBERS)

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

/* ---- 12 accumulators of 256 bits: kernels/qgemm_avxvnni.c and attention_avx2.inc ------------ */

/* With VNNI, attention multiplies Q and K as bytes, and weights and V as int16. Both products
 * have the same number of multiply-adds, so there are twice as many instructions for int16 as
 * for bytes. */

#define CHAINS_YMM(op)                                                                             \
    op("ymm0") op("ymm1") op("ymm2") op("ymm3") op("ymm4") op("ymm5") op("ymm6") op("ymm7")        \
        op("ymm8") op("ymm9") op("ymm10") op("ymm11")
#define DOT_WORDS_YMM(sum) "%{vex%} vpdpwssd %%ymm12, %%ymm13, %%" sum "\n\t"
#define DOT_YMM(sum) "%{vex%} vpdpbusd %%ymm12, %%ymm13, %%" sum "\n\t"

/* vpmaddwd and vpaddd for two accumulators. Two products come before their two additions, as in the
 * kernel. */
#define MADD(x, y, product0, product1, sum0, sum1)                                                 \
    "vpmaddwd %%" x ", %%" y ", %%" product0 "\n\t"                                                \
    "vpmaddwd %%" x ", %%" y ", %%" product1 "\n\t"                                                \
    "vpaddd %%" product0 ", %%" sum0 ", %%" sum0 "\n\t"                                            \
    "vpaddd %%" product1 ", %%" sum1 ", %%" sum1 "\n\t"
#define MADD_YMM(sum0, sum1) MADD("ymm12", "ymm13", "ymm14", "ymm15", sum0, sum1)
#define MADD_ZMM(sum0, sum1) MADD("zmm24", "zmm25", "zmm26", "zmm27", sum0, sum1)

static void run_madd_ymm(size_t rounds)
{
    LOOP(MADD_YMM("ymm0", "ymm1") MADD_YMM("ymm2", "ymm3") MADD_YMM("ymm4", "ymm5")
             MADD_YMM("ymm6", "ymm7") MADD_YMM("ymm8", "ymm9") MADD_YMM("ymm10", "ymm11"));
}

static void run_dot_both_ymm(size_t rounds)
{
    LOOP(CHAINS_YMM(DOT_YMM) CHAINS_YMM(DOT_WORDS_YMM) CHAINS_YMM(DOT_WORDS_YMM));
}

static void run_dot_ymm(size_t rounds)
{
    LOOP(CHAINS_YMM(DOT_YMM));
}

/* ---- 512 bits ------------------------------------------------------------------------------ */

#define WITH_ZMM __attribute__((target("avx512f")))
#define CLOBBERS_ZMM                                                                               \
    CLOBBERS, "xmm16", "xmm17", "xmm18", "xmm19", "xmm20", "xmm21", "xmm22", "xmm23", "xmm24",     \
        "xmm25", "xmm26", "xmm27", "xmm28", "xmm29", "xmm30", "xmm31"
#define ZERO_HIGH_ZMM                                                                              \
    ".irp n, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31\n\t"                   \
    "vpxord %%zmm\\n, %%zmm\\n, %%zmm\\n\n\t"                                                      \
    ".endr\n\t"
#define LOOP_ZMM(body) LOOP_CLOBBERING(ZERO_HIGH_ZMM, body, CLOBBERS_ZMM)

/* 24 accumulators, as in the tiles of 12 rows of kernels/qgemm_avx512vnni.c and
 * attention_avx512.inc. */
#define CHAINS_ZMM(op)                                                                             \
    op("zmm0") op("zmm1") op("zmm2") op("zmm3") op("zmm4") op("zmm5") op("zmm6") op("zmm7")        \
        op("zmm8") op("zmm9") op("zmm10") op("zmm11") op("zmm12") op("zmm13") op("zmm14")          \
            op("zmm15") op("zmm16") op("zmm17") op("zmm18") op("zmm19") op("zmm20") op("zmm21")    \
                op("zmm22") op("zmm23")
#define DOT_WORDS_ZMM(sum) "vpdpwssd %%zmm24, %%zmm25, %%" sum "\n\t"
#define DOT_ZMM(sum) "vpdpbusd %%zmm24, %%zmm25, %%" sum "\n\t"

WITH_ZMM static void run_madd_zmm(size_t rounds)
{
    LOOP_ZMM(MADD_ZMM("zmm0", "zmm1") MADD_ZMM("zmm2", "zmm3") MADD_ZMM("zmm4", "zmm5")
                 MADD_ZMM("zmm6", "zmm7") MADD_ZMM("zmm8", "zmm9") MADD_ZMM("zmm10", "zmm11")
                     MADD_ZMM("zmm12", "zmm13") MADD_ZMM("zmm14", "zmm15")
                         MADD_ZMM("zmm16", "zmm17") MADD_ZMM("zmm18", "zmm19")
                             MADD_ZMM("zmm20", "zmm21") MADD_ZMM("zmm22", "zmm23"));
}

WITH_ZMM static void run_dot_both_zmm(size_t rounds)
{
    LOOP_ZMM(CHAINS_ZMM(DOT_ZMM) CHAINS_ZMM(DOT_WORDS_ZMM) CHAINS_ZMM(DOT_WORDS_ZMM));
}

WITH_ZMM static void run_dot_zmm(size_t rounds)
{
    LOOP_ZMM(CHAINS_ZMM(DOT_ZMM));
}

/* Bytes without VNNI, with 6 rows as in kernels/qgemm_avx512.c: zmm0-11 are sums and zmm12-23
 * are partial sums. Two products come before their two additions. */
#define PAIRS_ZMM(op)                                                                              \
    op("zmm12", "zmm13", "zmm0", "zmm1") op("zmm14", "zmm15", "zmm2", "zmm3")                      \
        op("zmm16", "zmm17", "zmm4", "zmm5") op("zmm18", "zmm19", "zmm6", "zmm7")                  \
            op("zmm20", "zmm21", "zmm8", "zmm9") op("zmm22", "zmm23", "zmm10", "zmm11")
#define FIRST_ZMM(part0, part1, sum0, sum1)                                                        \
    "vpmaddubsw %%zmm24, %%zmm25, %%" part0 "\n\t"                                                 \
    "vpmaddubsw %%zmm24, %%zmm25, %%" part1 "\n\t"
#define NEXT_ZMM(part0, part1, sum0, sum1)                                                         \
    "vpmaddubsw %%zmm24, %%zmm25, %%zmm26\n\t"                                                     \
    "vpmaddubsw %%zmm24, %%zmm25, %%zmm28\n\t"                                                     \
    "vpaddw %%zmm26, %%" part0 ", %%" part0 "\n\t"                                                 \
    "vpaddw %%zmm28, %%" part1 ", %%" part1 "\n\t"
#define JOIN_ZMM(part0, part1, sum0, sum1)                                                         \
    "vpmaddwd %%zmm27, %%" part0 ", %%" part0 "\n\t"                                               \
    "vpmaddwd %%zmm27, %%" part1 ", %%" part1 "\n\t"                                               \
    "vpaddd %%" part0 ", %%" sum0 ", %%" sum0 "\n\t"                                               \
    "vpaddd %%" part1 ", %%" sum1 ", %%" sum1 "\n\t"
#define QUADS_1 PAIRS_ZMM(FIRST_ZMM) PAIRS_ZMM(JOIN_ZMM)
#define QUADS_2 PAIRS_ZMM(FIRST_ZMM) PAIRS_ZMM(NEXT_ZMM) PAIRS_ZMM(JOIN_ZMM)
#define QUADS_4                                                                                    \
    PAIRS_ZMM(FIRST_ZMM)                                                                           \
    PAIRS_ZMM(NEXT_ZMM) PAIRS_ZMM(NEXT_ZMM) PAIRS_ZMM(NEXT_ZMM) PAIRS_ZMM(JOIN_ZMM)

WITH_ZMM static void run_maddubs_zmm_1(size_t rounds)
{
    LOOP_ZMM(QUADS_1 QUADS_1 QUADS_1 QUADS_1);
}

WITH_ZMM static void run_maddubs_zmm_2(size_t rounds)
{
    LOOP_ZMM(QUADS_2 QUADS_2);
}

WITH_ZMM static void run_maddubs_zmm_4(size_t rounds)
{
    LOOP_ZMM(QUADS_4);
}

/* ---- choice ---------------------------------------------------------------------------------- */

const bench_ceiling *bench_qgemm_ceiling(distil_level level, size_t group)
{
    /* One round multiplies 4 quads: 3 rows x 16 columns (ymm), or 6 rows x 32 columns (zmm). */
    static const bench_ceiling maddubs_ymm[] = {
        {"vpmaddubsw ymm k=1", DISTIL_LEVEL_AVX2, 768, run_maddubs_1},
        {"vpmaddubsw ymm k=2", DISTIL_LEVEL_AVX2, 768, run_maddubs_2},
        {"vpmaddubsw ymm k=4", DISTIL_LEVEL_AVX2, 768, run_maddubs_4},
    };
    static const bench_ceiling maddubs_zmm[] = {
        {"vpmaddubsw zmm k=1", DISTIL_LEVEL_AVX512, 3072, run_maddubs_zmm_1},
        {"vpmaddubsw zmm k=2", DISTIL_LEVEL_AVX512, 3072, run_maddubs_zmm_2},
        {"vpmaddubsw zmm k=4", DISTIL_LEVEL_AVX512, 3072, run_maddubs_zmm_4},
    };
    static const bench_ceiling dot_ymm = {"vpdpbusd ymm", DISTIL_LEVEL_AVXVNNI, 384, run_dot_ymm};
    static const bench_ceiling dot_zmm = {"vpdpbusd zmm", DISTIL_LEVEL_AVX512VNNI, 1536,
                                          run_dot_zmm};

    switch (level) {
    case DISTIL_LEVEL_AVX2:
        return &maddubs_ymm[group / 2];
    case DISTIL_LEVEL_AVXVNNI:
        return &dot_ymm;
    case DISTIL_LEVEL_AVX512:
        return &maddubs_zmm[group / 2];
    case DISTIL_LEVEL_AVX512VNNI:
        return &dot_zmm;
    case DISTIL_LEVEL_SCALAR:
        break;
    }
    return NULL;
}

const bench_ceiling *bench_attention_ceiling(distil_level level)
{
    static const bench_ceiling ceilings[DISTIL_LEVEL_COUNT] = {
        [DISTIL_LEVEL_AVX2] = {"vpmaddwd ymm", DISTIL_LEVEL_AVX2, 192, run_madd_ymm},
        [DISTIL_LEVEL_AVXVNNI] = {"vpdpbusd, vpdpwssd ymm", DISTIL_LEVEL_AVXVNNI, 768,
                                  run_dot_both_ymm},
        [DISTIL_LEVEL_AVX512] = {"vpmaddwd zmm", DISTIL_LEVEL_AVX512, 768, run_madd_zmm},
        [DISTIL_LEVEL_AVX512VNNI] = {"vpdpbusd, vpdpwssd zmm", DISTIL_LEVEL_AVX512VNNI, 3072,
                                     run_dot_both_zmm},
    };

    return level == DISTIL_LEVEL_SCALAR ? NULL : &ceilings[level];
}

/* ---- reading memory -------------------------------------------------------------------------- */

void bench_read(const void *p, size_t bytes)
{
    const char *at = p;
    size_t blocks = bytes / 256;

    __asm__ volatile("1:\n\t"
                     "prefetcht1 4096(%0)\n\t"
                     "movdqa (%0), %%xmm0\n\t"
                     "prefetcht1 4160(%0)\n\t"
                     "movdqa 64(%0), %%xmm1\n\t"
                     "prefetcht1 4224(%0)\n\t"
                     "movdqa 128(%0), %%xmm2\n\t"
                     "prefetcht1 4288(%0)\n\t"
                     "movdqa 192(%0), %%xmm3\n\t"
                     "add $256, %0\n\t"
                     "sub $1, %1\n\t"
                     "jnz 1b"
                     : "+r"(at), "+r"(blocks)
                     :
                     : "cc", "memory", "xmm0", "xmm1", "xmm2", "xmm3");
}

enum { HUGE_PAGE = 2 << 20 };

void *bench_displacing_memory(size_t *bytes)
{
    size_t n = 2 * bench_cache_bytes();
    void *memory;

    n = n < 128000000 ? 128000000 : n > 600000000 ? 600000000 : n;
    n = n / HUGE_PAGE * HUGE_PAGE;
    memory = aligned_alloc(HUGE_PAGE, n);
    if (memory != NULL)
        (void)madvise(memory, n, MADV_HUGEPAGE);
    *bytes = n;
    return memory;
}
