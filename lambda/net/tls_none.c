/* SPDX-License-Identifier: Apache-2.0 */
/* The functions of tls.h in a program built without TLS. Each refuses, and says how to build a
 * program that has TLS. */
#include <stdio.h>

#include "lambda/net/tls.h"

static void refuse(char *why, size_t why_bytes)
{
    snprintf(why, why_bytes, "this program has no TLS: build it with make TLS=openssl");
}

int tls_available(void)
{
    return 0;
}

int tls_setup(const char *ca_file, char *why, size_t why_bytes)
{
    (void)ca_file;
    refuse(why, why_bytes);
    return -1;
}

net_status tls_connect(void **tls, int fd, const char *host, int64_t deadline_ns, char *why,
                       size_t why_bytes)
{
    (void)tls, (void)fd, (void)host, (void)deadline_ns;
    refuse(why, why_bytes);
    return NET_TLS;
}

net_status tls_send(void *tls, int fd, const char *bytes, size_t size, int64_t deadline_ns,
                    char *why, size_t why_bytes)
{
    (void)tls, (void)fd, (void)bytes, (void)size, (void)deadline_ns;
    refuse(why, why_bytes);
    return NET_TLS;
}

net_status tls_receive(void *tls, int fd, char *out, size_t capacity, size_t *received,
                       int64_t deadline_ns, char *why, size_t why_bytes)
{
    (void)tls, (void)fd, (void)out, (void)capacity, (void)received, (void)deadline_ns;
    refuse(why, why_bytes);
    return NET_TLS;
}

int tls_stale(void *tls, int fd)
{
    (void)tls, (void)fd;
    return 1;
}

void tls_free(void *tls, int fd)
{
    (void)tls, (void)fd;
}
