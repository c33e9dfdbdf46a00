/* SPDX-License-Identifier: Apache-2.0 */
/* fp32 product of one row with a matrix for AVX2: dense.inc with 16 floats in two 256-bit
 * registers. */
#include "kernels/simd_avx2.h"

#define DENSE distil_dense_avx2
#include "kernels/dense.inc"
