/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The records of one event, from JSON to the answer.
 *
 * Records go through in chunks of RECORDS_CHUNK: the texts of a chunk are classified in one batch,
 * then its items are updated one by one. Before each chunk the time that is left is compared with
 * twice the time of the slowest chunk of this event so far; records that could not be finished are
 * not begun.
 */
#ifndef DISTIL_LAMBDA_RECORDS_H
#define DISTIL_LAMBDA_RECORDS_H

#include "lambda/handler_state.h"
#include "lambda/update.h"

enum {
    RECORDS_CHUNK = CLASSIFY_MAX_ITEMS, /* The most records of one chunk. */
    /* Failed records with a log line of their own; the others share one. */
    RECORDS_FAILURE_LINES = 32
};

/* How far one event has come. The first group of members is the caller's to fill. */
typedef struct event_progress {
    handler *handler;
    update_origin origin;
    const event_source *source;
    event_records records;
    answer_http http; /* The form of the answer to an HTTP request. */

    answer answer;
    /* The time of the slowest chunk. It starts at 0 with each event, so that a store that was slow
     * once does not make later events fail. */
    int64_t slowest_ns;
    size_t index;           /* The index of the first record of the current chunk. */
    size_t failed, updated; /* The numbers of records that have failed, and that were stored. */
    size_t client_errors;   /* How many of the failed records are mistakes of an HTTP caller. */
    item_status first_failure;
    char first_why[ITEM_WHY_BYTES];
    int stopped;          /* 1: a record of a FIFO queue has failed, so no later one may be done. */
    int model_damaged;    /* 1: the model's content is not what its checksums say. */
    int credentials_lost; /* 1: the store cannot get usable credentials in this process. */
} event_progress;

/* Read, classify, store and answer every record. The answer goes to *to. */
void records_run(event_progress *p, buffer *to);

/* Returns 1 if a failed record fails the whole invocation, 0 if the answer says which record has
 * failed. */
int records_fail_invocation(const event_progress *p);

#endif
