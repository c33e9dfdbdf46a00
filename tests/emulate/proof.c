/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Shows that the emulator does what the tests need; setup.sh runs it. The program executes one
 * instruction of each instruction set and writes the names of those that give the right result. An
 * instruction that the CPU lacks must raise SIGILL, because otherwise no test could find an
 * instruction in a file of a lower level. The exit status is the number of arguments.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

/* vpdpbusd adds the sum of four products of u8 and int8 to each lane. The operands 255 and -128
 * would saturate an instruction that adds in 16-bit lanes. */
enum { ACTIVATION = 255, WEIGHT = -128, DOT = 4 * ACTIVATION * WEIGHT };

static uint8_t activations[64];
static int8_t weights[64];
static int32_t result[16];

/* These statements do not name the vector registers as clobbers, because the compiler knows
 * their names only with the flags of a level. No other code in this file keeps vectors in
 * registers. */
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

/* Run one function on a result of zeros. Write the name if the first `lanes` lanes are `want`
 * after it, and nothing if it raised SIGILL. */
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
