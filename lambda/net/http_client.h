/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One HTTP/1.1 connection to one server, kept open between requests. The function has one to the
 * Runtime API, one to the store and one to the endpoint for credentials.
 *
 * An exchange sends a whole request and reads a whole response, head and body, into the client's
 * memory. It skips interim responses (1xx). If the connection turns out to be dead before the first
 * byte of a response, the exchange opens a new one and sends the request again where `resend`
 * allows it: a server may close an idle connection at any time, and a process that was frozen wakes
 * up with dead connections.
 *
 * A server may answer before it has read the whole request, and close the connection. Its answer is
 * returned, and the connection is closed. A connection on which a server sends more than its
 * response is closed too.
 *
 * A response that does not fit into the memory is HTTP_CLIENT_TOO_LARGE. A client belongs to one
 * thread.
 */
#ifndef DISTIL_LAMBDA_HTTP_CLIENT_H
#define DISTIL_LAMBDA_HTTP_CLIENT_H

#include "lambda/net/http.h"
#include "lambda/net/net.h"

typedef struct http_client {
    net_endpoint endpoint;
    net_stream stream;
    /* Holds the head and body of a response. The caller owns it; it outlives the client. */
    char *memory;
    size_t capacity;
    int64_t connect_ms; /* The most milliseconds that connecting may take. */
    /* The most milliseconds that sending and reading may take. 0: only the deadline counts. */
    int64_t answer_ms;
    /* -1, or a descriptor that becomes readable when the process is to end. It is watched while the
     * client waits for the first byte of a response; HTTP_CLIENT_STOPPED says what happens then. */
    int stop_fd;
    /* NULL, or called with `sent_argument` when a request has been sent, before the client waits
     * for the response. What takes little time can be done then as the server works. */
    void (*sent)(void *argument);
    void *sent_argument;
    unsigned connections; /* The number of connections that were opened so far. */
    unsigned exchanges;   /* The number of exchanges that the open connection has completed. */
} http_client;

typedef enum http_client_status {
    HTTP_CLIENT_OK = 0,
    HTTP_CLIENT_CONNECT, /* There is no connection. Nothing was sent. */
    HTTP_CLIENT_TIMEOUT, /* The deadline passed. The server may have acted on the request. */
    /* The connection ended before the response did. The server may have acted. */
    HTTP_CLIENT_BROKEN,
    HTTP_CLIENT_MALFORMED, /* What arrived is not HTTP/1.1. The server may have acted. */
    HTTP_CLIENT_TOO_LARGE, /* The response does not fit into the client's memory. */
    HTTP_CLIENT_UNTRUSTED, /* TLS refused the server. Nothing was sent. */
    /* stop_fd became readable before the response began. The client has then closed its own side of
     * the connection, so that the server sees that it leaves, and no response has come for
     * HTTP_CLIENT_STOP_MS. A response that does come is returned as usual. */
    HTTP_CLIENT_STOPPED
} http_client_status;

enum { HTTP_CLIENT_STOP_MS = 50 };

typedef struct http_response {
    /* The slices point into the client's memory. The status is 0 if no complete head has arrived;
     * the head of a response that is too large or broken is here even after a failure. */
    http_head head;
    http_slice body; /* Points into the client's memory until its next exchange. */
    char why[160];   /* Why the exchange failed, for a log line. It never holds bytes of a body. */
} http_response;

void http_client_init(http_client *client, const net_endpoint *endpoint, char *memory,
                      size_t capacity, int64_t connect_ms);

typedef enum http_resend {
    HTTP_RESEND_NEVER = 0,
    /* The request may be repeated only if the connection has carried an earlier one, because then
     * it was probably stale. */
    HTTP_RESEND_REUSED,
    /* The request may be repeated once on any connection that ends before the first byte of a
     * response. */
    HTTP_RESEND_ONCE
} http_resend;

/* Send a request (head and body, `size` bytes) and read the response, all before `deadline_ns`,
 * which is a time of clock_now_ns or CLOCK_NEVER. After any status but HTTP_CLIENT_OK the
 * connection is closed. */
http_client_status http_client_exchange(http_client *client, http_response *response,
                                        const char *request, size_t size, http_resend resend,
                                        int64_t deadline_ns);

void http_client_close(http_client *client);

#endif
