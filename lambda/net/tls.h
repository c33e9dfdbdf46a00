/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TLS for net.c: from OpenSSL with `make TLS=openssl` (tls_openssl.c), else absent (tls_none.c).
 *
 * Always: TLS 1.2 or later, server name sent (SNI), chain verified against the roots of
 * AWS_CA_BUNDLE, or of the file compiled in, host name or IP address checked. There is no way to
 * turn verification off.
 */
#ifndef DISTIL_LAMBDA_TLS_H
#define DISTIL_LAMBDA_TLS_H

#include <stddef.h>
#include <stdint.h>

#include "lambda/net/wait.h"

/* 1 if this program can do TLS. */
int tls_available(void);

/* Load the roots, once, before any connection; ca_file NULL: the default place. 0, or -1 with why
 * filled: no such file, no certificate in it, or no TLS in this program. */
int tls_setup(const char *ca_file, char *why, size_t why_bytes);

/* Shake hands on the connected, non-blocking fd. *tls is set with NET_OK. */
net_status tls_connect(void **tls, int fd, const char *host, int64_t deadline_ns, char *why,
                       size_t why_bytes);

net_status tls_send(void *tls, int fd, const char *bytes, size_t size, int64_t deadline_ns,
                    char *why, size_t why_bytes);
net_status tls_receive(void *tls, int fd, char *out, size_t capacity, size_t *received,
                       int64_t deadline_ns, char *why, size_t why_bytes);

/* 1 if an idle connection cannot be used again. Records of the protocol itself, such as session
 * tickets, may wait to be read and do not count. */
int tls_stale(void *tls, int fd);

/* Say goodbye if that needs no waiting, and release. The fd stays the caller's. */
void tls_free(void *tls, int fd);

#endif
