/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One loop of the function: ask for an event, handle it, post what comes out, again. It has a
 * connection, a context, a handler and a store of its own and shares the model, so that several
 * loops run side by side without a lock.
 *
 * All memory is got by loop_init: one mapping of LOOP bytes (loop_bytes), of which only pages that
 * have been used are resident, and the context. Nothing is allocated afterwards.
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
    char *answer; /* RAPI_MAX_EVENT_BYTES within memory */
} loop;

/* Bytes of the mapping that a loop makes, beside its context. */
size_t loop_bytes(const config *c);

/* Everything but the connection, which the first event makes. config, model and stop outlive the
 * loop. 0, or -1 with why filled; then nothing is left to free. */
int loop_init(loop *l, const config *c, const distil_model *model, stop *s, char *why,
              size_t why_bytes);

/* Serve until the process must end: returns its exit status, after a log line that says why. Does
 * not return on SIGTERM (stop.h). */
int loop_run(loop *l);

void loop_free(loop *l);

#endif
