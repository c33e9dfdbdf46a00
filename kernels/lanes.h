/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The 16 virtual lanes of a float reduction, for scalar code: see the rule in kernels.h.
 */
#ifndef DISTIL_KERNELS_LANES_H
#define DISTIL_KERNELS_LANES_H

#include <stddef.h>

enum { DISTIL_LANES = 16 };

/* Join the lanes, i with i + 8, then i + 4, i + 2, i + 1. Destroys lane. */
static inline float distil_lane_tree(float lane[DISTIL_LANES])
{
    for (size_t step = DISTIL_LANES / 2; step > 0; step /= 2)
        for (size_t i = 0; i < step; i++)
            lane[i] += lane[i + step];
    return lane[0];
}

#endif
