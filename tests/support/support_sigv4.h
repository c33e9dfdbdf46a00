/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The canonical form of a request's path and query for Signature Version 4. The function itself
 * signs only "POST /" without a query, which is canonical as it stands; AWS's test vectors have all
 * kinds of paths and queries, so the tests bring them into that form with this code and sign them
 * with the function's own.
 */
#ifndef DISTIL_TESTS_SUPPORT_SIGV4_H
#define DISTIL_TESTS_SUPPORT_SIGV4_H

#include "lambda/net/http.h"
#include "runtime/base/buffer.h"

enum {
    CANONICAL_MAX_PARAMETERS = 64,   /* The most parameters of a query. */
    CANONICAL_MAX_QUERY_BYTES = 4096 /* The most bytes of its escaped names and values together. */
};

/* Append the path without empty and "." segments, with each ".." resolved, and with everything but
 * unreserved characters escaped. An escape in the path is escaped once more. An empty path is
 * "/". */
void canonical_add_path(buffer *out, http_slice path);

/* Append the query (the bytes behind the '?') with its escapes in one spelling and its parameters
 * sorted by name and value. A query beyond the limits above sets the buffer's overflow flag. */
void canonical_add_query(buffer *out, http_slice query);

#endif
