/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The HTTP client over real sockets, against servers that split, stall, lie and vanish. The tests
 * look at what it returns, how many connections it opens, and that it sends a request twice only
 * where the caller allows that.
 */
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "runtime/base/clock.h"
#include "lambda/net/http_client.h"
#include "tests/support/harness.h"
#include "tests/support/support_fault_server.h"

enum { CAPACITY = 4096, SHORT_MS = 150, LONG_MS = 4000 };

#define REQUEST "POST /x HTTP/1.1\r\nHost: here\r\nContent-Length: 3\r\n\r\nabc"
#define OK_HEAD "HTTP/1.1 200 OK\r\n"
#define OK5 OK_HEAD "Content-Length: 5\r\n\r\nhello"
#define OK_CHUNKS                                                                                  \
    OK_HEAD "Transfer-Encoding: chunked\r\n\r\n2;a=\"b\"\r\nhe\r\n3\r\nllo\r\n0\r\nX: y\r\n\r\n"

/* A client with its memory at the end of a page, and a server that plays a script. */
typedef struct fixture {
    fault_server *server;
    harness_guard memory;
    http_client client;
    http_response response;
} fixture;

static void begin(fixture *f, const fault_step *script, size_t count, size_t capacity)
{
    net_endpoint to = {.host = "127.0.0.1"};

    f->server = fault_start(script, count);
    to.port = fault_port(f->server);
    f->memory = harness_guard_new(capacity, 1, 1);
    http_client_init(&f->client, &to, (char *)f->memory.data, capacity, 1000);
}

#define BEGIN(f, script) begin(f, script, sizeof(script) / sizeof *(script), CAPACITY)

static http_client_status ask(fixture *f, http_resend resend, int64_t ms)
{
    return http_client_exchange(&f->client, &f->response, REQUEST, sizeof REQUEST - 1, resend,
                                clock_after_ms(ms));
}

/* The client closes first, because the script may wait for that. Every request that arrived is the
 * whole one, whatever was cut. */
static void finish(fixture *f, size_t requests)
{
    size_t size;

    http_client_close(&f->client);
    CHECK(fault_finish(f->server) == 1);
    CHECKF(fault_request_count(f->server) == requests, "%zu requests, expected %zu",
           fault_request_count(f->server), requests);
    for (size_t i = 0; i < fault_request_count(f->server); i++) {
        const char *request = fault_request(f->server, i, &size);

        CHECK(size == sizeof REQUEST - 1 && memcmp(request, REQUEST, size) == 0);
    }
    fault_free(f->server);
    harness_guard_free(&f->memory);
}

static void check_hello(const fixture *f, http_client_status status)
{
    CHECKF(status == HTTP_CLIENT_OK, "status %d: %s", status, f->response.why);
    CHECK(f->response.head.status == 200);
    CHECK(http_is(f->response.body, "hello"));
    CHECK(f->response.why[0] == '\0');
}

/* ---- good servers ---------------------------------------------------------------------------- */

static void test_reuse(void)
{
    static const fault_step script[] = {
        {.op = FAULT_ACCEPT},
        {.op = FAULT_REQUEST},
        {.op = FAULT_SEND, FAULT_TEXT(OK5)},
        {.op = FAULT_REQUEST},
        {.op = FAULT_SEND, FAULT_TEXT(OK_CHUNKS)},
        {.op = FAULT_REQUEST},
        {.op = FAULT_SEND, FAULT_TEXT(OK5)},
    };
    socklen_t size = sizeof(int);
    fixture f;
    int on = 0;

    if (!harness_case("one connection serves three exchanges"))
        return;
    BEGIN(&f, script);
    for (int i = 0; i < 3; i++)
        check_hello(&f, ask(&f, HTTP_RESEND_NEVER, LONG_MS));
    CHECK(f.client.connections == 1 && f.client.exchanges == 3);
    /* TCP_NODELAY is set, so small requests are not held back. */
    CHECK(getsockopt(f.client.stream.fd, IPPROTO_TCP, TCP_NODELAY, &on, &size) == 0 && on);
    finish(&f, 3);
}

static void test_byte_by_byte(void)
{
    static const fault_step script[] = {
        {.op = FAULT_ACCEPT},
        {.op = FAULT_REQUEST},
        {.op = FAULT_SEND, FAULT_TEXT(OK5), .piece = 1},
        {.op = FAULT_REQUEST},
        {.op = FAULT_SEND, FAULT_TEXT(OK_CHUNKS), .piece = 1},
    };
    fixture f;

    if (!harness_case("a byte at a time"))
        return;
    BEGIN(&f, script);
    check_hello(&f, ask(&f, HTTP_RESEND_NEVER, LONG_MS));
    check_hello(&f, ask(&f, HTTP_RESEND_NEVER, LONG_MS));
    finish(&f, 2);
}

static void test_split(const char *name, const char *answer, size_t size)
{
    if (!harness_case("%s split at every byte", name))
        return;
    for (size_t at = 1; at < size; at++) {
        const fault_step script[] = {
            {.op = FAULT_ACCEPT},
            {.op = FAULT_REQUEST},
            {.op = FAULT_SEND, .bytes = answer, .size = at},
            {.op = FAULT_PAUSE, .pause_us = 200},
            {.op = FAULT_SEND, .bytes = answer + at, .size = size - at},
        };
        fixture f;

        BEGIN(&f, script);
        check_hello(&f, ask(&f, HTTP_RESEND_NEVER, LONG_MS));
        finish(&f, 1);
    }
}

static void test_until_end(void)
{
    static const fault_step script[] = {
        {.op = FAULT_ACCEPT},
        {.op = FAULT_REQUEST},
        {.op = FAULT_SEND, FAULT_TEXT(OK_HEAD "\r\nhello")},
        {.op = FAULT_CLOSE},
        {.op = FAULT_ACCEPT},
        {.op = FAULT_REQUEST},
        {.op = FAULT_SEND,
         FAULT_TEXT(OK_HEAD "Connection: close\r\nContent-Length: 5\r\n\r\nhello")},
        {.op = FAULT_ACCEPT},
        {.op = FAULT_REQUEST},
        {.op = FAULT_SEND, FAULT_TEXT("HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nhello")},
    };
    fixture f;

    if (!harness_case("a body up to the end, Connection: close, HTTP/1.0"))
        return;
    BEGIN(&f, script);
    for (unsigned i = 1; i <= 3; i++) {
        check_hello(&f, ask(&f, HTTP_RESEND_NEVER, LONG_MS));
        CHECK(f.client.stream.fd < 0 && f.client.connections == i);
    }
    finish(&f, 3);
}

static void test_interim(void)
{
    static const fault_step script[] = {
        {.op = FAULT_ACCEPT},
        {.op = FAULT_REQUEST},
        {.op = FAULT_SEND,
         FAULT_TEXT("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\n"
                    "Link: </s>\r\n\r\n" OK5)},
        {.op = FAULT_REQUEST},
        {.op = FAULT_SEND, FAULT_TEXT("HTTP/1.1 100 Continue\r\n\r\n" OK5), .piece = 1},
        {.op = FAULT_REQUEST},
        {.op = FAULT_SEND, FAULT_TEXT("HTTP/1.1 101 Switching Protocols\r\n\r\n" OK5)},
    };
    fixture f;

    if (!harness_case("interim responses are skipped, a switch of protocols is refused"))
        return;
    BEGIN(&f, script);
    check_hello(&f, ask(&f, HTTP_RESEND_NEVER, LONG_MS));
    check_hello(&f, ask(&f, HTTP_RESEND_NEVER, LONG_MS));
    CHECK(ask(&f, HTTP_RESEND_NEVER, LONG_MS) == HTTP_CLIENT_MALFORMED);
    CHECK(f.response.head.status == 0);
    finish(&f, 3);
}

static void test_endless_interim(void)
{
    static char many[100 * 25];
    const fault_step script[] = {{.op = FAULT_ACCEPT},
                                 {.op = FAULT_REQUEST},
                                 {.op = FAULT_SEND, .bytes = many, .size = sizeof many}};
    fixture f;

    if (!harness_case("interim responses without end"))
        return;
    for (size_t i = 0; i < 100; i++)
        memcpy(many + 25 * i, "HTTP/1.1 100 Continue\r\n\r\n", 25);
    BEGIN(&f, script);
    CHECK(ask(&f, HTTP_RESEND_NEVER, LONG_MS) == HTTP_CLIENT_MALFORMED);
    finish(&f, 1);
}

static void test_statuses(void)
{
    static const int statuses[] = {200, 202, 204, 400, 403, 404, 410, 413, 429, 500, 502, 503};
    char answer[128];

    for (size_t i = 0; i < sizeof statuses / sizeof *statuses; i++) {
        const int size =
            snprintf(answer, sizeof answer,
                     statuses[i] == 204 ? "HTTP/1.1 %d No\r\n\r\n"
                                        : "HTTP/1.1 %d x\r\nContent-Length: 2\r\n\r\nno",
                     statuses[i]);
        const fault_step script[] = {{.op = FAULT_ACCEPT},
                                     {.op = FAULT_REQUEST},
                                     {.op = FAULT_SEND, .bytes = answer, .size = (size_t)size}};
        fixture f;

        if (!harness_case("status %d is a response like any other", statuses[i]))
            continue;
        BEGIN(&f, script);
        CHECK(ask(&f, HTTP_RESEND_NEVER, LONG_MS) == HTTP_CLIENT_OK);
        CHECK(f.response.head.status == statuses[i]);
        CHECK(f.response.body.size == (statuses[i] == 204 ? 0 : 2));
        CHECK(f.client.exchanges == 1);
        finish(&f, 1);
    }
}

/* ---- dead and dying connections -------------------------------------------------------------- */

/* An answer that ends early, after any number of bytes, is never returned as a whole one. */
static void test_cut(const char *name, const char *answer, size_t size, fault_op how)
{
    if (!harness_case("%s %s at every byte", name, how == FAULT_RESET ? "reset" : "closed"))
        return;
    for (size_t at = 0; at < size; at++) {
        const fault_step script[] = {{.op = FAULT_ACCEPT},
                                     {.op = FAULT_REQUEST},
                                     {.op = FAULT_SEND, .bytes = answer, .size = at},
                                     {.op = how}};
        fixture f;
        http_client_status status;

        BEGIN(&f, script);
        status = ask(&f, HTTP_RESEND_REUSED, LONG_MS);
        CHECKF(status == HTTP_CLIENT_BROKEN, "cut at %zu: status %d", at, status);
        CHECK(f.client.stream.fd < 0 && f.client.connections == 1 && f.response.why[0] != '\0');
        finish(&f, 1);
    }
}

static void test_cut_and_resent(void)
{
    for (size_t at = 0; at < 3; at++) {
        const fault_step script[] = {
            {.op = FAULT_ACCEPT},
            {.op = FAULT_REQUEST},
            {.op = FAULT_SEND, .bytes = OK5, .size = at},
            {.op = FAULT_CLOSE},
            {.op = FAULT_ACCEPT},
            {.op = FAULT_REQUEST},
            {.op = FAULT_SEND, FAULT_TEXT(OK5)},
        };
        fixture f;

        if (!harness_case("sent again only before the first byte: %zu", at))
            continue;
        BEGIN(&f, script);
        if (at > 0) /* The next exchange finds a second connection. */
            CHECK(ask(&f, HTTP_RESEND_ONCE, LONG_MS) == HTTP_CLIENT_BROKEN);
        CHECK(f.client.connections == (at > 0));
        check_hello(&f, ask(&f, HTTP_RESEND_ONCE, LONG_MS));
        CHECK(f.client.connections == 2);
        finish(&f, 2);
    }
}

static void test_once_is_once(void)
{
    static const fault_step script[] = {
        {.op = FAULT_ACCEPT}, {.op = FAULT_REQUEST}, {.op = FAULT_CLOSE},
        {.op = FAULT_ACCEPT}, {.op = FAULT_REQUEST}, {.op = FAULT_RESET},
    };
    fixture f;

    if (!harness_case("sent again once, not twice"))
        return;
    BEGIN(&f, script);
    CHECK(ask(&f, HTTP_RESEND_ONCE, LONG_MS) == HTTP_CLIENT_BROKEN);
    CHECK(f.client.connections == 2);
    finish(&f, 2);
}

static void test_gone_after_sending(void)
{
    static const fault_step script[] = {
        {.op = FAULT_ACCEPT}, {.op = FAULT_REQUEST}, {.op = FAULT_CLOSE}};
    fixture f;

    if (!harness_case("a server that is gone after it was sent something may have acted"))
        return;
    BEGIN(&f, script);
    CHECK(ask(&f, HTTP_RESEND_ONCE, LONG_MS) == HTTP_CLIENT_BROKEN);
    finish(&f, 1);
}

static void test_closed_while_idle(fault_op how, http_resend resend)
{
    const fault_step script[] = {
        {.op = FAULT_ACCEPT},
        {.op = FAULT_REQUEST},
        {.op = FAULT_SEND, FAULT_TEXT(OK5)},
        {.op = how},
        {.op = FAULT_ACCEPT},
        {.op = FAULT_REQUEST},
        {.op = FAULT_SEND, FAULT_TEXT(OK5)},
    };
    fixture f;

    if (!harness_case("%s while idle, resend %d", how == FAULT_RESET ? "reset" : "closed", resend))
        return;
    BEGIN(&f, script);
    check_hello(&f, ask(&f, resend, LONG_MS));
    clock_sleep_until(clock_after_ms(20));
    check_hello(&f, ask(&f, resend, LONG_MS)); /* Nothing was sent on the dead connection. */
    CHECK(f.client.connections == 2 && f.client.exchanges == 1);
    finish(&f, 2);
}

/* The server closes the connection while the next request is under way: it has read the request and
 * does not answer. */
static void test_closed_under_request(http_resend resend)
{
    static const fault_step script[] = {
        {.op = FAULT_ACCEPT},
        {.op = FAULT_REQUEST},
        {.op = FAULT_SEND, FAULT_TEXT(OK5)},
        {.op = FAULT_REQUEST},
        {.op = FAULT_CLOSE},
        {.op = FAULT_ACCEPT},
        {.op = FAULT_REQUEST},
        {.op = FAULT_SEND, FAULT_TEXT(OK5)},
    };
    fixture f;

    if (!harness_case("a used connection ends under a request, resend %d", resend))
        return;
    begin(&f, script, resend == HTTP_RESEND_NEVER ? 5 : 8, CAPACITY);
    check_hello(&f, ask(&f, resend, LONG_MS));
    if (resend == HTTP_RESEND_NEVER)
        CHECK(ask(&f, resend, LONG_MS) == HTTP_CLIENT_BROKEN);
    else
        check_hello(&f, ask(&f, resend, LONG_MS));
    finish(&f, resend == HTTP_RESEND_NEVER ? 2 : 3);
}

static void test_unasked(void)
{
    static const fault_step script[] = {
        {.op = FAULT_ACCEPT},
        {.op = FAULT_REQUEST},
        {.op = FAULT_SEND, FAULT_TEXT(OK5 "HTTP/1.1 500 evil\r\n\r\n")},
        {.op = FAULT_ACCEPT},
        {.op = FAULT_REQUEST},
        {.op = FAULT_SEND, FAULT_TEXT(OK5)},
        {.op = FAULT_PAUSE, .pause_us = 5000},
        {.op = FAULT_SEND, FAULT_TEXT("HTTP/1.1 500 evil\r\n\r\n")},
        {.op = FAULT_ACCEPT},
        {.op = FAULT_REQUEST},
        {.op = FAULT_SEND, FAULT_TEXT(OK5)},
    };
    fixture f;

    if (!harness_case("bytes that nobody asked for never answer the next request"))
        return;
    BEGIN(&f, script);
    check_hello(&f, ask(&f, HTTP_RESEND_NEVER, LONG_MS));
    CHECK(f.client.stream.fd < 0);
    check_hello(&f, ask(&f, HTTP_RESEND_NEVER, LONG_MS));
    clock_sleep_until(clock_after_ms(50));
    check_hello(&f, ask(&f, HTTP_RESEND_NEVER, LONG_MS));
    CHECK(f.client.connections == 3);
    finish(&f, 3);
}

static void test_nobody(void)
{
    static const fault_step script[] = {{.op = FAULT_PAUSE, .pause_us = 1}};
    fixture f;

    if (!harness_case("nobody listens"))
        return;
    BEGIN(&f, script);
    CHECK(fault_finish(f.server) == 1);
    CHECK(ask(&f, HTTP_RESEND_ONCE, LONG_MS) == HTTP_CLIENT_CONNECT);
    CHECK(strstr(f.response.why, "refused") != NULL);
    CHECK(f.client.connections == 0);
    harness_guard_free(&f.memory);
    fault_free(f.server);
}

/* ---- time ------------------------------------------------------------------------------------ */

static void test_silence(const char *name, const char *answer, size_t size)
{
    const fault_step script[] = {{.op = FAULT_ACCEPT},
                                 {.op = FAULT_REQUEST},
                                 {.op = FAULT_SEND, .bytes = answer, .size = size},
                                 {.op = FAULT_HANG}};
    int64_t start = clock_now_ns(), spent_ms;
    fixture f;

    if (!harness_case("silence %s", name))
        return;
    BEGIN(&f, script);
    CHECK(ask(&f, HTTP_RESEND_ONCE, SHORT_MS) == HTTP_CLIENT_TIMEOUT);
    spent_ms = (clock_now_ns() - start) / 1000000;
    CHECKF(spent_ms >= SHORT_MS - 1 && spent_ms < LONG_MS, "%d ms", (int)spent_ms);
    CHECK(f.client.stream.fd < 0 && f.client.connections == 1);
    finish(&f, 1);
}

/* The client's own limit for an answer ends each attempt long before the deadline. */
static void test_answer_limit(void)
{
    static const fault_step script[] = {{.op = FAULT_ACCEPT},
                                        {.op = FAULT_REQUEST},
                                        {.op = FAULT_SEND, FAULT_TEXT(OK5)},
                                        {.op = FAULT_REQUEST},
                                        {.op = FAULT_SEND, .bytes = OK5, .size = 20},
                                        {.op = FAULT_HANG}};
    fixture f;

    if (!harness_case("an answer that takes longer than answers may"))
        return;
    BEGIN(&f, script);
    f.client.answer_ms = LONG_MS;
    check_hello(&f, ask(&f, HTTP_RESEND_NEVER, LONG_MS));
    f.client.answer_ms = 20;
    CHECK(http_client_exchange(&f.client, &f.response, REQUEST, sizeof REQUEST - 1,
                               HTTP_RESEND_ONCE, CLOCK_NEVER) == HTTP_CLIENT_TIMEOUT);
    finish(&f, 2);
}

/* A server that sends a byte now and then does not keep the deadline from passing. */
static void test_drip(void)
{
    static const fault_step script[] = {
        {.op = FAULT_ACCEPT},
        {.op = FAULT_REQUEST},
        {.op = FAULT_SEND,
         FAULT_TEXT(OK_CHUNKS OK_CHUNKS OK_CHUNKS),
         .piece = 1,
         .pause_us = 10000},
    };
    fixture f;

    if (!harness_case("a drip of bytes"))
        return;
    BEGIN(&f, script);
    CHECK(ask(&f, HTTP_RESEND_ONCE, SHORT_MS) == HTTP_CLIENT_TIMEOUT);
    finish(&f, 1);
}

static void test_unread_request(void)
{
    static const fault_step script[] = {{.op = FAULT_ACCEPT}, {.op = FAULT_HANG}};
    static char big[8 << 20];
    int64_t start = clock_now_ns();
    fixture f;

    if (!harness_case("a server that reads nothing"))
        return;
    BEGIN(&f, script);
    CHECK(http_client_exchange(&f.client, &f.response, big, sizeof big, HTTP_RESEND_ONCE,
                               clock_after_ms(SHORT_MS)) == HTTP_CLIENT_TIMEOUT);
    CHECK(clock_now_ns() - start < (int64_t)LONG_MS * 1000000);
    finish(&f, 0);
}

/* The server answers, stops reading and closes the connection. Its answer is returned. */
static void test_early_answer(fault_op how)
{
    const fault_step script[] = {
        {.op = FAULT_ACCEPT},
        {.op = FAULT_READ, .size = sizeof REQUEST - 1},
        {.op = FAULT_SEND, FAULT_TEXT("HTTP/1.1 413 Too Large\r\nContent-Length: 5\r\n\r\nhello")},
        {.op = how},
    };
    static char big[8 << 20];
    http_client_status status;
    fixture f;

    if (!harness_case("an answer before the request was read, then %s",
                      how == FAULT_HANG ? "silence" : "a close"))
        return;
    memcpy(big, REQUEST, sizeof REQUEST - 1);
    BEGIN(&f, script);
    status = http_client_exchange(&f.client, &f.response, big, sizeof big, HTTP_RESEND_NEVER,
                                  clock_after_ms(SHORT_MS));
    if (how == FAULT_HANG)
        CHECK(status == HTTP_CLIENT_OK && f.response.head.status == 413 && f.client.stream.fd < 0);
    else /* The reset may overtake the answer. */
        CHECK((status == HTTP_CLIENT_OK && f.response.head.status == 413) ||
              status == HTTP_CLIENT_BROKEN);
    finish(&f, 1);
}

/* ---- stopping -------------------------------------------------------------------------------- */

/* One exchange of a client that has been told to stop. The caller closes the descriptor. */
static http_client_status ask_stopped(fixture *f)
{
    f->client.stop_fd = eventfd(1, EFD_CLOEXEC);
    return http_client_exchange(&f->client, &f->response, REQUEST, sizeof REQUEST - 1,
                                HTTP_RESEND_REUSED, CLOCK_NEVER);
}

static void test_stopped(void)
{
    static const fault_step script[] = {
        {.op = FAULT_ACCEPT},
        {.op = FAULT_REQUEST},
        {.op = FAULT_PAUSE, .pause_us = 4000 * HTTP_CLIENT_STOP_MS},
        {.op = FAULT_SEND, FAULT_TEXT(OK5)},
        {.op = FAULT_CLOSE},
    };
    int64_t start = clock_now_ns();
    fixture f;

    if (!harness_case("stopped: a response that does not come is not waited for"))
        return;
    BEGIN(&f, script);
    CHECK(ask_stopped(&f) == HTTP_CLIENT_STOPPED);
    CHECK((clock_now_ns() - start) / 1000000 >= HTTP_CLIENT_STOP_MS);
    CHECK(f.client.stream.fd < 0 && f.response.why[0] != '\0');
    close(f.client.stop_fd);
    finish(&f, 1);
}

/* A busy machine may delay the response beyond the limit, so there are several tries. */
static void test_stopped_late_response(void)
{
    static const fault_step script[] = {
        {.op = FAULT_ACCEPT},
        {.op = FAULT_REQUEST},
        {.op = FAULT_PAUSE, .pause_us = 1000 * HTTP_CLIENT_STOP_MS / 2},
        {.op = FAULT_SEND, FAULT_TEXT(OK5)},
    };
    http_client_status status = HTTP_CLIENT_STOPPED;

    if (!harness_case("stopped: a response that comes a little later is returned"))
        return;
    for (int i = 0; i < 20 && status == HTTP_CLIENT_STOPPED; i++) {
        fixture f;

        BEGIN(&f, script);
        status = ask_stopped(&f);
        if (status != HTTP_CLIENT_STOPPED)
            check_hello(&f, status);
        CHECK(f.client.stream.fd < 0);
        close(f.client.stop_fd);
        finish(&f, 1);
    }
    CHECKF(status == HTTP_CLIENT_OK, "status %d", status);
}

static void test_stopped_within(void)
{
    static const fault_step script[] = {
        {.op = FAULT_ACCEPT},
        {.op = FAULT_REQUEST},
        {.op = FAULT_SEND, .bytes = OK5, .size = 20},
        {.op = FAULT_PAUSE, .pause_us = 2000 * HTTP_CLIENT_STOP_MS},
        {.op = FAULT_SEND, .bytes = &OK5[20], .size = sizeof OK5 - 21},
    };
    fixture f;

    if (!harness_case("stopped: a response that has begun is read to its end"))
        return;
    BEGIN(&f, script);
    check_hello(&f, ask_stopped(&f));
    CHECK(f.client.stream.fd < 0);
    close(f.client.stop_fd);
    finish(&f, 1);
}

/* Connect a stream to a server that plays the script. */
static fault_server *connect_stream(net_stream *s, const fault_step *script, size_t count)
{
    fault_server *server = fault_start(script, count);
    net_endpoint to = {.host = "127.0.0.1"};

    to.port = fault_port(server);
    net_init(s);
    CHECK(net_connect(s, &to, clock_after_ms(LONG_MS)) == NET_OK);
    return server;
}

/* Nothing can arrive between the end of the wait and the close: what came before is received, and
 * what comes later is refused. */
static void test_finished_stream(int arrives_before)
{
    const fault_step script[] = {
        {.op = FAULT_ACCEPT},
        {.op = FAULT_PAUSE, .pause_us = arrives_before ? 0 : 200000},
        {.op = FAULT_SEND, FAULT_TEXT("event")},
        {.op = FAULT_PAUSE, .pause_us = arrives_before ? 200000 : 0},
    };
    fault_server *server;
    size_t received = 0;
    net_stream s;
    char out[16];

    if (!harness_case("a finished stream: bytes that arrive %s",
                      arrives_before ? "in the last moment" : "later"))
        return;
    server = connect_stream(&s, script, sizeof script / sizeof *script);
    if (arrives_before) {
        CHECK(net_wait(s.fd, POLLIN, clock_after_ms(LONG_MS)) == NET_OK);
        CHECK(shutdown(s.fd, SHUT_RD) == 0);
        CHECK(net_receive(&s, out, sizeof out, &received, clock_after_ms(LONG_MS)) == NET_OK);
        CHECK(received == 5 && memcmp(out, "event", 5) == 0);
    } else {
        net_finish(&s, clock_now_ns());
    }
    CHECK(net_receive(&s, out, sizeof out, &received, clock_after_ms(LONG_MS)) == NET_EOF);
    CHECK(fault_finish(server) == 1);
    net_close(&s);
    fault_free(server);
}

/* ---- nonsense and sizes ---------------------------------------------------------------------- */

static void test_malformed(const char *answer)
{
    const fault_step script[] = {{.op = FAULT_ACCEPT},
                                 {.op = FAULT_REQUEST},
                                 {.op = FAULT_SEND, .bytes = answer, .size = strlen(answer)},
                                 {.op = FAULT_HANG}};
    http_client_status status;
    fixture f;

    if (!harness_case("malformed: %.*s", (int)strcspn(answer, "\r"), answer))
        return;
    BEGIN(&f, script);
    status = ask(&f, HTTP_RESEND_ONCE, LONG_MS);
    CHECKF(status == HTTP_CLIENT_MALFORMED, "status %d", status);
    CHECK(f.response.why[0] != '\0' && f.client.stream.fd < 0 && f.client.connections == 1);
    finish(&f, 1);
}

/* Bodies of every size around the size of the memory, delimited by a length, by chunks and by the
 * end of the connection. */
static void test_room(http_framing framing)
{
    static char answer[2 * CAPACITY];
    static const char *const heads[] = {[HTTP_LENGTH] = "Content-Length: %zu\r\n\r\n",
                                        [HTTP_CHUNKED] =
                                            "Transfer-Encoding: chunked\r\n\r\n%zx\r\n",
                                        [HTTP_TO_END] = "X: %zu\r\n\r\n"};

    if (!harness_case("bodies around the room, framing %d", framing))
        return;
    for (size_t room = 0; room < 4; room++) {
        size_t body = 300, head, size;
        http_client_status status;
        fixture f;
        fault_step script[] = {{.op = FAULT_ACCEPT},
                               {.op = FAULT_REQUEST},
                               {.op = FAULT_SEND, .bytes = answer},
                               {.op = FAULT_CLOSE}};

        head = (size_t)sprintf(answer, OK_HEAD);
        head += (size_t)sprintf(answer + head, heads[framing], body);
        memset(answer + head, 'b', body);
        size = head + body;
        if (framing == HTTP_CHUNKED) {
            size += (size_t)sprintf(answer + size, "\r\n0\r\n\r\n");
            head -= strlen("12c\r\n");
        }
        script[2].size = size;
        begin(&f, script, 4, head + body - 2 + room);
        status = ask(&f, HTTP_RESEND_NEVER, LONG_MS);
        CHECKF(status == (room < 2 ? HTTP_CLIENT_TOO_LARGE : HTTP_CLIENT_OK),
               "room for body %+d: status %d", (int)room - 2, status);
        if (status == HTTP_CLIENT_OK)
            CHECK(f.response.body.size == body && f.response.body.at[body - 1] == 'b');
        else
            CHECK(f.response.head.status == 200);
        finish(&f, 1);
    }
}

static void test_giant_head(size_t capacity, http_client_status expected)
{
    static char answer[70000];
    const fault_step script[] = {{.op = FAULT_ACCEPT},
                                 {.op = FAULT_REQUEST},
                                 {.op = FAULT_SEND, .bytes = answer, .size = sizeof answer},
                                 {.op = FAULT_HANG}};
    http_client_status status;
    fixture f;

    if (!harness_case("a head without end, room for %zu", capacity))
        return;
    memset(answer, 'h', sizeof answer);
    memcpy(answer, OK_HEAD "X: ", sizeof OK_HEAD + 2);
    begin(&f, script, 4, capacity);
    status = ask(&f, HTTP_RESEND_NEVER, LONG_MS);
    CHECKF(status == expected, "status %d", status);
    CHECK(f.response.head.status == 0);
    finish(&f, 1);
}

int main(int argc, char **argv)
{
    static const char *const nonsense[] = {
        "SSH-2.0-OpenSSH_9.2\r\n",
        "<html>",
        "\r\n",
        "HTTP/2 200\r\n\r\n",
        "HTTP/1.1 2000\r\n\r\n",
        OK_HEAD "Content-Length: -1\r\n\r\n",
        OK_HEAD "Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
        OK_HEAD "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        OK_HEAD "Transfer-Encoding: chunked\r\n\r\nhello",
        OK_HEAD "Transfer-Encoding: chunked\r\n\r\n5\r\nhellooo\r\n0\r\n\r\n",
    };
    static const http_framing framings[] = {HTTP_LENGTH, HTTP_CHUNKED, HTTP_TO_END};

    argc = harness_init("test_http_client", argc, argv);
    (void)argc;
    test_reuse();
    test_byte_by_byte();
    test_split("length", OK5, sizeof OK5 - 1);
    test_split("chunks", OK_CHUNKS, sizeof OK_CHUNKS - 1);
    test_until_end();
    test_interim();
    test_endless_interim();
    test_statuses();
    test_cut("length", OK5, sizeof OK5 - 1, FAULT_CLOSE);
    test_cut("length", OK5, sizeof OK5 - 1, FAULT_RESET);
    test_cut("chunks", OK_CHUNKS, sizeof OK_CHUNKS - 1, FAULT_CLOSE);
    test_cut_and_resent();
    test_once_is_once();
    test_gone_after_sending();
    test_closed_while_idle(FAULT_CLOSE, HTTP_RESEND_NEVER);
    test_closed_while_idle(FAULT_RESET, HTTP_RESEND_NEVER);
    test_closed_while_idle(FAULT_CLOSE, HTTP_RESEND_REUSED);
    test_closed_under_request(HTTP_RESEND_NEVER);
    test_closed_under_request(HTTP_RESEND_REUSED);
    test_closed_under_request(HTTP_RESEND_ONCE);
    test_unasked();
    test_nobody();
    test_silence("before the first byte", "", 0);
    test_silence("within the head", OK5, 20);
    test_silence("within the body", OK5, sizeof OK5 - 2);
    test_answer_limit();
    test_drip();
    test_unread_request();
    test_early_answer(FAULT_HANG);
    test_early_answer(FAULT_CLOSE);
    test_stopped();
    test_stopped_late_response();
    test_stopped_within();
    test_finished_stream(0);
    test_finished_stream(1);
    for (size_t i = 0; i < sizeof nonsense / sizeof *nonsense; i++)
        test_malformed(nonsense[i]);
    for (size_t i = 0; i < sizeof framings / sizeof *framings; i++)
        test_room(framings[i]);
    test_giant_head(CAPACITY, HTTP_CLIENT_TOO_LARGE);
    test_giant_head(80000, HTTP_CLIENT_MALFORMED);
    return harness_finish();
}
