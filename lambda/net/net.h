/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Byte streams over TCP, plain or under TLS, with a deadline on every call.
 *
 * Sockets are non-blocking. Each call polls until it is done, the peer closes the connection, or
 * the deadline has passed; a deadline is a time of clock_now_ns, or CLOCK_NEVER. Signals do not
 * interrupt a call, and SIGPIPE is never raised. A stream belongs to one thread; streams are
 * independent of each other.
 */
#ifndef DISTIL_LAMBDA_NET_H
#define DISTIL_LAMBDA_NET_H

#include <stddef.h>
#include <stdint.h>

#include "lambda/net/wait.h"

/* A host name has at most 255 bytes, and a NUL follows it. */
enum { NET_HOST_BYTES = 256 };

/* An HTTP proxy (proxy.h). */
typedef struct net_proxy {
    char host[NET_HOST_BYTES];
    uint16_t port;
    char authorization[264]; /* User and password in base64, or "". */
} net_proxy;

typedef struct net_endpoint {
    char host[NET_HOST_BYTES]; /* A name, an IPv4 address or an IPv6 address without brackets. */
    uint16_t port;
    int tls; /* 1: TLS 1.2 or later, with certificate and host name verified. */
    /* NULL, or the proxy through which a connection by TLS goes. The caller owns it. */
    const net_proxy *proxy;
} net_endpoint;

/* Parse "host:port" or "[IPv6 address]:port" of printable ASCII as an endpoint of plain TCP. Both
 * parts must be there. Returns 0, or -1 with *to untouched. */
int net_endpoint_parse(net_endpoint *to, const char *text);

typedef struct net_stream {
    int fd;        /* -1 while the stream is not connected. */
    void *tls;     /* The TLS connection of tls.h, or NULL for plain TCP. */
    char why[160]; /* Explains the last status that was not NET_OK, for a log line. */
} net_stream;

/* Make a stream that is not connected. net_close may be called on it. */
void net_init(net_stream *s);

/* Resolve the host name, connect to its addresses in turn until one accepts, set TCP_NODELAY, and
 * make the TLS handshake if `to` asks for TLS. With a proxy, the proxy's name is resolved, and the
 * proxy connects to the host. After a failure the stream is not connected. */
net_status net_connect(net_stream *s, const net_endpoint *to, int64_t deadline_ns);

/* Send all of the bytes. Any status but NET_OK means that some may not have been sent. */
net_status net_send(net_stream *s, const char *bytes, size_t size, int64_t deadline_ns);

/* Receive from 1 to `capacity` bytes, which is at least 1. *received is set if the status is
 * NET_OK. */
net_status net_receive(net_stream *s, char *out, size_t capacity, size_t *received,
                       int64_t deadline_ns);

/* Returns 1 if an idle connection cannot be used again: the peer has closed it or has sent
 * something without being asked. A stream that is not connected is stale. */
int net_stale(net_stream *s);

/* Close this side of a plain stream and wait for the first bytes of the peer until the deadline.
 * If none have come by then, refuse what comes later: the system answers it with a reset, so that
 * the peer learns that it was not delivered. Bytes that have arrived, even in the last moment, can
 * be received afterwards, and then comes the end of the stream. Nothing can be sent any more. */
void net_finish(net_stream *s, int64_t deadline_ns);

/* Close the stream if it is connected. */
void net_close(net_stream *s);

#endif
