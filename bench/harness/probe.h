/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What this host can do at its best, measured in the same run as what is judged: int8 arithmetic on
 * registers, reading memory, starting a process.
 */
#ifndef DISTIL_BENCH_HARNESS_PROBE_H
#define DISTIL_BENCH_HARNESS_PROBE_H

#include "bench/harness/rounds.h"
#include "kernels/kernels.h"

/* The int8 instruction mix of a level on registers; one call is about a millisecond. */
typedef struct probe_arithmetic {
    distil_level level;
    size_t rounds; /* of the loop in a call, chosen by probe_arithmetic_init */
    double macs;   /* of a call */
} probe_arithmetic;

void probe_arithmetic_init(probe_arithmetic *p, distil_level level);
rounds_side probe_arithmetic_side(probe_arithmetic *p);

/* Reading `size` bytes at `bytes` once, in order. size is rounded down to 256. */
typedef struct probe_stream {
    const void *bytes;
    size_t size;
} probe_stream;

rounds_side probe_stream_side(probe_stream *p);

/* Starting and ending a static program that does nothing: path of it. */
typedef struct probe_process {
    const char *path;
} probe_process;

rounds_side probe_process_side(probe_process *p);

#endif
