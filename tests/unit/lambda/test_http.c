/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HTTP/1.1 heads and bodies: tables of valid and invalid messages. Each input, and each prefix of
 * it, lies at the end of a page, so that reading one byte too many is a crash. A verdict that
 * changes with the way the bytes are split is a failure.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lambda/net/http.h"
#include "tests/support/harness.h"

typedef http_progress parser(http_head *head, const char *bytes, size_t size);

/* A copy that ends where readable memory ends. */
static const char *guarded(harness_guard *guard, const char *bytes, size_t size)
{
    *guard = harness_guard_new(size > 0 ? size : 1, 1, 1);
    if (size > 0)
        memcpy(guard->data, bytes, size);
    return (const char *)guard->data + (size > 0 ? 0 : 1);
}

/* The beginning of an input as the name of a case, in a static buffer. */
static const char *shown(const char *text)
{
    static char name[64];
    size_t size = 0;

    for (; *text != '\0' && size < sizeof name - 1; text++)
        name[size++] = *text >= ' ' && *text <= '~' ? *text : '|';
    name[size] = '\0';
    return name;
}

static http_progress parse(parser *of, const char *bytes, size_t size)
{
    harness_guard guard;
    const char *copy = guarded(&guard, bytes, size);
    http_head head;
    http_progress progress = of(&head, copy, size);

    CHECK(progress != HTTP_BAD || head.what != NULL);
    CHECK(progress != HTTP_DONE || head.bytes <= size);
    harness_guard_free(&guard);
    return progress;
}

/* ---- heads that are taken -------------------------------------------------------------------- */

typedef struct good_head {
    const char *text;
    int status; /* Returns 0 for a request. */
    http_framing framing;
    uint64_t length;
    int keep_alive;
    size_t headers;
} good_head;

#define R "HTTP/1.1 200 OK\r\n"
#define H "Host: h\r\n"

static const good_head good_heads[] = {
    {R "\r\n", 200, HTTP_TO_END, 0, 0, 0},
    {"HTTP/1.1 200\r\n\r\n", 200, HTTP_TO_END, 0, 0, 0},
    {"HTTP/1.1 200 \r\n\r\n", 200, HTTP_TO_END, 0, 0, 0},
    {"HTTP/1.1 599 \xc3\xa9t\xc3\xa9 (\t) \r\n\r\n", 599, HTTP_TO_END, 0, 0, 0},
    {"HTTP/1.1 100 Continue\r\n\r\n", 100, HTTP_NO_BODY, 0, 1, 0},
    {"HTTP/1.1 204 No Content\r\n\r\n", 204, HTTP_NO_BODY, 0, 1, 0},
    {"HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n", 204, HTTP_NO_BODY, 5, 1, 1},
    {"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n", 304, HTTP_NO_BODY, 5, 1, 1},
    {R "Content-Length: 0\r\n\r\n", 200, HTTP_LENGTH, 0, 1, 1},
    {R "content-length:\t 007 \t\r\n\r\n", 200, HTTP_LENGTH, 7, 1, 1},
    {R "CONTENT-LENGTH: 5\r\nContent-Length: 5\r\n\r\n", 200, HTTP_LENGTH, 5, 1, 2},
    {R "Content-Length: 18446744073709551615\r\n\r\n", 200, HTTP_LENGTH, UINT64_MAX, 1, 1},
    {R "Transfer-Encoding: Chunked\r\n\r\n", 200, HTTP_CHUNKED, 0, 1, 1},
    {R "Transfer-Encoding:chunked\r\nConnection: close\r\n\r\n", 200, HTTP_CHUNKED, 0, 0, 2},
    {R "Content-Length: 1\r\nConnection: x, CLOSE\r\n\r\n", 200, HTTP_LENGTH, 1, 0, 2},
    {R "Content-Length: 1\r\nConnection: a\r\nConnection: ,close,\r\n\r\n", 200, HTTP_LENGTH, 1, 0,
     3},
    {R "Content-Length: 1\r\nConnection: closed\r\n\r\n", 200, HTTP_LENGTH, 1, 1, 2},
    {R "Empty:\r\nBlank: \t \r\n~!#$%&'*+-.^_`|: x\r\n\r\n", 200, HTTP_TO_END, 0, 0, 3},
    {R "X: \x80\xff \t y\r\n\r\n", 200, HTTP_TO_END, 0, 0, 1},
    {"HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\n", 200, HTTP_LENGTH, 1, 0, 1},
    {"HTTP/1.0 200 OK\r\nContent-Length: 1\r\nConnection: Keep-Alive\r\n\r\n", 200, HTTP_LENGTH, 1,
     1, 2},
    {"GET / HTTP/1.1\r\n" H "\r\n", 0, HTTP_NO_BODY, 0, 1, 1},
    {"POST /2018-06-01/runtime/invocation/a-b/response?x=%20 HTTP/1.1\r\n" H
     "Content-Length: 3\r\n\r\n",
     0, HTTP_LENGTH, 3, 1, 2},
    {"PUT http://h:1/x HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n", 0, HTTP_CHUNKED, 0, 1,
     2},
    {"GET * HTTP/1.0\r\n\r\n", 0, HTTP_NO_BODY, 0, 0, 0},
    {"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", 0, HTTP_NO_BODY, 0, 1, 1},
    {"GET / HTTP/1.1\r\nConnection: close\r\n" H "\r\n", 0, HTTP_NO_BODY, 0, 0, 2},
};

static void check_good_head(const good_head *c, const char *bytes, size_t size, size_t head_size)
{
    harness_guard guard;
    const char *copy = guarded(&guard, bytes, size);
    http_head head;
    http_progress progress = c->status > 0 ? http_parse_response(&head, copy, size)
                                           : http_parse_request(&head, copy, size);

    CHECKF(progress == HTTP_DONE, "%d: %s", progress, progress == HTTP_BAD ? head.what : "");
    CHECK(head.status == c->status && head.framing == c->framing);
    CHECK(head.content_length == c->length && head.keep_alive == c->keep_alive);
    CHECK(head.header_count == c->headers && head.bytes == head_size);
    harness_guard_free(&guard);
}

static void test_good_head(const good_head *c)
{
    size_t size = strlen(c->text);
    char more[512];

    if (!harness_case("taken: %s", shown(c->text)))
        return;
    check_good_head(c, c->text, size, size);
    snprintf(more, sizeof more, "%s\r\nHTTP/1.1 500 no\r\n\r\n", c->text);
    check_good_head(c, more, strlen(more), size);
    for (size_t n = 0; n < size; n++)
        CHECKF(parse(c->status > 0 ? http_parse_response : http_parse_request, c->text, n) ==
                   HTTP_MORE,
               "the first %zu bytes", n);
}

static void test_fields(void)
{
    static const char text[] =
        R "First: 1\r\nX-Name: \t the value \t\r\nx-name: second\r\nE:\r\n\r\n";
    http_head head;

    if (!harness_case("names and values"))
        return;
    CHECK(http_parse_response(&head, text, sizeof text - 1) == HTTP_DONE);
    CHECK(http_is(http_get(&head, "X-NAME"), "the value"));
    CHECK(http_is(head.headers[2].name, "x-name") && http_is(head.headers[2].value, "second"));
    CHECK(http_get(&head, "E").at != NULL && http_is(http_get(&head, "E"), ""));
    CHECK(http_get(&head, "Nothing").at == NULL && http_get(&head, "X-Nam").at == NULL);
    CHECK(http_is_nocase(head.headers[0].name, "fIRST") && !http_is(head.headers[0].name, "first"));
    CHECK(!http_is(head.headers[0].name, "Firs") && !http_is(head.headers[0].name, "First "));
}

static void test_request_line(void)
{
    static const char text[] = "POST /a/b?c HTTP/1.1\r\n" H "\r\n";
    http_head head;

    if (!harness_case("method and path"))
        return;
    CHECK(http_parse_request(&head, text, sizeof text - 1) == HTTP_DONE);
    CHECK(http_is(head.method, "POST") && http_is(head.path, "/a/b?c"));
}

/* ---- heads that are refused ------------------------------------------------------------------ */

typedef struct bad_head {
    const char *text;
    size_t size; /* 0: the input ends at its NUL. */
} bad_head;

static const bad_head bad_responses[] = {
    {"x", 0},
    {"\r\n", 0},
    {"http/1.1 200 OK\r\n\r\n", 0},
    {"HTTP/2 200\r\n\r\n", 0},
    {"HTTP/1.2 200 OK\r\n\r\n", 0},
    {"HTTP/1.1\r\n\r\n", 0},
    {"HTTP/1.1  200 OK\r\n\r\n", 0},
    {"HTTP/1.1 20 OK\r\n\r\n", 0},
    {"HTTP/1.1 2x0 OK\r\n\r\n", 0},
    {"HTTP/1.1 099 OK\r\n\r\n", 0},
    {"HTTP/1.1 600 OK\r\n\r\n", 0},
    {"HTTP/1.1 2000 OK\r\n\r\n", 0},
    {"HTTP/1.1 200-OK\r\n\r\n", 0},
    {"HTTP/1.1 200 O\x01K\r\n\r\n", 0},
    {"HTTP/1.1 200 O\0K\r\n\r\n", sizeof "HTTP/1.1 200 O\0K\r\n\r\n" - 1},
    /* Heads with wrong line ends are refused. */
    {"HTTP/1.1 200 OK\n\n", 0},
    {R "X: y\n\r\n", 0},
    {R "X: y\r\n\n", 0},
    {R "X: y\rZ: z\r\n\r\n", 0},
    {R "X: y\r\r\n\r\n", 0},
    {R "X: y\r\n\rx", 0},
    {"HTTP/1.1 200 OK\r\r\n\r\n", 0},
    /* Heads with wrong names or values of headers are refused. */
    {R "X : y\r\n\r\n", 0},
    {R " X: y\r\n\r\n", 0},
    {R "\tX: y\r\n\r\n", 0},
    {R "X: y\r\n folded\r\n\r\n", 0},
    {R "X: y\r\n\tfolded\r\n\r\n", 0},
    {R ": y\r\n\r\n", 0},
    {R "X\r\n\r\n", 0},
    {R "X y\r\n\r\n", 0},
    {R "(X): y\r\n\r\n", 0},
    {R "X\xc3\xa9: y\r\n\r\n", 0},
    {R "X: a\x7f\r\n\r\n", 0},
    {R "X: a\x1b[0m\r\n\r\n", 0},
    {R "X: a\0b\r\n\r\n", sizeof R "X: a\0b\r\n\r\n" - 1},
    {R "X\0: b\r\n\r\n", sizeof R "X\0: b\r\n\r\n" - 1},
    /* Heads are refused if two readers could disagree about where the body ends. */
    {R "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", 0},
    {R "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n", 0},
    {R "Content-Length: 5\r\nContent-Length: 6\r\n\r\n", 0},
    {R "Content-Length: 5, 5\r\n\r\n", 0},
    {R "Content-Length:\r\n\r\n", 0},
    {R "Content-Length: \r\n\r\n", 0},
    {R "Content-Length: +5\r\n\r\n", 0},
    {R "Content-Length: -5\r\n\r\n", 0},
    {R "Content-Length: 0x5\r\n\r\n", 0},
    {R "Content-Length: 5 0\r\n\r\n", 0},
    {R "Content-Length: 5.0\r\n\r\n", 0},
    {R "Content-Length: 1e3\r\n\r\n", 0},
    {R "Content-Length: 18446744073709551616\r\n\r\n", 0},
    {R "Content-Length: 99999999999999999999999999\r\n\r\n", 0},
    {R "Transfer-Encoding: gzip\r\n\r\n", 0},
    {R "Transfer-Encoding: gzip, chunked\r\n\r\n", 0},
    {R "Transfer-Encoding: chunked, chunked\r\n\r\n", 0},
    {R "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n", 0},
    {R "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n", 0},
    {R "Transfer-Encoding: \"chunked\"\r\n\r\n", 0},
    {R "Transfer-Encoding: xchunked\r\n\r\n", 0},
    {R "Transfer-Encoding:\r\n\r\n", 0},
    {"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", 0},
};

static const bad_head bad_requests[] = {
    {"\r\nGET / HTTP/1.1\r\n" H "\r\n", 0},
    {" GET / HTTP/1.1\r\n" H "\r\n", 0},
    {"GET\r\n\r\n", 0},
    {"GET /\r\n" H "\r\n", 0},
    {"GET  / HTTP/1.1\r\n" H "\r\n", 0},
    {"GET /  HTTP/1.1\r\n" H "\r\n", 0},
    {"GET / HTTP/1.1 \r\n" H "\r\n", 0},
    {"GET\t/ HTTP/1.1\r\n" H "\r\n", 0},
    {"GET /a b HTTP/1.1\r\n" H "\r\n", 0},
    {"G(T / HTTP/1.1\r\n" H "\r\n", 0},
    {"GET /\xc3\xa9 HTTP/1.1\r\n" H "\r\n", 0},
    {"GET /\x7f HTTP/1.1\r\n" H "\r\n", 0},
    {"GET / HTTP/2.0\r\n" H "\r\n", 0},
    {"GET / http/1.1\r\n" H "\r\n", 0},
    {"GET / HTTP/1.1\r\n\r\n", 0},
    {"GET / HTTP/1.1\r\n" H H "\r\n", 0},
    {"GET / HTTP/1.0\r\n" H H "\r\n", 0},
    {"GET / HTTP/1.1\r\n" H "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", 0},
    {"GET / HTTP/1.1\r\n" H "Content-Length: 1\r\nContent-Length: 2\r\n\r\n", 0},
    {"GET / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\t, x\r\n\r\n", 0},
    {"GET / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", 0},
    {"GET / HTTP/1.1\r\n" H "Transfer-Encoding : chunked\r\n\r\n", 0},
};

/* No prefix is accepted, and a refusal stays a refusal with more bytes. */
static void test_bad_head(parser *of, const bad_head *c)
{
    size_t size = c->size > 0 ? c->size : strlen(c->text);
    http_progress before = HTTP_MORE;

    if (!harness_case("refused: %s", shown(c->text)))
        return;
    for (size_t n = 0; n <= size; n++) {
        http_progress progress = parse(of, c->text, n);

        CHECKF(progress != HTTP_DONE, "the first %zu bytes are taken", n);
        CHECKF(before != HTTP_BAD || progress == HTTP_BAD, "%zu bytes: no longer refused", n);
        before = progress;
    }
    CHECK(before == HTTP_BAD);
}

/* Bytes that can never become HTTP are refused at once. */
static void test_early(void)
{
    if (!harness_case("no HTTP is refused at once"))
        return;
    CHECK(parse(http_parse_response, "S", 1) == HTTP_BAD);
    CHECK(parse(http_parse_response, "HTTP/2", 6) == HTTP_BAD);
    CHECK(parse(http_parse_response, "HTTP/1", 6) == HTTP_MORE);
    CHECK(parse(http_parse_response, "", 0) == HTTP_MORE);
    CHECK(parse(http_parse_request, "", 0) == HTTP_MORE);
}

/* ---- limits of a head ------------------------------------------------------------------------ */

static void test_header_count(size_t count, http_progress expected)
{
    char text[HTTP_MAX_HEADERS * 8 + 64];
    size_t size = (size_t)sprintf(text, R);

    if (!harness_case("%zu headers", count))
        return;
    for (size_t i = 0; i < count; i++)
        size += (size_t)sprintf(text + size, "H: v\r\n");
    size += (size_t)sprintf(text + size, "\r\n");
    CHECK(parse(http_parse_response, text, size) == expected);
}

static void test_head_size(size_t size, http_progress expected)
{
    char *text;

    if (!harness_case("a head of %zu bytes", size))
        return;
    text = malloc(size);
    memset(text, 'x', size);
    memcpy(text, R "X:", sizeof R + 1);
    memcpy(text + size - 4, "\r\n\r\n", 4);
    CHECK(parse(http_parse_response, text, size) == expected);
    CHECK(parse(http_parse_response, text, size - 1) ==
          (size > HTTP_MAX_HEAD_BYTES ? HTTP_BAD : HTTP_MORE));
    free(text);
}

/* ---- bodies ---------------------------------------------------------------------------------- */

typedef struct body_case {
    http_framing framing;
    uint64_t length;
    const char *raw, *content;
    /* the number of bytes of `raw` that the complete body uses; 0: the body never becomes
     * complete */
    size_t used;
    http_progress progress, at_end;
} body_case;

static const body_case bodies[] = {
    {HTTP_NO_BODY, 0, "rest", "", 0, HTTP_DONE, HTTP_DONE},
    {HTTP_LENGTH, 0, "rest", "", 0, HTTP_DONE, HTTP_DONE},
    {HTTP_LENGTH, 5, "hellorest", "hello", 5, HTTP_DONE, HTTP_DONE},
    {HTTP_LENGTH, 6, "hello", "hello", 0, HTTP_MORE, HTTP_BAD},
    {HTTP_LENGTH, UINT64_MAX, "hello", "hello", 0, HTTP_MORE, HTTP_BAD},
    {HTTP_TO_END, 0, "hello", "hello", 0, HTTP_MORE, HTTP_DONE},
    {HTTP_CHUNKED, 0, "0\r\n\r\n", "", 5, HTTP_DONE, HTTP_DONE},
    {HTTP_CHUNKED, 0, "5\r\nhello\r\n0\r\n\r\nrest", "hello", 15, HTTP_DONE, HTTP_DONE},
    {HTTP_CHUNKED, 0, "1\r\nh\r\n3\r\nell\r\n01\r\no\r\n000\r\n\r\n", "hello", 28, HTTP_DONE,
     HTTP_DONE},
    {HTTP_CHUNKED, 0, "A\r\n0\r\n\r\n\r\n\r\n0\r\n\r\n\r\n", "0\r\n\r\n\r\n\r\n0", 0, HTTP_BAD,
     HTTP_BAD},
    {HTTP_CHUNKED, 0, "a\r\n0\r\n\r\n1\r\n\r\n\r\n0\r\n\r\n", "0\r\n\r\n1\r\n\r\n", 20, HTTP_DONE,
     HTTP_DONE},
    {HTTP_CHUNKED, 0, "5;name=value;q=\"a b\"\r\nhello\r\n0;x\r\n\r\n", "hello", 36, HTTP_DONE,
     HTTP_DONE},
    {HTTP_CHUNKED, 0, "5 \t;x\r\nhello\r\n0\r\n\r\n", "hello", 19, HTTP_DONE, HTTP_DONE},
    {HTTP_CHUNKED, 0, "5\r\nhello\r\n0\r\nA: b\r\nC:\r\n\r\nrest", "hello", 25, HTTP_DONE,
     HTTP_DONE},
    {HTTP_CHUNKED, 0, "5\r\nhello\r\n", "hello", 0, HTTP_MORE, HTTP_BAD},
    {HTTP_CHUNKED, 0, "5\r\nhello\r\n0\r\n", "hello", 0, HTTP_MORE, HTTP_BAD},
    {HTTP_CHUNKED, 0, "ffffffffffffffff\r\nhel", "hel", 0, HTTP_MORE, HTTP_BAD},
    {HTTP_CHUNKED, 0, "0000000000000000000000005\r\nhello", "hello", 0, HTTP_MORE, HTTP_BAD},
    {HTTP_CHUNKED, 0, "10000000000000000\r\n", "", 0, HTTP_BAD, HTTP_BAD},
    {HTTP_CHUNKED, 0, "\r\n", "", 0, HTTP_BAD, HTTP_BAD},
    {HTTP_CHUNKED, 0, ";x\r\n", "", 0, HTTP_BAD, HTTP_BAD},
    {HTTP_CHUNKED, 0, " 5\r\n", "", 0, HTTP_BAD, HTTP_BAD},
    {HTTP_CHUNKED, 0, "5 \r\nhello", "", 0, HTTP_BAD, HTTP_BAD},
    {HTTP_CHUNKED, 0, "5 5\r\nhello", "", 0, HTTP_BAD, HTTP_BAD},
    {HTTP_CHUNKED, 0, "-5\r\nhello", "", 0, HTTP_BAD, HTTP_BAD},
    {HTTP_CHUNKED, 0, "0x5\r\nhello", "", 0, HTTP_BAD, HTTP_BAD},
    {HTTP_CHUNKED, 0, "5\nhello\r\n0\r\n\r\n", "", 0, HTTP_BAD, HTTP_BAD},
    {HTTP_CHUNKED, 0, "5\rhello\r\n0\r\n\r\n", "", 0, HTTP_BAD, HTTP_BAD},
    {HTTP_CHUNKED, 0, "5\r\nhello0\r\n\r\n", "hello", 0, HTTP_BAD, HTTP_BAD},
    {HTTP_CHUNKED, 0, "5\r\nhello\n0\r\n\r\n", "hello", 0, HTTP_BAD, HTTP_BAD},
    {HTTP_CHUNKED, 0, "5\r\nhello\r0\r\n\r\n", "hello", 0, HTTP_BAD, HTTP_BAD},
    {HTTP_CHUNKED, 0, "5;a\x01\r\nhello", "", 0, HTTP_BAD, HTTP_BAD},
    {HTTP_CHUNKED, 0, "5;a\nhello", "", 0, HTTP_BAD, HTTP_BAD},
    {HTTP_CHUNKED, 0, "0\r\nA: b\n\r\n", "", 0, HTTP_BAD, HTTP_BAD},
    {HTTP_CHUNKED, 0, "0\r\nA: b\rc\r\n\r\n", "", 0, HTTP_BAD, HTTP_BAD},
    {HTTP_CHUNKED, 0, "0\r\n\rx", "", 0, HTTP_BAD, HTTP_BAD},
    {HTTP_CHUNKED, 0, "0\r\n\x7f\r\n\r\n", "", 0, HTTP_BAD, HTTP_BAD},
};

/* A body that is decoded piece by piece. Each piece has a page of its own. */
typedef struct decoding {
    http_body body;
    char content[128];
    size_t size, used;
    http_progress progress;
} decoding;

static void begin(decoding *d, const body_case *c)
{
    http_head head;

    memset(&head, 0, sizeof head);
    memset(d, 0, sizeof *d);
    head.framing = c->framing;
    head.content_length = c->length;
    http_body_init(&d->body, &head);
}

static void feed(decoding *d, const char *bytes, size_t size)
{
    harness_guard guard;
    char *copy = (char *)(uintptr_t)guarded(&guard, bytes, size);
    size_t used = SIZE_MAX, decoded = SIZE_MAX;

    d->progress = http_body_decode(&d->body, copy, size, &used, &decoded);
    CHECK(used <= size && decoded <= used && d->size + decoded <= sizeof d->content);
    CHECK(harness_guard_check(&guard));
    memcpy(d->content + d->size, copy, decoded);
    d->size += decoded;
    d->used += used;
    harness_guard_free(&guard);
}

static void check_body(const decoding *d, const body_case *c, const char *how, size_t at)
{
    CHECKF(d->progress == c->progress, "%s %zu: %d, expected %d", how, at, d->progress,
           c->progress);
    CHECKF(d->size == strlen(c->content) && memcmp(d->content, c->content, d->size) == 0,
           "%s %zu: '%.*s'", how, at, (int)d->size, d->content);
    CHECKF(c->progress != HTTP_DONE || d->used == c->used, "%s %zu: %zu used", how, at, d->used);
    CHECK(http_body_at_end(&d->body) == c->at_end);
    CHECK(c->progress != HTTP_BAD || d->body.what != NULL);
}

static void test_body(const body_case *c)
{
    size_t size = strlen(c->raw);
    decoding d;

    if (!harness_case("body, framing %d: %s", c->framing, shown(c->raw)))
        return;
    begin(&d, c);
    feed(&d, c->raw, size);
    check_body(&d, c, "whole", 0);
    for (size_t at = 0; at <= size; at++) {
        begin(&d, c);
        feed(&d, c->raw, at);
        if (d.progress == HTTP_MORE)
            feed(&d, c->raw + at, size - at);
        check_body(&d, c, "split at", at);
    }
    begin(&d, c);
    feed(&d, c->raw, 0);
    for (size_t at = 0; at < size && d.progress == HTTP_MORE; at++)
        feed(&d, c->raw + at, 1);
    check_body(&d, c, "byte by byte", 0);
}

/* After a refusal, decoding refuses all further bytes. */
static void test_stays_bad(void)
{
    static const body_case c = {HTTP_CHUNKED, 0, "", "", 0, HTTP_BAD, HTTP_BAD};
    decoding d;

    if (!harness_case("a refused body stays refused"))
        return;
    begin(&d, &c);
    feed(&d, "x", 1);
    feed(&d, "0\r\n\r\n", 5);
    check_body(&d, &c, "after", 0);
}

/* The bytes that are dropped beside the content are limited. The content and its plain framing are
 * not. */
static void test_overhead(const char *name, const char *before, const char *unit, const char *after,
                          size_t times, http_progress expected)
{
    size_t used, decoded;
    http_head head = {.framing = HTTP_CHUNKED};
    http_progress progress;
    http_body body;
    char piece[64];

    if (!harness_case("%s, %zu times", name, times))
        return;
    http_body_init(&body, &head);
    strcpy(piece, before);
    progress = http_body_decode(&body, piece, strlen(before), &used, &decoded);
    for (size_t i = 0; i < times && progress == HTTP_MORE; i++) {
        strcpy(piece, unit);
        progress = http_body_decode(&body, piece, strlen(unit), &used, &decoded);
    }
    if (progress == HTTP_MORE) {
        strcpy(piece, after);
        progress = http_body_decode(&body, piece, strlen(after), &used, &decoded);
    }
    CHECKF(progress == expected, "%d", progress);
}

static void test_overheads(void)
{
    test_overhead("extension bytes", "1;", "e", "\r\nx\r\n0\r\n\r\n", 65535, HTTP_DONE);
    test_overhead("extension bytes", "1;", "e", "\r\nx\r\n0\r\n\r\n", 65537, HTTP_BAD);
    test_overhead("blanks after a size", "1", " ", ";\r\nx\r\n0\r\n\r\n", 70000, HTTP_BAD);
    test_overhead("leading zeros", "", "0", "\r\n\r\n", 60000, HTTP_DONE);
    test_overhead("leading zeros", "", "0", "\r\n\r\n", 70000, HTTP_BAD);
    test_overhead("trailers", "0\r\n", "N: v\r\n", "\r\n", 10000, HTTP_DONE);
    test_overhead("trailers", "0\r\n", "N: v\r\n", "\r\n", 20000, HTTP_BAD);
    test_overhead("small chunks", "", "01\r\nx\r\n", "0\r\n\r\n", 60000, HTTP_DONE);
    test_overhead("chunks of 16", "", "10\r\n0123456789abcdef\r\n", "0\r\n\r\n", 500000, HTTP_DONE);
}

int main(int argc, char **argv)
{
    harness_init("test_http", argc, argv);
    for (size_t i = 0; i < sizeof good_heads / sizeof *good_heads; i++)
        test_good_head(&good_heads[i]);
    test_fields();
    test_request_line();
    for (size_t i = 0; i < sizeof bad_responses / sizeof *bad_responses; i++)
        test_bad_head(http_parse_response, &bad_responses[i]);
    for (size_t i = 0; i < sizeof bad_requests / sizeof *bad_requests; i++)
        test_bad_head(http_parse_request, &bad_requests[i]);
    test_early();
    test_header_count(HTTP_MAX_HEADERS, HTTP_DONE);
    test_header_count(HTTP_MAX_HEADERS + 1, HTTP_BAD);
    test_head_size(HTTP_MAX_HEAD_BYTES, HTTP_DONE);
    test_head_size(HTTP_MAX_HEAD_BYTES + 1, HTTP_BAD);
    for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++)
        test_body(&bodies[i]);
    test_stays_bad();
    test_overheads();
    return harness_finish();
}
