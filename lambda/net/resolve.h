/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From host names to addresses without the C library's resolver. In a static program that resolver
 * loads shared objects at run time, and an image that holds nothing but the function has none.
 *
 * A name is looked up in this order: as the text of an address, in the hosts file, as "localhost",
 * and by DNS (RFC 1035) at the name servers of resolv.conf, or at 127.0.0.1 if it names none. DNS
 * uses UDP, and TCP if the answer is truncated. It asks for A records, and for AAAA records only if
 * there are none. IPv4 addresses come first. Names are absolute: no search list is applied. Nothing
 * is allocated, and a lookup takes at most RESOLVE_MS.
 */
#ifndef DISTIL_LAMBDA_RESOLVE_H
#define DISTIL_LAMBDA_RESOLVE_H

#include <netinet/in.h>
#include <stddef.h>
#include <stdint.h>

#include "lambda/net/wait.h"

enum {
    RESOLVE_MS = 2000,       /* The most milliseconds that all attempts may take together. */
    RESOLVE_ADDRESSES = 8,   /* Further addresses of the same name are ignored. */
    RESOLVE_NAME_BYTES = 256 /* A name has at most 255 bytes, and a NUL follows it. */
};

typedef struct resolve_address {
    int family; /* AF_INET or AF_INET6. */
    union {
        struct in_addr v4;
        struct in6_addr v6;
    } ip;
    /* The interface of a link-local IPv6 address that was given as "address%name"; otherwise 0. */
    uint32_t scope;
} resolve_address;

/* The files and the server by which names are resolved. Tests give their own. */
typedef struct resolve_source {
    const char *hosts;  /* path of the hosts file, usually "/etc/hosts" */
    const char *config; /* path of the configuration, usually "/etc/resolv.conf" */
    uint16_t port;      /* The name servers' port, usually 53. */
} resolve_source;

extern const resolve_source resolve_system;

/* Find at most RESOLVE_ADDRESSES addresses of `name` before `deadline_ns`, a time of clock_now_ns.
 * Returns NET_OK with *count at least 1, NET_NAME if there is no such name or no server knows, or
 * NET_TIMEOUT. `why` is filled if the status is not NET_OK. */
net_status resolve_host(resolve_address *out, size_t *count, const char *name,
                        const resolve_source *source, int64_t deadline_ns, char *why,
                        size_t why_bytes);

/* ---- the parts that read outside bytes, pure ------------------------------------------------ */

typedef enum resolve_verdict {
    /* The name exists. It may have no address of the type that was asked for. */
    RESOLVE_ANSWER = 0,
    RESOLVE_NO_NAME,   /* The name does not exist. */
    RESOLVE_TRUNCATED, /* The answer is incomplete: ask again over TCP. */
    RESOLVE_REFUSED,   /* The server cannot or will not answer: ask another one. */
    RESOLVE_FOREIGN    /* The message does not answer this query: wait for another one. */
} resolve_verdict;

enum { RESOLVE_A = 1, RESOLVE_AAAA = 28, RESOLVE_QUERY_BYTES = 12 + 256 + 4 };

/* Write a query for the records of one type. Returns its size, or 0 if `name` is not a host
 * name. */
size_t resolve_query(uint8_t query[RESOLVE_QUERY_BYTES], uint16_t id, const char *name,
                     uint16_t type);

/* What a server's message says about a query. With RESOLVE_ANSWER, addresses are appended to the
 * *count that `out` already holds. */
resolve_verdict resolve_reply(resolve_address *out, size_t *count, const uint8_t *query,
                              size_t query_bytes, const uint8_t *reply, size_t reply_bytes);

/* Append the addresses that a hosts file with this text gives for `name`. */
void resolve_hosts(resolve_address *out, size_t *count, const char *name, const char *text,
                   size_t bytes);

#endif
