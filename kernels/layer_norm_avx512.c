/* SPDX-License-Identifier: Apache-2.0 */
/* Residual addition and layer normalisation for AVX-512: layer_norm.inc with 16 floats in one
 * 512-bit register. */
#include "kernels/simd_avx512.h"

#define LAYER_NORM distil_layer_norm_avx512
#include "kernels/layer_norm.inc"
