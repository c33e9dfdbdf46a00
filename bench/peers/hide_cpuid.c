/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Makes CPUID answer as on a CPU that has AVX2 and nothing later. The library is preloaded into the
 * process of a peer, and catches the traps that hide_cpuid.py has put in the place of CPUID
 * instructions.
 *
 * A trap is the bytes 06 a2. No instruction of 64-bit code begins with 06, so any other illegal
 * instruction still ends the process. The a2 is the second byte of CPUID (0f a2).
 */
#define _GNU_SOURCE
#include <cpuid.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>

#define BIT(n) (UINT32_C(1) << (n))

static atomic_uint answers;

/* The number of CPUID requests of the process that this library has answered. worker.py reads
 * it. */
unsigned hide_cpuid_answers(void)
{
    return atomic_load(&answers);
}

/* Clears the bits of the hidden features in r (eax, ebx, ecx, edx), which CPUID has returned for
 * leaf 7, the leaf that announces all of them. */
static void hide(uint32_t subleaf, uint32_t r[4])
{
    static const uint32_t hidden[2][4] = {
        {
            0,
            /* Bits of AVX-512: F, DQ, IFMA, PF, ER, CD, BW, VL. */
            BIT(16) | BIT(17) | BIT(21) | BIT(26) | BIT(27) | BIT(28) | BIT(30) | BIT(31),
            /* Bits of AVX-512: VBMI, VBMI2, VNNI, BITALG, VPOPCNTDQ. */
            BIT(1) | BIT(6) | BIT(11) | BIT(12) | BIT(14),
            /* Bits of 4VNNIW, 4FMAPS, VP2INTERSECT, AMX-BF16, AVX512-FP16, AMX-TILE, AMX-INT8. */
            BIT(2) | BIT(3) | BIT(8) | BIT(22) | BIT(23) | BIT(24) | BIT(25),
        },
        {
            /* Bits of AVX-VNNI, AVX512-BF16, AMX-FP16, AVX-IFMA. */
            BIT(4) | BIT(5) | BIT(21) | BIT(23),
            0,
            0,
            /* Bits of AVX-VNNI-INT8, AVX-NE-CONVERT, AMX-COMPLEX, AVX-VNNI-INT16, AVX10. */
            BIT(4) | BIT(5) | BIT(8) | BIT(10) | BIT(19),
        },
    };

    for (size_t i = 0; i < 4 && subleaf < 2; i++)
        r[i] &= ~hidden[subleaf][i];
}

static void on_illegal(int number, siginfo_t *info, void *context)
{
    static const unsigned char trap[2] = {0x06, 0xa2};
    greg_t *g = ((ucontext_t *)context)->uc_mcontext.gregs;
    uint32_t leaf = (uint32_t)g[REG_RAX], subleaf = (uint32_t)g[REG_RCX];
    uint32_t r[4];

    (void)info;
    if (memcmp((const void *)g[REG_RIP], trap, sizeof trap) != 0) {
        /* The process executes the instruction again, which now ends it. */
        signal(number, SIG_DFL);
        return;
    }
    __cpuid_count(leaf, subleaf, r[0], r[1], r[2], r[3]);
    if (leaf == 7) {
        hide(subleaf, r);
        atomic_fetch_add(&answers, 1);
    }
    g[REG_RAX] = r[0];
    g[REG_RBX] = r[1];
    g[REG_RCX] = r[2];
    g[REG_RDX] = r[3];
    g[REG_RIP] += (greg_t)sizeof trap;
}

__attribute__((constructor)) static void catch_traps(void)
{
    struct sigaction action;

    memset(&action, 0, sizeof action);
    action.sa_sigaction = on_illegal;
    action.sa_flags = SA_SIGINFO;
    if (sigaction(SIGILL, &action, NULL) != 0)
        abort();
}
