/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What this host can do at its best: int8 arithmetic on registers, reading memory, starting a
 * process. Each is one side of rounds whose other side is the program under measurement.
 */
#ifndef DISTIL_BENCH_HARNESS_PROBE_H
#define DISTIL_BENCH_HARNESS_PROBE_H

#include "bench/harness/rounds.h"
#include "kernels/kernels.h"

/* The int8 multiply-add instructions of a level on registers alone, for about a millisecond a
 * call. */
typedef struct probe_arithmetic {
    distil_level level;
    size_t loops; /* repetitions of the loop of bench/ceiling.c in one call */
    double macs;  /* multiply-adds of one call */
} probe_arithmetic;

/* Chooses how often a call repeats the loop, by timing it. */
void probe_arithmetic_init(probe_arithmetic *p, distil_level level);
rounds_side probe_arithmetic_side(probe_arithmetic *p);

/* Reading bytes from front to back, once a call. */
typedef struct probe_stream {
    const void *bytes; /* aligned to 16 bytes */
    size_t size;       /* The probe rounds it down to a multiple of 256. */
} probe_stream;

rounds_side probe_stream_side(probe_stream *p);

/* Starting a program that does nothing and waiting for its end. */
typedef struct probe_process {
    const char *path;
} probe_process;

rounds_side probe_process_side(probe_process *p);

#endif
