/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Client of the AWS Lambda Runtime API, version 2018-06-01: next event, response, error, init
 * error.
 *
 * `next` waits without limit: between events the process is frozen. Rules for each status code are
 * in docs/lambda.md; they come down to RAPI_OK (go on), RAPI_DROP (this invocation is over, go on
 * with the next) and RAPI_EXIT (end the process with status 1; `why` says for the log).
 */
#ifndef DISTIL_LAMBDA_RAPI_H
#define DISTIL_LAMBDA_RAPI_H

#include "runtime/base/buffer.h"
#include "lambda/net/http_client.h"

enum {
    RAPI_HEAD_BYTES = 1024,         /* more than the head of a request takes */
    RAPI_MAX_EVENT_BYTES = 6291556, /* 6 MiB + 100, the limit both ways */
    RAPI_MAX_REQUEST_ID_BYTES = 128,
    RAPI_MAX_ERROR_BYTES = 65536 /* of an error document */
};

typedef enum rapi_status { RAPI_OK = 0, RAPI_DROP, RAPI_EXIT } rapi_status;

typedef struct rapi {
    http_client client;
    buffer request;                          /* head, and a copy of the body behind it */
    char last_id[RAPI_MAX_REQUEST_ID_BYTES]; /* of the last event */
    int answered;                            /* the last event has been answered */
    const char *host;                        /* host:port, for the Host header */
    char why[192];                           /* what decided the last status, for a log line */
} rapi;

typedef struct rapi_invocation {
    char request_id[RAPI_MAX_REQUEST_ID_BYTES]; /* NUL-terminated */
    int64_t deadline_unix_ms;                   /* INT64_MAX where the header is absent */
    http_slice trace_id;                        /* empty where absent */
    http_slice event;                           /* may be empty or no JSON */
    int repeated; /* 1: the same id again without an answer between: answer it with an error */
    int oversize; /* 1: the event is larger than memory and was not read: answer with an error */
} rapi_invocation;

/* host_port: the value of AWS_LAMBDA_RUNTIME_API; it outlives api. memory and request_memory are
 * for a response (RAPI_MAX_EVENT_BYTES and a head) and a request of that size; at least
 * RAPI_MAX_ERROR_BYTES and a head. -1 where host_port is malformed. */
int rapi_init(rapi *api, const char *host_port, char *memory, size_t capacity, char *request_memory,
              size_t request_capacity);

/* Wait for an event. Slices are valid until the next call on api. */
rapi_status rapi_next(rapi *api, rapi_invocation *invocation);

/* Answer it. type is of the form Function.BadEvent. An answer of more than RAPI_MAX_EVENT_BYTES is
 * posted as the error Function.ResponseSizeTooLarge. message is cut at 8 KiB. */
rapi_status rapi_respond(rapi *api, const char *request_id, const char *body, size_t size);
rapi_status rapi_fail(rapi *api, const char *request_id, const char *type, const char *message);

/* Before the first next: the process cannot start. Whatever comes back, exit. */
void rapi_init_error(rapi *api, const char *type, const char *message);

#endif
