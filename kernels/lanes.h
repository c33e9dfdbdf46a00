/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The 16 virtual lanes by which kernels.h defines a sum of floats, for scalar code.
 */
#ifndef DISTIL_KERNELS_LANES_H
#define DISTIL_KERNELS_LANES_H

#include <stddef.h>

enum { DISTIL_LANES = 16 };

/* Return the sum of the lanes by the tree of kernels.h: lane i and lane i + 8 are added first, then
 * i + 4, i + 2 and i + 1. Overwrites `lane`. */
static inline float distil_lane_tree(float lane[DISTIL_LANES])
{
    for (size_t distance = DISTIL_LANES / 2; distance > 0; distance /= 2)
        for (size_t i = 0; i < distance; i++)
            lane[i] += lane[i + distance];
    return lane[0];
}

#endif
