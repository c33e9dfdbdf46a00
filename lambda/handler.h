/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An event from bytes to answer: recognise, classify each text, update the store, count, answer.
 *
 * Knows nothing of the Runtime API: main.c hands it events and posts what comes out, tests call it
 * directly. A handler belongs to one thread and allocates nothing after handler_init.
 */
#ifndef DISTIL_LAMBDA_HANDLER_H
#define DISTIL_LAMBDA_HANDLER_H

#include "lambda/buffer.h"
#include "lambda/config.h"
#include "lambda/event.h"
#include "lambda/http.h"
#include "lambda/metrics.h"
#include "lambda/monitor.h"
#include "lambda/store.h"

typedef struct handler {
    const config *config;
    distil_context *context;
    const distil_model *model;
    store *store; /* NULL: classification only */
    metrics metrics;
    monitor monitor;
    event_arena arena;
    int64_t slowest_ns; /* of one item so far: what the next may take */
    char model_version[64];
} handler;

typedef enum handler_outcome {
    HANDLER_ANSWER = 0, /* post answer as the response */
    HANDLER_FAIL,       /* post an invocation error of error_type and why */
    HANDLER_FAIL_EXIT   /* the same, then end the process: its credentials are of no more use */
} handler_outcome;

typedef struct handler_request {
    const char *request_id;
    http_slice event;
    http_slice trace_id;
    int64_t deadline_unix_ms;
    int repeated; /* the Runtime API gave the same event twice: answer with an error */
} handler_request;

typedef struct handler_reply {
    handler_outcome outcome;
    buffer answer;          /* over memory of the caller's */
    const char *error_type; /* static: "Function.BadEvent", ... */
    char why[256];
} handler_reply;

/* Bytes for decoding an event of event_bytes. */
size_t handler_arena_bytes(size_t event_bytes);

/* Which sentiment each label of the model means is found here: -1 with why filled where the model
 * is no sentiment model (two labels, one that says positive or LABEL_1). */
int handler_init(handler *h, const config *c, const distil_model *model, distil_context *context,
                 store *s, char *arena_memory, size_t arena_bytes, char *why, size_t why_bytes);

void handler_run(handler *h, const handler_request *request, handler_reply *reply);

#endif
