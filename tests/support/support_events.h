/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Events of every source, built from the same messages, and what the function's answers say. Tests
 * and benchmarks that send many events use them.
 */
#ifndef DISTIL_TESTS_SUPPORT_EVENTS_H
#define DISTIL_TESTS_SUPPORT_EVENTS_H

#include <stddef.h>

#include "runtime/base/buffer.h"
#include "runtime/base/json.h"

typedef enum events_source {
    EVENTS_SNS = 0,
    EVENTS_SQS,      /* The message is the body. */
    EVENTS_SQS_SNS,  /* The body is a topic's notification with the message in it. */
    EVENTS_SQS_FIFO, /* The queue is a FIFO queue. */
    EVENTS_BRIDGE,   /* Carries one message. */
    EVENTS_HTTP_V1,
    EVENTS_HTTP_V2, /* The body is in base64. */
    EVENTS_DIRECT,
    EVENTS_SOURCES
} events_source;

/* A message. It lacks the members that are NULL here. */
typedef struct events_message {
    const char *source_id, *timestamp, *text, *model_version;
} events_message;

enum { EVENTS_MOST = 16 /* The most messages of an event. */ };

const char *events_name(events_source source);

/* Append an event. It has several messages where the source can carry them. The member with the
 * text is text_for_analysis. */
void events_build(buffer *out, events_source source, const events_message *messages, size_t count);

/* The part of an answer that is about one message. */
typedef struct events_result {
    int http_status; /* The statusCode, or 0 if the source's answers have none. */
    int failed;      /* 1: the answer has an error for the message or lists it as failed. */
    int updated;     /* -1: the answer does not say. */
    char sentiment[16], model_version[64], source_id[128];
    char code[32]; /* The code of an error, such as "VALIDATION_ERROR". */
    double score;  /* NAN: the answer does not say. */
} events_result;

/* Read the result of message `index` of `count` from an answer to an event that events_build has
 * built. Returns 0, or -1 if the answer does not have the right form. */
int events_read(events_result *result, events_source source, json_value answer, size_t index,
                size_t count);

#endif
