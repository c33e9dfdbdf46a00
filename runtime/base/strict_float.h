/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Refuses compiler options that change the results of floating-point operations.
 *
 * Every file that computes with floats includes this header, directly or through kernels/kernels.h.
 * Options such as -ffast-math let a compiler reorder sums, replace divisions, fuse a * b + c and
 * assume that no value is NaN. Each level of instruction sets would then give other bits, and the
 * checks for finite values would be removed. docs/numerics.md has the rules that the code relies
 * on.
 *
 * gcc defines a macro for each of these options, or clears __GCC_IEC_559. It contracts a * b + c
 * by default unless -std=c11 asks for ISO C, and only then does __GCC_IEC_559 tell of contraction.
 * clang defines macros for -ffast-math and -ffinite-math-only alone. The Makefile therefore undoes
 * clang's other options after CFLAGS, and the pragma below turns clang's default contraction off
 * where another build system forgets -ffp-contract=off.
 */
#ifndef DISTIL_RUNTIME_BASE_STRICT_FLOAT_H
#define DISTIL_RUNTIME_BASE_STRICT_FLOAT_H

#if defined(__FAST_MATH__) || (defined(__FINITE_MATH_ONLY__) && __FINITE_MATH_ONLY__ != 0)
#error "distil needs IEEE 754: remove -ffast-math, -Ofast and -ffinite-math-only from the flags"
#elif defined(__ASSOCIATIVE_MATH__) || defined(__RECIPROCAL_MATH__) || defined(__NO_SIGNED_ZEROS__)
#error "distil needs IEEE 754: remove -funsafe-math-optimizations and its parts from the flags"
#elif defined(__FLT_EVAL_METHOD__) && __FLT_EVAL_METHOD__ != 0
#error "distil needs float operations that round to float: remove -mfpmath=387 from the flags"
#elif defined(__GNUC__) && !defined(__clang__) && !defined(__STRICT_ANSI__)
#error "distil needs -std=c11 -ffp-contract=off: gcc contracts a * b + c in its GNU modes"
#elif defined(__GNUC__) && !defined(__clang__) && __GCC_IEC_559 == 0
#error "distil needs IEEE 754: remove -ffp-contract=fast, -freciprocal-math or such from the flags"
#endif

#ifdef __clang__
#pragma STDC FP_CONTRACT OFF
#endif

_Static_assert(__FLT_MANT_DIG__ == 24 && __FLT_MAX_EXP__ == 128, "float is IEEE 754 binary32");
_Static_assert(__DBL_MANT_DIG__ == 53 && __DBL_MAX_EXP__ == 1024, "double is IEEE 754 binary64");

#endif
