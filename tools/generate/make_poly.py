#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Fit the polynomials of kernels/poly.h and print their coefficients as hexadecimal floats.

Each fit minimises the greatest error (minimax) by the Remez exchange in double precision:
  exp(r) on |r| <= ln(2) / 2, relative error, with the first two coefficients fixed at 1;
  2^r on [0, 1], relative error, with both ends fixed, so that neighbouring powers of two meet;
  t * Phi(-t) on pieces of [0, clamp], absolute error. This is the difference between max(x, 0) and
  GELU(x) = x * Phi(x) for t = |x|. Beyond the clamp it is below the error of the fit.

Run: tools/generate/make_poly.py      (needs only the standard library and a few seconds)
"""
import math
import struct


def f32(x):
    return struct.unpack("<f", struct.pack("<f", x))[0]


def hex32(x):
    """A float as a C literal with 24 significant bits and no trailing zeros."""
    if x == 0:
        return "0.0f"
    mantissa, exponent = math.frexp(abs(x))
    digits = "%06x" % (int(mantissa * 2**24) * 2 - 2**24)
    digits = digits.rstrip("0")
    sign = "-" if x < 0 else ""
    return f"{sign}0x1{'.' + digits if digits else ''}p{exponent - 1:+d}f"


def solve(matrix, rhs):
    """Solve a system of linear equations by Gaussian elimination with partial pivoting."""
    n = len(rhs)
    rows = [row[:] + [value] for row, value in zip(matrix, rhs)]
    for col in range(n):
        pivot = max(range(col, n), key=lambda r: abs(rows[r][col]))
        rows[col], rows[pivot] = rows[pivot], rows[col]
        for r in range(col + 1, n):
            factor = rows[r][col] / rows[col][col]
            for c in range(col, n + 1):
                rows[r][c] -= factor * rows[col][c]
    out = [0.0] * n
    for r in reversed(range(n)):
        out[r] = (rows[r][n] - sum(rows[r][c] * out[c] for c in range(r + 1, n))) / rows[r][r]
    return out


def remez(basis, weight, target, lo, hi, count, grid=4000, rounds=40):
    """The coefficients a that minimise max |weight(x) * (sum a_i basis_i(x) - target(x))| on
    [lo, hi], and that maximum."""
    n = count + 1
    if lo == 0.0:  # The error is an even function, so these are half the extrema of [-hi, hi].
        points = [hi * math.sin(math.pi * (i + 1) / (2 * n)) for i in range(n)]
    else:
        points = [lo + (hi - lo) * (1 - math.cos(math.pi * i / (n - 1))) / 2 for i in range(n)]
    xs = [lo + (hi - lo) * (1 - math.cos(math.pi * i / grid)) / 2 for i in range(grid + 1)]
    for _ in range(rounds):
        matrix = [[basis(i, x) for i in range(count)] + [(-1) ** k / weight(x)]
                  for k, x in enumerate(points)]
        solution = solve(matrix, [target(x) for x in points])
        coefs, level = solution[:count], abs(solution[count])
        errors = [weight(x) * (sum(a * basis(i, x) for i, a in enumerate(coefs)) - target(x))
                  for x in xs]
        peaks = []
        for x, e in zip(xs, errors):
            if peaks and (e > 0) == (peaks[-1][1] > 0):
                if abs(e) > abs(peaks[-1][1]):
                    peaks[-1] = (x, e)
            else:
                peaks.append((x, e))
        while len(peaks) > n:
            peaks.pop(0 if abs(peaks[0][1]) < abs(peaks[-1][1]) else -1)
        if len(peaks) < n:
            raise ArithmeticError("lost an extremum")
        points = [x for x, _ in peaks]
        worst = max(abs(e) for _, e in peaks)
        if worst - level < 1e-6 * worst:
            break
    return coefs, worst


def phi(x):
    return 0.5 * math.erfc(-x / math.sqrt(2))


def fma32(a, b, c):
    return f32(a * b + c)


def fit_exp(count):
    """Fit exp(r) = 1 + r + r^2 * (c0 + c1 r + ...) with the least relative error."""
    half = math.log(2) / 2
    coefs, error = remez(lambda i, r: r ** (i + 2), lambda r: math.exp(-r),
                         lambda r: math.exp(r) - 1 - r, -half, half, count)
    return coefs, error


def fit_weight(count, most):
    """Fit most * 2^r = most * (1 + r + r (r - 1) (c0 + c1 r + ...)) with the least relative
    error, and return the coefficients of the powers of r."""
    tiny = 1e-9  # The basis is 0 at both ends of [0, 1], so the fit leaves them out.
    coefs, error = remez(lambda i, r: r * (r - 1) * r ** i, lambda r: 2 ** -r,
                         lambda r: 2 ** r - 1 - r, tiny, 1 - tiny, count)
    powers = [1.0, 1.0] + [0.0] * count
    for i, c in enumerate(coefs):
        powers[i + 1] -= c
        powers[i + 2] += c
    return [f32(most * p) for p in powers], error


def tail(t):
    """max(x, 0) - GELU(x) for t = |x|."""
    return t * phi(-t)


def fit_gelu(pieces, scale, clamp):
    """Fit tail(t) on each piece n = rint(scale * t) by a cubic c0 + c1 t + ... with the least
    absolute error. c0 of the first piece is 0, so that GELU(0) = 0."""
    fits = []
    for n in range(pieces):
        lo, hi = max(0.0, (n - 0.5) / scale), min((n + 0.5) / scale, clamp)
        if n == 0:
            coefs, error = remez(lambda i, t: t ** (i + 1), lambda t: 1.0, tail, 1e-9, hi, 3)
            coefs = [0.0] + coefs
        else:  # Powers of the distance from the middle of the piece are better conditioned.
            middle = (lo + hi) / 2
            local, error = remez(lambda i, t: (t - middle) ** i, lambda t: 1.0, tail, lo, hi, 4)
            coefs = [sum(math.comb(k, i) * (-middle) ** (k - i) * local[k] for k in range(i, 4))
                     for i in range(4)]
        # Beyond the clamp the function falls to 0. This halves the error there.
        if n == pieces - 1:
            coefs[0] -= tail(clamp) / 2
        fits.append(([f32(c) for c in coefs], error))
    return fits


def gelu32(fits, scale, clamp, x):
    t = min(abs(x), clamp)
    coefs = fits[round(scale * t)][0]
    p = coefs[3]
    for c in reversed(coefs[:3]):
        p = fma32(p, t, c)
    return f32(max(x, 0.0) - p)


def measure_gelu(fits, scale, clamp):
    xs = [i / 4000 for i in range(-32000, 32001)]
    return max(abs(gelu32(fits, scale, clamp, f32(x)) - f32(x) * phi(f32(x))) for x in xs)


def main():
    count = 4
    coefs, error = fit_exp(count)
    print(f"exp: 1 + r + r^2 * sum, {count} coefficients, relative error {error:.2e}")
    for i, c in enumerate(coefs):
        print(f"  r^{i + 2}: {hex32(f32(c))}  ({c:.9g})")
    print(f"  log2(e)  {hex32(f32(1 / math.log(2)))}")
    ln2_hi = f32(math.log(2))
    print(f"  ln2 high {hex32(ln2_hi)}  low {hex32(f32(math.log(2) - ln2_hi))}")

    most = 16383
    coefs, error = fit_weight(2, most)
    print(f"weight: {most} * 2^r, relative error {error:.2e}; at 1 {sum(coefs):.9g}")
    for i, c in enumerate(coefs):
        print(f"  r^{i}: {hex32(c)}  ({c:.9g})")

    pieces, scale, clamp = 8, 1.703125, 4.3984375
    fits = fit_gelu(pieces, scale, clamp)
    print(f"GELU: {pieces} cubics, scale {hex32(scale)}, clamp {hex32(clamp)} ({clamp}), fit "
          f"{max(error for _, error in fits):.2e}, in floats "
          f"{measure_gelu(fits, scale, clamp):.2e}")
    for i in range(4):
        print(f"  t^{i}: " + ", ".join(hex32(coefs[i]) for coefs, _ in fits))


if __name__ == "__main__":
    main()
