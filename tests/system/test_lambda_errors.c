/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The function as it is shipped, from outside: every row of the table of errors in docs/lambda.md
 * for every source, with what is logged, counted, answered and stored in each.
 */
#define _GNU_SOURCE /* This declares strcasestr. */
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "model/blob.h"
#include "tests/support/harness.h"
#include "tests/support/support_events.h"
#include "tests/support/support_fault_server.h"
#include "tests/support/support_function.h"
#include "tests/support/support_serve.h"

/* ---- errors: the event ----------------------------------------------------------------------- */

/* A message without one member, or an event that is not JSON (member NULL). */
static void test_bad_event(world *w, events_source source, const char *missing)
{
    events_message message = {"bad", WORLD_TIME, GOOD_TEXT, NULL};
    int64_t dead = serve_count(w->admin, "dead");
    events_result result;
    serve_answer answer;
    world_written lines;
    char path[64];

    CHECK(world_put_pending(w, "bad").status == 200);
    if (strcmp(missing, "source_id") == 0)
        message.source_id = NULL;
    else if (strcmp(missing, "timestamp") == 0)
        message.timestamp = NULL;
    else
        message.text = NULL;
    answer = world_invoke(w, source, &message, 1, 0);
    lines = world_read_lines(w->run);
    /* A mistake of an HTTP caller is no error of the function. */
    if (world_is_http(source)) {
        CHECK(lines.errors == 0 && lines.warnings == 1);
        CHECK(world_metric(&lines, "AnalysisErrors") == 0);
    } else {
        CHECKF(lines.errors == 1 && strcmp(lines.code, "VALIDATION_ERROR") == 0,
               "%zu errors, code %s", lines.errors, lines.code);
        CHECK(world_metric(&lines, "AnalysisErrors") == 1);
    }
    CHECK(world_metric(&lines, "ClientErrors") == world_is_http(source));
    CHECK(world_metric(&lines, "SentimentAnalysisCount") == 0 &&
          world_metric(&lines, "ItemsAnalyzed") == 0);
    world_check_pending(w, "bad");
    if (world_is_http(source)) {
        CHECK(!answer.failed && events_read(&result, source, answer.json, 0, 1) == 0);
        CHECK(result.http_status == 400 && strcmp(result.code, "VALIDATION_ERROR") == 0);
    } else if (world_is_batch(source)) {
        CHECK(!answer.failed && events_read(&result, source, answer.json, 0, 1) == 0);
        CHECK(result.failed);
    } else {
        CHECK(answer.failed && serve_json_is(answer.json, "errorType", "Function.BadEvent"));
    }
    if (source != EVENTS_SNS && source != EVENTS_BRIDGE)
        return;
    /* An asynchronous event is tried three times and then becomes a dead letter that holds the
     * event. */
    answer = world_invoke(w, source, &message, 1, 1);
    CHECK(answer.status == 202 && serve_await(w->admin, "dead", dead + 1));
    answer = serve_get(w->admin, "/serve/dead-letters");
    (void)snprintf(path, sizeof path, "%lld.tries", (long long)dead);
    CHECK(serve_json_is(answer.json, path, "3"));
    (void)snprintf(path, sizeof path, "%lld.errorType", (long long)dead);
    CHECK(serve_json_is(answer.json, path, "Function.BadEvent"));
    lines = world_read_lines(w->run);
    CHECK(lines.errors == 3 && world_metric(&lines, "AnalysisErrors") == 3);
    world_check_pending(w, "bad");
}

static void test_bad_json(world *w)
{
    static const char *const events[] = {"",
                                         "{",
                                         "not json",
                                         "{\"Records\":[{\"EventSource\":\"aws:sns\"}]}",
                                         "[]",
                                         "{\"Records\":[]}",
                                         "{\"text\":5}",
                                         "{\"text\":\"\xff\"}",
                                         "\xef\xbb\xbf{\"warmup\":true}",
                                         "nul",
                                         "\"text\"",
                                         "{\"text\":\"a\",}"};
    events_message message = {NULL, NULL, GOOD_TEXT, NULL};
    serve_answer answer;
    world_written lines;

    for (size_t i = 0; i < sizeof events / sizeof *events; i++) {
        answer = serve_invoke_text(w->caller, events[i]);
        lines = world_read_lines(w->run);
        CHECKF(answer.failed && serve_json_is(answer.json, "errorType", "Function.BadEvent"),
               "%s: %.*s", events[i], (int)answer.body.size, answer.body.at);
        CHECKF(lines.errors == 1 && world_metric(&lines, "AnalysisErrors") == 1, "%s", events[i]);
        /* After the error the same process serves a good event. */
        answer = world_invoke(w, EVENTS_DIRECT, &message, 1, 0);
        world_check_done(&answer, EVENTS_DIRECT, 0, 1, world_expect(GOOD_TEXT), 0);
        (void)world_read_lines(w->run);
    }
    CHECK(serve_count(w->admin, "starts") == 1);
}

/* One bad message among good ones: the good ones are done, and the answer names the bad one. */
static void test_bad_among_good(world *w, events_source source)
{
    enum { COUNT = 4, BAD = 1 };
    events_message messages[COUNT];
    char ids[COUNT][64];
    events_result result;
    serve_answer answer;
    world_written lines;
    int fifo = source == EVENTS_SQS_FIFO;

    for (size_t i = 0; i < COUNT; i++) {
        (void)snprintf(ids[i], sizeof ids[i], "among-%d-%zu", (int)source, i);
        messages[i] = (events_message){ids[i], WORLD_TIME, i == BAD ? NULL : GOOD_TEXT, "v9"};
        CHECK(world_put_pending(w, ids[i]).status == 200);
    }
    answer = world_invoke(w, source, messages, COUNT, 0);
    lines = world_read_lines(w->run);
    CHECK(lines.errors + lines.warnings == (fifo ? 3 : 1));
    CHECK((lines.warnings > 0) == world_is_http(source));
    CHECK(world_metric(&lines, "ItemsAnalyzed") == (fifo ? 1 : 3));
    for (size_t i = 0; i < COUNT; i++) {
        int fails = fifo ? i >= BAD : i == BAD;

        if (fails)
            world_check_pending(w, ids[i]);
        else
            world_check_analyzed(w, ids[i], world_expect(GOOD_TEXT), "v9");
        /* For SNS and direct events one failed record fails the invocation. */
        if (source == EVENTS_SNS || source == EVENTS_DIRECT)
            continue;
        CHECK(events_read(&result, source, answer.json, i, COUNT) == 0);
        CHECKF(result.failed == fails, "message %zu", i);
    }
    CHECK(answer.failed == (source == EVENTS_SNS || source == EVENTS_DIRECT));
}

static void test_bad_events(void)
{
    static const char *const members[] = {"source_id", "timestamp", "text_for_analysis"};
    world w;

    if (world_open(&w, world_with_store, NULL) != 0)
        return;
    world_warm_up(&w);
    for (int s = 0; s < EVENTS_SOURCES; s++) {
        for (size_t i = 0; i < sizeof members / sizeof *members; i++)
            if (harness_case("error: %s without %s", events_name((events_source)s), members[i]))
                test_bad_event(&w, (events_source)s, members[i]);
        if (s != EVENTS_BRIDGE &&
            harness_case("error: %s, a bad message among good ones", events_name((events_source)s)))
            test_bad_among_good(&w, (events_source)s);
    }
    if (harness_case("error: events that are none, a good one after each"))
        test_bad_json(&w);
    world_close(&w);
}

/* ---- errors: the model ----------------------------------------------------------------------- */

/* Write the shipped blob with some of its bytes overwritten to a file, which the caller removes. */
static void write_blob(char *path, size_t offset, const void *bytes, size_t size, size_t keep)
{
    size_t total;
    char *blob = harness_read_file(serve_build_path("sst2.distil"), &total);
    FILE *out;
    int fd;

    (void)strcpy(path, "/tmp/distil-test-blob-XXXXXX");
    fd = mkstemp(path);
    if (blob == NULL || fd < 0 || (out = fdopen(fd, "wb")) == NULL)
        abort();
    if (size > 0)
        memcpy(blob + offset, bytes, size);
    if (fwrite(blob, 1, keep < total ? keep : total, out) != (keep < total ? keep : total))
        abort();
    (void)fclose(out);
    free(blob);
}

/* The offset of the classifier's bias in the shipped blob. */
static size_t bias_offset(void)
{
    size_t total, bytes, offset = 0;
    char *bytes_of = harness_read_file(serve_build_path("sst2.distil"), &total);
    distil_blob blob;
    distil_blob_error error;
    const char *data;
    void *aligned = NULL;

    if (bytes_of == NULL || posix_memalign(&aligned, 64, total) != 0)
        abort();
    memcpy(aligned, bytes_of, total);
    if (distil_blob_open_memory(&blob, aligned, total, DISTIL_BLOB_VERIFY_NONE, &error) !=
        DISTIL_BLOB_OK)
        abort();
    data = distil_blob_section_data(&blob, DISTIL_SECTION_HEAD_OUT, 0, &bytes);
    /* The section has (dim + 1) rows, and the last one is the bias. */
    offset =
        (size_t)(data - (const char *)aligned) + bytes / (blob.header->dim + 1) * blob.header->dim;
    distil_blob_close(&blob);
    free(aligned);
    free(bytes_of);
    return offset;
}

static void test_model_missing(void)
{
    static const char version[] = {'\x7f', '\x7f'}, damage[] = {'x', 'x', 'x', 'x'};
    static const struct {
        const char *name;
        size_t offset;
        const char *bytes;
        size_t size, keep;
        const char *variable; /* Set in addition to DISTIL_MODEL. */
    } cases[] = {
        {"missing", 0, NULL, 0, 0, NULL},
        {"not a model", 0, damage, sizeof damage, SIZE_MAX, NULL},
        {"of another version", 8, version, sizeof version, SIZE_MAX, NULL},
        {"cut short", 0, NULL, 0, 1000000, NULL},
        {"damaged, checksums asked for", 5000000, damage, sizeof damage, SIZE_MAX,
         "DISTIL_VERIFY=crc"},
        {"not the expected one", 0, NULL, 0, SIZE_MAX,
         "DISTIL_MODEL_SHA256=0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"},
    };
    events_message message = {"x", WORLD_TIME, GOOD_TEXT, NULL};

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char path[64] = "/nonexistent/model.distil", variable[128];
        const char *environment[] = {variable, cases[i].variable, NULL};
        serve_answer answer;
        world_written lines;
        world w;

        if (!harness_case("error: the model is %s", cases[i].name))
            continue;
        if (cases[i].keep > 0)
            write_blob(path, cases[i].offset, cases[i].bytes, cases[i].size, cases[i].keep);
        (void)snprintf(variable, sizeof variable, "DISTIL_MODEL=%s", path);
        if (world_open(&w, world_with_store, environment) == 0) {
            CHECK(serve_await(w.admin, "pid", 0));
            lines = world_read_lines(w.run);
            CHECK(lines.errors == 1);
            CHECK(world_metric(&lines, "AnalysisErrors") == 1 &&
                  world_metric(&lines, "ModelLoadErrors") == 1);
            CHECK(world_put_pending(&w, "x").status == 200);
            answer = world_invoke(&w, EVENTS_SNS, &message, 1, 0);
            CHECKF(answer.failed && serve_json_is(answer.json, "errorType", "Runtime.ModelLoad"),
                   "%.*s", (int)answer.body.size, answer.body.at);
            CHECK(serve_count(w.admin, "starts") == 2);
            world_check_pending(&w, "x");
            world_close(&w);
        }
        if (cases[i].keep > 0)
            (void)unlink(path);
    }
}

/* One flipped bit, wherever it is: no text gets an answer, and nothing is stored. */
static void test_flipped_bits(void)
{
    enum { FLIPS = 12 };
    events_message message = {"x", WORLD_TIME, GOOD_TEXT, NULL};
    size_t size;
    char *whole;

    if (!harness_case("error: one bit of the model is flipped"))
        return;
    whole = harness_read_file(serve_build_path("sst2.distil"), &size);
    for (int i = 0; i < FLIPS && whole != NULL; i++) {
        size_t offset = (size_t)(harness_random() % size);
        char byte = (char)(whole[offset] ^ 1 << harness_random() % 8);
        char path[64], variable[128];
        const char *environment[] = {variable, NULL};
        serve_answer answer;
        world w;

        write_blob(path, offset, &byte, 1, SIZE_MAX);
        (void)snprintf(variable, sizeof variable, "DISTIL_MODEL=%s", path);
        if (world_open(&w, world_with_store, environment) == 0) {
            CHECK(world_put_pending(&w, "x").status == 200);
            answer = world_invoke(&w, EVENTS_SNS, &message, 1, 0);
            world_check_pending(&w, "x");
            CHECKF(answer.failed && serve_json_is(answer.json, "errorType", "Runtime.ModelLoad"),
                   "byte %zu: %.*s", offset, (int)answer.body.size, answer.body.at);
            (void)world_read_lines(w.run);
            world_close(&w);
        }
        (void)unlink(path);
    }
    free(whole);
}

/* The classifier of this model gives NaN. Without verification the start does not notice it, but
 * every answer does. */
static void test_model_nonsense(void)
{
    static const float nonsense[][2] = {{NAN, NAN}, {INFINITY, INFINITY}, {-INFINITY, 0}};

    for (size_t i = 0; i < 2; i++) {
        events_message message = {"x", WORLD_TIME, GOOD_TEXT, NULL};
        char path[64], variable[128];
        const char *environment[] = {variable, "DISTIL_VERIFY=none", NULL};
        events_result result;
        serve_answer answer;
        world_written lines;
        world w;

        if (!harness_case("error: inference gives %f", (double)nonsense[i][0]))
            continue;
        write_blob(path, bias_offset(), nonsense[i], sizeof nonsense[i], SIZE_MAX);
        (void)snprintf(variable, sizeof variable, "DISTIL_MODEL=%s", path);
        if (world_open(&w, world_with_store, environment) == 0) {
            world_warm_up(&w);
            CHECK(world_put_pending(&w, "x").status == 200);
            for (int s = 0; s < EVENTS_SOURCES; s++) {
                events_source source = (events_source)s;

                answer = world_invoke(&w, source, &message, 1, 0);
                lines = world_read_lines(w.run);
                CHECKF(lines.errors == 1 && strcmp(lines.code, "MODEL_ERROR") == 0,
                       "%s: %zu errors, %s", events_name(source), lines.errors, lines.code);
                CHECK(world_metric(&lines, "AnalysisErrors") == 1);
                CHECK(world_metric(&lines, "SentimentAnalysisCount") == 0);
                world_check_pending(&w, "x");
                if (!world_is_http(source) && !world_is_batch(source)) {
                    CHECK(answer.failed &&
                          serve_json_is(answer.json, "errorType", "Function.ModelFailed"));
                    continue;
                }
                CHECK(!answer.failed && events_read(&result, source, answer.json, 0, 1) == 0);
                CHECK(result.failed);
                CHECK(!world_is_http(source) ||
                      (result.http_status == 500 && strcmp(result.code, "MODEL_ERROR") == 0));
            }
            CHECK(serve_count(w.admin, "starts") == 1);
            world_close(&w);
        }
        (void)unlink(path);
    }
}

/* ---- errors: the store ----------------------------------------------------------------------- */

/* The item is not pending or was analyzed before. That is a success, and the log says so. */
static void test_duplicates(void)
{
    events_message message = {"twice", WORLD_TIME, GOOD_TEXT, "v1"};
    serve_answer answer;
    world_written lines;
    world w;

    if (world_open(&w, world_with_store, NULL) != 0)
        return;
    world_warm_up(&w);
    for (int s = 0; s < EVENTS_SOURCES; s++) {
        events_source source = (events_source)s;
        int64_t conflicts = serve_count(w.admin, "store.conflicts");

        if (!harness_case("duplicate: %s, the same event three times", events_name(source)))
            continue;
        CHECK(world_put_pending(&w, "twice").status == 200);
        for (int time = 0; time < 3; time++) {
            /* The id of the queue's message names the writer, so the message may arrive any number
             * of times. */
            int again = time > 0 && !world_is_batch(source);

            answer = world_invoke(&w, source, &message, 1, 0);
            world_check_done(&answer, source, 0, 1, world_expect(GOOD_TEXT), time == 0);
            lines = world_read_lines(w.run);
            CHECK(lines.errors == 0 && lines.warnings == (size_t)again);
            CHECK(world_metric(&lines, "DuplicateAnalysisSkipped") == again);
            CHECK(world_metric(&lines, "ItemsAnalyzed") == !again);
            CHECK(world_metric(&lines, "AnalysisErrors") == 0);
            world_check_analyzed(&w, "twice", world_expect(GOOD_TEXT), "v1");
        }
        CHECK(serve_count(w.admin, "store.conflicts") ==
              conflicts + (world_is_batch(source) ? 0 : 2));
        CHECK(serve_count(w.admin, "store.changed_again") == 0);
    }
    if (harness_case("redelivery after a consumer has moved the item on")) {
        message.source_id = "moved";
        CHECK(world_put_pending(&w, "moved").status == 200);
        answer = world_invoke(&w, EVENTS_SQS, &message, 1, 0);
        world_check_done(&answer, EVENTS_SQS, 0, 1, world_expect(GOOD_TEXT), 1);
        answer = serve_dynamodb(
            w.admin, "UpdateItem",
            "{\"TableName\":\"sentiment-items\",\"Key\":{\"source_id\":{\"S\":\"%s\"},"
            "\"timestamp\":{\"S\":\"" WORLD_TIME
            "\"}},\"UpdateExpression\":\"SET #s = :r, sentiment = :c\","
            "\"ExpressionAttributeNames\":{\"#s\":\"status\"},"
            "\"ExpressionAttributeValues\":{\":r\":{\"S\":\"reviewed\"},"
            "\":c\":{\"S\":\"corrected\"}}}",
            "moved");
        CHECK(answer.status == 200);
        (void)world_read_lines(w.run);
        answer = world_invoke(&w, EVENTS_SQS, &message, 1, 0);
        world_check_done(&answer, EVENTS_SQS, 0, 1, world_expect(GOOD_TEXT), 0);
        lines = world_read_lines(w.run);
        CHECK(lines.warnings == 1 && world_metric(&lines, "DuplicateAnalysisSkipped") == 1);
        answer = world_get_item(&w, "moved");
        CHECKF(serve_json_is(answer.json, "Item.status.S", "reviewed") &&
                   serve_json_is(answer.json, "Item.sentiment.S", "corrected"),
               "%.*s", (int)answer.body.size, answer.body.at);
    }
    if (harness_case("no such item")) {
        message.source_id = "absent";
        answer = world_invoke(&w, EVENTS_SNS, &message, 1, 0);
        CHECKF(answer.failed && serve_json_is(answer.json, "errorType", "Function.ItemMissing"),
               "%.*s", (int)answer.body.size, answer.body.at);
        lines = world_read_lines(w.run);
        CHECK(lines.errors == 1 && world_metric(&lines, "ItemsMissing") == 1);
        CHECK(world_metric(&lines, "DuplicateAnalysisSkipped") == 0);
        answer = world_get_item(&w, "absent");
        /* The answer names no failure. */
        CHECK(answer.status == 200 && answer.body.size == 2);
    }
    world_close(&w);
}

/* Checks what the caller of each source gets when the store fails. */
static void check_store_failed(world *w, events_source source, const serve_answer *answer,
                               double errors)
{
    events_result result;
    world_written lines = world_read_lines(w->run);

    CHECKF(lines.errors == 1 && strcmp(lines.code, "INTERNAL_ERROR") == 0, "%zu errors, code %s",
           lines.errors, lines.code);
    CHECK(world_metric(&lines, "AnalysisErrors") == errors &&
          world_metric(&lines, "ItemsAnalyzed") == 0);
    CHECK(world_metric(&lines, "DuplicateAnalysisSkipped") == 0);
    if (!world_is_http(source) && !world_is_batch(source)) {
        CHECKF(answer->failed && serve_json_is(answer->json, "errorType", "Function.StoreFailed"),
               "%.*s", (int)answer->body.size, answer->body.at);
        return;
    }
    CHECK(!answer->failed && events_read(&result, source, answer->json, 0, 1) == 0);
    CHECK(result.failed);
    CHECK(!world_is_http(source) ||
          (result.http_status == 500 && strcmp(result.code, "INTERNAL_ERROR") == 0));
}

/* The store is that of another serve, which has another table. It refuses at once, and nothing is
 * tried again. */
static void test_table_missing(void)
{
    static const char *const function[] = {"sleep", "1000", NULL};
    static const char *const other[] = {"DATABASE_TABLE=other", "PATH=/usr/bin:/bin", NULL};
    const serve_setup setup = {world_with_store, function, other};
    events_message message = {"x", WORLD_TIME, GOOD_TEXT, NULL};
    serve_run *store;
    world w;

    if (!harness_case("error: the table is missing"))
        return;
    store = serve_start(&setup);
    if (store != NULL) {
        char address[64];
        const char *const options[] = {"--store", address, NULL};

        (void)snprintf(address, sizeof address, "http://127.0.0.1:%u", serve_port(store));
        if (world_open(&w, options, NULL) == 0) {
            world_warm_up(&w);
            for (int s = 0; s < EVENTS_SOURCES; s++) {
                serve_answer answer = world_invoke(&w, (events_source)s, &message, 1, 0);

                check_store_failed(&w, (events_source)s, &answer, 1);
            }
            CHECK(serve_count(w.admin, "starts") == 1);
            world_close(&w);
        }
    } else {
        harness_fail(__FILE__, __LINE__, "no second serve");
    }
    serve_free(store);
}

/* Nobody listens on the store's port. */
static void test_store_gone(void)
{
    static const char *const options[] = {"--store", "http://127.0.0.1:1", NULL};
    events_message message = {"x", WORLD_TIME, GOOD_TEXT, NULL};
    serve_answer answer;
    world w;

    if (!harness_case("error: nobody listens where the store should be") ||
        world_open(&w, options, NULL) != 0)
        return;
    world_warm_up(&w);
    answer = world_invoke(&w, EVENTS_SNS, &message, 1, 0);
    check_store_failed(&w, EVENTS_SNS, &answer, 1);
    answer = world_invoke(&w, EVENTS_HTTP_V2, &message, 1, 0);
    check_store_failed(&w, EVENTS_HTTP_V2, &answer, 1);
    CHECK(serve_count(w.admin, "starts") == 1);
    world_close(&w);
}

#define HEAD(status, bytes)                                                                        \
    "HTTP/1.1 " status "\r\nContent-Type: application/x-amz-json-1.0\r\nContent-Length: " bytes    \
    "\r\n\r\n"
#define EXPIRED "{\"__type\":\"com.amazon.coral.service#ExpiredTokenException\",\"message\":\"x\"}"

/* Start a function whose store plays a script. */
static int open_scripted(world *w, fault_server **server, const fault_step *script, size_t count,
                         const char *timeout, const char *const *environment)
{
    char address[64];
    const char *const options[] = {"--store", address, "--timeout", timeout, NULL};

    *server = fault_start(script, count);
    (void)snprintf(address, sizeof address, "http://127.0.0.1:%u", fault_port(*server));
    if (world_open(w, options, environment) == 0) {
        world_warm_up(w);
        return 0;
    }
    (void)fault_finish(*server);
    fault_free(*server);
    return -1;
}

/* The store answers each time with status 500. There are four attempts, then the event fails; the
 * connection is kept. */
static void test_store_errors(void)
{
    static const char broken[] = HEAD("500 Internal Server Error", "2") "{}";
    static const fault_step script[] = {{.op = FAULT_ACCEPT},
                                        {.op = FAULT_REQUEST},
                                        {.op = FAULT_SEND, FAULT_TEXT(broken)},
                                        {.op = FAULT_REQUEST},
                                        {.op = FAULT_SEND, FAULT_TEXT(broken)},
                                        {.op = FAULT_REQUEST},
                                        {.op = FAULT_SEND, FAULT_TEXT(broken)},
                                        {.op = FAULT_REQUEST},
                                        {.op = FAULT_SEND, FAULT_TEXT(broken)},
                                        {.op = FAULT_HANG}};
    events_message message = {"x", WORLD_TIME, GOOD_TEXT, NULL};
    fault_server *server;
    serve_answer answer;
    world w;

    if (!harness_case("error: the store fails four times") ||
        open_scripted(&w, &server, script, sizeof script / sizeof *script, "20", NULL) != 0)
        return;
    answer = world_invoke(&w, EVENTS_SNS, &message, 1, 0);
    check_store_failed(&w, EVENTS_SNS, &answer, 1);
    CHECK(fault_finish(server) == 1);
    CHECK(fault_request_count(server) == 4);
    fault_free(server);
    world_close(&w);
}

/* The store does not answer. The event fails before its time is up, and the process lives. */
static void test_store_silent(void)
{
    static const fault_step script[] = {
        {.op = FAULT_ACCEPT}, {.op = FAULT_REQUEST}, {.op = FAULT_HANG}};
    events_message message = {"x", WORLD_TIME, GOOD_TEXT, NULL};
    fault_server *server;
    serve_answer answer;
    world w;

    if (!harness_case("error: the store is silent until the deadline is near") ||
        open_scripted(&w, &server, script, sizeof script / sizeof *script, "1", NULL) != 0)
        return;
    answer = world_invoke(&w, EVENTS_SNS, &message, 1, 0);
    check_store_failed(&w, EVENTS_SNS, &answer, 1);
    CHECK(serve_count(w.admin, "starts") == 1);
    (void)fault_finish(server);
    fault_free(server);
    world_close(&w);
}

/* The credentials have expired. The event fails and the process ends, so that the next one can read
 * new ones. */
static void test_expired(void)
{
    static const char expired[] = HEAD("400 Bad Request", "73") EXPIRED;
    static const char good[] = HEAD("200 OK", "2") "{}";
    static const fault_step script[] = {
        {.op = FAULT_ACCEPT}, {.op = FAULT_REQUEST}, {.op = FAULT_SEND, FAULT_TEXT(expired)},
        {.op = FAULT_ACCEPT}, {.op = FAULT_REQUEST}, {.op = FAULT_SEND, FAULT_TEXT(good)},
        {.op = FAULT_HANG}};
    events_message message = {"x", WORLD_TIME, GOOD_TEXT, NULL};
    fault_server *server;
    serve_answer answer;
    world w;

    _Static_assert(sizeof EXPIRED - 1 == 73, "its Content-Length");
    if (!harness_case("error: expired credentials end the process") ||
        open_scripted(&w, &server, script, sizeof script / sizeof *script, "20", NULL) != 0)
        return;
    answer = world_invoke(&w, EVENTS_SNS, &message, 1, 0);
    CHECK(answer.failed);
    CHECK(serve_await(w.admin, "pid", 0));
    (void)world_read_lines(w.run);
    answer = world_invoke(&w, EVENTS_SNS, &message, 1, 0);
    world_check_done(&answer, EVENTS_SNS, 0, 1, world_expect(GOOD_TEXT), 1);
    CHECK(serve_count(w.admin, "starts") == 2);
    CHECK(fault_finish(server) == 1);
    fault_free(server);
    world_close(&w);
}

/* An empty session token counts as absent; another one is sent. */
static void test_session_token(void)
{
    static const char good[] = HEAD("200 OK", "2") "{}";
    static const fault_step script[] = {{.op = FAULT_ACCEPT},
                                        {.op = FAULT_REQUEST},
                                        {.op = FAULT_SEND, FAULT_TEXT(good)},
                                        {.op = FAULT_HANG}};
    static const char *const tokens[] = {"AWS_SESSION_TOKEN=", "AWS_SESSION_TOKEN=tok3n"};
    events_message message = {"x", WORLD_TIME, GOOD_TEXT, NULL};

    for (size_t i = 0; i < 2; i++) {
        const char *const environment[] = {tokens[i], "AWS_ACCESS_KEY_ID=AKIDEXAMPLE",
                                           "AWS_SECRET_ACCESS_KEY=secret", NULL};
        const char *request;
        fault_server *server;
        serve_answer answer;
        size_t size;
        world w;

        if (!harness_case("%s", tokens[i]) ||
            open_scripted(&w, &server, script, sizeof script / sizeof *script, "20", environment) !=
                0)
            continue;
        answer = world_invoke(&w, EVENTS_SNS, &message, 1, 0);
        world_check_done(&answer, EVENTS_SNS, 0, 1, world_expect(GOOD_TEXT), 1);
        CHECK(fault_finish(server) == 1);
        request = fault_request(server, 0, &size);
        CHECK(strstr(request, "Credential=AKIDEXAMPLE/") != NULL);
        CHECK((strcasestr(request, "x-amz-security-token: tok3n\r\n") != NULL) == (i == 1));
        CHECK((strcasestr(request, "x-amz-security-token") != NULL) == (i == 1));
        fault_free(server);
        world_close(&w);
    }
}

int main(int argc, char **argv)
{
    (void)signal(SIGPIPE, SIG_IGN);
    (void)harness_init("test_lambda_errors", argc, argv);
    world_set_up();
    test_bad_events();
    test_model_missing();
    test_flipped_bits();
    test_model_nonsense();
    test_duplicates();
    test_table_missing();
    test_store_gone();
    test_store_errors();
    test_store_silent();
    test_expired();
    test_session_token();
    world_tear_down();
    return harness_finish();
}
