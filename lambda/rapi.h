/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A client of the AWS Lambda Runtime API, version 2018-06-01: next event, response, error and init
 * error.
 *
 * Asking for the next event waits without a limit, because Lambda freezes the process between
 * events. docs/lambda.md has the rules for each status code. Their results are RAPI_OK (go on),
 * RAPI_DROP (this invocation is over, go on with the next one), RAPI_EXIT (end the process with
 * status 1; `why` is for the log) and RAPI_STOPPED (the process is to end, and there is no event).
 */
#ifndef DISTIL_LAMBDA_RAPI_H
#define DISTIL_LAMBDA_RAPI_H

#include "runtime/base/buffer.h"
#include "lambda/net/http_client.h"

enum {
    RAPI_HEAD_BYTES = 2048, /* The head of a request is smaller. */
    RAPI_MAX_PATH_BYTES = 512,
    /* 6 MiB + 100 bytes: Lambda's limit for events and for answers. */
    RAPI_MAX_EVENT_BYTES = 6291556,
    RAPI_MAX_REQUEST_ID_BYTES = 128,
    RAPI_MAX_ERROR_BYTES = 65536 /* The largest error document. */
};

typedef enum rapi_status { RAPI_OK = 0, RAPI_DROP, RAPI_EXIT, RAPI_STOPPED } rapi_status;

typedef struct rapi {
    http_client client;
    buffer request; /* The head of the request, and a copy of the body behind it. */
    char last_id[RAPI_MAX_REQUEST_ID_BYTES]; /* The id of the last event. */
    int answered;                            /* 1: the last event has been answered. */
    http_slice host;                         /* host:port, for the header Host. */
    http_slice base; /* The path that AWS_LAMBDA_RUNTIME_API puts before every other one, or "". */
    /* The invocation's id, which an answer has to carry so that a late one is told from others; ""
     * if the event came without one. */
    char invocation_id[RAPI_MAX_REQUEST_ID_BYTES];
    /* A descriptor that becomes readable when no further event is to be had, or -1. The caller sets
     * it after rapi_init. */
    int stop_fd;
    /* NULL, or called with `asked_argument` each time when the next event has been asked for and
     * has not come yet. The caller sets both after rapi_init. */
    void (*asked)(void *argument);
    void *asked_argument;
    char why[192]; /* The reason for the last status, for a log line. */
} rapi;

typedef struct rapi_invocation {
    char request_id[RAPI_MAX_REQUEST_ID_BYTES]; /* Ends with a NUL. */
    int64_t deadline_unix_ms;                   /* INT64_MAX if the header is absent. */
    http_slice trace_id;                        /* Empty if the header is absent. */
    http_slice event;                           /* May be empty, and need not be JSON. */
    /* 1: the same id came again without an answer in between. Answer it with an error. */
    int repeated;
    /* 1: the event is larger than the memory and was not read. Answer it with an error. */
    int oversize;
} rapi_invocation;

/* Make a client. `host_port` is the value of AWS_LAMBDA_RUNTIME_API, with or without a path,
 * and outlives the client.
 * `memory` holds a response and `request_memory` a request; each has room for a body of
 * RAPI_MAX_EVENT_BYTES and a head, or at least for one of RAPI_MAX_ERROR_BYTES if only init errors
 * are posted. Returns 0, or -1 if `host_port` is malformed. */
int rapi_init(rapi *api, const char *host_port, char *memory, size_t capacity, char *request_memory,
              size_t request_capacity);

/* Wait for an event. The slices of *invocation are valid until the next call with this client. An
 * event that the Runtime API has sent is returned even if stop_fd is readable by then. */
rapi_status rapi_next(rapi *api, rapi_invocation *invocation);

/* Answer the event with a response or with an error. The error's type has the form
 * Function.BadEvent, and its message is cut at 8 KiB. A response of more than RAPI_MAX_EVENT_BYTES
 * is posted as the error Function.ResponseSizeTooLarge instead. */
rapi_status rapi_respond(rapi *api, const char *request_id, const char *body, size_t size);
rapi_status rapi_fail(rapi *api, const char *request_id, const char *type, const char *message);

/* Tell the Runtime API that the process cannot start. This is only allowed before the first
 * rapi_next; the process then ends, whatever the answer is. */
void rapi_init_error(rapi *api, const char *type, const char *message);

#endif
