/* SPDX-License-Identifier: Apache-2.0 */
/* Chooses the variant of CRC-32C for this CPU. */
#include "kernels/kernels.h"

#include "kernels/cpu.h"

/* CPUID leaf 1, ECX */
#define PCLMULQDQ (UINT32_C(1) << 1)

distil_crc32c_fn *distil_crc32c_variant(void)
{
    distil_cpuid cpu;

    distil_cpuid_read(&cpu);
    if ((cpu.leaf1_ecx & PCLMULQDQ) == 0 || !distil_cpuid_has(&cpu, DISTIL_LEVEL_AVX2, NULL))
        return NULL;
    return distil_crc32c_avx2;
}
