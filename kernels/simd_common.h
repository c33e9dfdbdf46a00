/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the kernels of all vector levels share, whatever the width of their registers.
 */
#ifndef DISTIL_KERNELS_SIMD_COMMON_H
#define DISTIL_KERNELS_SIMD_COMMON_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Unrolls the loop that follows, which has a constant count. The compiler can then keep an array of
 * vectors that the loop indexes in registers. Sanitizers may prevent it, so clang's warning about
 * that is off. */
#ifdef __clang__
#define DISTIL_UNROLL _Pragma("clang loop unroll(full)")
#pragma clang diagnostic ignored "-Wpass-failed"
#else
#define DISTIL_UNROLL _Pragma("GCC unroll 16")
#endif

/* The four bytes at q as an int32. */
static inline int32_t load_quad(const uint8_t *q)
{
    int32_t quad;

    memcpy(&quad, q, sizeof quad);
    return quad;
}

static inline void store_quad(uint8_t *q, int32_t quad)
{
    memcpy(q, &quad, sizeof quad);
}

#endif
