/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Events on their way into the store, in this process: the real handler and the real store against
 * a scripted server. The tests look at what reaches the server, in which order and under which
 * writer's name, and at what becomes of the event if the store fails or the time runs out.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runtime/base/clock.h"
#include "lambda/handler.h"
#include "lambda/logged_store.h"
#include "lambda/records.h"
#include "tests/support/harness.h"
#include "tests/support/support_events.h"
#include "tests/support/support_fault_server.h"
#include "tests/support/support_serve.h"

enum { EVENT_BYTES = 1 << 18, LOG_BYTES = 1 << 16, MOST_STEPS = 64, WHY_BYTES = 320 };

#define HEAD(status, bytes)                                                                        \
    "HTTP/1.1 " status "\r\nContent-Type: application/x-amz-json-1.0\r\nContent-Length: " bytes    \
    "\r\n\r\n"
#define UPDATED HEAD("200 OK", "2") "{}"
#define REFUSED HEAD("400 Bad Request", "32") "{\"__type\":\"ValidationException\"}"
#define UNKNOWN HEAD("400 Bad Request", "40") "{\"__type\":\"UnrecognizedClientException\"}"
#define MISSING HEAD("400 Bad Request", "44") "{\"__type\":\"ConditionalCheckFailedException\"}"
#define CONFLICT                                                                                   \
    HEAD("400 Bad Request", "79")                                                                  \
    "{\"__type\":\"ConditionalCheckFailedException\",\"Item\":{\"status\":{\"S\":\"analyzed\"}}}"

#define TIME "2026-01-15T12:34:56Z"

typedef struct fixture {
    fault_step script[MOST_STEPS];
    size_t steps;
    fault_server *server;
    config config;
    void *memory;
    store *store;
    handler handler;
    char *arena, *event, *answer;
    handler_reply reply;
    FILE *log;
    char log_text[LOG_BYTES];
} fixture;

static distil_model *model;
static distil_context *context;
static fixture f;

/* ---- a script, a store, a handler ------------------------------------------------------------ */

static fault_step *step(fault_op op)
{
    fault_step *s = &f.script[f.steps++];

    *s = (fault_step){.op = op};
    return s;
}

/* The server answers the next request with this text, after a while. */
static void add_answer(const char *text, int64_t after_ms)
{
    fault_step *s;

    step(FAULT_REQUEST);
    if (after_ms > 0)
        step(FAULT_PAUSE)->pause_us = after_ms * 1000;
    s = step(FAULT_SEND);
    s->bytes = text;
    s->size = strlen(text);
}

static int start_case(const char *name)
{
    if (!harness_case("%s", name))
        return 0;
    memset(&f, 0, sizeof f);
    step(FAULT_ACCEPT);
    return 1;
}

static void *memory_of(size_t bytes)
{
    void *memory = aligned_alloc(64, (bytes + 63) / 64 * 64);

    if (memory == NULL)
        abort();
    return memory;
}

static void fill_config(void)
{
    f.config.environment = "test";
    f.config.max_chars = 512;
    f.config.neutral_threshold = 0.6f;
    f.config.sqs_partial_failures = 1;
    f.config.table = "items";
    f.config.region = "us-east-1";
    f.config.log = (log_sink){fileno(f.log), LOG_TRACE};
    snprintf(f.config.store.host, sizeof f.config.store.host, "127.0.0.1");
    f.config.store.port = fault_port(f.server);
}

static void begin(void)
{
    char why[WHY_BYTES] = "";

    step(FAULT_HANG);
    f.server = fault_start(f.script, f.steps);
    f.log = tmpfile();
    if (f.log == NULL)
        abort();
    fill_config();
    f.memory = memory_of(store_bytes());
    f.arena = memory_of(handler_arena_bytes(EVENT_BYTES));
    f.event = memory_of(EVENT_BYTES);
    f.answer = memory_of(EVENT_BYTES);
    config_read_credentials(&f.config.credentials);
    f.store = logged_store_init(f.memory, &f.config, why, sizeof why);
    if (f.store == NULL || handler_init(&f.handler, &f.config, model, context, f.store, f.arena,
                                        handler_arena_bytes(EVENT_BYTES), why, sizeof why) != 0) {
        fprintf(stderr, "%s\n", why);
        abort();
    }
}

static void run(events_source source, const events_message *messages, size_t count, int64_t left_ms)
{
    handler_request request = {.request_id = "request-1",
                               .trace_id = {"Root=1-5bef;Sampled=1,", 21},
                               .deadline_unix_ms = clock_unix_ms() + left_ms};
    buffer event;
    ssize_t n;

    buffer_init(&event, f.event, EVENT_BYTES);
    events_build(&event, source, messages, count);
    if (event.overflow)
        abort();
    request.event = (http_slice){event.data, event.size};
    buffer_init(&f.reply.answer, f.answer, EVENT_BYTES);
    handler_run(&f.handler, &request, &f.reply);
    n = pread(f.config.log.fd, f.log_text, sizeof f.log_text - 1, 0);
    f.log_text[n > 0 ? n : 0] = '\0';
}

/* Returns 1 if the script has ended and exactly `requests` requests have arrived. The requests can
 * be looked at until free_all. */
static int end(size_t requests)
{
    store_close(f.store);
    CHECK(fault_finish(f.server) == 1);
    CHECKF(fault_request_count(f.server) == requests, "%zu requests, expected %zu",
           fault_request_count(f.server), requests);
    return fault_request_count(f.server) == requests;
}

static void free_all(void)
{
    fault_free(f.server);
    fclose(f.log);
    free(f.memory);
    free(f.arena);
    free(f.event);
    free(f.answer);
}

/* ---- looking at it --------------------------------------------------------------------------- */

static int sent(size_t index, const char *part)
{
    return strstr(fault_request(f.server, index, NULL), part) != NULL;
}

static size_t logged(const char *part)
{
    size_t count = 0;

    for (const char *at = f.log_text; (at = strstr(at, part)) != NULL; at += strlen(part))
        count++;
    return count;
}

static events_result result(events_source source, size_t index, size_t count)
{
    json_value root = {.type = JSON_NULL, .text = ""};
    events_result r;

    memset(&r, 0, sizeof r);
    CHECKF(json_parse(&root, f.reply.answer.data, f.reply.answer.size, NULL) == 0 &&
               events_read(&r, source, root, index, count) == 0,
           "%.*s", (int)f.reply.answer.size, f.reply.answer.data);
    return r;
}

static void check_failed(handler_outcome outcome, const char *type, const char *why)
{
    CHECKF(f.reply.outcome == outcome && strcmp(f.reply.error_type, type) == 0, "%d, %s",
           (int)f.reply.outcome, f.reply.error_type);
    CHECKF(strstr(f.reply.why, why) != NULL, "%s", f.reply.why);
}

/* ---- messages -------------------------------------------------------------------------------- */

static events_message messages[EVENTS_MOST];
static char ids[EVENTS_MOST][32];

static const events_message *texts(size_t count)
{
    for (size_t i = 0; i < count; i++) {
        snprintf(ids[i], sizeof ids[i], "item-%zu", i);
        messages[i] = (events_message){ids[i], TIME, "so good", "v1"};
    }
    return messages;
}

/* ---- cases ----------------------------------------------------------------------------------- */

/* A repeated event has to find its own write and nobody else's: a record's writer has the same name
 * each time, and each record has another one. */
static void test_writers(void)
{
    enum { COUNT = 11 }; /* More records than one chunk has. */
    static const struct {
        events_source source;
        const char *format; /* The writer's name, with a place for the index of the record. */
    } cases[] = {{EVENTS_SNS, "\":writer\":{\"S\":\"request-1#%zu\"}"},
                 {EVENTS_DIRECT, "\":writer\":{\"S\":\"request-1#%zu\"}"},
                 {EVENTS_HTTP_V2, "\":writer\":{\"S\":\"request-1#%zu\"}"},
                 {EVENTS_SQS, "\":writer\":{\"S\":\"059f36b4-87a3-44ab-83d2-%012zu\"}"}};

    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        char name[64];

        snprintf(name, sizeof name, "%s: each record has a writer of its own",
                 events_name(cases[k].source));
        if (!start_case(name))
            continue;
        for (size_t i = 0; i < COUNT; i++)
            add_answer(UPDATED, 0);
        begin();
        run(cases[k].source, texts(COUNT), COUNT, 60000);
        CHECK(f.reply.outcome == HANDLER_ANSWER);
        if (end(COUNT))
            for (size_t i = 0; i < COUNT; i++) {
                char writer[96], item[64];

                snprintf(writer, sizeof writer, cases[k].format, i);
                snprintf(item, sizeof item, "\"source_id\":{\"S\":\"item-%zu\"}", i);
                CHECKF(sent(i, writer) && sent(i, item), "record %zu: %s", i,
                       fault_request(f.server, i, NULL));
            }
        CHECK(logged("\"ItemsAnalyzed\":11,") == 1);
        free_all();
    }
}

/* The second record with the same key finds the write of the first one. */
static void test_same_key_twice(void)
{
    events_message twice[2];

    if (!start_case("two records with one key: one updated, one duplicate"))
        return;
    add_answer(UPDATED, 0);
    add_answer(CONFLICT, 0);
    begin();
    twice[0] = twice[1] = texts(1)[0];
    run(EVENTS_SNS, twice, 2, 60000);
    CHECK(f.reply.outcome == HANDLER_ANSWER);
    CHECK(result(EVENTS_SNS, 0, 2).updated == 1 && result(EVENTS_SNS, 1, 2).updated == 0);
    CHECK(logged("\"ItemsAnalyzed\":1,") == 1);
    CHECK(logged("\"DuplicateAnalysisSkipped\":1,") == 1);
    CHECK(logged("\"sourceId\":\"item-0\",\"reason\":\"analyzed before, by another writer: "
                 "ConditionalCheckFailedException") == 1);
    (void)end(2);
    free_all();
}

/* Whoever delivers an event again gets a failure, since the producer's write may be on its way. All
 * others get their answer. */
static void test_missing(void)
{
    static const struct {
        events_source source;
        int fails, listed;
    } cases[] = {{EVENTS_SNS, 1, 0},
                 {EVENTS_BRIDGE, 1, 0},
                 {EVENTS_SQS, 0, 1},
                 {EVENTS_HTTP_V2, 0, 0},
                 {EVENTS_DIRECT, 0, 0}};

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char name[64];

        snprintf(name, sizeof name, "%s: no such item", events_name(cases[i].source));
        if (!start_case(name))
            continue;
        add_answer(MISSING, 0);
        begin();
        run(cases[i].source, texts(1), 1, 60000);
        if (cases[i].fails)
            check_failed(HANDLER_FAIL, "Function.ItemMissing",
                         "1 of 1 records failed, first: there is no such item: "
                         "ConditionalCheckFailedException");
        else
            CHECK(f.reply.outcome == HANDLER_ANSWER &&
                  result(cases[i].source, 0, 1).failed == cases[i].listed);
        CHECK(logged("\"ItemsMissing\":1,") == 1);
        CHECK(logged("\"DuplicateAnalysisSkipped\"") == 0);
        CHECK(logged("\"AnalysisErrors\":1,") == (size_t)(cases[i].fails || cases[i].listed));
        (void)end(1);
        free_all();
    }
}

static void test_trace(void)
{
    if (!start_case("the trace of the event is passed on"))
        return;
    add_answer(UPDATED, 0);
    begin();
    run(EVENTS_BRIDGE, texts(1), 1, 60000);
    if (end(1))
        CHECK(sent(0, "\r\nX-Amzn-Trace-Id: Root=1-5bef;Sampled=1\r\n"));
    free_all();
}

/* Of several failures the first one is reported, whoever waits for the answer. */
static void test_first_failure(void)
{
    events_message two[2];

    for (int store_first = 0; store_first < 2; store_first++) {
        if (!start_case(store_first ? "first the store fails, then a record is bad"
                                    : "first a record is bad, then the store fails"))
            continue;
        add_answer(REFUSED, 0);
        add_answer(REFUSED, 0);
        begin();
        two[0] = two[1] = texts(1)[0];
        two[!store_first ? 0 : 1].text = NULL;
        run(EVENTS_SNS, two, 2, 60000);
        check_failed(HANDLER_FAIL, store_first ? "Function.StoreFailed" : "Function.BadEvent",
                     store_first ? "2 of 2 records failed, first: ValidationException"
                                 : "2 of 2 records failed, first: text_for_analysis is missing");
        CHECK(logged("\"AnalysisErrors\":2,") == 1);
        run(EVENTS_HTTP_V1, two, 2, 60000);
        CHECK(f.reply.outcome == HANDLER_ANSWER);
        CHECK(result(EVENTS_HTTP_V1, 0, 2).http_status == (store_first ? 500 : 400));
        (void)end(2);
        free_all();
    }
}

/* With rejected credentials the process cannot store anything any more. So callers who usually get
 * an answer get an error as well, and the process ends. */
static void test_credentials(void)
{
    static const events_source sources[] = {EVENTS_SNS, EVENTS_SQS, EVENTS_HTTP_V2};

    for (size_t i = 0; i < sizeof sources / sizeof *sources; i++) {
        char name[64];

        snprintf(name, sizeof name, "%s: credentials that are unknown", events_name(sources[i]));
        if (!start_case(name))
            continue;
        add_answer(UPDATED, 0);
        add_answer(UNKNOWN, 0);
        begin();
        run(sources[i], texts(2), 2, 60000);
        check_failed(HANDLER_FAIL_EXIT, "Function.StoreFailed",
                     "1 of 2 records failed, first: UnrecognizedClientException");
        (void)end(2);
        free_all();
    }
}

static void test_order(void)
{
    if (!start_case("FIFO: nothing behind a record that failed reaches the store"))
        return;
    add_answer(UPDATED, 0);
    add_answer(REFUSED, 0);
    begin();
    run(EVENTS_SQS_FIFO, texts(10), 10, 60000);
    CHECK(f.reply.outcome == HANDLER_ANSWER);
    CHECK(!result(EVENTS_SQS_FIFO, 0, 10).failed);
    for (size_t i = 1; i < 10; i++)
        CHECK(result(EVENTS_SQS_FIFO, i, 10).failed);
    CHECK(logged("\"level\":\"ERROR\"") == 9 && logged("\"AnalysisErrors\":9,") == 1);
    CHECK(logged("\"recordId\":\"059f36b4-87a3-44ab-83d2-000000000001\",\"sourceId\":\"item-1\"") ==
          1);
    CHECK(logged("\"recordId\":\"059f36b4-87a3-44ab-83d2-000000000009\",\"sourceId\":\"item-9\"") ==
          1);
    (void)end(2);
    free_all();
}

/* The first chunk takes 0.8 s of the 2 s that there are. The second one would end in time if it
 * took as long, but the rule asks for twice that time, so it is not begun. After a quick first
 * chunk it is. */
static void test_chunks(void)
{
    enum { COUNT = RECORDS_CHUNK + 2, LEFT_MS = 2000 + HANDLER_MARGIN_MS };

    if (start_case("a chunk that might not be done in time is not begun")) {
        for (size_t i = 0; i < RECORDS_CHUNK; i++)
            add_answer(UPDATED, 100);
        begin();
        run(EVENTS_SQS, texts(COUNT), COUNT, LEFT_MS);
        CHECK(f.reply.outcome == HANDLER_ANSWER);
        for (size_t i = 0; i < COUNT; i++)
            CHECK(result(EVENTS_SQS, i, COUNT).failed == (i >= RECORDS_CHUNK));
        CHECK(logged("the invocation's deadline is too near") == COUNT - RECORDS_CHUNK);
        CHECK(logged("\"SentimentAnalysisCount\":8,") == 1);
        CHECK(logged("\"AnalysisErrors\":2,") == 1);
        (void)end(RECORDS_CHUNK);
        free_all();
    }
    if (start_case("a chunk that will be done in time is begun")) {
        for (size_t i = 0; i < COUNT; i++)
            add_answer(UPDATED, 0);
        begin();
        run(EVENTS_SQS, texts(COUNT), COUNT, LEFT_MS);
        for (size_t i = 0; i < COUNT; i++)
            CHECK(!result(EVENTS_SQS, i, COUNT).failed);
        (void)end(COUNT);
        free_all();
    }
}

int main(int argc, char **argv)
{
    harness_init("test_handler_store", argc, argv);
    setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE", 1);
    setenv("AWS_SECRET_ACCESS_KEY", "secret", 1);
    unsetenv("AWS_SESSION_TOKEN");
    if (distil_model_open(&model, serve_build_path("sst2.distil"), NULL, NULL) != DISTIL_OK ||
        distil_context_new(&context, model, NULL, NULL) != DISTIL_OK) {
        printf("no model; run make\n");
        return 1;
    }
    test_writers();
    test_same_key_twice();
    test_missing();
    test_trace();
    test_first_failure();
    test_credentials();
    test_order();
    test_chunks();
    distil_context_free(context);
    distil_model_close(model);
    return harness_finish();
}
