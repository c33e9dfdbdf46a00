/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The store: one conditional update of one DynamoDB item, exactly once however often it is asked.
 *
 *     SET sentiment, score, model_version, #status = "analyzed", analyzed_by = writer
 *     if  #status = "pending" OR analyzed_by = writer
 *
 * The writer is the request id with the record's place in the event, the same on each of Lambda's
 * retries of an event: a write whose reply was lost is recognised as this writer's own when it is
 * tried again, and counts as updated, not as a duplicate. Retries, back-off, clock skew,
 * credentials and signing happen inside; docs/lambda.md has the table of errors. No allocation
 * after store_init.
 */
#ifndef DISTIL_LAMBDA_STORE_H
#define DISTIL_LAMBDA_STORE_H

#include <stddef.h>
#include <stdint.h>

#include "lambda/aws/store_item.h"
#include "lambda/net/net.h"

typedef enum store_status {
    STORE_UPDATED = 0,
    STORE_DUPLICATE,   /* another writer's update was there first, or the item was never pending */
    STORE_REFUSED,     /* trying again cannot help: table, permission, request */
    STORE_UNAVAILABLE, /* still failing after retries, or the deadline came */
    STORE_CREDENTIALS  /* expired or unknown: a new process reads new ones; end this one */
} store_status;

/* One attempt of an update, as the store tells its observer about it. */
typedef struct store_attempt {
    const char *request_id; /* The one that the caller gave to store_update. It may be NULL. */
    unsigned number;        /* The first attempt of an update is number 1. */
    int updated;            /* 1: the item is updated. 0: the attempt failed and is repeated. */
    const char *code;   /* What failed: the service's error code, or a phrase such as "HTTP 503". */
    const char *reason; /* More about the failure, or "". */
    double wait_ms;     /* The pause before the attempt is repeated. */
    const char *service_request_id; /* DynamoDB's id of the request, or "" if no answer has come. */
} store_attempt;

/* Which table an update goes to, and how. The store keeps the pointers, which the caller owns. */
typedef struct store_options {
    const char *table;     /* A table's name or ARN. */
    const char *region;    /* The region that requests are signed for. */
    net_endpoint endpoint; /* The server that requests are sent to. */
    int allow_http;        /* 1: plain HTTP is allowed to another machine than this one, too. */

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
 *                id, and what to do about it, but never data of the item
 */
store_status store_update(store *s, const store_item *item, int64_t deadline_ns,
                          const char *request_id, char *why, size_t why_bytes);

void store_close(store *s);

/* What a store takes from the world around it but the network; tests have their own. */
typedef struct store_world {
    int64_t (*unix_ms)(void *context);
    void (*pause)(void *context, double ms, int64_t until_ns); /* so long, which is until then */
    double (*chance)(void *context);                           /* 0 <= x < 1, uniform */
    int64_t connect_ms, answer_ms;                             /* of an attempt: 1 s, 2 s */
    void *context;
} store_world;

/* From now on. The context must outlive the store. */
void store_set_world(store *s, const store_world *world);

#endif
