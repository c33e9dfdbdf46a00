/* SPDX-License-Identifier: Apache-2.0 */
/* One embedding row for AVX-512: embed.inc with 16 floats in one 512-bit register. */
#include "kernels/simd_avx512.h"

#define EMBED distil_embed_avx512
#include "kernels/embed.inc"
