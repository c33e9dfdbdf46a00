/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An event from bytes to answer: recognise, classify each text, update the store, count, answer.
 *
 * Knows nothing of the Runtime API: main.c hands it events and posts what comes out, tests call it
 * directly. A handler belongs to one thread and allocates nothing.
 *
 * Records are taken a chunk at a time: their texts are classified in one pass over the weights,
 * then their items are updated one by one. Before each chunk the time left is compared with what
 * the slowest chunk of the event so far took; records that could not be finished are not begun.
 */
#ifndef DISTIL_LAMBDA_HANDLER_H
#define DISTIL_LAMBDA_HANDLER_H

#include "lambda/event/answer.h"
#include "runtime/base/buffer.h"
#include "lambda/config.h"
#include "lambda/event/event.h"
#include "lambda/net/http.h"
#include "lambda/metrics.h"
#include "lambda/monitor.h"
#include "lambda/aws/store.h"
#include "runtime/distil.h"

enum {
    HANDLER_MAX_LABELS = 8,
    HANDLER_CHUNK = 8,          /* records at a time */
    HANDLER_MARGIN_MS = 500,    /* of the deadline, kept for the answer */
    HANDLER_FAILURE_LINES = 32, /* of an event: more records that fail are one line together */
    HANDLER_SCRATCH_BYTES = 65536,
    /* Long values of an event that are indexed: 768 KiB of memory, of which an event touches what
     * it uses. An event of 6 MiB with a record in every kilobyte has half as many. */
    HANDLER_INDEX_ENTRIES = 65536
};

typedef struct handler {
    const config *config;
    distil_context *context;
    const distil_model *model;
    store *store; /* NULL: classification only */
    metrics metrics;
    monitor monitor;
    json_index_entry *index_entries; /* for the index of the event's long values */
    event_arena arena;
    size_t n_labels;
    sentiment of_label[HANDLER_MAX_LABELS];
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
    int repeated; /* the Runtime API gave the same event twice: answered with an error */
} handler_request;

typedef struct handler_reply {
    handler_outcome outcome;
    buffer answer;          /* over memory of the caller's */
    const char *error_type; /* static: "Function.BadEvent", ... */
    char why[256];
} handler_reply;

/* Bytes for an event of event_bytes: the index of its long values; its decoded message, a document
 * within that and its texts; and an answer for HTTP before it becomes a string. */
size_t handler_arena_bytes(size_t event_bytes);

/* Which sentiment each label of the model means is found here: POSITIVE or LABEL_1, NEGATIVE or
 * LABEL_0, NEUTRAL. -1 with why filled where the model has other labels. s may be NULL. The arena
 * is aligned to 4 bytes, holds handler_arena_bytes for the largest event and outlives h. */
int handler_init(handler *h, const config *c, const distil_model *model, distil_context *context,
                 store *s, char *arena_memory, size_t arena_bytes, char *why, size_t why_bytes);

/* 1 if n numbers are probabilities: each from 0 to 1, their sum 1 within 1e-3. Pure. */
int handler_is_distribution(const float *p, size_t n);

void handler_run(handler *h, const handler_request *request, handler_reply *reply);

#endif
