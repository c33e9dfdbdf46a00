/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HTTP/1.1 messages (RFC 9112) in memory: the heads of responses and requests, and bodies that are
 * delimited by a length, by chunks or by the end of the connection.
 *
 * These are pure functions that neither allocate nor read from sockets. Bytes may arrive in pieces
 * of any size: the caller calls a parser again with all bytes so far until it is done. Whatever the
 * RFC lets a lenient reader accept and an attacker can abuse is an error here: a CR or LF alone,
 * white space before a colon, folded lines, Content-Length together with chunks, two different
 * lengths, a length that is not a plain decimal number, and any transfer coding but chunked. A
 * request without a Host header, or with two, is an error as well.
 */
#ifndef DISTIL_LAMBDA_HTTP_H
#define DISTIL_LAMBDA_HTTP_H

#include <stddef.h>
#include <stdint.h>

enum {
    HTTP_MAX_HEADERS = 64,
    /* The client context of an invocation travels in a header, and it can be large. */
    HTTP_MAX_HEAD_BYTES = 65536
};

typedef enum http_progress {
    HTTP_MORE = 0, /* The bytes so far are valid, but not complete. */
    HTTP_DONE,
    HTTP_BAD /* No further byte can make the message valid. */
} http_progress;

/* A range of bytes of a message. It does not end with a NUL. */
typedef struct http_slice {
    const char *at;
    size_t size;
} http_slice;

typedef struct http_header {
    http_slice name, value; /* The value has no white space around it. */
} http_header;

typedef enum http_framing {
    HTTP_NO_BODY = 0,
    HTTP_LENGTH, /* The body has content_length bytes. */
    HTTP_CHUNKED,
    HTTP_TO_END /* The body of a response ends where the connection ends. */
} http_framing;

typedef struct http_head {
    int status; /* The status of a response, from 100 to 599. */
    /* The method and the path of a request. In the head of a response they are unset. */
    http_slice method, path;
    http_header headers[HTTP_MAX_HEADERS];
    size_t header_count;
    size_t bytes; /* The size of the head with the empty line that ends it. */
    http_framing framing;
    /* The value of Content-Length. It is set only if the framing is HTTP_LENGTH. */
    uint64_t content_length;
    int keep_alive;   /* 1: the connection may carry another message after this one. */
    const char *what; /* After HTTP_BAD: a static string that says what is wrong. */
} http_head;

/* Parse the head that begins at `bytes`. The slices of *head point into `bytes`. */
http_progress http_parse_response(http_head *head, const char *bytes, size_t size);
http_progress http_parse_request(http_head *head, const char *bytes, size_t size);

/* The value of the first header with this name, letter case ignored. If there is none, the slice is
 * empty and its `at` is NULL. */
http_slice http_get(const http_head *head, const char *name);

/* Returns 1 if the slice is exactly this text; http_is_nocase ignores the case of ASCII letters. */
int http_is(http_slice slice, const char *text);
int http_is_nocase(http_slice slice, const char *text);

/* ---- body ----------------------------------------------------------------------------------- */

/* How far a body has been decoded. Callers read only `what`. */
typedef struct http_body {
    http_framing framing;
    int state;
    uint64_t left; /* The bytes that are left of the length or of the current chunk. */
    /* The bytes of chunk extensions and trailers so far. They are dropped, and their number is
     * limited. */
    size_t trailer_bytes;
    const char *what; /* After HTTP_BAD: a static string that says what is wrong. */
} http_body;

void http_body_init(http_body *body, const http_head *head);

/*
 * Decode received bytes in place: what belongs to the content is moved to the beginning of `bytes`.
 *     bytes, size   the bytes that have arrived since the last call
 *     *used         how many of them belong to this message
 *     *decoded      how many bytes of content are now at the beginning of `bytes`
 * Returns HTTP_DONE when the body is complete. When the connection ends, http_body_at_end tells
 * whether the body was complete.
 */
http_progress http_body_decode(http_body *body, char *bytes, size_t size, size_t *used,
                               size_t *decoded);
http_progress http_body_at_end(const http_body *body);

#endif
