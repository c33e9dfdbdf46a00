/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests the detection of levels. A table has the CPUID registers of real CPUs, and of hypervisors
 * and operating systems that hide some features, and the level that each must get.
 *
 * Rows with "recorded" in the name have whole registers, which a program read on such a CPU. The
 * other rows are composed: they have only the bits that the detection reads, as the manuals
 * document them for that CPU.
 */
#include "kernels/cpu.h"
#include "kernels/kernels.h"
#include "tests/support/harness.h"

#include <string.h>

/* The bits as the manuals document them. This test does not share the names of cpu.c, so that a
 * wrong number there shows. */
enum {
    ECX1_FMA = 1 << 12,
    ECX1_OSXSAVE = 1 << 27,
    ECX1_AVX = 1 << 28,
    EBX7_AVX2 = 1 << 5,
    EBX7_BMI2 = 1 << 8,
    ECX7_VNNI512 = 1 << 11,
    EAX71_AVXVNNI = 1 << 4
};
#define EBX7_AVX512F 0x00010000u
#define EBX7_AVX512DQ 0x00020000u
#define EBX7_AVX512BW 0x40000000u
#define EBX7_AVX512VL 0x80000000u

#define AVX_ECX1 (ECX1_FMA | ECX1_OSXSAVE | ECX1_AVX)
#define AVX2_EBX7 (EBX7_AVX2 | EBX7_BMI2)
#define AVX512_EBX7 (AVX2_EBX7 | EBX7_AVX512F | EBX7_AVX512DQ | EBX7_AVX512BW | EBX7_AVX512VL)

enum { XCR0_SSE = 0x03, XCR0_YMM = 0x07, XCR0_ZMM = 0xe7, XCR0_ZMM_PKRU = 0x2e7 };

typedef struct cpu_row {
    const char *name;
    uint32_t max_leaf, ecx1, ebx7, ecx7, eax71;
    uint64_t xcr0;
    distil_level best;
    const char *missing; /* what the next level lacks; NULL where `best` is the last level */
} cpu_row;

static const cpu_row rows[] = {
    {"Nehalem, no XSAVE in use, recorded", 0x0b, 0x00bce3bd, 0, 0, 0, 0, DISTIL_LEVEL_SCALAR,
     "AVX"},
    {"Ivy Bridge: AVX without FMA or AVX2", 0x0d, ECX1_OSXSAVE | ECX1_AVX, 0, 0, 0, XCR0_YMM,
     DISTIL_LEVEL_SCALAR, "FMA"},
    {"Haswell i7-4770, recorded", 0x0d, 0x7ffafbff, 0x000027ab, 0, 0, XCR0_YMM, DISTIL_LEVEL_AVX2,
     "AVX-VNNI"},
    {"Skylake client", 0x16, AVX_ECX1, AVX2_EBX7, 0, 0, XCR0_YMM, DISTIL_LEVEL_AVX2, "AVX-VNNI"},
    {"Skylake-SP Gold 6154, recorded", 0x16, 0x7ffefbff, 0xd39ffffb, 0x00000008, 0, XCR0_ZMM_PKRU,
     DISTIL_LEVEL_AVX512, "AVX-512 VNNI"},
    {"Cascade Lake", 0x16, AVX_ECX1, AVX512_EBX7, ECX7_VNNI512, 0, XCR0_ZMM_PKRU,
     DISTIL_LEVEL_AVX512VNNI, NULL},
    {"Ice Lake-SP", 0x1b, AVX_ECX1, AVX512_EBX7, ECX7_VNNI512, 0, XCR0_ZMM_PKRU,
     DISTIL_LEVEL_AVX512VNNI, NULL},
    {"Sapphire Rapids", 0x20, AVX_ECX1, AVX512_EBX7, ECX7_VNNI512, EAX71_AVXVNNI, XCR0_ZMM_PKRU,
     DISTIL_LEVEL_AVX512VNNI, NULL},
    {"Emerald Rapids, KVM, recorded", 0x1c, 0xfffa3203, 0xf1bf2ffb, 0x1a415f46, 0x00001c30,
     XCR0_ZMM, DISTIL_LEVEL_AVX512VNNI, NULL},
    {"Granite Rapids", 0x20, AVX_ECX1, AVX512_EBX7, ECX7_VNNI512, EAX71_AVXVNNI, XCR0_ZMM_PKRU,
     DISTIL_LEVEL_AVX512VNNI, NULL},
    {"Alder Lake: AVX-VNNI without AVX-512", 0x20, AVX_ECX1, AVX2_EBX7, 0, EAX71_AVXVNNI, XCR0_YMM,
     DISTIL_LEVEL_AVXVNNI, "AVX-512F"},
    {"Zen 1", 0x0d, AVX_ECX1, AVX2_EBX7, 0, 0, XCR0_YMM, DISTIL_LEVEL_AVX2, "AVX-VNNI"},
    {"Zen 3", 0x10, AVX_ECX1, AVX2_EBX7, 0, 0, XCR0_YMM, DISTIL_LEVEL_AVX2, "AVX-VNNI"},
    {"Zen 4: AVX-512 VNNI without AVX-VNNI", 0x10, AVX_ECX1, AVX512_EBX7, ECX7_VNNI512, 0,
     XCR0_ZMM_PKRU, DISTIL_LEVEL_AVX512VNNI, NULL},
    {"Zen 5", 0x10, AVX_ECX1, AVX512_EBX7, ECX7_VNNI512, EAX71_AVXVNNI, XCR0_ZMM_PKRU,
     DISTIL_LEVEL_AVX512VNNI, NULL},
    {"Ice Lake-SP, hypervisor hides AVX-512", 0x1b, AVX_ECX1, AVX2_EBX7, 0, 0, XCR0_YMM,
     DISTIL_LEVEL_AVX2, "AVX-VNNI"},
    {"Sapphire Rapids, hypervisor hides AVX-512", 0x20, AVX_ECX1, AVX2_EBX7, 0, EAX71_AVXVNNI,
     XCR0_YMM, DISTIL_LEVEL_AVXVNNI, "AVX-512F"},
    {"Cascade Lake, hypervisor hides VNNI", 0x16, AVX_ECX1, AVX512_EBX7, 0, 0, XCR0_ZMM,
     DISTIL_LEVEL_AVX512, "AVX-512 VNNI"},
    {"Ice Lake-SP, hypervisor hides one set", 0x1b, AVX_ECX1, AVX512_EBX7 & ~EBX7_AVX512BW,
     ECX7_VNNI512, 0, XCR0_ZMM, DISTIL_LEVEL_AVX2, "AVX-VNNI"},
    {"Haswell, hypervisor ends at leaf 4", 0x04, AVX_ECX1, AVX2_EBX7, 0, 0, XCR0_YMM,
     DISTIL_LEVEL_SCALAR, "AVX2"},
    {"Ice Lake-SP, OS without zmm state", 0x1b, AVX_ECX1, AVX512_EBX7, ECX7_VNNI512, 0, XCR0_YMM,
     DISTIL_LEVEL_AVX2, "AVX-VNNI"},
    {"Ice Lake-SP, OS with opmask but half of zmm", 0x1b, AVX_ECX1, AVX512_EBX7, ECX7_VNNI512, 0,
     0x67, DISTIL_LEVEL_AVX2, "AVX-VNNI"},
    {"Haswell, OS without ymm state", 0x0d, AVX_ECX1, AVX2_EBX7, 0, 0, XCR0_SSE,
     DISTIL_LEVEL_SCALAR, "ymm state enabled by the operating system"},
    {"Haswell, OS without XSAVE", 0x0d, ECX1_FMA | ECX1_AVX, AVX2_EBX7, 0, 0, 0,
     DISTIL_LEVEL_SCALAR, "ymm state enabled by the operating system"},
};

static distil_cpuid from_row(const cpu_row *row)
{
    distil_cpuid cpu;

    memset(&cpu, 0, sizeof cpu);
    cpu.max_leaf = row->max_leaf;
    cpu.leaf1_ecx = row->ecx1;
    cpu.leaf7_ebx = row->ebx7;
    cpu.leaf7_ecx = row->ecx7;
    cpu.leaf7_1_eax = row->eax71;
    cpu.xcr0 = row->xcr0;
    return cpu;
}

/* With a cap, the best level is the highest supported one that does not exceed the cap. */
static void check_caps(const distil_cpuid *cpu, distil_level best)
{
    for (int cap = 0; cap < DISTIL_LEVEL_COUNT; cap++) {
        distil_level got = distil_cpuid_best(cpu, (distil_level)cap);

        CHECK((int)got <= cap && got <= best);
        CHECK(distil_cpuid_has(cpu, got, NULL));
        for (int level = (int)got + 1; level <= cap; level++)
            CHECK(!distil_cpuid_has(cpu, (distil_level)level, NULL));
    }
}

static void check_row(const cpu_row *row)
{
    distil_cpuid cpu = from_row(row);
    distil_level best = distil_cpuid_best(&cpu, DISTIL_LEVEL_BEST);
    const char *missing = NULL;

    CHECKF(best == row->best, "level %s, expected %s", distil_level_name(best),
           distil_level_name(row->best));
    CHECK(distil_cpuid_has(&cpu, row->best, &missing) && missing == NULL);
    check_caps(&cpu, row->best);
    if (row->missing != NULL) {
        CHECK(!distil_cpuid_has(&cpu, (distil_level)(row->best + 1), &missing));
        CHECKF(missing != NULL && strcmp(missing, row->missing) == 0, "missing %s, expected %s",
               missing != NULL ? missing : "(none)", row->missing);
    }
}

/* Clear each bit in turn. The CPU must lose a level exactly if the level requires that bit. */
static void check_each_bit(void)
{
    const cpu_row *row = &rows[7]; /* a CPU that supports every level */

    for (unsigned bit = 0; bit < 32; bit++) {
        distil_cpuid cpu = from_row(row);
        uint32_t mask = UINT32_C(1) << bit;

        cpu.leaf1_ecx &= ~mask;
        CHECK(distil_cpuid_has(&cpu, DISTIL_LEVEL_AVX2, NULL) == !(AVX_ECX1 & mask));
        cpu = from_row(row);
        cpu.leaf7_ebx &= ~mask;
        CHECK(distil_cpuid_has(&cpu, DISTIL_LEVEL_AVX2, NULL) == !(AVX2_EBX7 & mask));
        CHECK(distil_cpuid_has(&cpu, DISTIL_LEVEL_AVX512, NULL) == !(AVX512_EBX7 & mask));
        cpu = from_row(row);
        cpu.leaf7_ecx &= ~mask;
        CHECK(distil_cpuid_has(&cpu, DISTIL_LEVEL_AVX512VNNI, NULL) == !(ECX7_VNNI512 & mask));
        cpu = from_row(row);
        cpu.leaf7_1_eax &= ~mask;
        CHECK(distil_cpuid_has(&cpu, DISTIL_LEVEL_AVXVNNI, NULL) == !(EAX71_AVXVNNI & mask));
        cpu = from_row(row);
        cpu.xcr0 &= ~(uint64_t)mask;
        CHECK(distil_cpuid_has(&cpu, DISTIL_LEVEL_AVX2, NULL) == !(0x06 & mask));
        CHECK(distil_cpuid_has(&cpu, DISTIL_LEVEL_AVX512, NULL) == !(0xe6 & mask));
    }
}

static void check_names(void)
{
    static const char *const names[DISTIL_LEVEL_COUNT] = {"scalar", "avx2", "avxvnni", "avx512",
                                                          "avx512vnni"};

    for (int level = 0; level < DISTIL_LEVEL_COUNT; level++)
        CHECK(strcmp(distil_level_name((distil_level)level), names[level]) == 0);
    CHECK(strcmp(distil_level_name((distil_level)DISTIL_LEVEL_COUNT), "unknown") == 0);
}

/* Every level's table is complete, and levels above scalar do not fall back to a scalar function
 * where AVX2 has one. */
static void check_tables(void)
{
    distil_kernels scalar, avx2, table;

    distil_kernels_fill(&scalar, DISTIL_LEVEL_SCALAR);
    distil_kernels_fill(&avx2, DISTIL_LEVEL_AVX2);
    for (int level = 0; level < DISTIL_LEVEL_COUNT; level++) {
        memset(&table, 0, sizeof table);
        distil_kernels_fill(&table, (distil_level)level);
        CHECK(table.level == (distil_level)level);
        CHECK(table.tile_rows >= 1 && table.tile_rows <= DISTIL_MAX_TILE_ROWS);
#define OP(op)                                                                                     \
    CHECK(table.op != NULL);                                                                       \
    CHECK(level == DISTIL_LEVEL_SCALAR || table.op != scalar.op || avx2.op == scalar.op);
        DISTIL_OPS(OP)
#undef OP
    }
}

static void check_this_cpu(void)
{
    distil_cpuid cpu, again;

    distil_cpuid_read(&cpu);
    distil_cpuid_read(&again);
    CHECK(memcmp(&cpu, &again, sizeof cpu) == 0);
    CHECK(cpu.max_leaf >= 1);
    CHECK(memchr(cpu.brand, '\0', sizeof cpu.brand) != NULL);
    CHECK(distil_cpuid_has(&cpu, DISTIL_LEVEL_SCALAR, NULL));
    check_caps(&cpu, DISTIL_LEVEL_BEST);
}

int main(int argc, char **argv)
{
    harness_init("test_cpu", argc, argv);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (harness_case("%s", rows[i].name))
            check_row(&rows[i]);
    if (harness_case("each bit"))
        check_each_bit();
    if (harness_case("names"))
        check_names();
    if (harness_case("tables"))
        check_tables();
    if (harness_case("this CPU"))
        check_this_cpu();
    return harness_finish();
}
