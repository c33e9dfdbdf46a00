/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The CPU's counter of retired instructions of this thread, in user mode. Many virtual machines and
 * containers have none; then it cannot be opened.
 */
#ifndef DISTIL_BENCH_HARNESS_COUNTER_H
#define DISTIL_BENCH_HARNESS_COUNTER_H

#include <stdint.h>

/* A descriptor, or -1. */
int counter_open(void);

/* Instructions since it was opened. */
uint64_t counter_read(int fd);

void counter_close(int fd);

#endif
