/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The invocations that wait, in order, and the dead letters: those that failed for good.
 *
 * Memory is bounded. Events of at most SERVE_QUEUE_BYTES wait, and the last SERVE_DEAD_LETTERS are
 * kept.
 */
#ifndef DISTIL_TOOLS_SERVE_QUEUE_H
#define DISTIL_TOOLS_SERVE_QUEUE_H

#include "runtime/base/buffer.h"
#include "tools/serve/serve_http.h"

enum {
    SERVE_ID_BYTES = 37,    /* the size of a UUID with its NUL */
    SERVE_TYPE_BYTES = 128, /* the size of an error's type with its NUL */
    SERVE_TRIES = 3,        /* the most tries of an asynchronous invocation, as in Lambda */
    SERVE_DEAD_LETTERS = 256,
    SERVE_DEAD_BYTES = 8 << 20, /* enough for all dead letters as JSON */
    SERVE_QUEUE_BYTES = 256 << 20
};

typedef struct serve_invocation {
    struct serve_invocation *next;
    char id[SERVE_ID_BYTES];
    char *event;
    size_t event_size;
    serve_conn *caller; /* the connection that waits for the response; NULL if none does */
    int asynchronous;
    /* position of the --event option that gave the event, from 1; 0 if the event was posted */
    int number;
    unsigned tries;        /* the number of tries that have begun */
    int64_t not_before_ns; /* monotonic time of the next try */
    int64_t started_ns;    /* monotonic time at which the last try began */
    int failed;            /* 1 if the last try failed */
    char error_type[SERVE_TYPE_BYTES];
    char *answer; /* response of the last try, or its error document */
    size_t answer_size;
} serve_invocation;

typedef struct serve_queue {
    serve_invocation *first, *last;
    size_t count, bytes;
    serve_invocation *dead_first, *dead_last;
    size_t dead_count; /* dead letters that are kept */
    uint64_t dead;     /* dead letters so far */
} serve_queue;

/* Make an invocation with a copy of the event, which is not in the queue yet. Returns NULL if there
 * is no memory or the queue is full. */
serve_invocation *serve_invocation_new(const serve_queue *q, http_slice event);
void serve_invocation_free(serve_invocation *invocation);

/* Store a copy of an answer in place of an earlier one. If there is no memory, the answer is
 * empty. */
void serve_invocation_set_answer(serve_invocation *invocation, http_slice answer);

/* Append an invocation, which the queue then owns. */
void serve_queue_push(serve_queue *q, serve_invocation *invocation);

/* Remove the first invocation that is due, which the caller then owns. Returns NULL if none is. */
serve_invocation *serve_queue_pop(serve_queue *q, int64_t now_ns);

/* Returns the monotonic time at which the next invocation is due, or CLOCK_NEVER if none waits. */
int64_t serve_queue_due_ns(const serve_queue *q);

/* Drop the waiting invocation of a caller whose connection has ended. Returns 1 if there was
 * one. */
int serve_queue_drop(serve_queue *q, const serve_conn *caller);

/* Make an invocation a dead letter, which the queue then owns. */
void serve_queue_add_dead(serve_queue *q, serve_invocation *invocation);

/* Write the dead letters as a JSON array, the oldest first, each with the beginning of its event.
 * The buffer has room for SERVE_DEAD_BYTES. */
void serve_queue_write_dead(const serve_queue *q, buffer *out);

void serve_queue_free(serve_queue *q);

#endif
