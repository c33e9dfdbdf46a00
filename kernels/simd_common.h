/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the kernels of all vector levels share, whatever the width of their registers.
 */
#ifndef DISTIL_KERNELS_SIMD_COMMON_H
#define DISTIL_KERNELS_SIMD_COMMON_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Unrolls the loop that follows, whose count must be constant. Indices of an array of vectors are
 * then constants, so the compiler can keep the array in registers. Under a sanitizer clang may not
 * unroll and warns; that warning is off. */
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
