/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a handler keeps from one event to the next. Each loop has a handler of its own, so no member
 * but the configuration is shared between threads.
 */
#ifndef DISTIL_LAMBDA_HANDLER_STATE_H
#define DISTIL_LAMBDA_HANDLER_STATE_H

#include "lambda/aws/store.h"
#include "lambda/classifier.h"
#include "lambda/config.h"
#include "lambda/event/event.h"
#include "lambda/metrics.h"
#include "lambda/monitor.h"

enum {
    /* Long values of one event that can be indexed. Their entries take 768 KiB of address space, of
     * which an event touches what it uses. An event of 6 MiB with a record in every kilobyte has
     * half as many. */
    HANDLER_INDEX_ENTRIES = 65536
};

typedef struct handler {
    const config *config;
    classifier classifier;
    /* Called before the first answer: waits until the model's content has been verified, and
     * returns 0, or -1 with `why` filled. NULL: nothing is left to verify. */
    int (*verify)(void *verified, char *why, size_t why_bytes);
    void *verified;
    store *store; /* NULL: texts are classified and nothing is stored. */
    metrics metrics;
    monitor monitor;
    json_index_entry *index_entries; /* HANDLER_INDEX_ENTRIES for the long values of an event. */
    event_arena arena;               /* Decoded strings of the event that is being handled. */
    char model[13];         /* The first 12 digits of the blob's hash: which model judges. */
    char model_version[64]; /* Stored and answered unless the producer gives another one. */
} handler;

#endif
