/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Proof that the emulator does what it is for (run by setup.sh): writes the instruction sets that
 * this CPU executes rightly, one instruction of each. An instruction that the CPU lacks must raise
 * SIGILL, else no test could find one in the wrong place. Exit status: the number of arguments.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

/* acc += sum of four u8 * s8; the operands 255 and -128 would saturate 16-bit lanes. */
enum { ACTIVATION = 255, WEIGHT = -128, DOT = 4 * ACTIVATION * WEIGHT };

static uint8_t activations[64];
static int8_t weights[64];
static int32_t result[16];

/* Registers that the compiler has no names for without flags of their level are not clobbers here:
 * nothing in this file keeps vectors in registers across these statements. */
static void run_avx2(void)
{
    __asm__ volatile("vpcmpeqd %%ymm0, %%ymm0, %%ymm0\n\t"
                     "vmovdqu %%ymm0, %0"
                     : "=m"(result)
                     :
                     : "memory");
}

static void run_avxvnni(void)
{
    __asm__ volatile("vmovdqu %1, %%ymm0\n\t"
                     "vmovdqu %0, %%ymm2\n\t"
                     "%{vex%} vpdpbusd %2, %%ymm0, %%ymm2\n\t"
                     "vmovdqu %%ymm2, %0"
                     : "+m"(result)
                     : "m"(activations), "m"(weights)
                     : "memory");
}

static void run_avx512(void)
{
    __asm__ volatile("vpbroadcastb %1, %%zmm0\n\t"
                     "vmovdqu8 %%zmm0, %0"
                     : "=m"(result)
                     : "r"(-1)
                     : "memory");
}

static void run_avx512vnni(void)
{
    __asm__ volatile("vmovdqu8 %1, %%zmm0\n\t"
                     "vmovdqu8 %0, %%zmm2\n\t"
                     "vpdpbusd %2, %%zmm0, %%zmm2\n\t"
                     "vmovdqu8 %%zmm2, %0"
                     : "+m"(result)
                     : "m"(activations), "m"(weights)
                     : "memory");
}

static sigjmp_buf lacking;

static void on_illegal(int number)
{
    siglongjmp(lacking, number);
}

/* Write the name if the instructions run and turn zeros into `want` in the first lanes. */
static void try(const char *name, void (*run)(void), size_t lanes, int32_t want)
{
    memset(result, 0, sizeof result);
    if (sigsetjmp(lacking, 1) == 0) {
        run();
        for (size_t i = 0; i < lanes; i++) {
            if (result[i] != want) {
                printf("%s is wrong: %d instead of %d\n", name, (int)result[i], (int)want);
                return;
            }
        }
        printf("%s\n", name);
    }
}

int main(int argc, char **argv)
{
    memset(activations, ACTIVATION, sizeof activations);
    memset(weights, WEIGHT, sizeof weights);
    signal(SIGILL, on_illegal);
    puts(argv[argc - 1]);
    try("avx2", run_avx2, 8, -1);
    try("avxvnni", run_avxvnni, 8, DOT);
    try("avx512", run_avx512, 16, -1);
    try("avx512vnni", run_avx512vnni, 16, DOT);
    return argc - 1;
}
