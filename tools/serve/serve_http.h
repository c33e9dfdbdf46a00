/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An HTTP/1.1 server on the loopback interface, driven by one poll loop: connections that take
 * requests in and give replies out, at once or later. What a request means is its user's business.
 *
 * Bounded: SERVE_CONNECTIONS at a time (more are turned away), a head of HTTP_MAX_HEAD_BYTES, a
 * body of SERVE_MAX_BODY_BYTES, of which the rest is read and dropped.
 */
#ifndef DISTIL_TOOLS_SERVE_HTTP_H
#define DISTIL_TOOLS_SERVE_HTTP_H

#include <poll.h>
#include <stdint.h>

#include "lambda/net/http.h"

enum {
    SERVE_CONNECTIONS = 128,
    SERVE_POLL_FDS = SERVE_CONNECTIONS + 1,
    SERVE_MAX_BODY_BYTES = 6291556, /* 6 MiB + 100: Lambda's limit both ways */
    SERVE_HEAD_ROOM = 2048          /* of a reply's own head */
};

typedef struct serve_conn serve_conn;
typedef struct serve_http serve_http;

/* A request. Slices are valid until it is answered. */
typedef struct serve_request {
    const http_head *head;
    http_slice body;
    int oversize; /* 1: body is the beginning of a larger one */
    int whole;    /* 0, in `gone` only: the connection ended within the body */
} serve_request;

typedef struct serve_events {
    void *context;
    /* A whole request: to be answered by serve_http_reply or serve_http_drop, now or later. */
    void (*request)(void *context, serve_conn *conn, const serve_request *request);
    /* The connection ended with its request unanswered: conn must not be used any more. */
    void (*gone)(void *context, serve_conn *conn, const serve_request *request);
} serve_events;

/* Zero is the plain case of every field but status. */
typedef struct serve_reply {
    int status;
    const char *type;    /* Content-Type; NULL: none */
    const char *headers; /* more header lines, each with its CR and LF; NULL */
    http_slice body;
    int chunked; /* in place of Content-Length */
    /* Misbehaviour on purpose. */
    int64_t delay_ms;  /* before the first byte */
    int in_pieces;     /* few bytes at a time */
    int cut;           /* close after a part of it */
    int close_instead; /* close without a byte */
} serve_reply;

/* Listen on 127.0.0.1; port 0: a free one. NULL with errno set where the system refuses. */
serve_http *serve_http_open(uint16_t port, const serve_events *events);
uint16_t serve_http_port(const serve_http *http);
void serve_http_close(serve_http *http);

/* For poll: fill at most SERVE_POLL_FDS, return how many; then hand them back. */
size_t serve_http_poll(serve_http *http, struct pollfd *fds);
void serve_http_handle(serve_http *http, const struct pollfd *fds, size_t count);

/* When a delayed reply is due, monotonic; CLOCK_NEVER: none is. */
int64_t serve_http_due_ns(const serve_http *http);

/* Answer the request that conn waits for. The reply is copied. */
void serve_http_reply(serve_conn *conn, const serve_reply *reply);
void serve_http_drop(serve_conn *conn);

#endif
