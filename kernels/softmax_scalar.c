/* SPDX-License-Identifier: Apache-2.0 */
/* Softmax of one vector in place, scalar reference: contract in kernels.h. */
#include "kernels/kernels.h"
#include "kernels/lanes.h"
#include "kernels/poly.h"

#include <assert.h>

void distil_softmax_scalar(float *x, size_t n)
{
    float lane[DISTIL_LANES] = {0.0f};
    float max, inverse;

    assert(n >= 1);
    max = x[0];
    for (size_t i = 1; i < n; i++)
        max = x[i] > max ? x[i] : max;
    for (size_t i = 0; i < n; i++) {
        x[i] = distil_exp_neg(x[i] - max);
        lane[i % DISTIL_LANES] += x[i];
    }
    inverse = 1.0f / distil_lane_tree(lane);
    for (size_t i = 0; i < n; i++)
        x[i] = x[i] * inverse;
}
