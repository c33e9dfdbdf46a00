/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Events of every source, made from the same messages, and what the function's answers to them say:
 * for tests and benchmarks that send many.
 */
#ifndef DISTIL_TESTS_SUPPORT_EVENTS_H
#define DISTIL_TESTS_SUPPORT_EVENTS_H

#include <stddef.h>

#include "runtime/base/buffer.h"
#include "runtime/base/json.h"

typedef enum events_source {
    EVENTS_SNS = 0,
    EVENTS_SQS,      /* the message is the body */
    EVENTS_SQS_SNS,  /* the body is a notification around it */
    EVENTS_SQS_FIFO, /* of a queue that keeps its order */
    EVENTS_BRIDGE,   /* one message */
    EVENTS_HTTP_V1,
    EVENTS_HTTP_V2, /* base64 */
    EVENTS_DIRECT,
    EVENTS_SOURCES
} events_source;

/* Of the members that are NULL the message has none. */
typedef struct events_message {
    const char *source_id, *timestamp, *text, *model_version;
} events_message;

enum { EVENTS_MOST = 16 /* messages of an event */ };

const char *events_name(events_source source);

/* Append an event; several messages where the source can carry them. The text's member is
 * text_for_analysis. */
void events_build(buffer *out, events_source source, const events_message *messages, size_t count);

/* What an answer says of one message. */
typedef struct events_result {
    int http_status; /* statusCode; 0 where the source has none */
    int failed;      /* an error, or listed as failed */
    int updated;     /* -1: not said */
    char sentiment[16], model_version[64], source_id[128];
    char code[32]; /* of an error: "VALIDATION_ERROR" */
    double score;  /* NAN: not said */
} events_result;

/* Read message `index` of `count` from an answer to an event of `source` whose messages had the ids
 * of events_build. 0, or -1: the answer has not the form it must have. */
int events_read(events_result *result, events_source source, json_value answer, size_t index,
                size_t count);

#endif
