/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Test hook of the harness, not of the product: with DISTIL_BENCH_SLOWDOWN=1.10 in its environment
 * whatever is under judgement (the new program of a comparison, the model of a budget) takes 1.10
 * times as long, by spinning after each call. That is how tests know that 10 % is caught.
 */
#ifndef DISTIL_BENCH_HARNESS_INJECT_H
#define DISTIL_BENCH_HARNESS_INJECT_H

/* The factor, 1 where the variable is not set. */
double inject_factor(void);

/* A call took ns: spin for the rest of ns * factor, give the time that it took with that. */
double inject_slowdown(double ns, double factor);

#endif
