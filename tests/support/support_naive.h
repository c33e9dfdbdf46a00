/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Evaluates the operations of kernels.h in double precision by their definitions. The tests compare
 * the scalar kernels with these results, which share no code with the kernels.
 */
#ifndef DISTIL_TESTS_SUPPORT_NAIVE_H
#define DISTIL_TESTS_SUPPORT_NAIVE_H

#include "tests/support/kernel_cases.h"

/*
 * Returns the largest error among the outputs of a case whose kernel has run, divided by the
 * tolerance of the operation: a result above 1 is a failure. Sets *at to the index of that output.
 * The tolerances are in support_naive.c beside each operation.
 */
double naive_error(const kernel_case *c, size_t *at);

/* Returns GELU, x * Phi(x), computed by erfc. */
double naive_gelu(double x);

/* The largest absolute error that the polynomial of gelu in poly.h may have. */
#define NAIVE_GELU_ERROR 2.9e-5

#endif
