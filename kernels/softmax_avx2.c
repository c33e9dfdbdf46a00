/* SPDX-License-Identifier: Apache-2.0 */
/* Softmax of one vector in place for AVX2: softmax.inc with 16 floats in two 256-bit registers. */
#include "kernels/simd_avx2.h"

#define SOFTMAX distil_softmax_avx2
#include "kernels/softmax.inc"
