/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Byte streams over TCP, plain or under TLS, with a deadline on every call.
 *
 * Sockets do not block; each call polls until it is done, the peer ends or the deadline (monotonic
 * nanoseconds of clock.h, CLOCK_NEVER for none) has come. EINTR is no event. SIGPIPE is never
 * raised. One thread at a time on a stream; streams are independent.
 */
#ifndef DISTIL_LAMBDA_NET_H
#define DISTIL_LAMBDA_NET_H

#include <stddef.h>
#include <stdint.h>

#include "lambda/net/wait.h"

enum { NET_HOST_BYTES = 256 /* a host name of at most 255 bytes and its NUL */ };

typedef struct net_endpoint {
    char host[NET_HOST_BYTES]; /* name, IPv4 or IPv6 address, without brackets */
    uint16_t port;
    int tls; /* 1: TLS 1.2 or later, certificate and host name verified */
} net_endpoint;

/* "host:port" or "[address]:port", of printable ASCII, both parts given, as plain TCP. 0, or -1
 * with *to untouched. */
int net_endpoint_parse(net_endpoint *to, const char *text);

typedef struct net_stream {
    int fd;        /* -1: not connected */
    void *tls;     /* of tls.h; NULL for plain TCP */
    char why[160]; /* of the last status that was not NET_OK, for a log line */
} net_stream;

/* Not connected. */
void net_init(net_stream *s);

/* Resolve, connect (every address in turn), shake hands. TCP_NODELAY is set. On failure the stream
 * is not connected. */
net_status net_connect(net_stream *s, const net_endpoint *to, int64_t deadline_ns);

/* All of bytes, or a status. */
net_status net_send(net_stream *s, const char *bytes, size_t size, int64_t deadline_ns);

/* 1 .. capacity bytes: *received is set with NET_OK. capacity >= 1. */
net_status net_receive(net_stream *s, char *out, size_t capacity, size_t *received,
                       int64_t deadline_ns);

/* 1 if an idle connection cannot be used again: the peer has closed it or sent what nobody asked
 * for. A connection that is not connected is stale. */
int net_stale(net_stream *s);

/* Close; a stream that is not connected stays so. */
void net_close(net_stream *s);

#endif
