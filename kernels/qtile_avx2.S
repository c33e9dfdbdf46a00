/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inner loops of the AVX2 int8 matrix product: each multiplies one tile of 1, 2 or 3 rows with one
 * panel of 16 columns over the whole depth, for a lane group of 4, 2 or 1 quads.
 *
 *   void distil_qtile_avx2_r{ROWS}g{GROUP}(int32_t *sum, const uint8_t *a, const int8_t *panel,
 *                                          const uint16_t *order, size_t quads,
 *                                          uintptr_t prefetch, size_t prefetch_stride);
 *
 * sum (ROWS, 16), 32-byte aligned, receives sum_k a[row][k] * panel[k][col]. a, panel and order are
 * as in distil_qrows and distil_qmatrix; quads is a positive multiple of 4. With each quad a loop
 * prefetches the cache line at `prefetch` and adds prefetch_stride bytes to that address, which may
 * point anywhere. The fourth argument of TILE says how it prefetches:
 *
 *   FEW      to the second-level cache, for a block of few tiles
 *   SINGLE   to the first-level cache, for a block of a single tile
 *   MANY     to the first-level cache and with every fourth quad only, for a block of many tiles.
 *            So prefetch_stride must be at most 16. The loop is so close to the number of
 *            instructions that a core can issue that three fewer make it faster.
 *
 * The name of a second loop for the same rows and group ends with its kind of prefetch.
 *
 * vpmaddubsw adds two products in an int16 lane, vpaddw adds those of GROUP quads with wrapping,
 * and vpmaddwd by ones widens the result to int32. The proof that the packed weights carry
 * (kernels.h) excludes overflow.
 *
 * The loop for 3 rows uses all 16 registers: 6 int32 sums, 6 int16 partial sums, 1 of weights, the
 * ones, 1 broadcast of activations, which the second product with it overwrites, and 1 product.
 * Compilers spill registers here, so this is assembly. The products read the weights of the columns
 * 8 .. 15 from memory. That is two loads a quad more than with a register, but one instruction
 * less, and the number of instructions is the bound. (With 2 rows it is not, so that loop has them
 * in a register.) For a lane group of 4 quads there are 24 multiply, 18 + 6 add and 6 widen
 * instructions for 768 multiply-adds: 54 instructions take 3 vector ports 18 cycles, so the bound
 * is 42.7 multiply-adds a cycle. The 32 loads and one prefetch take 2 load ports 16.5 cycles, and
 * with the four prefetches of FEW 18 cycles.
 */
        .intel_syntax noprefix

#ifdef __CET__
#include <cet.h>
#else
#define _CET_ENDBR
#endif

        .set    SINGLE, 0
        .set    FEW, 1
        .set    MANY, 2

        .section .rodata
        .balign 32
.Lones: .fill   16, 2, 1

/* Multiply the activations of one row (ymm14) with the weights of one quad and add the products
 * to the row's partial sums part0 (columns 0 .. 7) and part1 (columns 8 .. 15); with first = 1,
 * set the partial sums instead. The weights of columns 0 .. 7 are in ymm12, and those of columns
 * 8 .. 15 are `high`, a register or an address. */
        .macro  ROW part0, part1, first, high
        .if     \first
        vpmaddubsw \part0, ymm14, ymm12
        vpmaddubsw \part1, ymm14, \high
        .else
        vpmaddubsw ymm15, ymm14, ymm12
        vpmaddubsw ymm14, ymm14, \high
        vpaddw  \part0, \part0, ymm15
        vpaddw  \part1, \part1, ymm14
        .endif
        .endm

/* Prefetch the line of quad `index` (0 .. 3) of an iteration with the instruction `hint`. */
        .macro  PREFETCH_LINE index, hint
        .if     \index == 0
        \hint  [r9]
        .elseif \index == 1
        \hint  [r9 + r10]
        .elseif \index == 2
        \hint  [r9 + 2 * r10]
        .else
        \hint  [r9 + r11]
        .endif
        .endm

/* Prefetch the line of quad `index` as the kind of loop, `fetch`, does it. */
        .macro  PREFETCH index, fetch
        .if     \fetch == FEW
        PREFETCH_LINE \index, prefetcht1
        .elseif \fetch == SINGLE || \index == 0
        PREFETCH_LINE \index, prefetcht0
        .endif
        .endm

/* Multiply one quad. The order table has the index of the quad's activations. */
        .macro  QUAD rows, index, first, fetch
        movzx   eax, word ptr [rcx + 2 * \index]
        vmovdqa ymm12, [rdx + 64 * \index]
        .if     \rows < 3
        vmovdqa ymm13, [rdx + 64 * \index + 32]
        .endif
        PREFETCH \index, \fetch
        .if     \rows == 3
        lea     rax, [rax + 2 * rax]
        vpbroadcastd ymm14, [rsi + 4 * rax]
        ROW     ymm6, ymm7, \first, "[rdx + 64 * \index + 32]"
        vpbroadcastd ymm14, [rsi + 4 * rax + 4]
        ROW     ymm8, ymm9, \first, "[rdx + 64 * \index + 32]"
        vpbroadcastd ymm14, [rsi + 4 * rax + 8]
        ROW     ymm10, ymm11, \first, "[rdx + 64 * \index + 32]"
        .elseif \rows == 2
        vpbroadcastd ymm14, [rsi + 8 * rax]
        ROW     ymm6, ymm7, \first, ymm13
        vpbroadcastd ymm14, [rsi + 8 * rax + 4]
        ROW     ymm8, ymm9, \first, ymm13
        .else
        vpbroadcastd ymm14, [rsi + 4 * rax]
        ROW     ymm6, ymm7, \first, ymm13
        .endif
        .endm

/* Widen the partial sums to int32 by a multiplication with `ones` and add them to the sums. */
        .macro  WIDEN rows, ones
        vpmaddwd ymm6, ymm6, \ones
        vpmaddwd ymm7, ymm7, \ones
        .if     \rows >= 2
        vpmaddwd ymm8, ymm8, \ones
        vpmaddwd ymm9, ymm9, \ones
        .endif
        .if     \rows >= 3
        vpmaddwd ymm10, ymm10, \ones
        vpmaddwd ymm11, ymm11, \ones
        .endif
        vpaddd  ymm0, ymm0, ymm6
        vpaddd  ymm1, ymm1, ymm7
        .if     \rows >= 2
        vpaddd  ymm2, ymm2, ymm8
        vpaddd  ymm3, ymm3, ymm9
        .endif
        .if     \rows >= 3
        vpaddd  ymm4, ymm4, ymm10
        vpaddd  ymm5, ymm5, ymm11
        .endif
        .endm

/* Define one inner loop. One iteration multiplies four quads. */
        .macro  TILE name, rows, group, fetch, ones
        .section .text.\name, "ax", @progbits
        .globl  \name
        .hidden \name
        .type   \name, @function
        .balign 64
\name:
        .cfi_startproc
        _CET_ENDBR
        mov     r10, [rsp + 8]
        lea     r11, [r10 + 2 * r10]
        vpxor   xmm0, xmm0, xmm0
        vpxor   xmm1, xmm1, xmm1
        vpxor   xmm2, xmm2, xmm2
        vpxor   xmm3, xmm3, xmm3
        vpxor   xmm4, xmm4, xmm4
        vpxor   xmm5, xmm5, xmm5
        vmovdqa \ones, [rip + .Lones]
        .balign 32
1:
        QUAD    \rows, 0, 1, \fetch
        .if     \group == 1
        WIDEN   \rows, \ones
        .endif
        QUAD    \rows, 1, (\group == 1), \fetch
        .if     \group <= 2
        WIDEN   \rows, \ones
        .endif
        QUAD    \rows, 2, (\group <= 2), \fetch
        .if     \group == 1
        WIDEN   \rows, \ones
        .endif
        QUAD    \rows, 3, (\group == 1), \fetch
        WIDEN   \rows, \ones
        add     rcx, 8
        add     rdx, 256
        lea     r9, [r9 + 4 * r10]
        sub     r8, 4
        jnz     1b

        vmovdqa [rdi], ymm0
        vmovdqa [rdi + 32], ymm1
        .if     \rows >= 2
        vmovdqa [rdi + 64], ymm2
        vmovdqa [rdi + 96], ymm3
        .endif
        .if     \rows >= 3
        vmovdqa [rdi + 128], ymm4
        vmovdqa [rdi + 160], ymm5
        .endif
        ret
        .cfi_endproc
        .size   \name, . - \name
        .endm

        TILE    distil_qtile_avx2_r1g1, 1, 1, SINGLE, ymm11
        TILE    distil_qtile_avx2_r1g2, 1, 2, SINGLE, ymm11
        TILE    distil_qtile_avx2_r1g4, 1, 4, SINGLE, ymm11
        TILE    distil_qtile_avx2_r2g1, 2, 1, FEW, ymm11
        TILE    distil_qtile_avx2_r2g2, 2, 2, FEW, ymm11
        TILE    distil_qtile_avx2_r2g4, 2, 4, FEW, ymm11
        TILE    distil_qtile_avx2_r2g4single, 2, 4, SINGLE, ymm11
        TILE    distil_qtile_avx2_r3g1, 3, 1, FEW, ymm13
        TILE    distil_qtile_avx2_r3g2, 3, 2, FEW, ymm13
        TILE    distil_qtile_avx2_r3g4, 3, 4, FEW, ymm13
        TILE    distil_qtile_avx2_r3g4many, 3, 4, MANY, ymm13

        .section .note.GNU-stack, "", @progbits
