/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A test hook of the harness, not of the product. With DISTIL_BENCH_SLOWDOWN=1.10 in the
 * environment, the harness spins after each call of what is under judgement (the new program of a
 * comparison, the model of a budget), so that it takes 1.10 times as long. bench/selftest.sh proves
 * with it that the harness notices 10 %.
 */
#ifndef DISTIL_BENCH_HARNESS_INJECT_H
#define DISTIL_BENCH_HARNESS_INJECT_H

/* The factor of the environment variable, or 1 where it is not set. */
double inject_factor(void);

/* Spins after a call that took ns until ns * factor have passed. Returns the time with the
 * spinning. */
double inject_slowdown(double ns, double factor);

#endif
