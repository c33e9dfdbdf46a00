/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of `distil serve` against the rules of the Runtime API. The function that it runs is this
 * program itself: it follows the orders in the text of an event and prints what came of each.
 *
 * A text that begins with '!' is a list of orders, one on each line:
 *     next               ask for an event again; print "next STATUS same|other"
 *     answer TEXT        post a response; print "answer STATUS BODY"
 *     large N            post a response of N bytes
 *     stale              post a response to another request
 *     mode NAME          post a response with that response mode
 *     error TYPE TEXT    post an error with that type header; print "error STATUS BODY"
 *     init               post an init error
 *     cut                post half of a response and close the connection
 *     env NAME           print "env VALUE"
 *     exit N, kill N, hang
 * If no order answers the event, the function posts the response "done". For an event that is not a
 * list of orders, it posts the framing, the size and a checksum of the event.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runtime/base/clock.h"
#include "tests/support/harness.h"
#include "tests/support/support_serve.h"
#include "tools/serve/serve_expression.h"
#include "tools/serve/serve_faults.h"
#include "tools/serve/serve_store.h"

enum { EVENT_BYTES = 6291556, BUFFER_BYTES = 6400000 };

static const char *myself;

/* ---- the function ---------------------------------------------------------------------------- */

typedef struct function {
    http_client client;
    http_response response;
    char *request, *memory;
    char id[64];
    char event[65536]; /* a copy of the orders */
    int answered;
} function;

static int exchange(function *f, const char *first_line, const char *headers, const char *body,
                    size_t size)
{
    int head = snprintf(f->request, BUFFER_BYTES,
                        "%s HTTP/1.1\r\nHost: api\r\n%sContent-Length: %zu\r\n\r\n", first_line,
                        headers, size);

    memcpy(f->request + head, body, size);
    if (http_client_exchange(&f->client, &f->response, f->request, (size_t)head + size,
                             HTTP_RESEND_NEVER, CLOCK_NEVER) != HTTP_CLIENT_OK)
        return 0;
    return f->response.head.status;
}

static void post(function *f, const char *what, const char *id, const char *headers,
                 const char *body, size_t size)
{
    char line[256];
    int status;

    (void)snprintf(line, sizeof line, "POST /2018-06-01/runtime/invocation/%s/%s", id, what);
    status = exchange(f, line, headers, body, size);
    (void)printf("%s %d %.*s\n", what, status, (int)strcspn(f->response.body.at, "\n"),
                 f->response.body.at);
    f->answered = f->answered || status == 202 || status == 413;
}

static int ask(function *f)
{
    http_slice id;
    int status = exchange(f, "GET /2018-06-01/runtime/invocation/next", "", "", 0);
    int same;

    id = http_get(&f->response.head, "Lambda-Runtime-Aws-Request-Id");
    same = status == 200 && http_is(id, f->id);
    if (status == 200)
        (void)snprintf(f->id, sizeof f->id, "%.*s", (int)id.size, id.at);
    (void)printf("next %d %s\n", status, same ? "same" : "other");
    return status;
}

static void cut(function *f)
{
    char text[512];
    int size = snprintf(text, sizeof text,
                        "POST /2018-06-01/runtime/invocation/%s/response HTTP/1.1\r\nHost: api\r\n"
                        "Content-Length: 100\r\n\r\nhalf",
                        f->id);

    (void)net_send(&f->client.stream, text, (size_t)size, CLOCK_NEVER);
    http_client_close(&f->client);
    usleep(50000);
}

/* Follow one order. */
static void obey(function *f, const char *order)
{
    const char *rest = strchr(order, ' ');
    char headers[256];
    char *large;
    size_t size;

    rest = rest != NULL ? rest + 1 : "";
    if (strncmp(order, "answer", 6) == 0) {
        post(f, "response", f->id, "", rest, strlen(rest));
    } else if (strncmp(order, "large", 5) == 0) {
        size = strtoul(rest, NULL, 10);
        large = calloc(1, size);
        post(f, "response", f->id, "", large, size);
        free(large);
    } else if (strcmp(order, "stale") == 0) {
        post(f, "response", "95df01b4-ee98-4cb9-9903-4c221d41eb5e", "", "x", 1);
    } else if (strcmp(order, "late") == 0) {
        post(f, "response", f->id, "Lambda-Runtime-Invocation-Id: of-an-earlier-try\r\n", "x", 1);
    } else if (strncmp(order, "mode", 4) == 0) {
        (void)snprintf(headers, sizeof headers, "Lambda-Runtime-Function-Response-Mode: %s\r\n",
                       rest);
        post(f, "response", f->id, headers, "x", 1);
    } else if (strncmp(order, "error", 5) == 0) {
        (void)snprintf(headers, sizeof headers, "Lambda-Runtime-Function-Error-Type: %.*s\r\n",
                       (int)strcspn(rest, " "), rest);
        rest = strchr(rest, ' ');
        post(f, "error", f->id, headers, rest + 1, strlen(rest + 1));
    } else if (strcmp(order, "init") == 0) {
        (void)printf("init %d\n", exchange(f, "POST /2018-06-01/runtime/init/error", "", "{}", 2));
    } else if (strcmp(order, "next") == 0) {
        (void)ask(f);
    } else if (strcmp(order, "cut") == 0) {
        cut(f);
    } else if (strncmp(order, "env", 3) == 0) {
        (void)printf("env %s\n", getenv(rest) != NULL ? getenv(rest) : "(absent)");
    } else if (strncmp(order, "exit", 4) == 0) {
        (void)fflush(stdout);
        _exit((int)strtol(rest, NULL, 10));
    } else if (strncmp(order, "kill", 4) == 0) {
        (void)fflush(stdout);
        (void)kill(getpid(), (int)strtol(rest, NULL, 10));
    } else if (strcmp(order, "hang") == 0) {
        (void)fflush(stdout);
        (void)pause();
    } else {
        (void)printf("unknown order\n");
    }
}

static void obey_all(function *f)
{
    char *order = f->event + 1;

    f->answered = 0;
    while (order != NULL && *order != '\0') {
        char *end = strchr(order, '\n');

        if (end != NULL)
            *end = '\0';
        obey(f, order);
        order = end != NULL ? end + 1 : NULL;
    }
    if (!f->answered)
        post(f, "response", f->id, "", "done", 4);
}

static unsigned sum(http_slice bytes)
{
    unsigned x = 5381;

    for (size_t i = 0; i < bytes.size; i++)
        x = x * 33 + (unsigned char)bytes.at[i];
    return x;
}

static int function_main(const char *how)
{
    function *f = calloc(1, sizeof *f);
    net_endpoint to;

    if (f == NULL || net_endpoint_parse(&to, getenv("AWS_LAMBDA_RUNTIME_API")) != 0)
        return 2;
    (void)setvbuf(stdout, NULL, _IOLBF, 0);
    f->request = malloc(BUFFER_BYTES);
    f->memory = malloc(BUFFER_BYTES);
    http_client_init(&f->client, &to, f->memory, BUFFER_BYTES, 1000);
    if (strcmp(how, "init-error") == 0) {
        static const char document[] =
            "{\"errorMessage\":\"no model\",\"errorType\":\"Runtime.ModelLoad\"}";

        (void)exchange(f, "POST /2018-06-01/runtime/init/error",
                       "Lambda-Runtime-Function-Error-Type: Runtime.ModelLoad\r\n", document,
                       sizeof document - 1);
        (void)printf("next after init error: %d\n", ask(f));
        return 1;
    }
    if (strcmp(how, "too-early") == 0)
        post(f, "response", "95df01b4-ee98-4cb9-9903-4c221d41eb5e", "", "x", 1);
    if (strcmp(how, "term") == 0)
        (void)signal(SIGTERM, SIG_IGN);
    while (ask(f) == 200) {
        http_slice event = f->response.body;
        int chunked = f->response.head.framing == HTTP_CHUNKED;
        char text[128];

        if (event.size > 0 && event.at[0] == '!' && event.size < sizeof f->event) {
            memcpy(f->event, event.at, event.size);
            f->event[event.size] = '\0';
            obey_all(f);
            continue;
        }
        (void)snprintf(text, sizeof text, "{\"framing\":\"%s\",\"size\":%zu,\"sum\":%u}",
                       chunked ? "chunked" : "length", event.size, sum(event));
        post(f, "response", f->id, "", text, strlen(text));
    }
    return 1;
}

/* ---- starting it ----------------------------------------------------------------------------- */

static serve_run *start_with(const char *how, const char *const *options,
                             const char *const *environment)
{
    const char *const words[] = {myself, "--function", how, NULL};
    const serve_setup setup = {options, words, environment};
    serve_run *run = serve_start(&setup);

    if (run == NULL)
        harness_fail(__FILE__, __LINE__, "serve does not start");
    return run;
}

/* Check that the next line of the function is the expected one. */
static void expect_line(serve_run *run, int line, const char *expected)
{
    size_t size;
    const char *found = serve_line_next(run, &size);

    if (found == NULL || strcmp(found, expected) != 0)
        harness_fail(__FILE__, line, "the function wrote '%s', not '%s'",
                     found != NULL ? found : "nothing", expected);
}

#define EXPECT_LINE(run, text) expect_line(run, __LINE__, text)

static void forget_lines(serve_run *run)
{
    size_t size;

    while (serve_line_next(run, &size) != NULL)
        ;
}

/* Returns 1 if serve has written a notice that contains this text since the last call. */
static int noticed(serve_run *run, const char *text)
{
    const char *line;
    size_t size;
    int found = 0;

    while ((line = serve_error_next(run, &size)) != NULL)
        found = found || strstr(line, text) != NULL;
    return found;
}

static int body_is(const serve_answer *answer, const char *text)
{
    return answer->body.size == strlen(text) &&
           memcmp(answer->body.at, text, answer->body.size) == 0;
}

#define OK_LINE "response 202 {\"status\":\"OK\"}"
#define NOT_ALLOWED                                                                                \
    "403 {\"errorMessage\":\"State transition is not allowed\","                                   \
    "\"errorType\":\"InvalidStateTransition\"}"

/* ---- events and their framing ---------------------------------------------------------------- */

static void test_sizes(void)
{
    static const size_t sizes[] = {0, 1, 2, 2048, 2049, 65536, 1048577, EVENT_BYTES};
    serve_run *run;
    serve_caller *caller;
    char *event = malloc(EVENT_BYTES + 1);

    if (!harness_case("events of every size") || event == NULL) {
        free(event);
        return;
    }
    for (size_t i = 0; i <= EVENT_BYTES; i++)
        event[i] = (char)('a' + harness_random() % 26);
    run = start_with("", NULL, NULL);
    caller = run != NULL ? serve_caller_new(run) : NULL;
    for (size_t i = 0; caller != NULL && i < sizeof sizes / sizeof *sizes; i++) {
        char expected[128];
        serve_answer answer = serve_invoke(caller, event, sizes[i], 0);

        (void)snprintf(expected, sizeof expected, "{\"framing\":\"%s\",\"size\":%zu,\"sum\":%u}",
                       sizes[i] > 2048 ? "chunked" : "length", sizes[i],
                       sum((http_slice){event, sizes[i]}));
        CHECKF(answer.status == 200 && !answer.failed && body_is(&answer, expected),
               "%zu bytes: status %d, %.*s", sizes[i], answer.status, (int)answer.body.size,
               answer.body.at);
    }
    if (caller != NULL) {
        serve_answer answer = serve_invoke(caller, event, EVENT_BYTES + 1, 0);

        CHECK(answer.status == 413);
        answer = serve_invoke(caller, event, 1048577, 1);
        CHECK(answer.status == 413);
        answer = serve_invoke(caller, event, 100, 0);
        CHECK(answer.status == 200);
        CHECK(serve_count(caller, "starts") == 1);
    }
    serve_caller_free(caller);
    serve_free(run);
    free(event);
}

/* ---- the state machine ----------------------------------------------------------------------- */

/* Orders, the lines that the function prints for them, and the answer to the invocation. */
static const struct {
    const char *name, *orders;
    const char *lines[8];
    const char *answer; /* NULL: whatever */
    int failed;
} dialogues[] = {
    {"asking again gives the same event",
     "!next\nnext",
     {"next 200 same", "next 200 same", OK_LINE},
     "done",
     0},
    {"an answer is taken once",
     "!answer 1\nanswer 2\nerror X {}",
     {OK_LINE, "response " NOT_ALLOWED, "error " NOT_ALLOWED},
     "1",
     0},
    {"an error is taken once",
     "!error Function.BadEvent {\"a\":1}\nanswer 2",
     {"error 202 {\"status\":\"OK\"}", "response " NOT_ALLOWED},
     "{\"a\":1}",
     1},
    {"an answer to an earlier try",
     "!late\nanswer 1",
     {"response 410 {\"errorMessage\":\"The invocation is over\","
      "\"errorType\":\"InvokeTimeout\"}",
      OK_LINE},
     "1",
     0},
    {"a request that is not in hand",
     "!stale\nanswer 1",
     {"response 400 {\"errorMessage\":\"Invalid request ID\","
      "\"errorType\":\"InvalidRequestID\"}",
      OK_LINE},
     "1",
     0},
    {"an init error after the start", "!init\nanswer 1", {"init 403", OK_LINE}, "1", 0},
    {"streaming mode", "!mode streaming", {OK_LINE}, "x", 0},
    {"an empty answer", "!answer", {OK_LINE}, "", 0},
};

static void test_dialogues(void)
{
    serve_run *run = NULL;
    serve_caller *caller = NULL;

    for (size_t i = 0; i < sizeof dialogues / sizeof *dialogues; i++) {
        serve_answer answer;

        if (!harness_case("state: %s", dialogues[i].name))
            continue;
        if (run == NULL) {
            run = start_with("", NULL, NULL);
            caller = run != NULL ? serve_caller_new(run) : NULL;
        }
        if (caller == NULL)
            return;
        answer = serve_invoke_text(caller, dialogues[i].orders);
        EXPECT_LINE(run, "next 200 other");
        for (size_t j = 0; dialogues[i].lines[j] != NULL; j++)
            expect_line(run, __LINE__, dialogues[i].lines[j]);
        CHECK(answer.status == 200 && answer.failed == dialogues[i].failed);
        CHECKF(body_is(&answer, dialogues[i].answer), "the answer is %.*s", (int)answer.body.size,
               answer.body.at);
    }
    if (caller != NULL && harness_case("one process did all that"))
        CHECK(serve_count(caller, "starts") == 1);
    serve_caller_free(caller);
    serve_free(run);
}

/* ---- how an invocation fails ----------------------------------------------------------------- */

static const struct {
    const char *name, *orders, *type;
    const char *message; /* the end of the error message */
} failures[] = {
    {"exit status", "!exit 3", "Runtime.ExitError", "Runtime exited with error: exit status 3"},
    {"exit without a reason", "!exit 0", "Runtime.ExitError",
     "Runtime exited without providing a reason"},
    {"killed", "!kill 9", "Runtime.ExitError", "Runtime exited with error: signal: Killed"},
    {"an end after the answer", "!answer 1\nexit 1", "Runtime.ExitError",
     "Runtime exited with error: exit status 1"},
    {"time is up", "!hang", "Sandbox.Timedout", "Task timed out after 1.00 seconds"},
    {"time is up after the answer", "!answer 1\nhang", "Sandbox.Timedout",
     "Task timed out after 1.00 seconds"},
    {"a forbidden response mode", "!mode buffered\nnext\nanswer 1\nhang", "Sandbox.Timedout",
     "Task timed out after 1.00 seconds"},
    {"an answer that breaks off", "!cut\nnext\nhang", "Sandbox.Timedout",
     "Task timed out after 1.00 seconds"},
};

static void test_failures(void)
{
    static const char *const options[] = {"--timeout", "1", NULL};
    serve_run *run = start_with("", options, NULL);
    serve_caller *caller = run != NULL ? serve_caller_new(run) : NULL;

    for (size_t i = 0; caller != NULL && i < sizeof failures / sizeof *failures; i++) {
        serve_answer answer;
        char end[256];
        size_t size;

        if (!harness_case("failure: %s", failures[i].name))
            continue;
        answer = serve_invoke_text(caller, failures[i].orders);
        CHECK(answer.status == 200 && answer.failed);
        CHECKF(serve_json_is(answer.json, "errorType", failures[i].type), "%.*s",
               (int)answer.body.size, answer.body.at);
        (void)snprintf(end, sizeof end, "RequestId: %.*s Error: %s", (int)answer.request_id.size,
                       answer.request_id.at, failures[i].message);
        CHECKF(serve_json_is(answer.json, "errorMessage", end), "%.*s, not %s",
               (int)answer.body.size, answer.body.at, end);
        if (strstr(failures[i].orders, "mode") != NULL) {
            EXPECT_LINE(run, "next 200 other");
            EXPECT_LINE(run, "response 400 {\"errorMessage\":\"Invalid function response mode\","
                             "\"errorType\":\"InvalidFunctionResponseMode\"}");
            EXPECT_LINE(run, "next 403 other");
            EXPECT_LINE(run, "response " NOT_ALLOWED);
        } else if (strstr(failures[i].orders, "cut") != NULL) {
            EXPECT_LINE(run, "next 200 other");
            EXPECT_LINE(run, "next 403 other");
        }
        while (serve_line_next(run, &size) != NULL)
            ;
        /* The process has ended, so the next event gets a new one. */
        answer = serve_invoke_text(caller, "!answer 1");
        CHECK(answer.status == 200 && !answer.failed && body_is(&answer, "1"));
        forget_lines(run);
    }
    serve_caller_free(caller);
    serve_free(run);
}

/* The type of an error is kept if it has the right form, and replaced otherwise. The dead letters
 * show it. */
static void test_error_types(void)
{
    static const char *const types[][2] = {
        {"Function.BadEvent", "Function.BadEvent"}, {"Runtime.ModelLoad", "Runtime.ModelLoad"},
        {"Function.badEvent", "Function.Unknown"},  {"Function.X", "Function.Unknown"},
        {"Function.Bad_Event", "Function.Unknown"}, {"BadEvent", "Function.Unknown"},
    };
    static const char *const options[] = {"--retry-ms", "0", NULL};
    serve_run *run;
    serve_caller *caller;
    serve_answer dead;

    if (!harness_case("error types"))
        return;
    run = start_with("", options, NULL);
    caller = run != NULL ? serve_caller_new(run) : NULL;
    for (size_t i = 0; caller != NULL && i < sizeof types / sizeof *types; i++) {
        char orders[128];

        (void)snprintf(orders, sizeof orders, "!error %s {}", types[i][0]);
        CHECK(serve_invoke(caller, orders, strlen(orders), 1).status == 202);
    }
    if (caller != NULL) {
        CHECK(serve_await(caller, "dead", sizeof types / sizeof *types));
        dead = serve_get(caller, "/serve/dead-letters");
        for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
            char path[64];

            (void)snprintf(path, sizeof path, "%zu.errorType", i);
            CHECKF(serve_json_is(dead.json, path, types[i][1]), "%s: %.*s", types[i][0],
                   (int)dead.body.size, dead.body.at);
        }
    }
    serve_caller_free(caller);
    serve_free(run);
}

/* ---- the start ------------------------------------------------------------------------------- */

static void test_init(void)
{
    serve_run *run = NULL;
    serve_caller *caller;
    serve_answer answer;

    if (harness_case("an init error, and again within the invocation")) {
        run = start_with("init-error", NULL, NULL);
        caller = run != NULL ? serve_caller_new(run) : NULL;
        if (caller != NULL) {
            CHECK(serve_await(caller, "pid", 0));
            answer = serve_invoke_text(caller, "{}");
            CHECK(answer.failed && serve_json_is(answer.json, "errorType", "Runtime.ModelLoad"));
            CHECK(serve_count(caller, "starts") == 2);
            CHECK(noticed(run, "exit status 1, after an init error"));
            EXPECT_LINE(run, "next 403 other");
            EXPECT_LINE(run, "next after init error: 403");
        }
        serve_caller_free(caller);
        serve_free(run);
    }
    if (harness_case("an answer before the first event")) {
        run = start_with("too-early", NULL, NULL);
        caller = run != NULL ? serve_caller_new(run) : NULL;
        if (caller != NULL) {
            answer = serve_invoke_text(caller, "!answer 1");
            CHECK(!answer.failed && body_is(&answer, "1"));
            EXPECT_LINE(run, "response 400 {\"errorMessage\":\"Invalid request ID\","
                             "\"errorType\":\"InvalidRequestID\"}");
        }
        serve_caller_free(caller);
        serve_free(run);
    }
}

static void test_environment(void)
{
    static const char *const environment[] = {
        "_HANDLER=x", "DATABASE_TABLE=t", "AWS_ACCESS_KEY_ID=real", "AWS_REGION=eu-west-1", NULL};
    static const char *const memory[] = {"--store", "memory", NULL};
    static const struct {
        const char *name, *without, *with_store;
    } expected[] = {
        {"_HANDLER", "(absent)", "(absent)"},
        {"DATABASE_TABLE", "(absent)", "t"},
        {"DISTIL_STORE", "none", "(absent)"},
        {"ENVIRONMENT", "(absent)", "dev"},
        {"AWS_ACCESS_KEY_ID", "real", "local"},
        {"AWS_REGION", "eu-west-1", "eu-west-1"},
        {"AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "1769", "1769"},
        {"AWS_ENDPOINT_URL_DYNAMODB", "(absent)", NULL},
    };

    for (int store = 0; store < 2; store++) {
        serve_run *run;
        serve_caller *caller;

        if (!harness_case("environment %s a store", store ? "with" : "without"))
            continue;
        run = start_with("", store ? memory : NULL, environment);
        caller = run != NULL ? serve_caller_new(run) : NULL;
        for (size_t i = 0; caller != NULL && i < sizeof expected / sizeof *expected; i++) {
            const char *value = store ? expected[i].with_store : expected[i].without;
            char line[256], address[64];

            (void)snprintf(line, sizeof line, "!env %s", expected[i].name);
            (void)serve_invoke_text(caller, line);
            (void)snprintf(address, sizeof address, "http://127.0.0.1:%u",
                           (unsigned)serve_port(run));
            (void)snprintf(line, sizeof line, "env %s", value != NULL ? value : address);
            EXPECT_LINE(run, "next 200 other");
            expect_line(run, __LINE__, line);
            EXPECT_LINE(run, OK_LINE);
        }
        serve_caller_free(caller);
        serve_free(run);
    }
}

/* ---- asynchronous events, many callers, the end ---------------------------------------------- */

static void test_asynchronous(void)
{
    static const char *const options[] = {"--retry-ms", "10", NULL};
    serve_run *run;
    serve_caller *caller;
    serve_answer answer;
    char id[64];

    if (!harness_case("asynchronous: three tries with one id, then a dead letter"))
        return;
    run = start_with("", options, NULL);
    caller = run != NULL ? serve_caller_new(run) : NULL;
    if (caller != NULL) {
        answer = serve_invoke(caller, "!exit 1", 7, 1);
        CHECK(answer.status == 202 && answer.body.size == 0);
        (void)snprintf(id, sizeof id, "%.*s", (int)answer.request_id.size, answer.request_id.at);
        CHECK(serve_invoke(caller, "!answer 1", 9, 1).status == 202);
        CHECK(serve_await(caller, "dead", 1));
        CHECK(serve_await(caller, "succeeded", 1));
        CHECK(serve_count(caller, "retried") == 2 && serve_count(caller, "failed") == 1);
        answer = serve_get(caller, "/serve/dead-letters");
        CHECK(serve_json_is(answer.json, "0.RequestID", id));
        CHECK(serve_json_is(answer.json, "0.tries", "3"));
        CHECK(serve_json_is(answer.json, "0.event", "!exit 1"));
        CHECK(serve_json_is(answer.json, "0.errorType", "Runtime.ExitError"));
    }
    serve_caller_free(caller);
    serve_free(run);
}

/* Send an event without waiting for the answer. */
static int send_only(const serve_run *run, net_stream *stream, const char *event)
{
    net_endpoint to = {.host = "127.0.0.1", .port = serve_port(run)};
    char text[1024];
    int size = snprintf(text, sizeof text,
                        "POST /2015-03-31/functions/function/invocations HTTP/1.1\r\n"
                        "Host: x\r\nContent-Length: %zu\r\n\r\n%s",
                        strlen(event), event);

    net_init(stream);
    return net_connect(stream, &to, clock_after_ms(1000)) == NET_OK &&
                   net_send(stream, text, (size_t)size, clock_after_ms(1000)) == NET_OK
               ? 0
               : -1;
}

static void test_queue(void)
{
    enum { CALLERS = 20 };
    net_stream streams[CALLERS];
    serve_run *run;
    serve_caller *caller;

    if (!harness_case("callers wait for one another; who leaves is forgotten"))
        return;
    run = start_with("", NULL, NULL);
    caller = run != NULL ? serve_caller_new(run) : NULL;
    if (caller == NULL)
        return;
    /* The event of the first caller keeps the function busy until the function is killed. */
    for (size_t i = 0; i < CALLERS; i++) {
        char orders[64];

        (void)snprintf(orders, sizeof orders, i == 0 ? "!hang" : "!answer %zu", i);
        CHECK(send_only(run, &streams[i], orders) == 0);
        CHECK(serve_await(caller, "queued", (int64_t)i));
    }
    net_close(&streams[7]);
    CHECK(serve_await(caller, "queued", CALLERS - 2));
    CHECK(kill((pid_t)serve_count(caller, "pid"), SIGKILL) == 0);
    for (size_t i = 0; i < CALLERS; i++) {
        char text[1024], end[64];
        size_t size = 0;

        if (i == 7)
            continue;
        CHECK(net_receive(&streams[i], text, sizeof text - 1, &size, clock_after_ms(5000)) ==
              NET_OK);
        text[size] = '\0';
        (void)snprintf(end, sizeof end, i == 0 ? "signal: Killed\"}" : "\r\n\r\n%zu", i);
        CHECKF(strstr(text, end) != NULL, "caller %zu: %s", i, text);
        net_close(&streams[i]);
    }
    CHECK(serve_count(caller, "starts") == 2);
    CHECK(serve_count(caller, "succeeded") == CALLERS - 2);
    serve_caller_free(caller);
    serve_free(run);
}

static void test_answer_limit(void)
{
    static const char *const options[] = {"--answer-bytes", "100", NULL};
    serve_run *run;
    serve_caller *caller;
    serve_answer answer;

    if (!harness_case("an answer that is too large"))
        return;
    run = start_with("", options, NULL);
    caller = run != NULL ? serve_caller_new(run) : NULL;
    if (caller != NULL) {
        answer = serve_invoke_text(caller, "!large 101\nerror Function.X {}");
        CHECK(answer.failed &&
              serve_json_is(answer.json, "errorType", "Function.ResponseSizeTooLarge"));
        EXPECT_LINE(run, "next 200 other");
        EXPECT_LINE(run, "response 413 {\"errorMessage\":\"Exceeded maximum allowed payload "
                         "size\",\"errorType\":\"RequestEntityTooLarge\"}");
        EXPECT_LINE(run, "error " NOT_ALLOWED);
        answer = serve_invoke_text(caller, "!large 100");
        CHECK(!answer.failed && answer.body.size == 100);
        CHECK(serve_count(caller, "starts") == 1);
    }
    serve_caller_free(caller);
    serve_free(run);
}

static void test_end(void)
{
    static const struct {
        const char *how;
        int signal, status;
        const char *notice;
    } cases[] = {{"", SIGTERM, 0, "process ended: signal: Terminated"},
                 {"", SIGINT, 130, "process ended: signal: Terminated"},
                 {"term", SIGTERM, 0, "process ended: signal: Killed"}};

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        serve_run *run;
        serve_caller *caller;
        pid_t pid;

        if (!harness_case("end by signal %d, function %s", cases[i].signal, cases[i].how))
            continue;
        run = start_with(cases[i].how, NULL, NULL);
        caller = run != NULL ? serve_caller_new(run) : NULL;
        if (caller == NULL)
            continue;
        CHECK(!serve_invoke_text(caller, "!answer 1").failed);
        pid = (pid_t)serve_count(caller, "pid");
        CHECK(serve_stop(run, cases[i].signal) == cases[i].status);
        CHECK(noticed(run, cases[i].notice));
        CHECK(kill(pid, 0) != 0 && errno == ESRCH);
        serve_caller_free(caller);
        serve_free(run);
    }
    if (harness_case("the function dies with a serve that is killed")) {
        serve_run *run = start_with("", NULL, NULL);
        serve_caller *caller = run != NULL ? serve_caller_new(run) : NULL;
        pid_t pid;

        if (caller != NULL) {
            int64_t until = clock_after_ms(5000);
            const char *line;
            size_t size;

            /* During an event the function does not notice that its connection ends. */
            CHECK(serve_invoke(caller, "!env HOME\nhang", 14, 1).status == 202);
            while (((line = serve_line_next(run, &size)) == NULL || strncmp(line, "env", 3) != 0) &&
                   clock_now_ns() < until)
                usleep(1000);
            pid = (pid_t)serve_count(caller, "pid");
            CHECK(serve_stop(run, SIGKILL) == 256 + SIGKILL);
            while (kill(pid, 0) == 0 && clock_now_ns() < until)
                usleep(1000);
            CHECK(kill(pid, 0) != 0);
        }
        serve_caller_free(caller);
        serve_free(run);
    }
}

/* ---- strangers ------------------------------------------------------------------------------- */

/* Sends requests that neither the function nor a developer would send, such as those of a port
 * scanner, and checks how each answer begins. */
static void test_strangers(void)
{
    static const struct {
        const char *name, *bytes, *answer;
    } cases[] = {
        {"no Host", "GET / HTTP/1.1\r\n\r\n",
         "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain"},
        {"no HTTP", "hello\r\n\r\n", "HTTP/1.1 400 "},
        {"no such page", "GET /x HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 404 "},
        {"next with POST", "POST /2018-06-01/runtime/invocation/next HTTP/1.1\r\nHost: x\r\n\r\n",
         "HTTP/1.1 404 "},
        {"a length beside chunks",
         "POST /2015-03-31/functions/function/invocations HTTP/1.1\r\nHost: x\r\n"
         "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
         "HTTP/1.1 400 "},
        {"a bad chunk",
         "POST /2015-03-31/functions/function/invocations HTTP/1.1\r\nHost: x\r\n"
         "Transfer-Encoding: chunked\r\n\r\nzz\r\n",
         "HTTP/1.1 400 "},
        {"a chunked event",
         "POST /2015-03-31/functions/function/invocations HTTP/1.1\r\nHost: x\r\n"
         "Transfer-Encoding: chunked\r\n\r\n4\r\n!ans\r\n7\r\nwer yes\r\n0\r\n\r\n",
         "HTTP/1.1 200 OK"},
        {"two requests at once",
         "GET /x HTTP/1.1\r\nHost: x\r\n\r\n"
         "GET /serve/state HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
         "HTTP/1.1 404 "},
        {"a dry run",
         "POST /2015-03-31/functions/function/invocations HTTP/1.1\r\nHost: x\r\n"
         "X-Amz-Invocation-Type: DryRun\r\n\r\n",
         "HTTP/1.1 204 "},
        {"store where there is none", "POST / HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 404 "},
    };
    serve_run *run = start_with("", NULL, NULL);

    for (size_t i = 0; run != NULL && i < sizeof cases / sizeof *cases; i++) {
        net_endpoint to = {.host = "127.0.0.1", .port = serve_port(run)};
        net_stream stream;
        char text[4096];
        size_t size = 0, more = 0;

        if (!harness_case("stranger: %s", cases[i].name))
            continue;
        net_init(&stream);
        CHECK(net_connect(&stream, &to, clock_after_ms(1000)) == NET_OK);
        CHECK(net_send(&stream, cases[i].bytes, strlen(cases[i].bytes), clock_after_ms(1000)) ==
              NET_OK);
        while (net_receive(&stream, text + size, sizeof text - 1 - size, &more,
                           clock_after_ms(size == 0 ? 5000 : 100)) == NET_OK)
            size += more;
        text[size] = '\0';
        CHECKF(strncmp(text, cases[i].answer, strlen(cases[i].answer)) == 0, "%s", text);
        if (strstr(cases[i].bytes, "state") != NULL)
            CHECKF(strstr(text, "\"starts\":1") != NULL, "%s", text);
        net_close(&stream);
    }
    serve_free(run);
}

/* ---- events of the command line -------------------------------------------------------------- */

/* Run `distil serve` on events of the command line. Copies its standard output to `out` and returns
 * its exit status. */
static int run_events(const char *const *options, char *out, size_t capacity)
{
    char command[8192], path[] = "/tmp/distil-test-XXXXXX";
    const char *program = getenv("DISTIL");
    int fd = mkstemp(path), status;
    ssize_t got;
    size_t n;

    if (fd < 0)
        abort();
    n = (size_t)snprintf(command, sizeof command, "DISTIL_MODEL= '%s' serve --local",
                         program != NULL ? program : serve_build_path("distil"));
    for (; *options != NULL; options++)
        n += (size_t)snprintf(command + n, sizeof command - n, " '%s'", *options);
    (void)snprintf(command + n, sizeof command - n, " -- '%s' --function '' >%s 2>/dev/null",
                   myself, path);
    status = system(command);
    got = read(fd, out, capacity - 1);
    out[got > 0 ? got : 0] = '\0';
    (void)close(fd);
    (void)unlink(path);
    return status / 256;
}

static void test_events(void)
{
    static const struct {
        const char *event;
        int status;
        const char *shown;
    } cases[] = {
        {"!answer {\"a\":[1,{}],\"b\":\"x\"}", 0,
         "RESPONSE {\n           \"a\": [\n             1,\n             {}\n           ],\n"
         "           \"b\": \"x\"\n         }\n"},
        {"!answer {\"statusCode\":500}", 1, "RESPONSE {\n           \"statusCode\": 500"},
        {"!answer {\"statusCode\":200}", 0, "RESPONSE {\n           \"statusCode\": 200"},
        {"!answer {\"batchItemFailures\":[]}", 0, "\"batchItemFailures\": []"},
        {"!answer {\"batchItemFailures\":[{}]}", 1, "\"batchItemFailures\": ["},
        {"!answer no\033JSON", 0, "RESPONSE no\\x1bJSON\n"},
        {"!error Function.X {\"errorType\":\"Function.X\"}", 1,
         "ERROR    {\n           \"errorType\": \"Function.X\"\n         }\n"},
        {"!env _HANDLER", 0, "STDOUT   env (absent)\n"},
    };
    char path[] = "/tmp/distil-event-XXXXXX", out[65536];
    int fd = mkstemp(path);

    for (size_t i = 0; fd >= 0 && i < sizeof cases / sizeof *cases; i++) {
        const char *const options[] = {"--event", path, NULL};
        int status;

        if (!harness_case("event %zu of the command line", i))
            continue;
        CHECK(ftruncate(fd, 0) == 0);
        CHECK(pwrite(fd, cases[i].event, strlen(cases[i].event), 0) ==
              (ssize_t)strlen(cases[i].event));
        status = run_events(options, out, sizeof out);
        CHECKF(status == cases[i].status, "exit status %d", status);
        CHECKF(strstr(out, cases[i].shown) != NULL, "%s", out);
    }
    if (harness_case("two events, one of which is no file")) {
        const char *const options[] = {"--raw", "--event", "/nonexistent", "--event", path, NULL};

        CHECK(run_events(options, out, sizeof out) == 1);
        CHECKF(strstr(out, "\nenv (absent)\n") != NULL && strstr(out, "\ndone\n") != NULL, "%s",
               out);
    }
    (void)close(fd);
    (void)unlink(path);
}

/* ---- what is shown --------------------------------------------------------------------------- */

static void test_no_program(void)
{
    static const char *const words[] = {"/nonexistent/bootstrap", NULL};
    const serve_setup setup = {NULL, words, NULL};

    if (harness_case("a program that is not there"))
        CHECK(serve_start(&setup) == NULL);
}

/* ---- the store ------------------------------------------------------------------------------- */

#define NAMES                                                                                      \
    "\"ExpressionAttributeNames\":{\"#s\":\"status\",\"#p\":\"score\",\"#w\":\"analyzed_by\"}"
#define KEY "\"TableName\":\"t\",\"Key\":{\"source_id\":{\"S\":\"a\"},\"timestamp\":{\"S\":\"b\"}}"
#define UPDATE(writer, extra)                                                                      \
    "{" KEY ",\"UpdateExpression\":\"SET #s = :n, #p = :p, #w = :w\","                             \
    "\"ConditionExpression\":\"#s = :o OR #w = :w\"," NAMES                                        \
    ",\"ExpressionAttributeValues\":{\":n\":{\"S\":\"analyzed\"},\":o\":{\"S\":\"pending\"},"      \
    "\":p\":{\"N\":\"0.9990\"},\":w\":{\"S\":\"" writer "\"}}" extra "}"
#define ITEM(more) "\"source_id\":{\"S\":\"a\"},\"timestamp\":{\"S\":\"b\"}" more
#define PUT_PENDING "{\"TableName\":\"t\",\"Item\":{" ITEM(",\"status\":{\"S\":\"pending\"}") "}}"
#define UPDATED                                                                                    \
    "{\"Item\":{" ITEM(",\"status\":{\"S\":\"analyzed\"},\"score\":{\"N\":\"0.999\"},"             \
                       "\"analyzed_by\":{\"S\":\"w1\"}") "}}"

/* Calls that are made one after the other on one store. */
static const struct {
    const char *call, *body;
    int status;
    const char *answer; /* the whole of it, or of an error the type and a piece of the message */
    const char *message;
} calls[] = {
    {"GetItem", "{" KEY "}", 200, "{}", NULL},
    {"UpdateItem", UPDATE("w1", ""), 400, "ConditionalCheckFailedException", "request failed\"}"},
    {"UpdateItem", UPDATE("w1", ",\"ReturnValuesOnConditionCheckFailure\":\"ALL_OLD\""), 400,
     "ConditionalCheckFailedException", "request failed\"}"},
    {"PutItem", PUT_PENDING, 200, "{}", NULL},
    {"UpdateItem", UPDATE("w1", ""), 200, "{}", NULL},
    {"GetItem", "{" KEY "}", 200, UPDATED, NULL},
    {"UpdateItem", UPDATE("w1", ""), 200, "{}", NULL}, /* the function repeats its own write */
    {"UpdateItem", UPDATE("w2", ""), 400, "ConditionalCheckFailedException", "request failed\"}"},
    {"UpdateItem", UPDATE("w2", ",\"ReturnValuesOnConditionCheckFailure\":\"ALL_OLD\""), 400,
     "ConditionalCheckFailedException", ",\"Item\":{\"source_id\""},
    {"GetItem", "{" KEY "}", 200, UPDATED, NULL},
    {"UpdateItem",
     "{" KEY ",\"UpdateExpression\":\"set x = :x\",\"ExpressionAttributeValues\":"
     "{\":x\":{\"BOOL\":true}}}",
     200, "{}", NULL},
    {"UpdateItem",
     "{\"TableName\":\"t\",\"Key\":{\"source_id\":{\"S\":\"new\"},\"timestamp\":"
     "{\"S\":\"b\"}},\"UpdateExpression\":\"SET x=:x\","
     "\"ExpressionAttributeValues\":{\":x\":{\"NULL\":true}}}",
     200, "{}", NULL},
    {"GetItem",
     "{\"TableName\":\"t\",\"Key\":{\"source_id\":{\"S\":\"new\"},\"timestamp\":"
     "{\"S\":\"b\"}}}",
     200,
     "{\"Item\":{\"source_id\":{\"S\":\"new\"},\"timestamp\":{\"S\":\"b\"},"
     "\"x\":{\"NULL\":true}}}",
     NULL},
    /* Calls that the stand-in refuses. */
    {"DeleteItem", "{}", 400, "UnknownOperationException", ""},
    {"GetItem", "{", 400, "SerializationException", ""},
    {"GetItem", "[]", 400, "SerializationException", ""},
    {"GetItem", "{}", 400, "ValidationException", "TableName"},
    {"GetItem", "{\"TableName\":\"u\"}", 400, "ResourceNotFoundException", "not found"},
    {"GetItem", "{\"TableName\":\"t\",\"Key\":{\"source_id\":{\"S\":\"a\"}}}", 400,
     "ValidationException", "key element"},
    {"GetItem",
     "{\"TableName\":\"t\",\"Key\":{\"source_id\":{\"S\":\"a\"},\"timestamp\":{\"N\":"
     "\"1\"}}}",
     400, "ValidationException", "key element"},
    {"GetItem",
     "{\"TableName\":\"t\",\"Key\":{\"source_id\":{\"S\":\"\"},\"timestamp\":{\"S\":"
     "\"1\"}}}",
     400, "ValidationException", "key element"},
    {"GetItem", "{\"TableName\":\"t\",\"Key\":{" ITEM(",\"x\":{\"S\":\"a\"}") "}}", 400,
     "ValidationException", "key element"},
    {"PutItem", "{\"TableName\":\"t\",\"Item\":{" ITEM(",\"x\":{\"S\":1}") "}}", 400,
     "ValidationException", "AttributeValue of x"},
    {"PutItem", "{\"TableName\":\"t\",\"Item\":{" ITEM(",\"x\":{\"S\":\"1\",\"N\":\"1\"}") "}}",
     400, "ValidationException", "AttributeValue of x"},
    {"PutItem", "{\"TableName\":\"t\",\"Item\":{" ITEM(",\"x\":{\"L\":[]}") "}}", 400,
     "ValidationException", "AttributeValue of x"},
    {"PutItem", "{\"TableName\":\"t\",\"Item\":{" ITEM(",\"x\":{\"N\":\"NaN\"}") "}}", 400,
     "ValidationException", "numeric value"},
    {"PutItem", "{\"TableName\":\"t\",\"Item\":{" ITEM("") "},\"ConditionExpression\":\"a = :a\"}",
     400, "ValidationException", "ConditionExpression"},
    {"UpdateItem", "{" KEY "}", 400, "ValidationException", "UpdateExpression is missing"},
    {"UpdateItem", "{" KEY ",\"UpdateExpression\":\"REMOVE x\"}", 400, "ValidationException",
     "near: \\\"REMOVE\\\""},
    {"UpdateItem", "{" KEY ",\"UpdateExpression\":\"SET x = x + :x\"}", 400, "ValidationException",
     "Syntax error"},
    {"UpdateItem", "{" KEY ",\"UpdateExpression\":\"SET x = :x,\"}", 400, "ValidationException",
     "Syntax error"},
    {"UpdateItem",
     "{" KEY ",\"UpdateExpression\":\"SET x = :x\",\"ConditionExpression\":"
     "\"attribute_exists(x)\",\"ExpressionAttributeValues\":{\":x\":{\"S\":\"\"}}}",
     400, "ValidationException", "Invalid"},
    {"UpdateItem", "{" KEY ",\"UpdateExpression\":\"SET x = :x\"}", 400, "ValidationException",
     "attribute value: :x"},
    {"UpdateItem",
     "{" KEY ",\"UpdateExpression\":\"SET #x = :x\",\"ExpressionAttributeValues\":"
     "{\":x\":{\"S\":\"\"}}}",
     400, "ValidationException", "attribute name: #x"},
    {"UpdateItem",
     "{" KEY ",\"UpdateExpression\":\"SET x = :x\",\"ExpressionAttributeValues\":"
     "{\":x\":{\"S\":\"1\"},\":y\":{\"S\":\"1\"}}}",
     400, "ValidationException", "unused in expressions"},
    {"UpdateItem",
     "{" KEY ",\"UpdateExpression\":\"SET x = :x\",\"ExpressionAttributeValues\":"
     "{\":x\":{\"S\":\"1\"}},\"ExpressionAttributeNames\":{}}",
     400, "ValidationException", "must not be empty"},
    {"UpdateItem",
     "{" KEY ",\"UpdateExpression\":\"SET x = :x, x = :x\","
     "\"ExpressionAttributeValues\":{\":x\":{\"S\":\"1\"}}}",
     400, "ValidationException", "overlap"},
    {"UpdateItem",
     "{" KEY ",\"UpdateExpression\":\"SET source_id = :x\","
     "\"ExpressionAttributeValues\":{\":x\":{\"S\":\"1\"}}}",
     400, "ValidationException", "part of the key"},
    {"UpdateItem",
     "{" KEY ",\"UpdateExpression\":\"SET x = :x\",\"ReturnValues\":\"ALL_NEW\","
     "\"ExpressionAttributeValues\":{\":x\":{\"S\":\"1\"}}}",
     400, "ValidationException", "ReturnValues"},
};

static int call_store(serve_store *store, const char *name, const char *body, buffer *answer)
{
    char target[64];

    (void)snprintf(target, sizeof target, "DynamoDB_20120810.%s", name);
    return serve_store_call(store, (http_slice){target, strlen(target)},
                            (http_slice){body, strlen(body)}, answer);
}

static void test_store(void)
{
    char *memory = malloc(SERVE_STORE_ANSWER_BYTES);
    serve_store *store = serve_store_new("t", 0);
    serve_store_counts counts;
    buffer answer;

    buffer_init(&answer, memory, SERVE_STORE_ANSWER_BYTES);
    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
        json_value root = {.type = JSON_NULL, .text = ""}, type;
        int status = call_store(store, calls[i].call, calls[i].body, &answer);
        char piece[4096] = "";

        if (!harness_case("store: call %zu, %s", i, calls[i].call))
            continue;
        (void)snprintf(piece, sizeof piece, "%.*s", (int)answer.size, answer.data);
        CHECKF(status == calls[i].status, "status %d: %s", status, piece);
        CHECK(json_parse(&root, answer.data, answer.size, NULL) == 0);
        if (calls[i].message == NULL) {
            CHECKF(strcmp(piece, calls[i].answer) == 0, "%s", piece);
        } else if (json_get(root, "__type", &type)) {
            CHECKF(strstr(piece, calls[i].answer) != NULL &&
                       strstr(piece, calls[i].message) != NULL,
                   "%s", piece);
        } else {
            harness_fail(__FILE__, __LINE__, "no error: %s", piece);
        }
    }
    if (harness_case("store: counts")) {
        counts = serve_store_count(store);
        CHECK(counts.items == 2 && counts.changed == 2 && counts.changed_again == 1);
        CHECK(counts.repeats == 1 && counts.conflicts == 4);
        CHECKF(counts.refused == sizeof calls / sizeof *calls - 13, "%d", (int)counts.refused);
    }
    serve_store_free(store);
    free(memory);
}

static void test_store_many(void)
{
    enum { ITEMS = 5000 };
    char *memory = malloc(SERVE_STORE_ANSWER_BYTES);
    serve_store *store = serve_store_new("t", 1);
    buffer answer;
    char body[1024];

    if (harness_case("store: %d pending items, each updated once", ITEMS)) {
        buffer_init(&answer, memory, SERVE_STORE_ANSWER_BYTES);
        for (int i = 0; i < 2 * ITEMS; i++) {
            int status;

            (void)snprintf(body, sizeof body,
                           "{\"TableName\":\"t\",\"Key\":{\"source_id\":{\"S\":\"%d\"},"
                           "\"timestamp\":{\"S\":\"x\"}},\"UpdateExpression\":\"SET #s = :n\","
                           "\"ConditionExpression\":\"#s = :o\",\"ExpressionAttributeNames\":"
                           "{\"#s\":\"status\"},\"ExpressionAttributeValues\":{\":n\":{\"S\":"
                           "\"analyzed\"},\":o\":{\"S\":\"pending\"}}}",
                           i % ITEMS);
            status = call_store(store, "UpdateItem", body, &answer);
            CHECKF(status == (i < ITEMS ? 200 : 400), "%d: %d", i, status);
        }
        CHECK(serve_store_count(store).items == ITEMS);
        CHECK(serve_store_count(store).changed == ITEMS);
        CHECK(serve_store_count(store).changed_again == 0);
        CHECK(serve_store_count(store).conflicts == ITEMS);
    }
    serve_store_free(store);
    free(memory);
}

static void test_numbers(void)
{
    static const char *const numbers[][2] = {
        {"0", "0"},
        {"-0", "0"},
        {"0.9990", "0.999"},
        {"1.0", "1"},
        {"-12.50", "-12.5"},
        {"1e3", "1000"},
        {"1.5E-3", "0.0015"},
        {"000120", "120"},
        {".5", "0.5"},
        {"+7", "7"},
        {"12345678901234567890123456789012345678", "12345678901234567890123456789012345678"},
        {"0.00000000000000000000000000000000000001", "0.00000000000000000000000000000000000001"},
        {"1234567890123456789012345678901234567800", "1234567890123456789012345678901234567800"},
        {"123456789012345678901234567890123456789", NULL},
        {"", NULL},
        {"-", NULL},
        {".", NULL},
        {"1e", NULL},
        {"1e999", NULL},
        {"1 ", NULL},
        {"0x1", NULL},
        {"NaN", NULL},
        {"Infinity", NULL},
        {"1.2.3", NULL},
        {"1,5", NULL},
    };
    char *memory = malloc(SERVE_STORE_ANSWER_BYTES), body[512], expected[512];
    serve_store *store = serve_store_new("t", 0);
    buffer answer;

    buffer_init(&answer, memory, SERVE_STORE_ANSWER_BYTES);
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        int status;

        if (!harness_case("store: number '%s'", numbers[i][0]))
            continue;
        (void)snprintf(body, sizeof body,
                       "{\"TableName\":\"t\",\"Item\":{" ITEM(",\"n\":{\"N\":\"%s\"}") "}}",
                       numbers[i][0]);
        status = call_store(store, "PutItem", body, &answer);
        CHECKF(status == (numbers[i][1] != NULL ? 200 : 400), "%d", status);
        if (numbers[i][1] == NULL)
            continue;
        (void)call_store(store, "GetItem", "{" KEY "}", &answer);
        (void)snprintf(expected, sizeof expected, "{\"Item\":{" ITEM(",\"n\":{\"N\":\"%s\"}") "}}",
                       numbers[i][1]);
        CHECKF(answer.size == strlen(expected) && memcmp(answer.data, expected, answer.size) == 0,
               "%.*s", (int)answer.size, answer.data);
    }
    serve_store_free(store);
    free(memory);
}

/* ---- faults ---------------------------------------------------------------------------------- */

static void test_faults(void)
{
    serve_faults a, b;
    size_t kinds[SERVE_FAULT_KINDS] = {0};

    if (!harness_case("faults: rate, kinds, the same for the same seed"))
        return;
    serve_faults_init(&a, 0.1, 7);
    serve_faults_init(&b, 0.1, 7);
    for (int i = 0; i < 100000; i++) {
        serve_fault fault = serve_faults_draw_store(&a);

        kinds[fault]++;
        CHECK(fault == serve_faults_draw_store(&b));
    }
    CHECK(a.count > 9700 && a.count < 10300);
    for (int i = 1; i < SERVE_FAULT_KINDS; i++)
        CHECKF(kinds[i] > 1200 && kinds[i] < 1700, "kind %d: %zu", i, kinds[i]);
    serve_faults_init(&a, 0, 7);
    for (int i = 0; i < 1000; i++)
        CHECK(serve_faults_draw_runtime(&a) == SERVE_FAULT_NONE);
    serve_faults_init(&a, 1, 7);
    for (int i = 0; i < 1000; i++) {
        serve_fault fault = serve_faults_draw_runtime(&a);

        CHECK(fault != SERVE_FAULT_NONE && fault != SERVE_FAULT_THROTTLE &&
              fault != SERVE_FAULT_AFTER);
    }
}

/* Faults concern replies to the function only. Even if every such reply goes wrong, a caller gets
 * one answer for each event. */
static void test_faults_on_the_wire(void)
{
    static const char *const options[] = {"--faults",  "0.3", "--seed", "11",
                                          "--timeout", "5",   NULL};
    serve_run *run;
    serve_caller *caller;
    int failed = 0;

    if (!harness_case("faults on the wire reach the function, not the caller"))
        return;
    run = start_with("", options, NULL);
    caller = run != NULL ? serve_caller_new(run) : NULL;
    for (int i = 0; caller != NULL && i < 60; i++) {
        serve_answer answer = serve_invoke_text(caller, "!answer 1");

        CHECK(answer.status == 200);
        CHECKF(answer.failed || body_is(&answer, "1") || body_is(&answer, "done"), "%.*s",
               (int)answer.body.size, answer.body.at);
        failed += answer.failed;
    }
    if (caller != NULL) {
        CHECKF(failed > 5 && failed < 55, "%d failed",
               failed); /* The request failed, and the function under test does not repeat it. */
        CHECK(serve_count(caller, "failed") == failed);
        CHECK(serve_count(caller, "faults") > failed / 2);
    }
    serve_caller_free(caller);
    serve_free(run);
}

int main(int argc, char **argv)
{
    char path[SERVE_NAME_BYTES];
    ssize_t size = readlink("/proc/self/exe", path, sizeof path - 1);

    if (argc == 3 && strcmp(argv[1], "--function") == 0)
        return function_main(argv[2]);
    path[size > 0 ? size : 0] = '\0';
    myself = path;
    (void)signal(SIGPIPE, SIG_IGN);
    (void)harness_init("test_serve", argc, argv);
    test_sizes();
    test_dialogues();
    test_failures();
    test_error_types();
    test_init();
    test_environment();
    test_asynchronous();
    test_queue();
    test_answer_limit();
    test_end();
    test_strangers();
    test_events();
    test_no_program();
    test_store();
    test_store_many();
    test_numbers();
    test_faults();
    test_faults_on_the_wire();
    return harness_finish();
}
