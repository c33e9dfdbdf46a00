/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Addresses of services as they are configured: scheme (http or https), host, optional port,
 * optional path and query. Pure functions.
 */
#ifndef DISTIL_LAMBDA_URL_H
#define DISTIL_LAMBDA_URL_H

#include "lambda/net/http.h"
#include "lambda/net/net.h"

/* Take text apart: *to with the port of the scheme where none is given, *target the slice of text
 * from the first '/' or '?' on, empty where there is neither. 0, or -1 with both untouched: another
 * scheme, no host, a user name, a fragment, anything that is not printable ASCII. */
int url_parse(net_endpoint *to, http_slice *target, const char *text);

enum { URL_HOST_BYTES = NET_HOST_BYTES + 8 /* brackets and ":65535" */ };

/* The value of the header Host: without the port where it is the scheme's own. */
void url_host(char out[URL_HOST_BYTES], const net_endpoint *to);

/* 1 if what is sent there stays on this machine: "localhost", 127.0.0.0/8 or ::1. */
int url_is_local(const net_endpoint *to);

#endif
