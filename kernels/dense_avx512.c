/* SPDX-License-Identifier: Apache-2.0 */
/* fp32 product of one row with a matrix for AVX-512: dense.inc with 16 floats in one 512-bit
 * register. */
#include "kernels/simd_avx512.h"

#define DENSE distil_dense_avx512
#include "kernels/dense.inc"
