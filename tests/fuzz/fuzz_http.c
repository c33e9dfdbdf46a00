/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fuzz target: HTTP/1.1 heads and bodies. The first byte says how the others are split into pieces.
 * However they are split, the verdict is the same, and the content and all sizes stay within the
 * given bytes.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lambda/net/http.h"
#include "tests/fuzz/fuzz.h"

static void require(int condition)
{
    if (!condition)
        abort();
}

static void check_slice(http_slice slice, const char *begin, const char *end)
{
    require(slice.at >= begin && slice.size <= (size_t)(end - slice.at));
}

static void check_head(const http_head *head, const char *bytes, size_t size)
{
    require(head->bytes >= 4 && head->bytes <= size && head->bytes <= HTTP_MAX_HEAD_BYTES);
    require(memcmp(bytes + head->bytes - 4, "\r\n\r\n", 4) == 0);
    require(head->header_count <= HTTP_MAX_HEADERS);
    for (size_t i = 0; i < head->header_count; i++) {
        http_slice value = head->headers[i].value;

        check_slice(head->headers[i].name, bytes, bytes + head->bytes);
        check_slice(value, bytes, bytes + head->bytes);
        require(memchr(value.at, '\r', value.size) == NULL);
        require(memchr(value.at, '\n', value.size) == NULL);
        require(memchr(value.at, '\0', value.size) == NULL);
    }
    if (head->framing == HTTP_CHUNKED)
        require(http_get(head, "Content-Length").at == NULL);
    require(http_get(head, "Connection").size <= size);
}

/* Decode a copy in pieces of `piece` bytes, and put the content together at `out`. */
static http_progress decode(const http_head *head, const char *bytes, size_t size, size_t piece,
                            char *out, size_t *content, size_t *consumed)
{
    http_progress progress = HTTP_MORE;
    http_body body;

    *content = 0;
    *consumed = 0;
    http_body_init(&body, head);
    for (size_t at = 0; at <= size && progress == HTTP_MORE; at += piece) {
        size_t part = piece < size - at ? piece : size - at, used, decoded;
        char *copy = malloc(part + 1);

        require(copy != NULL);
        memcpy(copy, bytes + at, part);
        progress = http_body_decode(&body, copy, part, &used, &decoded);
        require(used <= part && decoded <= used);
        require(progress != HTTP_MORE || used == part);
        memcpy(out + *content, copy, decoded);
        *content += decoded;
        *consumed += used;
        free(copy);
    }
    require(progress != HTTP_BAD || body.what != NULL);
    if (progress == HTTP_DONE)
        require(http_body_at_end(&body) == HTTP_DONE);
    return progress;
}

static void check_body(const http_head *head, const char *bytes, size_t size, size_t piece)
{
    char *whole = malloc(size + 1), *pieces = malloc(size + 1);
    size_t whole_size, pieces_size, whole_used, pieces_used;
    http_progress a, b;

    require(whole != NULL && pieces != NULL);
    a = decode(head, bytes, size, size + 1, whole, &whole_size, &whole_used);
    b = decode(head, bytes, size, piece, pieces, &pieces_size, &pieces_used);
    require(a == b && whole_size == pieces_size && memcmp(whole, pieces, whole_size) == 0);
    require(a != HTTP_DONE || whole_used == pieces_used);
    if (a == HTTP_DONE && head->framing == HTTP_LENGTH)
        require(whole_size == head->content_length);
    free(whole);
    free(pieces);
}

typedef http_progress parser(http_head *head, const char *bytes, size_t size);

static void check_message(parser *parse, const char *bytes, size_t size, size_t piece)
{
    http_head head, prefix;
    http_progress progress = parse(&head, bytes, size);
    size_t cut = piece < size ? piece : size;
    http_progress before = parse(&prefix, bytes, cut);

    require(before != HTTP_BAD || progress == HTTP_BAD);
    require(before != HTTP_DONE || (progress == HTTP_DONE && prefix.bytes == head.bytes));
    require(progress != HTTP_BAD || head.what != NULL);
    if (progress != HTTP_DONE)
        return;
    check_head(&head, bytes, size);
    require(parse(&prefix, bytes, head.bytes) == HTTP_DONE);
    require(parse(&prefix, bytes, head.bytes - 1) == HTTP_MORE);
    check_body(&head, bytes + head.bytes, size - head.bytes, piece);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    http_head chunks = {.framing = HTTP_CHUNKED};
    size_t piece;
    char *bytes;

    if (size == 0)
        return 0;
    piece = 1 + data[0] % 64u;
    bytes = malloc(size); /* The bytes get memory of their own, so that a sanitizer sees its end. */
    require(bytes != NULL);
    memcpy(bytes, data + 1, size - 1);
    check_message(http_parse_response, bytes, size - 1, piece);
    check_message(http_parse_request, bytes, size - 1, piece);
    check_body(&chunks, bytes, size - 1, piece);
    free(bytes);
    return 0;
}
