/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An event from bytes to answer: recognise its source, run its records, answer, log, count.
 *
 * A handler knows nothing of the Runtime API: loop.c hands it events and posts what comes out, and
 * tests call it directly. It belongs to one thread and allocates nothing.
 */
#ifndef DISTIL_LAMBDA_HANDLER_H
#define DISTIL_LAMBDA_HANDLER_H

#include "lambda/handler_state.h"
#include "lambda/net/http.h"
#include "runtime/base/buffer.h"
#include "runtime/distil.h"

enum {
    HANDLER_MARGIN_MS = 500,      /* The time before the deadline that is kept for the answer. */
    HANDLER_SCRATCH_BYTES = 65536 /* Memory beyond what the size of an event asks for. */
};

typedef enum handler_outcome {
    HANDLER_ANSWER = 0, /* Post the answer as the response. */
    HANDLER_FAIL,       /* Post an invocation error of error_type and why. */
    HANDLER_FAIL_EXIT /* Post the error, then end the process: its credentials cannot be renewed. */
} handler_outcome;

typedef struct handler_request {
    const char *request_id;
    http_slice event; /* The bytes of the event, which need not be JSON. */
    http_slice trace_id;
    int64_t deadline_unix_ms; /* INT64_MAX: there is none. */
    int repeated; /* 1: the Runtime API gave the same event twice; it is answered with an error. */
} handler_request;

typedef struct handler_reply {
    handler_outcome outcome;
    buffer answer;          /* The caller sets its memory before handler_run. */
    const char *error_type; /* A static string such as "Function.BadEvent". */
    char why[512];
} handler_reply;

/*
 * The size of the arena for events of up to event_bytes. It begins with the index of the event's
 * long values and the classifier's memory. Half of the rest holds decoded strings: an event's body,
 * a document within that, and texts. The other half holds the body of an HTTP answer before it
 * becomes a JSON string.
 */
size_t handler_arena_bytes(size_t event_bytes);

/*
 * Make a handler. Everything that it is given outlives it; `s` may be NULL. The arena is aligned to
 * 8 bytes, and arena_bytes is a result of handler_arena_bytes. Returns 0, or -1 and fills `why` if
 * the label map of the configuration does not fit the model.
 */
int handler_init(handler *h, const config *c, const distil_model *model, distil_context *context,
                 store *s, char *arena_memory, size_t arena_bytes, char *why, size_t why_bytes);

/* Handle one event. It writes log lines and one line of metrics, and fills *reply. */
void handler_run(handler *h, const handler_request *request, handler_reply *reply);

#endif
