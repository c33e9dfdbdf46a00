/* SPDX-License-Identifier: Apache-2.0 */
/* Residual addition and layer normalisation for AVX2: layer_norm.inc with 16 floats in two
 * 256-bit registers. */
#include "kernels/simd_avx2.h"

#define LAYER_NORM distil_layer_norm_avx2
#include "kernels/layer_norm.inc"
