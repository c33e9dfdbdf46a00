/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HTTP proxies, as HTTPS_PROXY and NO_PROXY name them. A connection by TLS goes through a tunnel:
 * the proxy connects to the server when it is asked by CONNECT (RFC 9110, section 9.3.6), and then
 * passes bytes on in both directions. It sees the server's name, but nothing of what is sent.
 */
#ifndef DISTIL_LAMBDA_PROXY_H
#define DISTIL_LAMBDA_PROXY_H

#include "lambda/net/net.h"

/* Parse the address of a proxy: "http://host:port", also without the scheme or with
 * "user:password@" before the host. Returns 0, or -1 and fills `why`; the message holds no
 * password. */
int proxy_parse(net_proxy *p, const char *text, char *why, size_t why_bytes);

/*
 * Returns 1 if the list names the host, so that no proxy is used for it. The list has names and
 * addresses that are separated by commas or blanks. A name stands for itself and for all names
 * below it, with or without a dot before it; a port after it stands for that port alone; "*" stands
 * for every host.
 */
int proxy_is_excluded(const char *list, const char *host, uint16_t port);

/* Ask the proxy that *s is connected to for a tunnel to the endpoint. Returns NET_OK, or another
 * status with s->why filled. */
net_status proxy_open_tunnel(net_stream *s, const net_endpoint *to, int64_t deadline_ns);

#endif
