/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The answer to an event. Its form depends on who waits for it; docs/lambda.md has examples.
 *
 *     asynchronous, direct   {"statusCode":200,"body":{...}}; for several records "body":[{...}]
 *     SQS                    {"batchItemFailures":[{"itemIdentifier":"..."},...]}
 *     HTTP                   {"statusCode":...,"headers":{...},"body":"<JSON as text>",...}
 *
 * An answer is built record by record, in the order of the event and in the caller's memory.
 */
#ifndef DISTIL_LAMBDA_ANSWER_H
#define DISTIL_LAMBDA_ANSWER_H

#include "runtime/base/buffer.h"
#include "lambda/event/event.h"
#include "lambda/event/labels.h"

/* What became of a record. */
typedef enum item_status {
    ITEM_DONE = 0,
    ITEM_INVALID, /* A member is missing or has the wrong type. */
    ITEM_MODEL,   /* Inference failed, or its output is not a distribution. */
    ITEM_STORE,   /* The item could not be updated. */
    ITEM_MISSING, /* A queued event names an item that does not exist, or not yet. */
    /* The deadline was too near, or an earlier record of a FIFO queue has failed. */
    ITEM_NOT_TRIED
} item_status;

enum { ITEM_STATUS_COUNT = 6, ITEM_WHY_BYTES = 480 };

typedef struct item_result {
    item_status status;
    /* Why the record failed, for the log and for the caller. It never holds the user's text. */
    char why[ITEM_WHY_BYTES];
    /* The label that the text has, as it is answered and stored. It need not end with a NUL. */
    const char *label;
    size_t label_bytes;
    sentiment means; /* The sentiment that the label means, or SENTIMENT_NONE. */
    float score;     /* The score of this label. */
    /* The scores of all labels, and the labels that they belong to. NULL: the model has not seen
     * the text. */
    const float *scores;
    const event_labels *labels;
    int inferred; /* 1: the model was run for this record. */
    double inference_ms;
    int updated; /* 1: the item in the store was changed. */
    /* The version that the producer asks for, or the function's own. */
    const char *model_version;
} item_result;

/* Give a result a status other than ITEM_DONE, and copy its reason. */
void item_fail(item_result *r, item_status status, const char *why);

/* The code of a failed record: "VALIDATION_ERROR", "MODEL_ERROR" or "INTERNAL_ERROR". */
const char *answer_code(item_status status);

/* The error type of an invocation that fails because of a record, such as "Function.BadEvent". */
const char *answer_error_type(item_status status);

/* The form of HTTP answers. */
typedef struct answer_http {
    int multi_value;    /* 1: the headers are multiValueHeaders. */
    const char *origin; /* Whose pages a browser may show the answer to; NULL: no header says so. */
} answer_http;

typedef struct answer {
    event_delivery delivery;
    int list;       /* 1: the body is an array. */
    size_t written; /* The number of records, or for SQS of failures, that were written so far. */
    /* ITEM_DONE: none has failed. It decides the status of an HTTP answer. */
    item_status first_failure;
    /* For HTTP: the body before it becomes a JSON string. Other deliveries do not use this
     * buffer. */
    buffer body;
    answer_http http;
    buffer *to;
} answer;

/* Begin an answer in *to, whose body is an array if `list` is 1. `http` is used by HTTP answers
 * only. `scratch` holds the body of an HTTP answer until answer_end. */
void answer_begin(answer *a, buffer *to, event_delivery delivery, int list, const answer_http *http,
                  char *scratch, size_t scratch_bytes);

/* Add the result of the next record, in the order of the event. */
void answer_add(answer *a, const event_item *item, const item_result *result);

void answer_end(answer *a);

/* Write a whole HTTP answer for an event of which no record could be read. */
void answer_http_error(buffer *to, const answer_http *http, int status_code, const char *code,
                       const char *message, char *scratch, size_t scratch_bytes);

/* Write the answer to a request that classifies nothing: a health check or OPTIONS. */
void answer_http_call(buffer *to, const answer_http *http, event_http_call call,
                      const char *model_version);

/* Write the answer to {"warmup": true}. */
void answer_warmup(buffer *to, const char *model_version);

#endif
