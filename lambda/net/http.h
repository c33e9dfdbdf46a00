/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HTTP/1.1 messages (RFC 9112) over a buffer: heads of responses and requests, and bodies by
 * length, by chunks or up to the end of the connection.
 *
 * Pure functions: no allocation, no I/O. Bytes may arrive split anywhere; a parser is called again
 * with more of the same bytes until it is done. What the RFC lets a lenient reader accept and an
 * attacker abuse is refused: bare CR or LF, white space before a colon, folded lines, a length
 * beside chunks, two different lengths, a length that is no plain decimal number, another coding
 * than chunked; in a request also no Host, or two.
 */
#ifndef DISTIL_LAMBDA_HTTP_H
#define DISTIL_LAMBDA_HTTP_H

#include <stddef.h>
#include <stdint.h>

enum {
    HTTP_MAX_HEADERS = 64,
    HTTP_MAX_HEAD_BYTES = 65536 /* the client context of an invocation travels in a header */
};

typedef enum http_progress {
    HTTP_MORE = 0, /* fine so far, not complete */
    HTTP_DONE,
    HTTP_BAD /* can never become valid */
} http_progress;

/* Bytes of a message, not NUL-terminated. */
typedef struct http_slice {
    const char *at;
    size_t size;
} http_slice;

typedef struct http_header {
    http_slice name, value; /* value without white space around it */
} http_header;

typedef enum http_framing {
    HTTP_NO_BODY = 0,
    HTTP_LENGTH, /* content_length bytes */
    HTTP_CHUNKED,
    HTTP_TO_END /* a response until the connection ends */
} http_framing;

typedef struct http_head {
    int status;              /* of a response, 100 .. 599 */
    http_slice method, path; /* of a request */
    http_header headers[HTTP_MAX_HEADERS];
    size_t header_count;
    size_t bytes; /* of the head with its empty line */
    http_framing framing;
    uint64_t content_length; /* with HTTP_LENGTH */
    int keep_alive;          /* 1: the connection may be used again after this message */
    const char *what;        /* with HTTP_BAD: static string, what is wrong */
} http_head;

/* Parse the head at the beginning of bytes. Slices point into bytes. */
http_progress http_parse_response(http_head *head, const char *bytes, size_t size);
http_progress http_parse_request(http_head *head, const char *bytes, size_t size);

/* Value of the first header with this name, letter case ignored; an empty slice with at NULL where
 * there is none. */
http_slice http_get(const http_head *head, const char *name);

/* 1 if the slice is this text; with http_is_nocase letter case is ignored. */
int http_is(http_slice slice, const char *text);
int http_is_nocase(http_slice slice, const char *text);

/* ---- body ----------------------------------------------------------------------------------- */

/* State of a body; no field is for callers but `what`. */
typedef struct http_body {
    http_framing framing;
    int state;
    uint64_t left;        /* of the length or of the chunk */
    size_t trailer_bytes; /* seen of extensions and trailers, which are bounded and dropped */
    const char *what;     /* with HTTP_BAD */
} http_body;

void http_body_init(http_body *body, const http_head *head);

/*
 * Decode the next received bytes in place: the content is moved to the beginning of bytes.
 *   bytes, size   what arrived; *used is set to how much of it belongs to this message
 *   *decoded      how much content there is now at the beginning of bytes
 * HTTP_DONE when the body is complete. At the end of the connection http_body_at_end says whether
 * the body was complete.
 */
http_progress http_body_decode(http_body *body, char *bytes, size_t size, size_t *used,
                               size_t *decoded);
http_progress http_body_at_end(const http_body *body);

#endif
