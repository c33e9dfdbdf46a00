/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The answer to an event, by who waits for it (docs/lambda.md has examples):
 *   async, direct   {"statusCode":200,"body":{...}}, with several records "body":[{...},...]
 *   SQS             {"batchItemFailures":[{"itemIdentifier":"..."},...]}
 *   HTTP            {"statusCode":...,"headers":{...},"body":"<JSON as text>",...}
 * Built record by record in the order of the event, in memory of the caller's.
 */
#ifndef DISTIL_LAMBDA_ANSWER_H
#define DISTIL_LAMBDA_ANSWER_H

#include "runtime/base/buffer.h"
#include "lambda/event/event.h"
#include "lambda/event/sentiment.h"

/* What became of a record. */
typedef enum item_status {
    ITEM_DONE = 0,
    ITEM_INVALID,  /* a member is missing or of the wrong type */
    ITEM_MODEL,    /* inference failed, or its output is no distribution */
    ITEM_STORE,    /* the item could not be updated */
    ITEM_NOT_TRIED /* the deadline was too near, or the record before it failed in a FIFO queue */
} item_status;

enum { ITEM_STATUS_COUNT = 5 };

typedef struct item_result {
    item_status status;
    char why[160]; /* of a failure: for the log and the caller, never the user's text */
    sentiment label;
    float score;
    double inference_ms;
    int updated;               /* 1: the store's item was changed */
    const char *model_version; /* that classified, or that the producer asked for */
} item_result;

/* Give a result a status other than ITEM_DONE, and copy its reason. */
void item_fail(item_result *r, item_status status, const char *why);

/* "VALIDATION_ERROR", "MODEL_ERROR" or "INTERNAL_ERROR". */
const char *answer_code(item_status status);

/* The error type of a failed invocation: "Function.BadEvent" and the like. */
const char *answer_error_type(item_status status);

typedef struct answer {
    event_delivery delivery;
    int list;                  /* several records: the body is an array */
    size_t written;            /* records, or failures, so far */
    item_status first_failure; /* ITEM_DONE: none; an HTTP answer's status is its */
    buffer body;               /* of HTTP, before it becomes a string; else the answer itself */
    buffer *to;
} answer;

/* Begin an answer to `count` records in *to. scratch holds the body of HTTP until the end. */
void answer_begin(answer *a, buffer *to, event_delivery delivery, size_t count, char *scratch,
                  size_t scratch_bytes);

/* One record, in order. */
void answer_add(answer *a, const event_item *item, const item_result *result);

void answer_end(answer *a);

/* A whole answer for HTTP where no record could be read. */
void answer_http_error(buffer *to, int status_code, const char *code, const char *message,
                       char *scratch, size_t scratch_bytes);

/* The answer to {"warmup": true}. */
void answer_warmup(buffer *to, const char *model_version);

#endif
