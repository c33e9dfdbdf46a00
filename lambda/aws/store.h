/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The store: one conditional update of one DynamoDB item. An update is applied exactly once,
 * however often it is repeated.
 *
 *     SET sentiment, score, model_version, analyzed_model, status = "analyzed",
 *         analyzed_by = writer
 *     if  status = "pending" OR status = "analyzed" AND analyzed_by = writer
 *
 * The writer is a name that is the same each time that Lambda delivers a record. If the answer to a
 * write was lost, its repetition therefore finds the writer's own name and counts as updated, not
 * as a duplicate. An item that a consumer has moved on in the meantime is left alone. The store
 * itself retries, backs off, corrects clock skew, renews credentials and
 * signs; docs/lambda.md has the table of errors. Nothing is allocated after store_init.
 */
#ifndef DISTIL_LAMBDA_STORE_H
#define DISTIL_LAMBDA_STORE_H

#include <stddef.h>
#include <stdint.h>

#include "lambda/aws/credentials.h"
#include "lambda/aws/store_item.h"
#include "lambda/net/net.h"

typedef enum store_status {
    STORE_UPDATED = 0,
    STORE_DUPLICATE, /* Another writer has updated the item, or it is not pending any more. */
    /* There is no such item. A service that never sends items back looks the same. */
    STORE_MISSING,
    STORE_REFUSED,     /* A retry cannot help: the table, a permission or the request is wrong. */
    STORE_UNAVAILABLE, /* The service still fails after the retries, or the deadline has come. */
    /* The credentials have expired or are unknown. Only a new process can read other credentials,
     * so the caller should end this process. */
    STORE_CREDENTIALS
} store_status;

/* One attempt of an update, as the store tells its observer about it. */
typedef struct store_attempt {
    /* The request id that the caller gave to store_update. It may be NULL. */
    const char *request_id;
    unsigned number;    /* The first attempt of an update is number 1. */
    int updated;        /* 1: the item is updated. 0: the attempt failed and is repeated. */
    const char *code;   /* What failed: the service's error code, or a phrase such as "HTTP 503". */
    const char *reason; /* More about the failure, or "". */
    double wait_ms;     /* The pause before the attempt is repeated. */
    const char *service_request_id; /* DynamoDB's id of the request, or "" if no answer has come. */
} store_attempt;

/* Which table the updates go to, and how they are sent. The store keeps the pointers; the caller
 * owns the strings. */
typedef struct store_options {
    const char *table;     /* A table's name or ARN. */
    const char *region;    /* The region that requests are signed for. */
    net_endpoint endpoint; /* The server that requests are sent to. */
    credentials_source credentials;
    int allow_http; /* 1: plain HTTP is allowed even if the endpoint is not on this machine. */

    /* The store calls this after an attempt that succeeded and before one that it repeats. The
     * strings of `attempt` are valid during the call only. NULL: nobody observes. */
    void (*on_attempt)(void *observer, const store_attempt *attempt);
    void *observer;
} store_options;

typedef struct store store;

/* Bytes of memory that store_init needs. */
size_t store_bytes(void);

/*
 * Make a store in `memory`, which has store_bytes() bytes, is aligned to 64 and stays the caller's.
 * Nothing is connected yet. For an https endpoint the caller calls tls_setup first.
 * Returns NULL and fills `why` if there are no credentials, if TLS is needed and this program has
 * none, or if the endpoint may not be reached by plain HTTP.
 */
store *store_init(void *memory, const store_options *options, char *why, size_t why_bytes);

/*
 * Update one item before `deadline_ns`, a time of clock_now_ns: no attempt starts and no pause ends
 * later than that. The caller keeps back the time that it needs afterwards.
 *   request_id   goes to the observer; it may be NULL
 *   why          is filled unless the status is STORE_UPDATED: the service's error code and request
 *                id, what to do about it, and the service's own message
 */
store_status store_update(store *s, const store_item *item, int64_t deadline_ns,
                          const char *request_id, char *why, size_t why_bytes);

void store_close(store *s);

/* What a store needs from its surroundings besides the network. Tests have clocks and random
 * numbers of their own. */
typedef struct store_world {
    int64_t (*unix_ms)(void *user_data);
    /* Sleep for `ms` milliseconds, which end at until_ns. */
    void (*pause)(void *user_data, double ms, int64_t until_ns);
    double (*chance)(void *user_data); /* Returns a random number, uniform with 0 <= x < 1. */
    /* The most milliseconds of an attempt: by default 1 s to connect and 2 s for the answer. */
    int64_t connect_ms, answer_ms;
    void *user_data;
} store_world;

/* Use this world from now on. Its user_data must outlive the store. */
void store_set_world(store *s, const store_world *world);

#endif
