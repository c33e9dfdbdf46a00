/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Addresses of services as people configure them: a scheme (http or https), a host, and optionally
 * a port, a path and a query. These are pure functions.
 */
#ifndef DISTIL_LAMBDA_URL_H
#define DISTIL_LAMBDA_URL_H

#include "lambda/net/http.h"
#include "lambda/net/net.h"

/* Split a URL. *to gets the host and the port, which is the scheme's own if the text gives none.
 * *target becomes the slice of the text from the first '/' or '?' on, or empty if there is neither.
 * Returns 0, or -1 with both untouched if the text has another scheme, no host, a user name, a
 * fragment or a byte that is not printable ASCII. */
int url_parse(net_endpoint *to, http_slice *target, const char *text);

/* A host may get brackets around it and ":65535" behind it. */
enum { URL_HOST_BYTES = NET_HOST_BYTES + 8 };

/* Format the value of the header Host. It has a port only if that is not the scheme's own. */
void url_host(char out[URL_HOST_BYTES], const net_endpoint *to);

/* Returns 1 if the endpoint is this machine: "localhost", 127.0.0.0/8 or ::1. */
int url_is_local(const net_endpoint *to);

#endif
