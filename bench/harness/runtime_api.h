/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A server of the Lambda Runtime API on the loopback interface, for one function that is started to
 * answer one event. It hands out an SNS event with one sentence, and reads the clock when the
 * function asks for the event and when its answer is complete.
 */
#ifndef DISTIL_BENCH_HARNESS_RUNTIME_API_H
#define DISTIL_BENCH_HARNESS_RUNTIME_API_H

#include <stddef.h>

enum { RUNTIME_API_MESSAGE_BYTES = 65536 };

typedef struct runtime_api {
    int listener, connection;
    int timeout_ms;
    char variable[64]; /* "AWS_LAMBDA_RUNTIME_API=127.0.0.1:PORT", for the function's environment */
    char message[RUNTIME_API_MESSAGE_BYTES + 1]; /* the last request, NUL-terminated */
    size_t message_bytes;
} runtime_api;

/* Listens on a free port. A request that does not arrive within timeout_ms is an error. Returns 0,
 * or -1 with errno. */
int runtime_api_listen(runtime_api *a, int timeout_ms);

/* Serves one invocation. Stores when the function had asked for the event and when its answer was
 * complete, on the clock of bench_now_ns. Returns 0, or -1 if the function did something else or
 * answered with a failure. */
int runtime_api_serve(runtime_api *a, double *request_ns, double *answer_ns);

/* Closes the connection to the function, because the next function opens its own. The caller kills
 * the function first; otherwise it would connect again and repeat its answer. */
void runtime_api_disconnect(runtime_api *a);

void runtime_api_close(runtime_api *a);

#endif
