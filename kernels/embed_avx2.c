/* SPDX-License-Identifier: Apache-2.0 */
/* One embedding row for AVX2: embed.inc with 16 floats in two 256-bit registers. */
#include "kernels/simd_avx2.h"

#define EMBED distil_embed_avx2
#include "kernels/embed.inc"
