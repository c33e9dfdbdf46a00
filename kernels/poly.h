/* SPDX-License-Identifier: Apache-2.0 */
/*
 * exp, exp2 and GELU: coefficients, and the scalar functions that define their bits.
 *
 * Only multiply, fused multiply-add, add, minimum, maximum and integer operations are used, each
 * exactly defined by IEEE 754, so a vector form that keeps the order of operations gives the same
 * bits. No libm function takes part: those differ between versions and between CPUs.
 * The coefficients were computed by tools/make_poly.py; the error bounds are held by
 * tests/check_kernels.c.
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
 * GELU (Hendrycks, Gimpel 2016), x * Phi(x) with the normal distribution's Phi:
 * Phi(x) = 1/2 + x (P1 + P3 u + P5 u^2 + ... + P17 u^8), u = x^2, limited to [0, 1].
 * u is limited to PHI_CLAMP^2 first. At |x| = PHI_CLAMP the polynomial is just outside [0, 1] and
 * from there on a straight line away from it: the limited Phi is exactly 0 or 1, and GELU exactly x
 * or -0. Absolute error at most 4.5e-5 for every finite x.
 */
#define DISTIL_PHI_CLAMP 0x1.194p+2f
#define DISTIL_PHI_U_MAX (DISTIL_PHI_CLAMP * DISTIL_PHI_CLAMP)
#define DISTIL_PHI_P1 0x1.9855aap-2f
#define DISTIL_PHI_P3 (-0x1.0eab86p-4f)
#define DISTIL_PHI_P5 0x1.3c1744p-7f
#define DISTIL_PHI_P7 (-0x1.14d394p-10f)
#define DISTIL_PHI_P9 0x1.62452p-14f
#define DISTIL_PHI_P11 (-0x1.3e33ecp-18f)
#define DISTIL_PHI_P13 0x1.77dc5ap-23f
#define DISTIL_PHI_P15 (-0x1.03e9aep-28f)
#define DISTIL_PHI_P17 0x1.3d0c1ap-35f

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
    float u = x * x;
    float p;

    u = u < DISTIL_PHI_U_MAX ? u : DISTIL_PHI_U_MAX;
    p = fmaf(DISTIL_PHI_P17, u, DISTIL_PHI_P15);
    p = fmaf(p, u, DISTIL_PHI_P13);
    p = fmaf(p, u, DISTIL_PHI_P11);
    p = fmaf(p, u, DISTIL_PHI_P9);
    p = fmaf(p, u, DISTIL_PHI_P7);
    p = fmaf(p, u, DISTIL_PHI_P5);
    p = fmaf(p, u, DISTIL_PHI_P3);
    p = fmaf(p, u, DISTIL_PHI_P1);
    p = fmaf(x, p, 0.5f);
    p = p > 0.0f ? p : 0.0f;
    p = p < 1.0f ? p : 1.0f;
    return x * p;
}

#endif
