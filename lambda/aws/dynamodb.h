/* SPDX-License-Identifier: Apache-2.0 */
/*
 * DynamoDB's one call that the store makes, UpdateItem, as bytes: the document that asks and what
 * an answer means. Pure functions; store.c sends, waits and tries again.
 */
#ifndef DISTIL_LAMBDA_DYNAMODB_H
#define DISTIL_LAMBDA_DYNAMODB_H

#include "runtime/base/buffer.h"
#include "lambda/net/http.h"
#include "lambda/aws/store_item.h"

#define DYNAMODB_TARGET "DynamoDB_20120810.UpdateItem"
#define DYNAMODB_CONTENT_TYPE "application/x-amz-json-1.0"

/* What an answer means for what to do next. */
typedef enum dynamodb_verdict {
    DYNAMODB_UPDATED = 0,
    DYNAMODB_CONDITION,   /* the condition did not hold: no error, another one was first */
    DYNAMODB_TRANSIENT,   /* try again; the write may have happened */
    DYNAMODB_THROTTLED,   /* try again, slowly */
    DYNAMODB_CLOCK,       /* try again with the time of the answer */
    DYNAMODB_CREDENTIALS, /* these credentials are no good any more */
    DYNAMODB_REFUSED      /* trying again cannot help */
} dynamodb_verdict;

/* What the answer to a failed condition tells of the item. */
typedef enum dynamodb_item {
    DYNAMODB_ITEM_UNKNOWN = 0, /* nothing: it was not asked for */
    DYNAMODB_ITEM_MISSING,
    DYNAMODB_ITEM_ANALYZED, /* by another writer */
    DYNAMODB_ITEM_OTHER     /* neither pending nor analyzed */
} dynamodb_item;

typedef struct dynamodb_reply {
    dynamodb_verdict verdict;
    char code[64];       /* "ThrottlingException"; "HTTP 503" where the answer has none */
    const char *meaning; /* static: of a code that is a fault of configuration, what to do */
    dynamodb_item item;  /* with DYNAMODB_CONDITION */
    int64_t wish_ms;     /* x-amz-retry-after; RETRY_NO_WISH where absent */
    int64_t date_ms;     /* of the Date header; -1 where absent */
    char service_id[64]; /* x-amzn-RequestId; "" where absent */
} dynamodb_reply;

/* The document. With tell_old the answer to a failed condition shall have the item as it is. */
void dynamodb_update_item(buffer *out, const char *table, const store_item *item, int tell_old);

/* Judge an answer to it; tell_old as it was asked. Never reads anything as success but status 200
 * with a JSON object of JSON's content type and the right checksum. */
void dynamodb_judge(dynamodb_reply *reply, const http_head *head, http_slice body, int tell_old);

#endif
