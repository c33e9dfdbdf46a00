/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The function as it is shipped, from outside: every source of events from end to end, the rules
 * for texts, events and answers of every size, and how the function ends. test_lambda_errors tests
 * failures.
 */
#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/harness.h"
#include "tests/support/support_events.h"
#include "tests/support/support_function.h"
#include "tests/support/support_serve.h"

/* ---- sources --------------------------------------------------------------------------------- */

static void test_source(world *w, events_source source)
{
    events_message message = {"one", WORLD_TIME, GOOD_TEXT, "v7"};
    char id[64];
    serve_answer answer;
    world_written lines;

    (void)snprintf(id, sizeof id, "one-%d", (int)source);
    message.source_id = id;
    CHECK(world_put_pending(w, id).status == 200);
    answer = world_invoke(w, source, &message, 1, 0);
    world_check_done(&answer, source, 0, 1, world_expect(GOOD_TEXT), 1);
    world_check_analyzed(w, id, world_expect(GOOD_TEXT), "v7");
    lines = world_read_lines(w->run);
    CHECK(lines.errors == 0 && lines.warnings == 0);
    CHECK(world_metric(&lines, "SentimentAnalysisCount") == 1);
    CHECK(world_metric(&lines, "PositiveSentimentCount") == 1);
    CHECK(world_metric(&lines, "NegativeSentimentCount") == 0);
    CHECK(world_metric(&lines, "ItemsAnalyzed") == 1);
    CHECK(world_metric(&lines, "AnalysisErrors") == 0);
    CHECK(world_metric_values(&lines, "InferenceLatencyMs") == 1);
    CHECK(world_metric(&lines, "InferenceLatencyMs") > 0);
    CHECK(world_metric_values(&lines, "ModelLoadTimeMs") == 0);
}

/* Eleven messages with three kinds of texts. They are more than one chunk holds. */
static void test_source_many(world *w, events_source source)
{
    enum { COUNT = 11 };
    static const char *const texts[] = {GOOD_TEXT, BAD_TEXT, ""};
    events_message messages[COUNT];
    char ids[COUNT][64];
    serve_answer answer;
    world_written lines;

    for (size_t i = 0; i < COUNT; i++) {
        (void)snprintf(ids[i], sizeof ids[i], "many-%d-%zu", (int)source, i);
        messages[i] = (events_message){ids[i], WORLD_TIME, texts[i % 3], "v8"};
        CHECK(world_put_pending(w, ids[i]).status == 200);
    }
    answer = world_invoke(w, source, messages, COUNT, 0);
    for (size_t i = 0; i < COUNT; i++)
        world_check_done(&answer, source, i, COUNT, world_expect(texts[i % 3]), 1);
    for (size_t i = 0; i < COUNT; i++)
        world_check_analyzed(w, ids[i], world_expect(texts[i % 3]), "v8");
    lines = world_read_lines(w->run);
    CHECK(lines.errors == 0 && lines.warnings == 0);
    CHECK(world_metric(&lines, "SentimentAnalysisCount") == (double)COUNT);
    CHECK(world_metric(&lines, "PositiveSentimentCount") == 4);
    CHECK(world_metric(&lines, "NegativeSentimentCount") == 4);
    CHECK(world_metric(&lines, "NeutralSentimentCount") == 3);
    CHECK(world_metric(&lines, "ItemsAnalyzed") == (double)COUNT);
    /* The three empty texts need no inference, so they have no latency. */
    CHECK(world_metric_values(&lines, "InferenceLatencyMs") == 8);
}

static void test_sources(void)
{
    world w;

    if (world_open(&w, world_with_store, NULL) != 0)
        return;
    world_warm_up(&w);
    for (int s = 0; s < EVENTS_SOURCES; s++) {
        if (harness_case("%s: one message", events_name((events_source)s)))
            test_source(&w, (events_source)s);
        if (s != EVENTS_BRIDGE && harness_case("%s: many messages", events_name((events_source)s)))
            test_source_many(&w, (events_source)s);
    }
    if (harness_case("sources: each item updated once, by one process")) {
        CHECK(serve_count(w.admin, "starts") == 1);
        CHECK(serve_count(w.admin, "store.items") == serve_count(w.admin, "store.changed"));
        CHECK(serve_count(w.admin, "store.changed_again") == 0);
        CHECK(serve_count(w.admin, "store.repeats") == 0);
    }
    world_close(&w);
}

/* The examples of the repository, as `make run-lambda` sends them. */
static void test_examples(void)
{
    static const char *const options[] = {"--store", "memory", "--pending", NULL};
    char name[512];
    DIR *directory = opendir(harness_path("tests/events"));
    struct dirent *entry;
    world w;
    size_t seen = 0;

    if (!harness_case("the example events") || directory == NULL ||
        world_open(&w, options, NULL) != 0) {
        if (directory != NULL)
            closedir(directory);
        return;
    }
    while ((entry = readdir(directory)) != NULL) {
        serve_answer answer;
        events_result result;
        char *text;
        size_t size;

        if (strstr(entry->d_name, ".json") == NULL)
            continue;
        (void)snprintf(name, sizeof name, "tests/events/%s", entry->d_name);
        text = harness_read_file(harness_path(name), &size);
        answer = serve_invoke(w.caller, text, size, 0);
        CHECKF(!answer.failed && answer.json.type == JSON_OBJECT, "%s: %.*s", entry->d_name,
               (int)answer.body.size, answer.body.at);
        if (strncmp(entry->d_name, "sqs", 3) == 0)
            CHECK(events_read(&result, EVENTS_SQS, answer.json, 0, 1) == 0 && !result.failed);
        else
            CHECKF(serve_json_is(answer.json, "statusCode",
                                 strstr(entry->d_name, "options") != NULL ? "204" : "200"),
                   "%s: %.*s", entry->d_name, (int)answer.body.size, answer.body.at);
        free(text);
        seen++;
    }
    CHECK(seen >= 19);
    CHECK(world_read_lines(w.run).errors == 0);
    world_close(&w);
    closedir(directory);
}

/* ---- texts ----------------------------------------------------------------------------------- */

static void test_texts(void)
{
    static const char *const only[] = {"AWS_LAMBDA_LOG_LEVEL=ERROR", NULL};
    events_message message = {NULL, NULL, GOOD_TEXT, NULL};
    char text[2000];
    serve_answer answer;
    world_written lines;
    world w;

    if (world_open(&w, NULL, only) != 0)
        return;
    if (harness_case("text: without a store it is classified only")) {
        events_message stored = {"a", WORLD_TIME, GOOD_TEXT, NULL};

        answer = world_invoke(&w, EVENTS_SNS, &stored, 1, 0);
        world_check_done(&answer, EVENTS_SNS, 0, 1, world_expect(GOOD_TEXT), 0);
        lines = world_read_lines(w.run);
        CHECK(world_metric(&lines, "ItemsAnalyzed") == 0 &&
              world_metric(&lines, "SentimentAnalysisCount") == 1);
        CHECK(world_metric(&lines, "ModelLoadTimeMs") > 0);
    }
    if (harness_case("text: characters beyond the first 512 do not count")) {
        (void)memset(text, ' ', sizeof text);
        memcpy(text, GOOD_TEXT, sizeof GOOD_TEXT - 1);
        (void)snprintf(text + WORLD_MAX_CHARS, sizeof text - WORLD_MAX_CHARS, "%s%s%s", BAD_TEXT,
                       BAD_TEXT, BAD_TEXT);
        message.text = text;
        answer = world_invoke(&w, EVENTS_DIRECT, &message, 1, 0);
        world_check_done(&answer, EVENTS_DIRECT, 0, 1, world_expect(text), 0);
        world_check_done(&answer, EVENTS_DIRECT, 0, 1, world_expect(GOOD_TEXT), 0);
        /* The same words at the front of the text do count, since they are within the limit. */
        message.text = text + WORLD_MAX_CHARS;
        answer = world_invoke(&w, EVENTS_DIRECT, &message, 1, 0);
        world_check_done(&answer, EVENTS_DIRECT, 0, 1, world_expect(text + WORLD_MAX_CHARS), 0);
        CHECK(strcmp(world_expect(text + WORLD_MAX_CHARS).sentiment,
                     world_expect(text).sentiment) != 0);
    }
    if (harness_case("text: escapes, other scripts, half a surrogate, a NUL")) {
        static const char *const events[] = {
            "{\"text\":\"\\ud83d\\ude00 wundersch\\u00f6n \\u0000 \\\"so\\\" gut\"}",
            "{\"text\":\"\\ud83d alone\"}", "{\"text\":\"\xe7\xbe\x8e\xe3\x81\x97\xe3\x81\x84\"}"};

        for (size_t i = 0; i < sizeof events / sizeof *events; i++) {
            events_result result;

            answer = serve_invoke_text(w.caller, events[i]);
            CHECK(!answer.failed && events_read(&result, EVENTS_DIRECT, answer.json, 0, 1) == 0 &&
                  !result.failed && result.score >= 0.5 && result.score <= 1);
        }
    }
    if (harness_case("text: logs below the level are left out, metrics are not")) {
        lines = world_read_lines(w.run);
        message.text = GOOD_TEXT;
        (void)world_invoke(&w, EVENTS_DIRECT, &message, 1, 0);
        lines = world_read_lines(w.run);
        CHECK(lines.infos == 0 && world_metric(&lines, "SentimentAnalysisCount") == 1);
    }
    if (harness_case("text: warm-up does not infer")) {
        answer = serve_invoke_text(w.caller, "{\"warmup\":true}");
        CHECK(serve_json_is(answer.json, "statusCode", "200"));
        CHECKF(answer.body.size > 0 && strstr(answer.body.at, "\\\"status\\\":\\\"warmed\\\""),
               "%.*s", (int)answer.body.size, answer.body.at);
        lines = world_read_lines(w.run);
        CHECK(world_metric_values(&lines, "InferenceLatencyMs") == 0);
        CHECK(world_metric(&lines, "SentimentAnalysisCount") == 0);
    }
    world_close(&w);
}

static void test_threshold(void)
{
    static const char *const never[] = {"DISTIL_NEUTRAL_THRESHOLD=1", NULL};
    events_message message = {NULL, NULL, GOOD_TEXT, NULL};
    world_expectation expected;
    serve_answer answer;
    world_written lines;
    world w;

    if (!harness_case("text: below the threshold it is neutral, with its score") ||
        world_open(&w, NULL, never) != 0)
        return;
    expected = world_expect(GOOD_TEXT);
    expected.sentiment = "neutral";
    answer = world_invoke(&w, EVENTS_DIRECT, &message, 1, 0);
    world_check_done(&answer, EVENTS_DIRECT, 0, 1, expected, 0);
    lines = world_read_lines(w.run);
    CHECK(world_metric(&lines, "NeutralSentimentCount") == 1);
    CHECK(world_metric_values(&lines, "InferenceLatencyMs") == 1);
    world_close(&w);
}

/* If nothing is stored, the function does not ask for anything that only storing needs. */
static void test_needless(void)
{
    static const char *const environment[] = {
        "AWS_ACCESS_KEY_ID=", "AWS_SECRET_ACCESS_KEY=",
        "AWS_CONTAINER_CREDENTIALS_FULL_URI=https://127.0.0.1:1/credentials",
        "AWS_CA_BUNDLE=/nonexistent/roots.pem", NULL};
    events_message message = {NULL, NULL, GOOD_TEXT, NULL};
    serve_answer answer;
    world w;

    if (!harness_case("without a store neither credentials nor roots matter") ||
        world_open(&w, NULL, environment) != 0)
        return;
    answer = world_invoke(&w, EVENTS_DIRECT, &message, 1, 0);
    world_check_done(&answer, EVENTS_DIRECT, 0, 1, world_expect(GOOD_TEXT), 0);
    world_close(&w);
}

/* No identifier can begin a log line of its own. */
static void test_injection(void)
{
    events_message message = {"x\\n{\\\"level\\\":\\\"ERROR\\\"}\\n\\u001b[31m", WORLD_TIME,
                              GOOD_TEXT, NULL};
    char event[1024];
    serve_answer answer;
    world_written lines;
    world w;

    if (!harness_case("log lines cannot be injected") ||
        world_open(&w, world_with_store, NULL) != 0)
        return;
    world_warm_up(&w);
    /* The item is not pending, so the source's id is logged with the duplicate. */
    (void)snprintf(event, sizeof event,
                   "{\"source_id\":\"%s\",\"timestamp\":\"%s\",\"text\":\"%s\"}", message.source_id,
                   message.timestamp, message.text);
    answer = serve_invoke_text(w.caller, event);
    CHECK(answer.status == 200 && !answer.failed);
    lines = world_read_lines(w.run);
    CHECK(lines.errors == 0 && lines.warnings == 1);
    world_close(&w);
}

/* ---- sizes ----------------------------------------------------------------------------------- */

/* Write an event {"text":"...","pad":"xxx"} of exactly this size. */
static void pad_event(char *out, size_t size)
{
    static const char head[] = "{\"text\":\"" GOOD_TEXT "\",\"pad\":\"";

    memset(out, 'x', size);
    memcpy(out, head, sizeof head - 1);
    memcpy(out + size - 2, "\"}", 2);
}

static void test_sizes(void)
{
    static const size_t sizes[] = {
        0, 1, 2, 2048, 2049, 65536, 1048576, WORLD_EVENT_BYTES - 1, WORLD_EVENT_BYTES};
    serve_answer answer;
    world_written lines;
    char *event = world_event_memory();
    world w;

    if (world_open(&w, NULL, NULL) != 0)
        return;
    world_warm_up(&w);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        if (!harness_case("an event of %zu bytes", sizes[i]))
            continue;
        if (sizes[i] <= 2)
            memcpy(event, "{}", 2);
        else
            pad_event(event, sizes[i]);
        answer = serve_invoke(w.caller, event, sizes[i], 0);
        lines = world_read_lines(w.run);
        /* Up to two bytes of a document are nothing, half an object, or an object that no source
         * recognises. */
        if (sizes[i] <= 2) {
            CHECK(answer.failed && serve_json_is(answer.json, "errorType", "Function.BadEvent"));
            CHECK(lines.errors == 1 && world_metric(&lines, "AnalysisErrors") == 1);
        } else {
            world_check_done(&answer, EVENTS_DIRECT, 0, 1, world_expect(GOOD_TEXT), 0);
        }
        CHECK(serve_count(w.admin, "starts") == 1);
    }
    world_close(&w);
}

/* The platform refuses an answer, and the function serves a good event after it. */
static void test_large_answer(void)
{
    static const char *const options[] = {"--answer-bytes", "120", NULL};
    events_message message = {NULL, NULL, GOOD_TEXT, NULL};
    serve_answer answer;
    world_written lines;
    world w;

    if (!harness_case("an answer that is refused for its size") ||
        world_open(&w, options, NULL) != 0)
        return;
    world_warm_up(&w);
    answer = world_invoke(&w, EVENTS_DIRECT, &message, 1, 0);
    CHECK(answer.failed &&
          serve_json_is(answer.json, "errorType", "Function.ResponseSizeTooLarge"));
    lines = world_read_lines(w.run);
    CHECK(lines.warnings + lines.errors == 1);
    answer = serve_invoke_text(w.caller, "{\"warmup\":true}");
    CHECK(!answer.failed && answer.body.size > 0);
    CHECK(serve_count(w.admin, "starts") == 1);
    world_close(&w);
}

/* ---- the end --------------------------------------------------------------------------------- */

static void test_end(void)
{
    const char *line;
    int ended = 0;
    size_t size;
    world w;

    if (!harness_case("SIGTERM ends an idle function with status 0") ||
        world_open(&w, NULL, NULL) != 0)
        return;
    world_warm_up(&w);
    CHECK(serve_stop(w.run, SIGTERM) == 0);
    while ((line = serve_error_next(w.run, &size)) != NULL)
        ended = ended || strcmp(line, "serve: process ended: exit status 0") == 0;
    CHECK(ended);
    world_close(&w);
}

/* A process that is killed between two events or during one is replaced. */
static void test_killed(void)
{
    events_message message = {"killed", WORLD_TIME, GOOD_TEXT, NULL};
    serve_answer answer;
    world w;

    if (!harness_case("a function that was killed starts again") ||
        world_open(&w, world_with_store, NULL) != 0)
        return;
    world_warm_up(&w);
    CHECK(world_put_pending(&w, "killed").status == 200);
    CHECK(kill((pid_t)serve_count(w.admin, "pid"), SIGKILL) == 0);
    CHECK(serve_await(w.admin, "pid", 0));
    answer = world_invoke(&w, EVENTS_SNS, &message, 1, 0);
    world_check_done(&answer, EVENTS_SNS, 0, 1, world_expect(GOOD_TEXT), 1);
    CHECK(serve_count(w.admin, "starts") == 2);
    world_close(&w);
}

int main(int argc, char **argv)
{
    (void)signal(SIGPIPE, SIG_IGN);
    (void)harness_init("test_lambda", argc, argv);
    world_set_up();
    test_sources();
    test_examples();
    test_texts();
    test_threshold();
    test_needless();
    test_injection();
    test_sizes();
    test_large_answer();
    test_end();
    test_killed();
    world_tear_down();
    return harness_finish();
}
