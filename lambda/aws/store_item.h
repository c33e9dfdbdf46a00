/* SPDX-License-Identifier: Apache-2.0 */
/* What the store writes into one item of the table. */
#ifndef DISTIL_LAMBDA_STORE_ITEM_H
#define DISTIL_LAMBDA_STORE_ITEM_H

#include <stddef.h>

/* The most bytes that the map of labels may have. They are enough for 4,096 labels with names of 16
 * bytes. */
enum { STORE_MAX_LABELS_BYTES = 320 << 10 };

/* Strings belong to the caller, who keeps them until the update has ended. */
typedef struct store_item {
    const char *source_id, *timestamp; /* The two halves of the item's key. */
    const char *sentiment;             /* The label; it need not end with a NUL. */
    size_t sentiment_bytes;
    /* The label's score. The item gets 4 decimals of it. */
    double score;
    /* The map of all labels that the text has, as a JSON object of DynamoDB's values; NULL: the
     * item gets none. */
    const char *labels;
    size_t labels_bytes;
    const char *model_version; /* The version that the producer has asked for. */
    const char *model;         /* The model that has judged the text. */
    const char *writer;        /* Identifies this update, however often it is repeated. */
    const char *trace_id;      /* Sent along as the header X-Amzn-Trace-Id; NULL: no such header. */
    size_t trace_id_bytes;     /* The trace id need not end with a NUL. */
} store_item;

#endif
