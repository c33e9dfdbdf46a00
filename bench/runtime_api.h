/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The Runtime API for a function that is started to answer one event: what benchmarks of starts
 * measure against. It listens, gives one SNS event with a sentence of praise, and reads the clock
 * when the function asks and when it has answered.
 */
#ifndef DISTIL_BENCH_RUNTIME_API_H
#define DISTIL_BENCH_RUNTIME_API_H

#include <stddef.h>

enum { RUNTIME_API_MESSAGE = 65536 };

typedef struct runtime_api {
    int listener, connection;
    int timeout_ms;
    char address[64];                      /* "AWS_LAMBDA_RUNTIME_API=127.0.0.1:PORT" */
    char message[RUNTIME_API_MESSAGE + 1]; /* the last request */
    size_t size;
} runtime_api;

/* Listen on a port of the loopback, 0: any. Whatever is waited for comes within timeout_ms or has
 * failed. 0, or -1 with errno. */
int runtime_api_listen(runtime_api *a, int port, int timeout_ms);

/* Serve one invocation: when the function asked for an event and when its answer was complete, on
 * the clock of bench_now_ns. 0, or -1 if it did not, or the answer was no success with a sentiment
 * that begins with `expected`. */
int runtime_api_serve(runtime_api *a, const char *expected, double *next_ns, double *answer_ns);

/* Forget the connection: the next function is a new one. */
void runtime_api_hang_up(runtime_api *a);

void runtime_api_close(runtime_api *a);

#endif
