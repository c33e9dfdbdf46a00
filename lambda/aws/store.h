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

#include "lambda/config.h"
#include "lambda/log.h"

typedef enum store_status {
    STORE_UPDATED = 0,
    STORE_DUPLICATE,   /* another writer's update was there first, or the item was never pending */
    STORE_REFUSED,     /* trying again cannot help: table, permission, request */
    STORE_UNAVAILABLE, /* still failing after retries, or the deadline came */
    STORE_CREDENTIALS  /* expired or unknown: a new process reads new ones; end this one */
} store_status;

typedef struct store_item {
    const char *source_id, *timestamp; /* the key */
    const char *sentiment;             /* "positive", "negative", "neutral" */
    double score;                      /* stored with 4 decimals */
    const char *model_version;
    const char *writer;
    const char *trace_id; /* passed on as a header; may be NULL */
    size_t trace_id_bytes;
} store_item;

typedef struct store store;

/* Bytes for store_init: the client's buffers, the key of the day and the back-off's state. */
size_t store_bytes(void);

/* In memory (aligned to 64) of store_bytes. The config must outlive it; with TLS, tls_setup comes
 * first. Nothing is connected yet. NULL with why filled: credentials are missing, TLS is needed and
 * absent, plain HTTP is not allowed there. */
store *store_init(void *memory, const config *c, char *why, size_t why_bytes);

/*
 * Update before deadline_ns (monotonic), leaving the margin that answering takes to the caller: no
 * attempt starts and no pause ends later than that.
 *   request_id   for log lines: WARN for each attempt that is tried again, DEBUG for a success
 *   why          for the log where the status is not STORE_UPDATED: the service's error code and
 *                request id, what to do about it; never item data
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
