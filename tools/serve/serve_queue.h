/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Invocations: those that wait, in order, and those that failed for good.
 *
 * Bounded: SERVE_QUEUE_BYTES of events wait at most; of dead letters the last
 * SERVE_DEAD_LETTERS are kept.
 */
#ifndef DISTIL_TOOLS_SERVE_QUEUE_H
#define DISTIL_TOOLS_SERVE_QUEUE_H

#include "runtime/base/buffer.h"
#include "tools/serve/serve_http.h"

enum {
    SERVE_ID_BYTES = 37, /* of a UUID and its NUL */
    SERVE_TYPE_BYTES = 128,
    SERVE_TRIES = 3, /* of an asynchronous invocation: the first and two more */
    SERVE_DEAD_LETTERS = 256,
    SERVE_DEAD_BYTES = 8 << 20, /* of all of them as JSON, more than it takes */
    SERVE_QUEUE_BYTES = 256 << 20
};

typedef struct serve_invocation {
    struct serve_invocation *next;
    char id[SERVE_ID_BYTES];
    char *event;
    size_t event_size;
    serve_conn *caller; /* who waits; NULL: nobody, or no longer */
    int asynchronous;
    int number; /* of --event, from 1; 0: it came by the wire */
    unsigned tries;
    int64_t not_before_ns;
    int64_t started_ns;
    /* What came out of the last try. */
    int failed;
    char error_type[SERVE_TYPE_BYTES]; /* of a failure */
    char *answer;                      /* or the error document */
    size_t answer_size;
} serve_invocation;

typedef struct serve_queue {
    serve_invocation *first, *last;
    size_t count, bytes;
    serve_invocation *dead_first, *dead_last;
    size_t dead_count; /* kept */
    uint64_t dead;     /* in all */
} serve_queue;

/* A new one, not yet in the queue, with a copy of the event. NULL: no memory, or the queue is
 * full. */
serve_invocation *serve_invocation_new(const serve_queue *q, http_slice event);
void serve_invocation_free(serve_invocation *invocation);

/* Keep a copy of an answer in place of an earlier one. Where memory is short, none is kept. */
void serve_invocation_answer(serve_invocation *invocation, http_slice answer);

void serve_queue_push(serve_queue *q, serve_invocation *invocation);

/* The first that is due. NULL: none is. The caller owns it then. */
serve_invocation *serve_queue_pop(serve_queue *q, int64_t now_ns);

/* When serve_queue_pop will give something; CLOCK_NEVER: the queue is empty. */
int64_t serve_queue_due_ns(const serve_queue *q);

/* The caller has gone: an invocation that has not begun is dropped. 1 if it was here. */
int serve_queue_abandon(serve_queue *q, const serve_conn *caller);

/* It has failed for good; the queue owns it then. */
void serve_queue_bury(serve_queue *q, serve_invocation *invocation);

/* The dead letters as a JSON array, oldest first, each with the beginning of its event; the buffer
 * has SERVE_DEAD_BYTES. */
void serve_queue_write_dead(const serve_queue *q, buffer *out);

void serve_queue_free(serve_queue *q);

#endif
