/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Finds out from CPUID and XGETBV which levels the CPU can run.
 *
 * A program may use an instruction set only if the CPU has it and the operating system saves its
 * registers (XCR0). Both are checked for every level above scalar.
 */
#include "kernels/cpu.h"
#include "kernels/kernels.h"

#include <cpuid.h>
#include <string.h>

/* CPUID leaf 1, ECX */
#define FMA (UINT32_C(1) << 12)
#define OSXSAVE (UINT32_C(1) << 27)
#define AVX (UINT32_C(1) << 28)
/* CPUID leaf 7 subleaf 0, EBX */
#define AVX2 (UINT32_C(1) << 5)
#define BMI2 (UINT32_C(1) << 8)
#define AVX512F (UINT32_C(1) << 16)
#define AVX512DQ (UINT32_C(1) << 17)
#define AVX512BW (UINT32_C(1) << 30)
#define AVX512VL (UINT32_C(1) << 31)
/* CPUID leaf 7 subleaf 0, ECX */
#define AVX512VNNI (UINT32_C(1) << 11)
/* CPUID leaf 7 subleaf 1, EAX */
#define AVXVNNI (UINT32_C(1) << 4)

/* Bits of XCR0. XCR0_YMM: xmm and the upper halves of ymm. XCR0_ZMM: those, the mask registers, the
 * upper halves of zmm0-15, and zmm16-31. */
#define XCR0_YMM UINT64_C(0x06)
#define XCR0_ZMM UINT64_C(0xe6)

static uint64_t read_xcr0(void)
{
    uint32_t low, high;

    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return (uint64_t)high << 32 | low;
}

static void read_brand(char brand[49])
{
    uint32_t words[12];

    if ((uint32_t)__get_cpuid_max(0x80000000u, NULL) < 0x80000004u)
        return;
    for (unsigned leaf = 0; leaf < 3; leaf++) {
        uint32_t *w = words + (size_t)4 * leaf;

        __cpuid(0x80000002u + leaf, w[0], w[1], w[2], w[3]);
    }
    memcpy(brand, words, sizeof words);
    brand[48] = '\0';
}

void distil_cpuid_read(distil_cpuid *out)
{
    uint32_t a, b, c, d;

    memset(out, 0, sizeof *out);
    out->max_leaf = (uint32_t)__get_cpuid_max(0, NULL);
    if (out->max_leaf < 1)
        return;
    __cpuid(1, a, b, c, d);
    out->leaf1_ecx = c;
    if (out->max_leaf >= 7) {
        uint32_t subleaves;

        __cpuid_count(7, 0, subleaves, b, c, d);
        out->leaf7_ebx = b;
        out->leaf7_ecx = c;
        if (subleaves >= 1) {
            __cpuid_count(7, 1, a, b, c, d);
            out->leaf7_1_eax = a;
        }
    }
    if (out->leaf1_ecx & OSXSAVE)
        out->xcr0 = read_xcr0();
    read_brand(out->brand);
}

/* One feature that a level and every level that contains it require. */
typedef struct requirement {
    distil_level level;
    int met;
    const char *name;
} requirement;

int distil_cpuid_has(const distil_cpuid *cpu, distil_level level, const char **missing)
{
    int leaf7 = cpu->max_leaf >= 7;
    uint32_t ecx1 = cpu->leaf1_ecx;
    uint32_t ebx7 = leaf7 ? cpu->leaf7_ebx : 0;
    uint32_t ecx7 = leaf7 ? cpu->leaf7_ecx : 0;
    uint32_t eax71 = leaf7 ? cpu->leaf7_1_eax : 0;
    const requirement requirements[] = {
        {DISTIL_LEVEL_AVX2, (ecx1 & AVX) != 0, "AVX"},
        {DISTIL_LEVEL_AVX2, (ecx1 & FMA) != 0, "FMA"},
        {DISTIL_LEVEL_AVX2, (ebx7 & AVX2) != 0, "AVX2"},
        {DISTIL_LEVEL_AVX2, (ebx7 & BMI2) != 0, "BMI2"},
        {DISTIL_LEVEL_AVX2, (ecx1 & OSXSAVE) && (cpu->xcr0 & XCR0_YMM) == XCR0_YMM,
         "ymm state enabled by the operating system"},
        {DISTIL_LEVEL_AVXVNNI, (eax71 & AVXVNNI) != 0, "AVX-VNNI"},
        {DISTIL_LEVEL_AVX512, (ebx7 & AVX512F) != 0, "AVX-512F"},
        {DISTIL_LEVEL_AVX512, (ebx7 & AVX512BW) != 0, "AVX-512BW"},
        {DISTIL_LEVEL_AVX512, (ebx7 & AVX512DQ) != 0, "AVX-512DQ"},
        {DISTIL_LEVEL_AVX512, (ebx7 & AVX512VL) != 0, "AVX-512VL"},
        {DISTIL_LEVEL_AVX512, (cpu->xcr0 & XCR0_ZMM) == XCR0_ZMM,
         "zmm state enabled by the operating system"},
        {DISTIL_LEVEL_AVX512VNNI, (ecx7 & AVX512VNNI) != 0, "AVX-512 VNNI"},
    };

    for (size_t i = 0; i < sizeof requirements / sizeof requirements[0]; i++) {
        const requirement *r = &requirements[i];

        if (distil_level_contains(level, r->level) && !r->met) {
            if (missing != NULL)
                *missing = r->name;
            return 0;
        }
    }
    return 1;
}

distil_level distil_cpuid_best(const distil_cpuid *cpu, distil_level cap)
{
    int level = (int)cap;

    while (level > DISTIL_LEVEL_SCALAR && !distil_cpuid_has(cpu, (distil_level)level, NULL))
        level--;
    return (distil_level)level;
}

const char *distil_level_name(distil_level level)
{
    static const char *const names[DISTIL_LEVEL_COUNT] = {
#define LEVEL(name, NAME, rows) [DISTIL_LEVEL_##NAME] = #name,
        DISTIL_LEVELS(LEVEL)
#undef LEVEL
    };

    return (unsigned)level < DISTIL_LEVEL_COUNT ? names[level] : "unknown";
}
