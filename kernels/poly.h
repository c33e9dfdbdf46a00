/* SPDX-License-Identifier: Apache-2.0 */
/*
 * exp, exp2 and GELU: coefficients, and the scalar functions that define their bits.
 *
 * Only multiply, fused multiply-add, add, minimum, maximum and integer operations are used, each
 * exactly defined by IEEE 754, so a vector form that keeps the order of operations gives the same
 * bits. No libm function takes part: those differ between versions and between CPUs.
 * The coefficients were computed by tools/generate/make_poly.py; the error bounds are held by
 * tests/unit/kernels/check_kernels.c.
 */
#ifndef DISTIL_KERNELS_POLY_H
#define DISTIL_KERNELS_POLY_H

#include <math.h>
#include <stdint.h>
#include <string.h>

/*
 * exp(x) for x <= 0. n = rint(x / ln 2), r = x - n ln 2 in two steps, |r| <= ln(2) / 2, and
 * exp(x) = 2^n (1 + r + r^2 (E2 + E3 r + E4 r^2 + E5 r^3)). Relative error at most 3e-7.
 *
 * Below EXP_MIN the argument is raised to it: n >= -126 and the polynomial is then 1.4, so the
 * result stays normal (1.6e-38) and no CPU mode for denormals can change it.
 *
 * n is read from the low bits of x / ln 2 + EXP_MAGIC, where EXP_MAGIC = 1.5 * 2^23 makes the
 * spacing of floats 1; shifted left by 23 those bits are n in the exponent's place.
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
 * 16383 * 2^y as an integer, for y <= 0. n = floor(y), r = y - n in [0, 1] (1 by rounding), and
 * 2^y = 2^n (1 + (W1 r + W2 r^2 + W3 r^3) / 16383): exact at r = 0, a hair below 2 at r = 1, so the
 * result is within 0 .. 16383 and never falls as y rises. Relative error at most 1.1e-4 before it
 * is rounded. Below WEIGHT_MIN, where it is 0, y is raised to that.
 */
#define DISTIL_WEIGHT_MOST 16383
#define DISTIL_WEIGHT_MIN (-32.0f)
#define DISTIL_WEIGHT_W0 16383.0f
#define DISTIL_WEIGHT_W1 0x1.640918p+13f
#define DISTIL_WEIGHT_W2 0x1.cf732ap+11f
#define DISTIL_WEIGHT_W3 0x1.4090e8p+10f

/*
 * GELU (Hendrycks, Gimpel 2016), x * Phi(x) with the normal distribution's Phi, as max(x, 0) less
 * |x| * Phi(-|x|), which is even and dies out. With t = |x|, at most GELU_CLAMP, that is a cubic
 * in t on each of 8 pieces, n = rint(t * GELU_SCALE) = 0 .. 7: one register of coefficients for
 * each power, from which a permutation picks. Absolute error at most 2.9e-5 for every finite x, and
 * 0 at 0.
 *
 * n is read from the low bits of a float as in exp; those of GELU_MAGIC are 0, so a permutation,
 * which looks at no more than four of them, takes the sum as it is.
 */
#define DISTIL_GELU_CLAMP 0x1.198p+2f
#define DISTIL_GELU_SCALE 0x1.b4p+0f
#define DISTIL_GELU_MAGIC 0x1.8p+23f
enum { DISTIL_GELU_PIECES = 8 };

/* Row i: the factor of t^i on each piece. */
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
    n = (int32_t)y; /* towards zero, hence */
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
