/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One HTTP/1.1 connection to one server, kept open and reused: the Runtime API's and the store's.
 *
 * An exchange sends a whole request and reads a whole response, head and body, into the client's
 * memory. Interim 1xx responses are skipped. A connection that proves dead before the first byte of
 * a response is opened once more and the request sent again where `resend` allows it: a server may
 * close an idle connection at any time, and a frozen process wakes up with dead ones.
 *
 * A server may answer before it has read all of the request, and close: its answer counts, and the
 * connection is not used again. So it is with one that sends more than its response.
 *
 * Memory is bounded: a response that does not fit is HTTP_CLIENT_TOO_LARGE. One thread at a time.
 */
#ifndef DISTIL_LAMBDA_HTTP_CLIENT_H
#define DISTIL_LAMBDA_HTTP_CLIENT_H

#include "lambda/net/http.h"
#include "lambda/net/net.h"

typedef struct http_client {
    net_endpoint endpoint;
    net_stream stream;
    char *memory; /* of head and body of a response; the caller's, outlives the client */
    size_t capacity;
    int64_t connect_ms;   /* most milliseconds that connecting may take */
    int64_t answer_ms;    /* the same for sending and the whole response; 0: up to the deadline */
    unsigned connections; /* opened so far */
    unsigned exchanges;   /* completed on the connection that is open now */
} http_client;

typedef enum http_client_status {
    HTTP_CLIENT_OK = 0,
    HTTP_CLIENT_CONNECT,   /* no connection: nothing was sent */
    HTTP_CLIENT_TIMEOUT,   /* the deadline came; the server may have acted */
    HTTP_CLIENT_BROKEN,    /* the connection ended before the response did; it may have acted */
    HTTP_CLIENT_MALFORMED, /* what came is not HTTP/1.1; it may have acted */
    HTTP_CLIENT_TOO_LARGE, /* the response does not fit */
    HTTP_CLIENT_UNTRUSTED  /* TLS refused the server: nothing was sent */
} http_client_status;

typedef struct http_response {
    http_head head;  /* slices point into the client's memory; status 0: none came. With a failure
                        it tells what there was: of a response that is too large or broken */
    http_slice body; /* the same; valid until the client's next exchange */
    char why[160];   /* of a failure, for a log line: never bytes of a body */
} http_response;

void http_client_init(http_client *client, const net_endpoint *endpoint, char *memory,
                      size_t capacity, int64_t connect_ms);

typedef enum http_resend {
    HTTP_RESEND_NEVER = 0,
    HTTP_RESEND_REUSED, /* only if the connection had served before: it was probably stale */
    HTTP_RESEND_ONCE    /* on any connection that ends before the first byte of a response */
} http_resend;

/* Send request (head and body, size bytes) and read the response, all before deadline_ns. After
 * anything but HTTP_CLIENT_OK the connection is closed. */
http_client_status http_client_exchange(http_client *client, http_response *response,
                                        const char *request, size_t size, http_resend resend,
                                        int64_t deadline_ns);

void http_client_close(http_client *client);

#endif
