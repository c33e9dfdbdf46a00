/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Host names to addresses, without the C library's resolver: in a static program that one loads
 * shared objects at run time, which an image from scratch does not have.
 *
 * In this order: an address written as such, the hosts file, "localhost", then DNS (RFC 1035) from
 * the name servers of resolv.conf, 127.0.0.1 where it names none: UDP, then TCP where the answer is
 * truncated; A records, and AAAA where there are none. IPv4 comes first. Names are taken as
 * absolute: no search list. No allocation; at most RESOLVE_MS.
 */
#ifndef DISTIL_LAMBDA_RESOLVE_H
#define DISTIL_LAMBDA_RESOLVE_H

#include <netinet/in.h>
#include <stddef.h>
#include <stdint.h>

#include "lambda/net/wait.h"

enum {
    RESOLVE_MS = 2000,       /* of all attempts together */
    RESOLVE_ADDRESSES = 8,   /* more of one name are dropped */
    RESOLVE_NAME_BYTES = 256 /* a name of at most 255 bytes and its NUL */
};

typedef struct resolve_address {
    int family; /* AF_INET or AF_INET6 */
    union {
        struct in_addr v4;
        struct in6_addr v6;
    } ip;
    uint32_t scope; /* of a link-local IPv6 address, from "%name"; else 0 */
} resolve_address;

/* Where to look; tests have files and a server of their own. */
typedef struct resolve_source {
    const char *hosts;  /* "/etc/hosts" */
    const char *config; /* "/etc/resolv.conf" */
    uint16_t port;      /* 53 */
} resolve_source;

extern const resolve_source resolve_system;

/* Addresses of name, at most RESOLVE_ADDRESSES, before deadline_ns (monotonic). NET_OK with *count
 * at least 1; NET_NAME: there is no such name, or none of its servers says; NET_TIMEOUT. why is
 * filled with a failure. */
net_status resolve_host(resolve_address *out, size_t *count, const char *name,
                        const resolve_source *source, int64_t deadline_ns, char *why,
                        size_t why_bytes);

/* ---- the parts that read outside bytes, pure ------------------------------------------------ */

typedef enum resolve_verdict {
    RESOLVE_ANSWER = 0, /* addresses, maybe none of the type asked for */
    RESOLVE_NO_NAME,    /* the name does not exist */
    RESOLVE_TRUNCATED,  /* ask again over TCP */
    RESOLVE_REFUSED,    /* the server cannot or will not say: ask another */
    RESOLVE_FOREIGN     /* no answer to this query: go on waiting */
} resolve_verdict;

enum { RESOLVE_A = 1, RESOLVE_AAAA = 28, RESOLVE_QUERY_BYTES = 12 + 256 + 4 };

/* A query for records of a type. Its size, or 0 where name is no host name. */
size_t resolve_query(uint8_t query[RESOLVE_QUERY_BYTES], uint16_t id, const char *name,
                     uint16_t type);

/* What a server's message says about a query. With RESOLVE_ANSWER appends to out, of which *count
 * are filled. */
resolve_verdict resolve_reply(resolve_address *out, size_t *count, const uint8_t *query,
                              size_t query_bytes, const uint8_t *reply, size_t reply_bytes);

/* Addresses of name in the text of a hosts file. */
void resolve_hosts(resolve_address *out, size_t *count, const char *name, const char *text,
                   size_t bytes);

#endif
