/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The client of the Runtime API against a scripted one: every status of every call, lost answers,
 * events up to the limit and beyond, and the bytes of each request.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "runtime/base/clock.h"
#include "lambda/rapi.h"
#include "runtime/base/json.h"
#include "tests/support/harness.h"
#include "tests/support/support_fault_server.h"

enum {
    CAPACITY = RAPI_MAX_EVENT_BYTES + HTTP_MAX_HEAD_BYTES,
    REQUEST_CAPACITY = RAPI_MAX_EVENT_BYTES + RAPI_HEAD_BYTES,
    SCRIPT_STEPS = 32
};

#define ID "8476a536-e9f4-11e8-9739-2dfe598c3fcd"
#define ACCEPTED "HTTP/1.1 202 Accepted\r\nContent-Length: 16\r\n\r\n{\"status\":\"OK\"}\n"
#define EVENT_HEAD                                                                                 \
    "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nlambda-runtime-aws-request-id:" ID       \
    "\r\nLAMBDA-RUNTIME-DEADLINE-MS:  1542409706888 \r\n"                                          \
    "Lambda-Runtime-Trace-Id: Root=1-5bef;Sampled=1\r\n"                                           \
    "lambda-runtime-invocation-id: i-1.2\r\n"
#define EVENT EVENT_HEAD "Content-Length: 7\r\n\r\n{\"a\":1}"
#define EVENT_CHUNKS                                                                               \
    EVENT_HEAD "Transfer-Encoding: chunked\r\n\r\n3\r\n{\"a\r\n4\r\n\":1}\r\n0\r\n\r\n"

static char memory[CAPACITY], request_memory[REQUEST_CAPACITY];

/* A script that grows, the server that plays it, and a client. */
typedef struct fixture {
    fault_step script[SCRIPT_STEPS];
    size_t steps;
    fault_server *server;
    rapi api;
    char host_port[32];
    rapi_invocation invocation;
} fixture;

static void step(fixture *f, fault_op op)
{
    f->script[f->steps++] = (fault_step){.op = op};
}

static void say(fixture *f, const char *bytes, size_t size)
{
    f->script[f->steps++] = (fault_step){.op = FAULT_SEND, .bytes = bytes, .size = size};
}

/* The server reads a request and answers it. */
static void answer(fixture *f, const char *text)
{
    step(f, FAULT_REQUEST);
    say(f, text, strlen(text));
}

static void begin(fixture *f)
{
    memset(f, 0, sizeof *f);
    step(f, FAULT_ACCEPT);
}

static void start(fixture *f)
{
    f->server = fault_start(f->script, f->steps);
    snprintf(f->host_port, sizeof f->host_port, "127.0.0.1:%u", fault_port(f->server));
    CHECK(rapi_init(&f->api, f->host_port, memory, sizeof memory, request_memory,
                    sizeof request_memory) == 0);
}

static void finish(fixture *f, size_t requests)
{
    http_client_close(&f->api.client);
    CHECK(fault_finish(f->server) == 1);
    CHECKF(fault_request_count(f->server) == requests, "%zu requests, expected %zu",
           fault_request_count(f->server), requests);
    fault_free(f->server);
}

static void check_event(const fixture *f, rapi_status status)
{
    CHECKF(status == RAPI_OK, "status %d: %s", status, f->api.why);
    CHECK(strcmp(f->invocation.request_id, ID) == 0);
    CHECK(f->invocation.deadline_unix_ms == 1542409706888);
    CHECK(http_is(f->invocation.trace_id, "Root=1-5bef;Sampled=1"));
    CHECK(http_is(f->invocation.event, "{\"a\":1}"));
    CHECK(!f->invocation.oversize);
}

/* Work that can be done while the Runtime API is asked for an event. */
typedef struct work_meanwhile {
    unsigned calls;
    size_t answered; /* The number of events that had come by the last call. */
    const rapi *api;
} work_meanwhile;

static void work(void *argument)
{
    work_meanwhile *w = argument;

    w->calls++;
    w->answered = w->api->client.exchanges;
}

static void test_work_while_asking(void)
{
    fixture f;
    work_meanwhile w = {0};

    if (!harness_case("work is done once an event has been asked for, and for no other request"))
        return;
    begin(&f);
    answer(&f, EVENT);
    answer(&f, ACCEPTED);
    answer(&f, EVENT);
    start(&f);
    w.api = &f.api;
    f.api.asked = work;
    f.api.asked_argument = &w;
    check_event(&f, rapi_next(&f.api, &f.invocation));
    CHECK(w.calls == 1 && w.answered == 0);
    CHECK(rapi_respond(&f.api, ID, "{}", 2) == RAPI_OK);
    CHECK(w.calls == 1);
    check_event(&f, rapi_next(&f.api, &f.invocation));
    CHECK(w.calls == 2 && w.answered == 2);
    finish(&f, 3);
}

/* ---- bytes that are sent --------------------------------------------------------------------- */

static void check_request(const fixture *f, size_t index, const char *format)
{
    char expected[1024];
    size_t size;
    const char *request = fault_request(f->server, index, &size);

    snprintf(expected, sizeof expected, format, f->host_port);
    CHECKF(strcmp(request, expected) == 0, "request %zu is\n%s\nexpected\n%s", index, request,
           expected);
}

static void test_requests(void)
{
    fixture f;

    if (!harness_case("the bytes of each request"))
        return;
    begin(&f);
    answer(&f, ACCEPTED);
    answer(&f, EVENT);
    answer(&f, ACCEPTED);
    answer(&f, EVENT_CHUNKS);
    answer(&f, ACCEPTED);
    start(&f);
    rapi_init_error(&f.api, "Runtime.ModelLoad", "no such file");
    check_event(&f, rapi_next(&f.api, &f.invocation));
    CHECK(rapi_respond(&f.api, ID, "{}", 2) == RAPI_OK);
    check_event(&f, rapi_next(&f.api, &f.invocation));
    /* The first event has been answered, so this one is not a repetition. */
    CHECK(!f.invocation.repeated);
    CHECK(rapi_fail(&f.api, ID, "Function.BadEvent", "a \"b\"\n") == RAPI_OK);
    http_client_close(&f.api.client);
    CHECK(fault_finish(f.server) == 1 && fault_request_count(f.server) == 5);
    check_request(&f, 0,
                  "POST /2018-06-01/runtime/init/error HTTP/1.1\r\nHost: %s\r\n"
                  "User-Agent: distilbert.c/0.2.0\r\nContent-Type: application/json\r\n"
                  "Lambda-Runtime-Function-Error-Type: Runtime.ModelLoad\r\n"
                  "Content-Length: 79\r\n\r\n{\"errorMessage\":\"no such file\","
                  "\"errorType\":\"Runtime.ModelLoad\",\"stackTrace\":[]}");
    check_request(&f, 1,
                  "GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\nHost: %s\r\n"
                  "User-Agent: distilbert.c/0.2.0\r\nContent-Length: 0\r\n\r\n");
    check_request(&f, 2,
                  "POST /2018-06-01/runtime/invocation/" ID "/response HTTP/1.1\r\nHost: %s\r\n"
                  "User-Agent: distilbert.c/0.2.0\r\nContent-Type: application/json\r\n"
                  "Lambda-Runtime-Invocation-Id: i-1.2\r\nContent-Length: 2\r\n\r\n{}");
    check_request(&f, 4,
                  "POST /2018-06-01/runtime/invocation/" ID "/error HTTP/1.1\r\nHost: %s\r\n"
                  "User-Agent: distilbert.c/0.2.0\r\nContent-Type: application/json\r\n"
                  "Lambda-Runtime-Function-Error-Type: Function.BadEvent\r\n"
                  "Lambda-Runtime-Invocation-Id: i-1.2\r\nContent-Length: "
                  "76\r\n\r\n{\"errorMessage\":\"a \\\"b\\\"\\n\","
                  "\"errorType\":\"Function.BadEvent\",\"stackTrace\":[]}");
    CHECK(f.api.client.connections == 1);
    fault_free(f.server);
}

/* An error document stays below 64 KiB and is JSON, whatever the message is. A message that is cut
 * is not cut within a character. */
static void test_long_error(const char *name, const char *unit)
{
    size_t size, times = 100000 / strlen(unit);
    char *message, *at;
    const char *request, *body;
    json_value root, text = {.type = JSON_NULL};
    fixture f;

    if (!harness_case("an error message of 100 kB: %s", name))
        return;
    message = at = malloc(times * strlen(unit) + 1);
    for (size_t i = 0; i < times; i++)
        at = stpcpy(at, unit);
    begin(&f);
    answer(&f, ACCEPTED);
    start(&f);
    CHECK(rapi_fail(&f.api, ID, "Function.BadEvent", message) == RAPI_OK);
    http_client_close(&f.api.client);
    CHECK(fault_finish(f.server) == 1 && fault_request_count(f.server) == 1);
    request = fault_request(f.server, 0, &size);
    body = strstr(request, "\r\n\r\n") + 4;
    size -= (size_t)(body - request);
    CHECKF(size < RAPI_MAX_ERROR_BYTES, "%zu bytes", size);
    CHECK(json_parse(&root, body, size, NULL) == 0 && json_get(root, "errorMessage", &text));
    size = json_string(text, message, 100000);
    CHECKF(size > 8000 && size % strlen(unit) == 0, "%zu bytes of the message", size);
    fault_free(f.server);
    free(message);
}

/* ---- next ------------------------------------------------------------------------------------ */

static void test_split(const char *name, const char *text)
{
    if (!harness_case("an event split at every byte: %s", name))
        return;
    for (size_t at = 1; at < strlen(text); at++) {
        fixture f;

        begin(&f);
        step(&f, FAULT_REQUEST);
        say(&f, text, at);
        f.script[f.steps++] = (fault_step){.op = FAULT_PAUSE, .pause_us = 150};
        say(&f, text + at, strlen(text) - at);
        start(&f);
        check_event(&f, rapi_next(&f.api, &f.invocation));
        finish(&f, 1);
    }
}

/* An answer of `next` ends early, after any number of bytes. The client asks again, and the event
 * does not count as repeated, because nobody has seen the first one. */
static void test_cut(const char *name, const char *text, fault_op how)
{
    if (!harness_case("an event cut at every seventh byte by %s: %s",
                      how == FAULT_RESET ? "a reset" : "a close", name))
        return;
    for (size_t at = 0; at < strlen(text); at += 7) {
        fixture f;

        begin(&f);
        step(&f, FAULT_REQUEST);
        say(&f, text, at);
        step(&f, how);
        step(&f, FAULT_ACCEPT);
        answer(&f, text);
        start(&f);
        check_event(&f, rapi_next(&f.api, &f.invocation));
        CHECK(!f.invocation.repeated);
        finish(&f, 2);
    }
}

static void test_patience(void)
{
    fixture f;

    if (!harness_case("an event that takes its time"))
        return;
    begin(&f);
    step(&f, FAULT_REQUEST);
    f.script[f.steps++] = (fault_step){.op = FAULT_PAUSE, .pause_us = 1500000};
    say(&f, EVENT, sizeof EVENT - 1);
    start(&f);
    check_event(&f, rapi_next(&f.api, &f.invocation));
    CHECK(f.api.client.connections == 1);
    finish(&f, 1);
}

static void test_repeated(void)
{
    fixture f;

    if (!harness_case("the same id without an answer between"))
        return;
    begin(&f);
    answer(&f, EVENT);
    answer(&f, EVENT);
    answer(&f, ACCEPTED);
    answer(&f, EVENT);
    start(&f);
    check_event(&f, rapi_next(&f.api, &f.invocation));
    CHECK(!f.invocation.repeated);
    check_event(&f, rapi_next(&f.api, &f.invocation));
    CHECK(f.invocation.repeated);
    CHECK(rapi_fail(&f.api, ID, "Function.BadEvent", "x") == RAPI_OK);
    check_event(&f, rapi_next(&f.api, &f.invocation));
    CHECK(!f.invocation.repeated);
    finish(&f, 4);
}

/* A process that is to end does not ask for another event, not even after a failed attempt. */
static void test_stop(const char *name, const char *text, rapi_status expected)
{
    rapi_status status;
    fixture f;

    if (!harness_case("stopped while it asks for an event: %s", name))
        return;
    begin(&f);
    answer(&f, text);
    start(&f);
    f.api.stop_fd = eventfd(1, EFD_CLOEXEC);
    status = rapi_next(&f.api, &f.invocation);
    if (expected == RAPI_OK)
        check_event(&f, status);
    CHECKF(status == expected, "status %d: %s", status, f.api.why);
    close(f.api.stop_fd);
    finish(&f, 1);
}

static void test_no_headers(void)
{
    fixture f;

    if (!harness_case("an event with an id and nothing else, empty"))
        return;
    begin(&f);
    answer(&f, "HTTP/1.1 200 OK\r\nLambda-Runtime-Aws-Request-Id: x\r\nContent-Length: 0\r\n\r\n");
    answer(&f, "HTTP/1.1 200 OK\r\nLambda-Runtime-Aws-Request-Id: y\r\n"
               "Lambda-Runtime-Deadline-Ms: soon\r\nContent-Length: 0\r\n\r\n");
    start(&f);
    for (int i = 0; i < 2; i++) {
        CHECK(rapi_next(&f.api, &f.invocation) == RAPI_OK);
        CHECK(f.invocation.deadline_unix_ms == INT64_MAX);
        CHECK(f.invocation.trace_id.size == 0 && f.invocation.event.size == 0);
        CHECK(!f.invocation.repeated);
    }
    finish(&f, 2);
}

static void test_bad_id(const char *id)
{
    char text[400];
    fixture f;

    if (!harness_case("an event with the id '%.20s'", id))
        return;
    snprintf(text, sizeof text, "HTTP/1.1 200 OK\r\n%s%s%sContent-Length: 2\r\n\r\n{}",
             *id != '\0' ? "Lambda-Runtime-Aws-Request-Id: " : "", id, *id != '\0' ? "\r\n" : "");
    begin(&f);
    answer(&f, text);
    start(&f);
    CHECK(rapi_next(&f.api, &f.invocation) == RAPI_EXIT);
    CHECK(strstr(f.api.why, "request id") != NULL);
    finish(&f, 1);
}

/* An event of `size` bytes, with a length or in chunks. The caller frees it. */
static char *make_event(size_t size, size_t chunk, size_t *bytes)
{
    char *text = malloc(2 * size + 1024), *at = text;
    size_t left = size;

    if (chunk == 0) {
        at += sprintf(at, EVENT_HEAD "Content-Length: %zu\r\n\r\n", size);
    } else {
        at += sprintf(at, EVENT_HEAD "Transfer-Encoding: chunked\r\n\r\n");
    }
    while (left > 0) {
        size_t part = chunk > 0 && chunk < left ? chunk : left;

        if (chunk > 0)
            at += sprintf(at, "%zx\r\n", part);
        for (size_t i = 0; i < part; i++)
            at[i] = (char)('a' + (size - left + i) % 23);
        at += part;
        left -= part;
        if (chunk > 0)
            at += sprintf(at, "\r\n");
    }
    if (chunk > 0)
        at += sprintf(at, "0\r\n\r\n");
    *bytes = (size_t)(at - text);
    return text;
}

static void test_size(size_t size, size_t chunk)
{
    size_t bytes, wrong = 0;
    int oversize = size > (size_t)CAPACITY;
    char *text;
    fixture f;

    if (!harness_case("an event of %zu bytes, chunks of %zu", size, chunk))
        return;
    text = make_event(size, chunk, &bytes);
    begin(&f);
    step(&f, FAULT_REQUEST);
    say(&f, text, bytes);
    if (oversize)
        step(&f, FAULT_ACCEPT);
    answer(&f, ACCEPTED);
    start(&f);
    CHECK(rapi_next(&f.api, &f.invocation) == RAPI_OK);
    CHECK(strcmp(f.invocation.request_id, ID) == 0 && f.invocation.oversize == oversize);
    CHECK(f.invocation.event.size == (oversize ? 0 : size));
    for (size_t i = 0; i < f.invocation.event.size; i++)
        wrong += f.invocation.event.at[i] != (char)('a' + i % 23);
    CHECKF(wrong == 0, "%zu bytes differ", wrong);
    CHECK(rapi_respond(&f.api, ID, "{}", 2) == RAPI_OK);
    finish(&f, 2);
    free(text);
}

/* ---- statuses -------------------------------------------------------------------------------- */

typedef enum call { NEXT, RESPOND, FAIL } call;

static rapi_status make_call(fixture *f, call which)
{
    if (which == NEXT)
        return rapi_next(&f->api, &f->invocation);
    return which == RESPOND ? rapi_respond(&f->api, ID, "{}", 2)
                            : rapi_fail(&f->api, ID, "Function.StoreFailed", "x");
}

static const char *const call_names[] = {"next", "response", "error"};

typedef struct status_case {
    call which;
    int status;
    const char *body;
    rapi_status expected;
} status_case;

static const status_case statuses[] = {
    {NEXT, 403, "{\"errorType\":\"InvalidStateTransition\"}", RAPI_EXIT},
    {NEXT, 404, "404 page not found\n", RAPI_EXIT},
    {NEXT, 204, "", RAPI_EXIT},
    {NEXT, 302, "", RAPI_EXIT},
    {RESPOND, 202, "{\"status\":\"OK\"}\n", RAPI_OK},
    {RESPOND, 400, "{\"errorMessage\":\"x\",\"errorType\":\"InvalidRequestID\"}", RAPI_DROP},
    {RESPOND, 400, "{\"errorType\":\"TruncatedHTTPRequest\"}", RAPI_EXIT},
    {RESPOND, 400, "{\"errorType\":\"InvalidFunctionResponseMode\"}", RAPI_EXIT},
    {RESPOND, 400, "not JSON", RAPI_EXIT},
    {RESPOND, 400, "{\"errorType\":[1]}", RAPI_EXIT},
    {RESPOND, 403, "{\"errorType\":\"InvalidStateTransition\"}", RAPI_DROP},
    {RESPOND, 404, "404 page not found\n", RAPI_EXIT},
    {RESPOND, 410, "{\"errorType\":\"InvokeTimeout\"}", RAPI_DROP},
    {RESPOND, 413, "{\"errorType\":\"RequestEntityTooLarge\"}", RAPI_DROP},
    {RESPOND, 500, "{\"errorType\":\"InternalServerError\"}", RAPI_EXIT},
    {RESPOND, 200, "{}", RAPI_EXIT},
    {FAIL, 202, "{\"status\":\"OK\"}\n", RAPI_OK},
    {FAIL, 400, "{ \"errorType\" : \"InvalidRequestID\" }", RAPI_DROP},
    {FAIL, 403, "", RAPI_DROP},
    {FAIL, 410, "", RAPI_DROP},
    {FAIL, 413, "", RAPI_EXIT},
    {FAIL, 500, "", RAPI_EXIT},
};

static void test_status(const status_case *c)
{
    char text[256];
    fixture f;

    if (!harness_case("%s answered with %d %.30s", call_names[c->which], c->status, c->body))
        return;
    snprintf(text, sizeof text, "HTTP/1.1 %d x\r\nContent-Length: %zu\r\n\r\n%s", c->status,
             strlen(c->body), c->status == 204 ? "" : c->body);
    begin(&f);
    answer(&f, text);
    start(&f);
    CHECK(make_call(&f, c->which) == c->expected);
    CHECK(f.api.why[0] != '\0');
    finish(&f, 1);
}

/* On a fault of the platform there are three attempts, whether the server answers or closes the
 * connection. Then the client gives up. */
static void test_attempts(const char *name, const char *fault, size_t faults)
{
    fixture f;

    if (!harness_case("next: %zu times %s", faults, name))
        return;
    memset(&f, 0, sizeof f);
    for (size_t i = 0; i < faults; i++) {
        step(&f, FAULT_ACCEPT);
        answer(&f, fault);
        step(&f, FAULT_CLOSE);
    }
    step(&f, FAULT_ACCEPT);
    answer(&f, EVENT);
    start(&f);
    /* The client makes no fourth attempt, so the event is still at the server. */
    if (faults == 3)
        CHECK(rapi_next(&f.api, &f.invocation) == RAPI_EXIT);
    check_event(&f, rapi_next(&f.api, &f.invocation));
    finish(&f, faults + 1);
}

static void test_gone(void)
{
    fixture f;
    int64_t begun = clock_now_ns();

    if (!harness_case("a platform that is gone"))
        return;
    memset(&f, 0, sizeof f);
    f.script[f.steps++] = (fault_step){.op = FAULT_PAUSE, .pause_us = 1};
    start(&f);
    CHECK(fault_finish(f.server) == 1);
    CHECK(rapi_next(&f.api, &f.invocation) == RAPI_EXIT);
    CHECK(rapi_respond(&f.api, ID, "{}", 2) == RAPI_EXIT);
    rapi_init_error(&f.api, "Runtime.ConfigInvalid", "x");
    CHECK(clock_now_ns() - begun < 2000000000);
    fault_free(f.server);
}

typedef struct lost_case {
    int status; /* The status of the second post; 0: its answer is lost as well. */
    rapi_status expected;
} lost_case;

/* A post whose answer was lost is repeated once. If the repetition is refused, the first post had
 * arrived. */
static void test_lost(call which, const lost_case *c, const char *before)
{
    char text[128];
    size_t size[2];
    fixture f;

    if (!harness_case("%s lost after '%.20s', then status %d", call_names[which], before,
                      c->status))
        return;
    snprintf(text, sizeof text, "HTTP/1.1 %d x\r\nContent-Length: 0\r\n\r\n", c->status);
    begin(&f);
    answer(&f, before);
    step(&f, FAULT_CLOSE);
    step(&f, FAULT_ACCEPT);
    answer(&f, c->status != 0 ? text : "");
    step(&f, FAULT_CLOSE);
    start(&f);
    CHECK(make_call(&f, which) == c->expected);
    http_client_close(&f.api.client);
    CHECK(fault_finish(f.server) == 1 && fault_request_count(f.server) == 2);
    fault_request(f.server, 0, &size[0]);
    fault_request(f.server, 1, &size[1]);
    CHECK(size[0] == size[1] &&
          memcmp(fault_request(f.server, 0, NULL), fault_request(f.server, 1, NULL), size[0]) == 0);
    fault_free(f.server);
}

/* The platform closes an idle connection. Nothing was sent on it, so nothing counts as lost. */
static void test_idle(void)
{
    fixture f;

    if (!harness_case("a connection closed while idle"))
        return;
    begin(&f);
    answer(&f, EVENT);
    step(&f, FAULT_CLOSE);
    step(&f, FAULT_ACCEPT);
    answer(&f, ACCEPTED);
    step(&f, FAULT_RESET);
    step(&f, FAULT_ACCEPT);
    answer(&f, EVENT);
    start(&f);
    check_event(&f, rapi_next(&f.api, &f.invocation));
    clock_sleep_until(clock_after_ms(20));
    CHECK(rapi_respond(&f.api, ID, "{}", 2) == RAPI_OK);
    clock_sleep_until(clock_after_ms(20));
    check_event(&f, rapi_next(&f.api, &f.invocation));
    finish(&f, 3);
}

/* ---- large answers --------------------------------------------------------------------------- */

static void test_large_answer(size_t size)
{
    char *body;
    int fits = size <= RAPI_MAX_EVENT_BYTES;
    size_t sent;
    const char *request;
    fixture f;

    if (!harness_case("an answer of %zu bytes", size))
        return;
    body = malloc(size);
    memset(body, 'b', size);
    begin(&f);
    answer(&f, ACCEPTED);
    start(&f);
    CHECK(rapi_respond(&f.api, ID, body, size) == RAPI_OK);
    http_client_close(&f.api.client);
    CHECK(fault_finish(f.server) == 1 && fault_request_count(f.server) == 1);
    request = fault_request(f.server, 0, &sent);
    if (fits)
        CHECK(sent > size && memcmp(request + sent - size, body, size) == 0 &&
              strstr(request, "/response HTTP") != NULL);
    else
        CHECK(strstr(request, "/error HTTP") != NULL &&
              strstr(request, "\r\nLambda-Runtime-Function-Error-Type: "
                              "Function.ResponseSizeTooLarge\r\n") != NULL);
    fault_free(f.server);
    free(body);
}

static void test_host_port(void)
{
    static const char *const good[] = {"127.0.0.1:9001", "localhost:1", "[::1]:65535",
                                       "169.254.100.1:9001"};
    static const char *const bad[] = {
        "",         "127.0.0.1", ":9001", "h:0",         "h:65536",    "h:9001x", "h: 9001",
        "::1:9001", "[]:1",      "a b:1", "h\r\nX:9001", "http://h:1", "u@h:1",   "h:99999999999"};
    rapi api;

    if (!harness_case("AWS_LAMBDA_RUNTIME_API"))
        return;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        CHECKF(rapi_init(&api, good[i], memory, 1, request_memory, 1) == 0, "%s", good[i]);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        CHECKF(rapi_init(&api, bad[i], memory, 1, request_memory, 1) == -1, "%s", bad[i]);
    for (size_t size = NET_HOST_BYTES - 1; size <= NET_HOST_BYTES; size++) {
        char name[NET_HOST_BYTES + 8];

        memset(name, 'h', size);
        memcpy(name + size, ":1", 3);
        CHECKF(rapi_init(&api, name, memory, 1, request_memory, 1) ==
                   (size < NET_HOST_BYTES ? 0 : -1),
               "%zu bytes", size);
    }
    CHECK(rapi_init(&api, "h:1/base/", memory, 1, request_memory, 1) == 0 &&
          http_is(api.host, "h:1") && http_is(api.base, "/base"));
    CHECK(rapi_init(&api, "h:1/", memory, 1, request_memory, 1) == 0 && api.base.size == 0);
    CHECK(rapi_init(&api, "h:1/a b", memory, 1, request_memory, 1) == -1);
    CHECK(rapi_init(&api, "[::1]:80", memory, 1, request_memory, 1) == 0 &&
          strcmp(api.client.endpoint.host, "::1") == 0 && api.client.endpoint.port == 80 &&
          api.client.endpoint.tls == 0);
}

int main(int argc, char **argv)
{
    static const lost_case lost[] = {{202, RAPI_OK},   {400, RAPI_OK},   {403, RAPI_OK},
                                     {410, RAPI_DROP}, {500, RAPI_EXIT}, {0, RAPI_EXIT}};
    static const char *const bad_ids[] = {"", "a/b", "a b", "a?b", "a%00", "\x80"};
    static const size_t sizes[] = {1, 2, 2048, 2049, 65536, RAPI_MAX_EVENT_BYTES, CAPACITY + 1};
    char long_id[RAPI_MAX_REQUEST_ID_BYTES + 1];

    harness_init("test_rapi", argc, argv);
    test_requests();
    test_work_while_asking();
    test_long_error("ASCII", "x");
    test_long_error("controls", "\x01");
    test_long_error("three bytes each", "\xe2\x82\xac");
    test_split("length", EVENT);
    test_split("chunks", EVENT_CHUNKS);
    test_cut("length", EVENT, FAULT_CLOSE);
    test_cut("chunks", EVENT_CHUNKS, FAULT_RESET);
    test_patience();
    test_repeated();
    test_stop("no answer", "", RAPI_STOPPED);
    test_stop("status 500", "HTTP/1.1 500 x\r\nContent-Length: 0\r\n\r\n", RAPI_STOPPED);
    test_stop("no HTTP", "SSH-2.0-OpenSSH_9.2\r\n", RAPI_STOPPED);
    test_stop("an event", EVENT, RAPI_OK);
    test_no_headers();
    for (size_t i = 0; i < sizeof bad_ids / sizeof *bad_ids; i++)
        test_bad_id(bad_ids[i]);
    memset(long_id, 'i', sizeof long_id);
    long_id[sizeof long_id - 1] = '\0';
    test_bad_id(long_id);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        test_size(sizes[i], 0);
        test_size(sizes[i], 2048);
    }
    for (size_t i = 0; i < sizeof statuses / sizeof *statuses; i++)
        test_status(&statuses[i]);
    for (size_t faults = 1; faults <= 3; faults++) {
        test_attempts("status 500", "HTTP/1.1 500 x\r\nContent-Length: 0\r\n\r\n", faults);
        test_attempts("status 500 with a body that does not fit",
                      "HTTP/1.1 500 x\r\nContent-Length: 99999999\r\n\r\n", faults);
        test_attempts("no answer", "", faults);
    }
    test_gone();
    for (size_t i = 0; i < sizeof lost / sizeof *lost; i++) {
        test_lost(RESPOND, &lost[i], "");
        test_lost(FAIL, &lost[i], "HTTP/1.1 202 Acc");
    }
    test_idle();
    test_large_answer(100000);
    test_large_answer(RAPI_MAX_EVENT_BYTES);
    test_large_answer(RAPI_MAX_EVENT_BYTES + 1);
    test_host_port();
    return harness_finish();
}
