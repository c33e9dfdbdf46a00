/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The operations of kernels.h once more, in the most direct way and in double precision, to hold
 * the scalar kernels to something that shares no code with them.
 */
#ifndef DISTIL_TESTS_SUPPORT_NAIVE_H
#define DISTIL_TESTS_SUPPORT_NAIVE_H

#include "tests/support/kernel_cases.h"

/*
 * The largest error of the outputs of a case that has been run, in units of the tolerance of the
 * operation (1 is the most allowed); `at` is where. Tolerances stand beside each operation.
 */
double naive_error(const kernel_case *c, size_t *at);

/* x * Phi(x) by erfc, and the largest error allowed to gelu of poly.h. */
double naive_gelu(double x);
#define NAIVE_GELU_ERROR 2.9e-5

#endif
