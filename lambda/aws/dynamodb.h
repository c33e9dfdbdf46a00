/* SPDX-License-Identifier: Apache-2.0 */
/*
 * UpdateItem, the one call of DynamoDB that the store makes, as bytes: the document of the request,
 * and what an answer means. These are pure functions; store.c sends, waits and retries.
 */
#ifndef DISTIL_LAMBDA_DYNAMODB_H
#define DISTIL_LAMBDA_DYNAMODB_H

#include "runtime/base/buffer.h"
#include "lambda/net/http.h"
#include "lambda/aws/store_item.h"

#define DYNAMODB_TARGET "DynamoDB_20120810.UpdateItem"
#define DYNAMODB_CONTENT_TYPE "application/x-amz-json-1.0"

/* What the store has to do after an answer. */
typedef enum dynamodb_verdict {
    DYNAMODB_UPDATED = 0,
    /* The item was not in the state that the update requires. This is no error: another writer
     * has updated it, or it was never pending. */
    DYNAMODB_CONDITION,
    DYNAMODB_TRANSIENT,   /* Retry. The write may have happened. */
    DYNAMODB_THROTTLED,   /* Retry after a longer wait. */
    DYNAMODB_CLOCK,       /* Retry with the time that the answer gives. */
    DYNAMODB_CREDENTIALS, /* The service does not accept these credentials any more. */
    DYNAMODB_REFUSED      /* A retry cannot help. */
} dynamodb_verdict;

/* What the answer to a failed condition says about the item. */
typedef enum dynamodb_item {
    DYNAMODB_ITEM_UNKNOWN = 0, /* The answer does not say anything, because it was not asked to. */
    /* There is no such item: the answer was asked for the item and has none. */
    DYNAMODB_ITEM_MISSING,
    DYNAMODB_ITEM_ANALYZED, /* Another writer has analyzed it. */
    DYNAMODB_ITEM_OTHER     /* The item's status is neither pending nor analyzed. */
} dynamodb_item;

typedef struct dynamodb_reply {
    dynamodb_verdict verdict;
    char code[64]; /* A code such as "ThrottlingException", or "HTTP 503" if the answer has none. */
    const char *meaning; /* A static string: what to do about an error of configuration, or "". */
    /* What the service says about an error, in its own words and perhaps cut, or "". */
    char message[256];
    dynamodb_item item;     /* Set only if the verdict is DYNAMODB_CONDITION. */
    int64_t retry_after_ms; /* The header x-amz-retry-after, or RETRY_AFTER_ABSENT. */
    int64_t date_ms;        /* The header Date in milliseconds since 1970, or -1 if it is absent. */
    char service_id[64];    /* The header x-amzn-RequestId, or "" if it is absent. */
} dynamodb_reply;

/* Append the document of the request. With want_old_item, the answer to a failed condition will
 * hold the item as it is. */
void dynamodb_update_item(buffer *out, const char *table, const store_item *item,
                          int want_old_item);

/* Find out what an answer means; want_old_item is the value that was given to dynamodb_update_item.
 * Only status 200 with a JSON object, a content type of JSON and no wrong checksum counts as
 * success. */
void dynamodb_judge(dynamodb_reply *reply, const http_head *head, http_slice body,
                    int want_old_item);

#endif
