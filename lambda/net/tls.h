/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TLS for net.c. `make TLS=openssl` builds it from OpenSSL (tls_openssl.c); otherwise it is absent,
 * and every call is refused (tls_none.c).
 *
 * A connection always uses TLS 1.2 or later, sends the server's name (SNI), verifies the chain of
 * certificates against the roots of AWS_CA_BUNDLE or of the default file, and checks the host name
 * or IP address. Verification cannot be turned off.
 */
#ifndef DISTIL_LAMBDA_TLS_H
#define DISTIL_LAMBDA_TLS_H

#include <stddef.h>
#include <stdint.h>

#include "lambda/net/wait.h"

/* Returns 1 if this program was built with TLS. */
int tls_available(void);

/* Load the root certificates, once, before any connection is made. `ca_file` is NULL for the
 * default file. Returns 0, or -1 and fills `why`: the file cannot be read, has no certificate in
 * it, or this program has no TLS. */
int tls_setup(const char *ca_file, char *why, size_t why_bytes);

/* Make the TLS handshake on `fd`, which is connected and non-blocking. *tls is set if the status is
 * NET_OK; tls_free releases it. */
net_status tls_connect(void **tls, int fd, const char *host, int64_t deadline_ns, char *why,
                       size_t why_bytes);

net_status tls_send(void *tls, int fd, const char *bytes, size_t size, int64_t deadline_ns,
                    char *why, size_t why_bytes);
net_status tls_receive(void *tls, int fd, char *out, size_t capacity, size_t *received,
                       int64_t deadline_ns, char *why, size_t why_bytes);

/* Returns 1 if an idle connection cannot be used again. Records of the protocol itself, such as
 * session tickets, may be waiting to be read and do not make a connection stale. */
int tls_stale(void *tls, int fd);

/* Send close_notify if that does not block, and release the TLS connection. The caller closes
 * `fd`. */
void tls_free(void *tls, int fd);

#endif
