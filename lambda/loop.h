/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One loop of the function: it asks for an event, handles it, posts what comes out, and begins
 * again. A loop has its own connection, context, handler and store. It shares only the model, so
 * several loops run side by side without a lock.
 *
 * loop_init gets all memory: a context, and one mapping of loop_bytes, of which only pages that
 * have been used are resident. Nothing is allocated afterwards.
 */
#ifndef DISTIL_LAMBDA_LOOP_H
#define DISTIL_LAMBDA_LOOP_H

#include "lambda/config.h"
#include "lambda/handler.h"
#include "lambda/rapi.h"
#include "lambda/stop.h"
#include "lambda/aws/store.h"
#include "runtime/distil.h"

typedef struct loop {
    const config *config;
    stop *stop;
    rapi api;
    handler handler;
    store *store;
    distil_context *context;
    char *memory;
    size_t memory_bytes;
    char *answer; /* RAPI_MAX_EVENT_BYTES within `memory`. */
} loop;

/* The size of a loop's mapping. The context comes on top of it. */
size_t loop_bytes(const config *c);

/* Make a loop. Nothing is connected yet; the first event does that. The configuration, the model
 * and *s outlive the loop. Returns 0, or -1 and fills `why`; then there is nothing to free. */
int loop_init(loop *l, const config *c, const distil_model *model, stop *s, char *why,
              size_t why_bytes);

/* Serve events until the process has to end. Returns the exit status, after a log line that says
 * why. After SIGTERM it answers the event that it has, if any, and does not return (stop.h). */
int loop_run(loop *l);

void loop_free(loop *l);

#endif
