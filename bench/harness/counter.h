/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The CPU's counter of instructions that the calling thread has retired in user mode. Many virtual
 * machines and containers do not let programs open it.
 */
#ifndef DISTIL_BENCH_HARNESS_COUNTER_H
#define DISTIL_BENCH_HARNESS_COUNTER_H

#include <stdint.h>

/* Returns a file descriptor, or -1. */
int counter_open(void);

/* Instructions since counter_open. */
uint64_t counter_read(int fd);

void counter_close(int fd);

#endif
