/* SPDX-License-Identifier: Apache-2.0 */
/* Softmax of one vector in place for AVX-512: softmax.inc with 16 floats in one 512-bit
 * register. */
#include "kernels/simd_avx512.h"

#define SOFTMAX distil_softmax_avx512
#include "kernels/softmax.inc"
