/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which levels a CPU can run.
 *
 * A level needs its CPU features, and the operating system must save the registers that they use.
 * Detection is split in two, reading the registers and judging them, so that tests can judge the
 * recorded registers of other CPUs.
 */
#ifndef DISTIL_KERNELS_CPU_H
#define DISTIL_KERNELS_CPU_H

#include <stdint.h>

#include "kernels/levels.h"

/* Return 1 if every CPU of `level` can run code of the level `base`. That is so for every lower
 * level but one: a CPU of an AVX-512 level need not have AVX-VNNI. */
static inline int distil_level_contains(distil_level level, distil_level base)
{
    if (base == DISTIL_LEVEL_AVXVNNI)
        return level == DISTIL_LEVEL_AVXVNNI;
    return level >= base;
}

/* The CPUID leaves and the XCR0 value that decide which levels a CPU can run. */
typedef struct distil_cpuid {
    uint32_t max_leaf;
    uint32_t leaf1_ecx;
    uint32_t leaf7_ebx;
    uint32_t leaf7_ecx;
    uint32_t leaf7_1_eax;
    uint64_t xcr0; /* 0 where OSXSAVE is clear */
    char brand[49];
} distil_cpuid;

/* Read the registers of the CPU that runs this. */
void distil_cpuid_read(distil_cpuid *out);

/* Return 1 if the described CPU can run the level. Otherwise return 0 and let *missing point to a
 * static string that names the first missing feature. missing may be NULL. */
int distil_cpuid_has(const distil_cpuid *cpu, distil_level level, const char **missing);

/* The highest level, at most cap, that the described CPU can run. */
distil_level distil_cpuid_best(const distil_cpuid *cpu, distil_level cap);

/* "scalar", "avx2", "avxvnni", "avx512" or "avx512vnni"; "unknown" for any other number. */
const char *distil_level_name(distil_level level);

#endif
