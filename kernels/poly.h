/* SPDX-License-Identifier: Apache-2.0 */
/*
 * exp, 2^y, GELU and the scale of a quantised row: the coefficients, and the scalar functions that
 * define the bits of the results.
 *
 * They consist of multiplication, fused multiply-add, addition, division, minimum, maximum and
 * integer operations. IEEE 754 defines each of these exactly, so vector code that keeps their order
 * returns the same bits. They call no transcendental function of libm, since results differ between
 * versions of libm and between CPUs. tools/generate/make_poly.py computed the coefficients, and
 * tests/unit/kernels/check_kernels.c checks the error bounds stated below.
 */
#ifndef DISTIL_KERNELS_POLY_H
#define DISTIL_KERNELS_POLY_H

#include <float.h>
#include <math.h>
#include <stdint.h>
#include <string.h>

#include "runtime/base/strict_float.h"

/*
 * exp(x) for x <= 0. With n = rint(x / ln 2) and r = x - n ln 2, where |r| <= ln(2) / 2,
 * exp(x) = 2^n (1 + r + r^2 (E2 + E3 r + E4 r^2 + E5 r^3)). r is computed by two fused
 * multiply-adds, one for each half of ln 2. The relative error is at most 3e-7.
 *
 * An argument below EXP_MIN is replaced by EXP_MIN. The result is then 1.6e-38, which is still a
 * normal float, so no CPU mode that flushes denormals can change it.
 *
 * EXP_MAGIC = 1.5 * 2^23 rounds to an integer without a conversion instruction: near it the floats
 * are the integers, so the low bits of x / ln 2 + EXP_MAGIC are n. Shifted left by 23 bits, they
 * are added to the exponent of the polynomial's value.
 */
#define DISTIL_EXP_MIN (-87.0f)
#define DISTIL_EXP_LOG2E 0x1.715476p+0f
#define DISTIL_EXP_MAGIC 0x1.8p+23f
#define DISTIL_EXP_LN2_HI 0x1.62e43p-1f
#define DISTIL_EXP_LN2_LO (-0x1.05c61p-29f)
#define DISTIL_EXP_E2 0x1.fffdfcp-2f
#define DISTIL_EXP_E3 0x1.5557aep-3f
#define DISTIL_EXP_E4 0x1.5729fp-5f
#define DISTIL_EXP_E5 0x1.106284p-7f

/*
 * The attention weight 16383 * 2^y as an integer, for y <= 0. With n = floor(y) and r = y - n in
 * [0, 1] (r can round up to 1), 16383 * 2^y = 2^n (W0 + W1 r + W2 r^2 + W3 r^3). The polynomial is
 * exact at r = 0 and slightly below 2 * 16383 at r = 1, so the result is within 0 .. 16383 and
 * never decreases as y grows. Its relative error is at most 1.1e-4 before it is rounded. A y below
 * WEIGHT_MIN, for which the result is 0, is replaced by WEIGHT_MIN.
 */
#define DISTIL_WEIGHT_MAX 16383
#define DISTIL_WEIGHT_MIN (-32.0f)
#define DISTIL_WEIGHT_W0 16383.0f
#define DISTIL_WEIGHT_W1 0x1.640918p+13f
#define DISTIL_WEIGHT_W2 0x1.cf732ap+11f
#define DISTIL_WEIGHT_W3 0x1.4090e8p+10f

/*
 * GELU (Hendrycks, Gimpel 2016): x * Phi(x), where Phi is the distribution function of the standard
 * normal distribution. It equals max(x, 0) - t * Phi(-t) with t = |x|. The second term is an even
 * function of x that tends to 0, so t can be limited to GELU_CLAMP. It is approximated by a cubic
 * in t on each of 8 pieces; the piece is n = rint(t * GELU_SCALE) = 0 .. 7. The 8 coefficients of
 * one power fill a register, from which a permutation instruction selects by n. The absolute error
 * is at most 2.9e-5 for every finite x, and 0 at x = 0.
 *
 * GELU_MAGIC rounds as EXP_MAGIC does. Its own low four bits are 0, and a permutation reads at most
 * four bits of each index, so vector code uses the sum as the index without masking it.
 */
#define DISTIL_GELU_CLAMP 0x1.198p+2f
#define DISTIL_GELU_SCALE 0x1.b4p+0f
#define DISTIL_GELU_MAGIC 0x1.8p+23f
enum { DISTIL_GELU_PIECES = 8 };

/* Row i has the coefficients of t^i, one for each piece. */
static const float distil_gelu_cubics[4][DISTIL_GELU_PIECES] = {
    {0.0f, -0x1.992764p-9f, 0x1.6dc61p-6f, 0x1.16bdccp-2f, 0x1.22676cp-1f, 0x1.03da92p-1f,
     0x1.f1e0ap-3f, 0x1.1b26dap-4f},
    {0x1.0026bep-1f, 0x1.0d983cp-1f, 0x1.d42ac2p-2f, -0x1.8f0272p-5f, -0x1.f87924p-2f,
     -0x1.bac3ap-2f, -0x1.7c3542p-3f, -0x1.8048p-5f},
    {-0x1.9ed3fap-2f, -0x1.edb97ep-2f, -0x1.b0871ep-2f, -0x1.433fdap-4f, 0x1.27aeeap-3f,
     0x1.fd8b58p-4f, 0x1.859434p-5f, 0x1.5cbbb4p-7f},
    {0x1.2c5d36p-5f, 0x1.dfb52ap-4f, 0x1.9fc032p-4f, 0x1.7daa12p-6f, -0x1.d26a6ep-7f,
     -0x1.8b8ccep-7f, -0x1.0b9f4p-8f, -0x1.a72c3cp-11f},
};

/* The greatest integer of a quantised row, and the least range that is not quantised to zeros. */
#define DISTIL_QUANTIZE_MAX 255
#define DISTIL_QUANTIZE_RANGE_MIN 1e-30f

/* Set the scale and the zero point of a row with elements in lo .. hi, where lo <= 0 <= hi. Return
 * the factor that turns its elements into integers, 0 if the range is too small or infinite. */
static inline float distil_quantize_scale(float *scale, int32_t *zero_point, float lo, float hi)
{
    float range = hi - lo, inverse;

    *scale = 1.0f;
    *zero_point = 0;
    if (!(range >= DISTIL_QUANTIZE_RANGE_MIN))
        return 0.0f;
    *scale = range / (float)DISTIL_QUANTIZE_MAX;
    if (range > FLT_MAX)
        return 0.0f; /* Where lo is infinite, its product with 0 would be NaN and no integer. */
    inverse = (float)DISTIL_QUANTIZE_MAX / range;
    *zero_point = (int32_t)lrintf(-lo * inverse);
    return inverse;
}

static inline float distil_exp_neg(float x)
{
    float shifted, n, r, p;
    uint32_t n_bits, p_bits;

    x = x > DISTIL_EXP_MIN ? x : DISTIL_EXP_MIN;
    shifted = fmaf(x, DISTIL_EXP_LOG2E, DISTIL_EXP_MAGIC);
    n = shifted - DISTIL_EXP_MAGIC;
    r = fmaf(n, -DISTIL_EXP_LN2_HI, x);
    r = fmaf(n, -DISTIL_EXP_LN2_LO, r);
    p = fmaf(DISTIL_EXP_E5, r, DISTIL_EXP_E4);
    p = fmaf(p, r, DISTIL_EXP_E3);
    p = fmaf(p, r, DISTIL_EXP_E2);
    p = fmaf(p * r, r, r);
    p = p + 1.0f;
    memcpy(&n_bits, &shifted, sizeof n_bits);
    memcpy(&p_bits, &p, sizeof p_bits);
    p_bits += n_bits << 23;
    memcpy(&p, &p_bits, sizeof p);
    return p;
}

static inline int32_t distil_exp2_weight(float y)
{
    int32_t n;
    float r, p;
    uint32_t bits;

    y = y > DISTIL_WEIGHT_MIN ? y : DISTIL_WEIGHT_MIN;
    n = (int32_t)y; /* The conversion truncates; floor is one less for negative fractions. */
    n -= (float)n > y;
    r = y - (float)n;
    p = fmaf(DISTIL_WEIGHT_W3, r, DISTIL_WEIGHT_W2);
    p = fmaf(p, r, DISTIL_WEIGHT_W1);
    p = fmaf(p, r, DISTIL_WEIGHT_W0);
    memcpy(&bits, &p, sizeof bits);
    bits += (uint32_t)n << 23;
    memcpy(&p, &bits, sizeof p);
    return (int32_t)lrintf(p);
}

static inline float distil_gelu(float x)
{
    float t = fabsf(x), shifted, p;
    uint32_t n;

    t = t < DISTIL_GELU_CLAMP ? t : DISTIL_GELU_CLAMP;
    shifted = fmaf(t, DISTIL_GELU_SCALE, DISTIL_GELU_MAGIC);
    memcpy(&n, &shifted, sizeof n);
    n %= DISTIL_GELU_PIECES;
    p = fmaf(distil_gelu_cubics[3][n], t, distil_gelu_cubics[2][n]);
    p = fmaf(p, t, distil_gelu_cubics[1][n]);
    p = fmaf(p, t, distil_gelu_cubics[0][n]);
    return (x > 0.0f ? x : 0.0f) - p;
}

#endif
