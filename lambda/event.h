/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Events: what arrives, recognised by its shape, and the texts to classify in it.
 *
 * `event_sources` is the one table: a row for each kind of event with the functions that recognise
 * it, take its records apart and build its answer. A row knows its own shape and nothing else;
 * handler.c drives them all alike.
 */
#ifndef DISTIL_LAMBDA_EVENT_H
#define DISTIL_LAMBDA_EVENT_H

#include "lambda/buffer.h"
#include "lambda/monitor.h"
#include "runtime/json.h"

/* Who waits, and so what failing means (docs/lambda.md has the table). */
typedef enum event_delivery {
    EVENT_ASYNC, /* SNS, EventBridge: an error fails the invocation, so that Lambda retries and at
                     last its dead-letter queue has the event */
    EVENT_BATCH, /* SQS: failed records are listed and come again */
    EVENT_HTTP,  /* a status code and a body */
    EVENT_DIRECT /* an error document for the caller */
} event_delivery;

/* What to do with one record. All slices are decoded UTF-8 in the arena of the parse. */
typedef struct event_item {
    const char
        *record_id; /* SQS messageId, for batchItemFailures; NULL elsewhere; NUL-terminated */
    const char *source_id; /* key of the item; NULL where the event has none: nothing is stored */
    const char *timestamp; /* the other half of the key; NULL with source_id */
    const char *model_version; /* as the producer asked; NULL: the function's */
    const char *text;          /* to classify: the first max_chars code points are */
    size_t text_bytes;
} event_item;

/* An outcome, in the order of the items. */
typedef enum item_status {
    ITEM_DONE = 0,
    ITEM_INVALID,  /* a field missing or of the wrong type: VALIDATION_ERROR */
    ITEM_MODEL,    /* inference failed or its output is no distribution: MODEL_ERROR */
    ITEM_STORE,    /* the item could not be updated: INTERNAL_ERROR */
    ITEM_NOT_TRIED /* the deadline was too near: INTERNAL_ERROR */
} item_status;

typedef struct item_result {
    item_status status;
    char why[160]; /* of a failure: for the log and the caller, never the user's text */
    sentiment label;
    float score;
    double inference_ms;
    int updated; /* 1: the store's item was changed by this */
} item_result;

/* Memory of one event's decoded strings and items: bump-allocated, emptied for each event. */
typedef struct event_arena {
    char *memory;
    size_t size, capacity;
} event_arena;

typedef struct event_source {
    const char *name; /* "sns", "sqs", ... for logs */
    event_delivery delivery;
    /* 1 if the root has this source's shape. */
    int (*recognise)(json_value root);
    /* Number of records, at least 1. */
    size_t (*count)(json_value root);
    /* Record i of the event, 0 <= i < count, called in order. ITEM_DONE and *item filled, or
     * ITEM_INVALID with why filled: which member is missing or of which type (record_id is filled
     * even then, where it could be read). */
    item_status (*item)(json_value root, size_t i, event_item *item, event_arena *arena, char *why,
                        size_t why_bytes);
} event_source;

/* The table, in the order of recognition; ends with a row whose name is NULL. */
extern const event_source event_sources[];

/* The row that recognises root; NULL: nobody does. */
const event_source *event_recognise(json_value root);

/* 1 for {"warmup": true}. */
int event_is_warmup(json_value root);

#endif
