/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Makes CPUID answer as on a CPU with AVX2 alone, for libraries patched by hide_cpuid.py: preloaded
 * into a peer's process, it catches the traps which that script puts in place of CPUID.
 *
 * A trap is the bytes 06 a2. No 64-bit program contains an instruction 06, so that any other
 * illegal instruction still ends the process. The a2 is what is left of CPUID (0f a2).
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

/* How many times feature bits were asked for and answered here; worker.py reports it. */
unsigned hide_cpuid_answers(void)
{
    return atomic_load(&answers);
}

/* Leaf 7 is where all of them are announced: eax, ebx, ecx, edx of its subleaves 0 and 1. */
static void hide(uint32_t subleaf, uint32_t r[4])
{
    static const uint32_t hidden[2][4] = {
        {
            0,
            /* AVX-512: F, DQ, IFMA, PF, ER, CD, BW, VL */
            BIT(16) | BIT(17) | BIT(21) | BIT(26) | BIT(27) | BIT(28) | BIT(30) | BIT(31),
            /* VBMI, VBMI2, VNNI, BITALG, VPOPCNTDQ */
            BIT(1) | BIT(6) | BIT(11) | BIT(12) | BIT(14),
            /* 4VNNIW, 4FMAPS, VP2INTERSECT, AMX-BF16, AVX512-FP16, AMX-TILE, AMX-INT8 */
            BIT(2) | BIT(3) | BIT(8) | BIT(22) | BIT(23) | BIT(24) | BIT(25),
        },
        {
            /* AVX-VNNI, AVX512-BF16, AMX-FP16, AVX-IFMA */
            BIT(4) | BIT(5) | BIT(21) | BIT(23),
            0,
            0,
            /* AVX-VNNI-INT8, AVX-NE-CONVERT, AMX-COMPLEX, AVX-VNNI-INT16, AVX10 */
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
        signal(number, SIG_DFL); /* the instruction is met again, and ends the process */
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
