/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Places several arrays in one allocation.
 *
 * A layout function calls distil_carve once for each array, in a fixed order. It is run twice: with
 * base NULL it only counts the bytes, and with the allocation as base it also yields the pointers.
 */
#ifndef DISTIL_RUNTIME_CARVE_H
#define DISTIL_RUNTIME_CARVE_H

#include <stddef.h>
#include <stdint.h>

/* Alignment of every array, one cache line. Kernels require it of some of their operands. */
enum { DISTIL_CARVE_ALIGN = 64 };

/* Returns 1 if an allocation has the alignment that distil_carve needs of its base. */
static inline int distil_carve_is_aligned(const void *base)
{
    return (uintptr_t)base % DISTIL_CARVE_ALIGN == 0;
}

/* Reserves `bytes` bytes at offset *used of base, which must be 64-byte aligned or NULL, and raises
 * *used to the next multiple of 64. Returns the array's address, or NULL where base is NULL. */
static inline void *distil_carve(void *base, size_t *used, size_t bytes)
{
    void *array = base ? (unsigned char *)base + *used : NULL;

    *used += (bytes + DISTIL_CARVE_ALIGN - 1) & ~(size_t)(DISTIL_CARVE_ALIGN - 1);
    return array;
}

#endif
