/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An HTTP/1.1 server on the loopback interface, without threads: the caller polls its file
 * descriptors. The server reads requests and passes them to the caller, who replies at once or
 * later.
 *
 * Its memory is bounded. At most SERVE_CONNECTIONS are open at a time, and others are closed at
 * once. A head has at most HTTP_MAX_HEAD_BYTES. Of a body at most SERVE_MAX_BODY_BYTES are kept,
 * and the rest is read and dropped.
 */
#ifndef DISTIL_TOOLS_SERVE_HTTP_H
#define DISTIL_TOOLS_SERVE_HTTP_H

#include <poll.h>
#include <stdint.h>

#include "lambda/net/http.h"

enum {
    SERVE_CONNECTIONS = 128,
    SERVE_POLL_FDS = SERVE_CONNECTIONS + 1,
    SERVE_MAX_BODY_BYTES = 6291556, /* 6 MiB + 100: Lambda's limit for events and responses */
    SERVE_HEAD_ROOM = 2048 /* the space for the head of a reply, without serve_reply.headers */
};

typedef struct serve_conn serve_conn;
typedef struct serve_http serve_http;

/* A request. Its slices are valid until it is answered. */
typedef struct serve_request {
    const http_head *head;
    http_slice body;
    int oversize; /* 1 if body is only the beginning of a body that is too large */
    int whole;    /* 0 if the connection ended within the body, which only `gone` sees */
} serve_request;

typedef struct serve_events {
    void *context; /* passed to the functions */
    /* Receives a whole request. The receiver calls serve_http_reply or serve_http_drop for it, now
     * or later. */
    void (*request)(void *context, serve_conn *conn, const serve_request *request);
    /* Called if the connection ends before its request is answered. conn is invalid afterwards. */
    void (*gone)(void *context, serve_conn *conn, const serve_request *request);
} serve_events;

/* A reply. Every field but status may be zero, which is the plain case. */
typedef struct serve_reply {
    int status;
    const char *type;    /* value of Content-Type; NULL leaves the header out */
    const char *headers; /* more header lines, each with CR and LF; may be NULL */
    http_slice body;
    int chunked;       /* 1 for chunked transfer instead of Content-Length */
    int64_t delay_ms;  /* fault: wait so long before the first byte */
    int in_pieces;     /* fault: send a few bytes at a time */
    int cut;           /* fault: close the connection within the body */
    int close_instead; /* fault: close the connection without a reply */
} serve_reply;

/* Listen on a port of 127.0.0.1; 0 means any free port. Returns NULL with errno set if the system
 * refuses. serve_http_port returns the number of the port. */
serve_http *serve_http_open(uint16_t port, const serve_events *events);
uint16_t serve_http_port(const serve_http *http);
void serve_http_close(serve_http *http);

/* Fill at most SERVE_POLL_FDS elements of fds for poll(), and return their number. After poll() the
 * caller passes them to serve_http_transfer, which reads, writes and calls the functions of
 * serve_events. */
size_t serve_http_poll(serve_http *http, struct pollfd *fds);
void serve_http_transfer(serve_http *http, const struct pollfd *fds, size_t count);

/* Returns the monotonic time at which the next delayed reply is due, or CLOCK_NEVER. */
int64_t serve_http_due_ns(const serve_http *http);

/* Answer the request of a connection with a copy of the reply, or close the connection without an
 * answer. */
void serve_http_reply(serve_conn *conn, const serve_reply *reply);
void serve_http_drop(serve_conn *conn);

#endif
