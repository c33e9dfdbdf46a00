/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The function as it is shipped, from outside: ./bootstrap behind distil serve, whose store holds
 * its items. Every source of events end to end, and every row of the table of errors
 * (docs/lambda.md), each with what is logged, counted, answered and stored.
 *
 * What is expected of a text is what the library says of it.
 */
#define _GNU_SOURCE /* strcasestr */
#include <dirent.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lambda/buffer.h"
#include "lambda/clock.h"
#include "model/blob.h"
#include "runtime/distil.h"
#include "tests/harness.h"
#include "tests/support_events.h"
#include "tests/support_fault_server.h"
#include "tests/support_serve.h"

enum { EVENT_BYTES = 6291556, MAX_CHARS = 512 };

/* A word that no line of the function's may contain: it is in every text. */
#define SECRET "zebrafinch"
#define GOOD_TEXT "A gorgeous, witty, seductive movie about a " SECRET "."
#define BAD_TEXT "A dull, sour, sloppy mess of a film about a " SECRET "."

#define TIME "2026-01-15T12:34:56Z"

/* ---- what the library says ------------------------------------------------------------------- */

static distil_model *model;
static distil_context *context;

typedef struct expectation {
    const char *sentiment;
    double score;
} expectation;

/* By the rules: nothing said, neutral; else the winning label, or neutral below 0.6. */
static expectation expect(const char *text)
{
    expectation e = {"neutral", 0.5};
    distil_result result;
    size_t size = strlen(text) < MAX_CHARS ? strlen(text) : MAX_CHARS; /* of ASCII */

    if (size == 0)
        return e;
    if (distil_classify(context, &result, NULL, text, size, 0) != DISTIL_OK)
        abort();
    e.score = (double)result.score;
    if (e.score >= 0.6)
        e.sentiment = result.label == 1 ? "positive" : "negative";
    return e;
}

static int close_to(double a, double b) /* within the last of four decimals */
{
    return fabs(a - b) <= 0.00005 + 1e-9;
}

/* ---- what the function wrote ----------------------------------------------------------------- */

static const char *const metric_names[][2] = {
    {"ModelLoadTimeMs", "Milliseconds"}, {"InferenceLatencyMs", "Milliseconds"},
    {"SentimentAnalysisCount", "Count"}, {"PositiveSentimentCount", "Count"},
    {"NegativeSentimentCount", "Count"}, {"NeutralSentimentCount", "Count"},
    {"ItemsAnalyzed", "Count"},          {"AnalysisErrors", "Count"},
    {"ModelLoadErrors", "Count"},        {"DuplicateAnalysisSkipped", "Count"},
    {"ConfidenceP50", "None"},           {"PositiveSharePercent", "Percent"},
    {"NegativeSharePercent", "Percent"}, {"NeutralSharePercent", "Percent"},
};
enum { METRIC_NAMES = sizeof metric_names / sizeof *metric_names };

typedef struct written {
    size_t lines, errors, warnings, infos;
    char code[64], message[256]; /* of the first ERROR, or FATAL */
    double sum[METRIC_NAMES];
    size_t values[METRIC_NAMES];
} written;

static double metric(const written *w, const char *name)
{
    for (size_t i = 0; i < METRIC_NAMES; i++)
        if (strcmp(metric_names[i][0], name) == 0)
            return w->sum[i];
    abort();
}

static size_t metric_values(const written *w, const char *name)
{
    for (size_t i = 0; i < METRIC_NAMES; i++)
        if (strcmp(metric_names[i][0], name) == 0)
            return w->values[i];
    abort();
}

static void copy_text(char *out, size_t capacity, json_value object, const char *name)
{
    json_value value;
    size_t size = json_get(object, name, &value) ? json_string(value, out, capacity - 1) : 0;

    out[size < capacity ? size : capacity - 1] = '\0';
}

static void add_value(written *w, size_t which, json_value value)
{
    double number;

    CHECKF(json_double(value, &number) == 0, "%s is no number", metric_names[which][0]);
    w->sum[which] += number;
    w->values[which]++;
}

/* One definition of a line of metrics: known, with its unit, its root member there. */
static void take_metric(written *w, json_value root, json_value definition)
{
    json_value value;
    json_iter values;
    char name[64], unit[32];

    copy_text(name, sizeof name, definition, "Name");
    copy_text(unit, sizeof unit, definition, "Unit");
    for (size_t i = 0; i < METRIC_NAMES; i++) {
        if (strcmp(metric_names[i][0], name) != 0)
            continue;
        CHECKF(strcmp(metric_names[i][1], unit) == 0, "%s in %s", name, unit);
        if (!json_get(root, name, &value)) {
            harness_fail(__FILE__, __LINE__, "%s has no value", name);
        } else if (value.type == JSON_ARRAY) {
            json_iter_init(&values, value);
            while (json_iter_next(&values))
                add_value(w, i, values.value);
        } else {
            add_value(w, i, value);
        }
        return;
    }
    harness_fail(__FILE__, __LINE__, "an unknown metric %s", name);
}

static void take_metrics(written *w, json_value root)
{
    json_value list, number;
    json_iter iter;
    int64_t stamp = 0;

    CHECK(serve_json_is(root, "_aws.CloudWatchMetrics.0.Namespace", "SentimentAnalyzer"));
    CHECK(serve_json_is(root, "_aws.CloudWatchMetrics.0.Dimensions.0.0", "Environment"));
    CHECK(serve_json_is(root, "Environment", "test"));
    CHECK(serve_json(root, "_aws.Timestamp", &number) && json_int64(number, &stamp) == 0 &&
          llabs(stamp - clock_unix_ms()) < 60000);
    CHECK(serve_json(root, "_aws.CloudWatchMetrics.0.Metrics", &list));
    json_iter_init(&iter, list);
    while (json_iter_next(&iter))
        take_metric(w, root, iter.value);
}

static void take_log(written *w, json_value root)
{
    char level[16], timestamp[32];

    copy_text(level, sizeof level, root, "level");
    copy_text(timestamp, sizeof timestamp, root, "timestamp");
    CHECKF(strlen(timestamp) == 24 && timestamp[23] == 'Z', "timestamp %s", timestamp);
    if (strcmp(level, "ERROR") == 0 || strcmp(level, "FATAL") == 0) {
        if (w->errors++ == 0) {
            copy_text(w->code, sizeof w->code, root, "code");
            copy_text(w->message, sizeof w->message, root, "message");
        }
    } else if (strcmp(level, "WARN") == 0) {
        w->warnings++;
    } else if (strcmp(level, "INFO") == 0) {
        w->infos++;
    } else {
        harness_fail(__FILE__, __LINE__, "level %s", level);
    }
}

/* All that the function has written since the last look: every line a JSON object, none with the
 * user's text. */
static written take_lines(serve_run *run)
{
    written w;
    const char *line;
    size_t size;

    memset(&w, 0, sizeof w);
    while ((line = serve_line_next(run, &size)) != NULL) {
        json_value root, member;

        w.lines++;
        CHECKF(strstr(line, SECRET) == NULL, "the user's text is in a line: %s", line);
        if (json_parse(&root, line, size, NULL) != 0 || root.type != JSON_OBJECT)
            harness_fail(__FILE__, __LINE__, "not a JSON object: %s", line);
        else if (json_get(root, "_aws", &member))
            take_metrics(&w, root);
        else
            take_log(&w, root);
    }
    return w;
}

/* ---- a function and its store ---------------------------------------------------------------- */

/* Answers to events stay readable while the store is asked: that is another connection. */
typedef struct world {
    serve_run *run;
    serve_caller *caller, *admin;
} world;

static const char *const with_store[] = {"--store", "memory", "--retry-ms", "10", NULL};

/* Start; what the start has written is looked at and forgotten. */
static int open_world(world *w, const char *const *options, const char *const *environment)
{
    const char *variables[24] = {"ENVIRONMENT=test"};
    const serve_setup setup = {options, NULL, variables};

    for (size_t i = 0; environment != NULL && environment[i] != NULL; i++)
        variables[i + 1] = environment[i];
    memset(w, 0, sizeof *w);
    w->run = serve_start(&setup);
    if (w->run == NULL) {
        harness_fail(__FILE__, __LINE__, "the function does not start");
        return -1;
    }
    w->caller = serve_caller_new(w->run);
    w->admin = serve_caller_new(w->run);
    return 0;
}

/* Events of any size meet a started process. */
static void warm_up(world *w)
{
    CHECK(!serve_invoke_text(w->caller, "{\"warmup\":true}").failed);
    (void)take_lines(w->run);
}

static void close_world(world *w)
{
    const char *line;
    size_t size;

    serve_caller_free(w->caller);
    serve_caller_free(w->admin);
    if (w->run != NULL) {
        (void)serve_stop(w->run, SIGTERM);
        (void)take_lines(w->run);
        while ((line = serve_error_next(w->run, &size)) != NULL)
            CHECKF(strncmp(line, "serve: ", 7) == 0, "on standard error: %s", line);
    }
    serve_free(w->run);
}

static serve_answer put_pending(world *w, const char *source_id)
{
    return serve_dynamodb(w->admin, "PutItem",
                          "{\"TableName\":\"sentiment-items\",\"Item\":{\"source_id\":{\"S\":"
                          "\"%s\"},\"timestamp\":{\"S\":\"" TIME "\"},\"status\":{\"S\":"
                          "\"pending\"},\"kept\":{\"S\":\"yes\"}}}",
                          source_id);
}

static serve_answer get_item(world *w, const char *source_id)
{
    return serve_dynamodb(w->admin, "GetItem",
                          "{\"TableName\":\"sentiment-items\",\"Key\":{\"source_id\":{\"S\":"
                          "\"%s\"},\"timestamp\":{\"S\":\"" TIME "\"}}}",
                          source_id);
}

static void check_pending(world *w, const char *source_id)
{
    serve_answer item = get_item(w, source_id);
    json_value value;

    CHECK(serve_json_is(item.json, "Item.status.S", "pending"));
    CHECK(!serve_json(item.json, "Item.sentiment", &value));
}

static void check_analyzed(world *w, const char *source_id, expectation expected,
                           const char *model_version)
{
    serve_answer item = get_item(w, source_id);
    char text[32] = "";
    json_value number;

    CHECKF(serve_json_is(item.json, "Item.status.S", "analyzed"), "%s: %.*s", source_id,
           (int)item.body.size, item.body.at);
    CHECK(serve_json_is(item.json, "Item.sentiment.S", expected.sentiment));
    CHECK(serve_json_is(item.json, "Item.kept.S", "yes"));
    if (model_version != NULL)
        CHECK(serve_json_is(item.json, "Item.model_version.S", model_version));
    if (serve_json(item.json, "Item.score.N", &number))
        text[json_string(number, text, sizeof text - 1)] = '\0';
    CHECKF(close_to(strtod(text, NULL), expected.score), "score %s, not %.4f", text,
           expected.score);
}

static char *event_memory;

/* Build an event and invoke with it. */
static serve_answer invoke(world *w, events_source source, const events_message *messages,
                           size_t count, int asynchronous)
{
    buffer event;

    buffer_init(&event, event_memory, EVENT_BYTES);
    events_build(&event, source, messages, count);
    if (event.overflow)
        abort();
    return serve_invoke(w->caller, event.data, event.size, asynchronous);
}

static int is_batch(events_source source)
{
    return source == EVENTS_SQS || source == EVENTS_SQS_SNS || source == EVENTS_SQS_FIFO;
}

static int is_http(events_source source)
{
    return source == EVENTS_HTTP_V1 || source == EVENTS_HTTP_V2;
}

/* A message that was done, as the answer tells it. */
static void check_done(const serve_answer *answer, events_source source, size_t index, size_t count,
                       expectation expected, int updated)
{
    events_result result;

    CHECK(answer->status == 200 && !answer->failed);
    if (events_read(&result, source, answer->json, index, count) != 0) {
        harness_fail(__FILE__, __LINE__, "answer %.*s", (int)answer->body.size, answer->body.at);
        return;
    }
    CHECKF(!result.failed, "answer %.*s", (int)answer->body.size, answer->body.at);
    if (is_batch(source))
        return;
    CHECK(result.http_status == 200);
    CHECKF(strcmp(result.sentiment, expected.sentiment) == 0, "%s", result.sentiment);
    CHECKF(close_to(result.score, expected.score), "%f, not %f", result.score, expected.score);
    CHECK(result.updated == updated);
}

/* ---- sources --------------------------------------------------------------------------------- */

static void test_source(world *w, events_source source)
{
    events_message message = {"one", TIME, GOOD_TEXT, "v7"};
    char id[64];
    serve_answer answer;
    written lines;

    (void)snprintf(id, sizeof id, "one-%d", (int)source);
    message.source_id = id;
    CHECK(put_pending(w, id).status == 200);
    answer = invoke(w, source, &message, 1, 0);
    check_done(&answer, source, 0, 1, expect(GOOD_TEXT), 1);
    check_analyzed(w, id, expect(GOOD_TEXT), "v7");
    lines = take_lines(w->run);
    CHECK(lines.errors == 0 && lines.warnings == 0);
    CHECK(metric(&lines, "SentimentAnalysisCount") == 1);
    CHECK(metric(&lines, "PositiveSentimentCount") == 1);
    CHECK(metric(&lines, "NegativeSentimentCount") == 0);
    CHECK(metric(&lines, "ItemsAnalyzed") == 1);
    CHECK(metric(&lines, "AnalysisErrors") == 0);
    CHECK(metric_values(&lines, "InferenceLatencyMs") == 1);
    CHECK(metric(&lines, "InferenceLatencyMs") > 0);
    CHECK(metric_values(&lines, "ModelLoadTimeMs") == 0);
}

/* Eleven messages, more than go through together, three kinds of texts. */
static void test_source_many(world *w, events_source source)
{
    enum { COUNT = 11 };
    static const char *const texts[] = {GOOD_TEXT, BAD_TEXT, ""};
    events_message messages[COUNT];
    char ids[COUNT][64];
    serve_answer answer;
    written lines;

    for (size_t i = 0; i < COUNT; i++) {
        (void)snprintf(ids[i], sizeof ids[i], "many-%d-%zu", (int)source, i);
        messages[i] = (events_message){ids[i], TIME, texts[i % 3], "v8"};
        CHECK(put_pending(w, ids[i]).status == 200);
    }
    answer = invoke(w, source, messages, COUNT, 0);
    for (size_t i = 0; i < COUNT; i++)
        check_done(&answer, source, i, COUNT, expect(texts[i % 3]), 1);
    for (size_t i = 0; i < COUNT; i++)
        check_analyzed(w, ids[i], expect(texts[i % 3]), "v8");
    lines = take_lines(w->run);
    CHECK(lines.errors == 0 && lines.warnings == 0);
    CHECK(metric(&lines, "SentimentAnalysisCount") == COUNT);
    CHECK(metric(&lines, "PositiveSentimentCount") == 4);
    CHECK(metric(&lines, "NegativeSentimentCount") == 4);
    CHECK(metric(&lines, "NeutralSentimentCount") == 3);
    CHECK(metric(&lines, "ItemsAnalyzed") == COUNT);
    CHECK(metric_values(&lines, "InferenceLatencyMs") == 8); /* none for nothing said */
}

static void test_sources(void)
{
    world w;

    if (open_world(&w, with_store, NULL) != 0)
        return;
    warm_up(&w);
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
    close_world(&w);
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
        open_world(&w, options, NULL) != 0) {
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
            CHECKF(serve_json_is(answer.json, "statusCode", "200"), "%s: %.*s", entry->d_name,
                   (int)answer.body.size, answer.body.at);
        free(text);
        seen++;
    }
    CHECK(seen >= 7);
    CHECK(take_lines(w.run).errors == 0);
    close_world(&w);
    closedir(directory);
}

/* ---- texts ----------------------------------------------------------------------------------- */

static void test_texts(void)
{
    static const char *const only[] = {"AWS_LAMBDA_LOG_LEVEL=ERROR", NULL};
    events_message message = {NULL, NULL, GOOD_TEXT, NULL};
    char text[2000];
    serve_answer answer;
    written lines;
    world w;

    if (open_world(&w, NULL, only) != 0)
        return;
    if (harness_case("text: without a store it is classified only")) {
        events_message stored = {"a", TIME, GOOD_TEXT, NULL};

        answer = invoke(&w, EVENTS_SNS, &stored, 1, 0);
        check_done(&answer, EVENTS_SNS, 0, 1, expect(GOOD_TEXT), 0);
        lines = take_lines(w.run);
        CHECK(metric(&lines, "ItemsAnalyzed") == 0 &&
              metric(&lines, "SentimentAnalysisCount") == 1);
        CHECK(metric(&lines, "ModelLoadTimeMs") > 0);
    }
    if (harness_case("text: characters beyond the first 512 do not count")) {
        (void)memset(text, ' ', sizeof text);
        memcpy(text, GOOD_TEXT, sizeof GOOD_TEXT - 1);
        (void)snprintf(text + MAX_CHARS, sizeof text - MAX_CHARS, "%s%s%s", BAD_TEXT, BAD_TEXT,
                       BAD_TEXT);
        message.text = text;
        answer = invoke(&w, EVENTS_DIRECT, &message, 1, 0);
        check_done(&answer, EVENTS_DIRECT, 0, 1, expect(text), 0);
        check_done(&answer, EVENTS_DIRECT, 0, 1, expect(GOOD_TEXT), 0);
        /* Moved to the front they count. */
        message.text = text + MAX_CHARS;
        answer = invoke(&w, EVENTS_DIRECT, &message, 1, 0);
        check_done(&answer, EVENTS_DIRECT, 0, 1, expect(text + MAX_CHARS), 0);
        CHECK(strcmp(expect(text + MAX_CHARS).sentiment, expect(text).sentiment) != 0);
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
        lines = take_lines(w.run);
        message.text = GOOD_TEXT;
        (void)invoke(&w, EVENTS_DIRECT, &message, 1, 0);
        lines = take_lines(w.run);
        CHECK(lines.infos == 0 && metric(&lines, "SentimentAnalysisCount") == 1);
    }
    if (harness_case("text: warm-up does not infer")) {
        answer = serve_invoke_text(w.caller, "{\"warmup\":true}");
        CHECK(serve_json_is(answer.json, "statusCode", "200"));
        CHECKF(answer.body.size > 0 && strstr(answer.body.at, "\\\"status\\\":\\\"warmed\\\""),
               "%.*s", (int)answer.body.size, answer.body.at);
        lines = take_lines(w.run);
        CHECK(metric_values(&lines, "InferenceLatencyMs") == 0);
        CHECK(metric(&lines, "SentimentAnalysisCount") == 0);
    }
    close_world(&w);
}

static void test_threshold(void)
{
    static const char *const never[] = {"DISTIL_NEUTRAL_THRESHOLD=1", NULL};
    events_message message = {NULL, NULL, GOOD_TEXT, NULL};
    expectation expected;
    serve_answer answer;
    written lines;
    world w;

    if (!harness_case("text: below the threshold it is neutral, with its score") ||
        open_world(&w, NULL, never) != 0)
        return;
    expected = expect(GOOD_TEXT);
    expected.sentiment = "neutral";
    answer = invoke(&w, EVENTS_DIRECT, &message, 1, 0);
    check_done(&answer, EVENTS_DIRECT, 0, 1, expected, 0);
    lines = take_lines(w.run);
    CHECK(metric(&lines, "NeutralSentimentCount") == 1);
    CHECK(metric_values(&lines, "InferenceLatencyMs") == 1);
    close_world(&w);
}

/* No identifier can begin a line of its own. */
static void test_injection(void)
{
    events_message message = {"x\\n{\\\"level\\\":\\\"ERROR\\\"}\\n\\u001b[31m", TIME, GOOD_TEXT,
                              NULL};
    char event[1024];
    serve_answer answer;
    written lines;
    world w;

    if (!harness_case("log lines cannot be injected") || open_world(&w, with_store, NULL) != 0)
        return;
    warm_up(&w);
    /* Not pending: the source's id is logged with the duplicate. */
    (void)snprintf(event, sizeof event,
                   "{\"source_id\":\"%s\",\"timestamp\":\"%s\",\"text\":\"%s\"}", message.source_id,
                   message.timestamp, message.text);
    answer = serve_invoke_text(w.caller, event);
    CHECK(answer.status == 200 && !answer.failed);
    lines = take_lines(w.run);
    CHECK(lines.errors == 0 && lines.warnings == 1);
    close_world(&w);
}

/* ---- sizes ----------------------------------------------------------------------------------- */

/* {"text":"...","pad":"xxx"} of exactly this size. */
static void pad_event(char *out, size_t size)
{
    static const char head[] = "{\"text\":\"" GOOD_TEXT "\",\"pad\":\"";

    memset(out, 'x', size);
    memcpy(out, head, sizeof head - 1);
    memcpy(out + size - 2, "\"}", 2);
}

static void test_sizes(void)
{
    static const size_t sizes[] = {0,          1, 2, 2048, 2049, 65536, 1048576, EVENT_BYTES - 1,
                                   EVENT_BYTES};
    serve_answer answer;
    written lines;
    world w;

    if (open_world(&w, NULL, NULL) != 0)
        return;
    warm_up(&w);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        if (!harness_case("an event of %zu bytes", sizes[i]))
            continue;
        if (sizes[i] <= 2)
            memcpy(event_memory, "{}", 2);
        else
            pad_event(event_memory, sizes[i]);
        answer = serve_invoke(w.caller, event_memory, sizes[i], 0);
        lines = take_lines(w.run);
        if (sizes[i] <= 2) { /* nothing, half an object, an object of no known kind */
            CHECK(answer.failed && serve_json_is(answer.json, "errorType", "Function.BadEvent"));
            CHECK(lines.errors == 1 && metric(&lines, "AnalysisErrors") == 1);
        } else {
            check_done(&answer, EVENTS_DIRECT, 0, 1, expect(GOOD_TEXT), 0);
        }
        CHECK(serve_count(w.admin, "starts") == 1);
    }
    close_world(&w);
}

/* An answer that the platform refuses, and a good event after it. */
static void test_large_answer(void)
{
    static const char *const options[] = {"--answer-bytes", "120", NULL};
    events_message message = {NULL, NULL, GOOD_TEXT, NULL};
    serve_answer answer;
    written lines;
    world w;

    if (!harness_case("an answer that is refused for its size") ||
        open_world(&w, options, NULL) != 0)
        return;
    warm_up(&w);
    answer = invoke(&w, EVENTS_DIRECT, &message, 1, 0);
    CHECK(answer.failed &&
          serve_json_is(answer.json, "errorType", "Function.ResponseSizeTooLarge"));
    lines = take_lines(w.run);
    CHECK(lines.warnings + lines.errors == 1);
    answer = serve_invoke_text(w.caller, "{\"warmup\":true}");
    CHECK(!answer.failed && answer.body.size > 0);
    CHECK(serve_count(w.admin, "starts") == 1);
    close_world(&w);
}

/* ---- errors: the event ----------------------------------------------------------------------- */

/* A message without a member, or an event that is no JSON (member NULL). */
static void test_bad_event(world *w, events_source source, const char *missing)
{
    events_message message = {"bad", TIME, GOOD_TEXT, NULL};
    int64_t dead = serve_count(w->admin, "dead");
    events_result result;
    serve_answer answer;
    written lines;

    CHECK(put_pending(w, "bad").status == 200);
    if (strcmp(missing, "source_id") == 0)
        message.source_id = NULL;
    else if (strcmp(missing, "timestamp") == 0)
        message.timestamp = NULL;
    else
        message.text = NULL;
    answer = invoke(w, source, &message, 1, 0);
    lines = take_lines(w->run);
    CHECKF(lines.errors == 1 && strcmp(lines.code, "VALIDATION_ERROR") == 0, "%zu errors, code %s",
           lines.errors, lines.code);
    CHECK(metric(&lines, "AnalysisErrors") == 1);
    CHECK(metric(&lines, "SentimentAnalysisCount") == 0 && metric(&lines, "ItemsAnalyzed") == 0);
    check_pending(w, "bad");
    if (is_http(source)) {
        CHECK(!answer.failed && events_read(&result, source, answer.json, 0, 1) == 0);
        CHECK(result.http_status == 400 && strcmp(result.code, "VALIDATION_ERROR") == 0);
    } else if (is_batch(source)) {
        CHECK(!answer.failed && events_read(&result, source, answer.json, 0, 1) == 0);
        CHECK(result.failed);
    } else {
        CHECK(answer.failed && serve_json_is(answer.json, "errorType", "Function.BadEvent"));
    }
    if (source != EVENTS_SNS && source != EVENTS_BRIDGE)
        return;
    /* As it comes: tried three times, then a dead letter that has the event. */
    answer = invoke(w, source, &message, 1, 1);
    CHECK(answer.status == 202 && serve_await(w->admin, "dead", dead + 1));
    answer = serve_get(w->admin, "/serve/dead-letters");
    (void)snprintf(event_memory, EVENT_BYTES, "%lld.tries", (long long)dead);
    CHECK(serve_json_is(answer.json, event_memory, "3"));
    (void)snprintf(event_memory, EVENT_BYTES, "%lld.errorType", (long long)dead);
    CHECK(serve_json_is(answer.json, event_memory, "Function.BadEvent"));
    lines = take_lines(w->run);
    CHECK(lines.errors == 3 && metric(&lines, "AnalysisErrors") == 3);
    check_pending(w, "bad");
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
    written lines;

    for (size_t i = 0; i < sizeof events / sizeof *events; i++) {
        answer = serve_invoke_text(w->caller, events[i]);
        lines = take_lines(w->run);
        CHECKF(answer.failed && serve_json_is(answer.json, "errorType", "Function.BadEvent"),
               "%s: %.*s", events[i], (int)answer.body.size, answer.body.at);
        CHECKF(lines.errors == 1 && metric(&lines, "AnalysisErrors") == 1, "%s", events[i]);
        /* A good event in the same process. */
        answer = invoke(w, EVENTS_DIRECT, &message, 1, 0);
        check_done(&answer, EVENTS_DIRECT, 0, 1, expect(GOOD_TEXT), 0);
        (void)take_lines(w->run);
    }
    CHECK(serve_count(w->admin, "starts") == 1);
}

/* One bad message among good ones: the good ones are done, the bad one is told. */
static void test_bad_among_good(world *w, events_source source)
{
    enum { COUNT = 4, BAD = 1 };
    events_message messages[COUNT];
    char ids[COUNT][64];
    events_result result;
    serve_answer answer;
    written lines;
    int fifo = source == EVENTS_SQS_FIFO;

    for (size_t i = 0; i < COUNT; i++) {
        (void)snprintf(ids[i], sizeof ids[i], "among-%d-%zu", (int)source, i);
        messages[i] = (events_message){ids[i], TIME, i == BAD ? NULL : GOOD_TEXT, "v9"};
        CHECK(put_pending(w, ids[i]).status == 200);
    }
    answer = invoke(w, source, messages, COUNT, 0);
    lines = take_lines(w->run);
    CHECK(lines.errors == (fifo ? 3 : 1));
    CHECK(metric(&lines, "ItemsAnalyzed") == (fifo ? 1 : 3));
    for (size_t i = 0; i < COUNT; i++) {
        int fails = fifo ? i >= BAD : i == BAD;

        if (fails)
            check_pending(w, ids[i]);
        else
            check_analyzed(w, ids[i], expect(GOOD_TEXT), "v9");
        if (source == EVENTS_SNS || source == EVENTS_DIRECT)
            continue; /* one failed record fails the invocation */
        CHECK(events_read(&result, source, answer.json, i, COUNT) == 0);
        CHECKF(result.failed == fails, "message %zu", i);
    }
    CHECK(answer.failed == (source == EVENTS_SNS || source == EVENTS_DIRECT));
}

static void test_bad_events(void)
{
    static const char *const members[] = {"source_id", "timestamp", "text_for_analysis"};
    world w;

    if (open_world(&w, with_store, NULL) != 0)
        return;
    warm_up(&w);
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
    close_world(&w);
}

/* ---- errors: the model ----------------------------------------------------------------------- */

/* The shipped blob with bytes overwritten: a file to be removed by the caller. */
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

/* Where the classifier's bias of the shipped blob is. */
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
    /* (dim + 1) rows of columns; the last is the bias */
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
        const char *variable; /* beside DISTIL_MODEL */
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
    events_message message = {"x", TIME, GOOD_TEXT, NULL};

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char path[64] = "/nonexistent/model.distil", variable[128];
        const char *environment[] = {variable, cases[i].variable, NULL};
        serve_answer answer;
        written lines;
        world w;

        if (!harness_case("error: the model is %s", cases[i].name))
            continue;
        if (cases[i].keep > 0)
            write_blob(path, cases[i].offset, cases[i].bytes, cases[i].size, cases[i].keep);
        (void)snprintf(variable, sizeof variable, "DISTIL_MODEL=%s", path);
        if (open_world(&w, with_store, environment) == 0) {
            CHECK(serve_await(w.admin, "pid", 0));
            lines = take_lines(w.run);
            CHECK(lines.errors == 1);
            CHECK(metric(&lines, "AnalysisErrors") == 1 && metric(&lines, "ModelLoadErrors") == 1);
            CHECK(put_pending(&w, "x").status == 200);
            answer = invoke(&w, EVENTS_SNS, &message, 1, 0);
            CHECKF(answer.failed && serve_json_is(answer.json, "errorType", "Runtime.ModelLoad"),
                   "%.*s", (int)answer.body.size, answer.body.at);
            CHECK(serve_count(w.admin, "starts") == 2);
            check_pending(&w, "x");
            close_world(&w);
        }
        if (cases[i].keep > 0)
            (void)unlink(path);
    }
}

/* A model whose classifier gives no number: the start does not see it, every answer does. */
static void test_model_nonsense(void)
{
    static const float nonsense[][2] = {{NAN, NAN}, {INFINITY, INFINITY}, {-INFINITY, 0}};

    for (size_t i = 0; i < 2; i++) {
        events_message message = {"x", TIME, GOOD_TEXT, NULL};
        char path[64], variable[128];
        const char *environment[] = {variable, NULL};
        events_result result;
        serve_answer answer;
        written lines;
        world w;

        if (!harness_case("error: inference gives %f", (double)nonsense[i][0]))
            continue;
        write_blob(path, bias_offset(), nonsense[i], sizeof nonsense[i], SIZE_MAX);
        (void)snprintf(variable, sizeof variable, "DISTIL_MODEL=%s", path);
        if (open_world(&w, with_store, environment) == 0) {
            warm_up(&w);
            CHECK(put_pending(&w, "x").status == 200);
            for (int s = 0; s < EVENTS_SOURCES; s++) {
                events_source source = (events_source)s;

                answer = invoke(&w, source, &message, 1, 0);
                lines = take_lines(w.run);
                CHECKF(lines.errors == 1 && strcmp(lines.code, "MODEL_ERROR") == 0,
                       "%s: %zu errors, %s", events_name(source), lines.errors, lines.code);
                CHECK(metric(&lines, "AnalysisErrors") == 1);
                CHECK(metric(&lines, "SentimentAnalysisCount") == 0);
                check_pending(&w, "x");
                if (!is_http(source) && !is_batch(source)) {
                    CHECK(answer.failed &&
                          serve_json_is(answer.json, "errorType", "Function.ModelFailed"));
                    continue;
                }
                CHECK(!answer.failed && events_read(&result, source, answer.json, 0, 1) == 0);
                CHECK(result.failed);
                CHECK(!is_http(source) ||
                      (result.http_status == 500 && strcmp(result.code, "MODEL_ERROR") == 0));
            }
            CHECK(serve_count(w.admin, "starts") == 1);
            close_world(&w);
        }
        (void)unlink(path);
    }
}

/* ---- errors: the store ----------------------------------------------------------------------- */

/* The item is not pending, or was analyzed before: success, and said so. */
static void test_duplicates(void)
{
    events_message message = {"twice", TIME, GOOD_TEXT, "v1"};
    serve_answer answer;
    written lines;
    world w;

    if (open_world(&w, with_store, NULL) != 0)
        return;
    warm_up(&w);
    for (int s = 0; s < EVENTS_SOURCES; s++) {
        events_source source = (events_source)s;
        int64_t conflicts = serve_count(w.admin, "store.conflicts");

        if (!harness_case("duplicate: %s, the same event three times", events_name(source)))
            continue;
        CHECK(put_pending(&w, "twice").status == 200);
        for (int time = 0; time < 3; time++) {
            /* The queue's message is its own writer: it may come again and again. */
            int again = time > 0 && !is_batch(source);

            answer = invoke(&w, source, &message, 1, 0);
            check_done(&answer, source, 0, 1, expect(GOOD_TEXT), time == 0);
            lines = take_lines(w.run);
            CHECK(lines.errors == 0 && lines.warnings == (size_t)again);
            CHECK(metric(&lines, "DuplicateAnalysisSkipped") == again);
            CHECK(metric(&lines, "ItemsAnalyzed") == !again);
            CHECK(metric(&lines, "AnalysisErrors") == 0);
            check_analyzed(&w, "twice", expect(GOOD_TEXT), "v1");
        }
        CHECK(serve_count(w.admin, "store.conflicts") == conflicts + (is_batch(source) ? 0 : 2));
        CHECK(serve_count(w.admin, "store.changed_again") == 0);
    }
    if (harness_case("duplicate: no such item")) {
        message.source_id = "absent";
        answer = invoke(&w, EVENTS_SNS, &message, 1, 0);
        check_done(&answer, EVENTS_SNS, 0, 1, expect(GOOD_TEXT), 0);
        lines = take_lines(w.run);
        CHECK(lines.warnings == 1 && metric(&lines, "DuplicateAnalysisSkipped") == 1);
        answer = get_item(&w, "absent");
        CHECK(answer.status == 200 && answer.body.size == 2); /* none was made */
    }
    close_world(&w);
}

/* What a store that fails leads to, by source. */
static void check_store_failed(world *w, events_source source, const serve_answer *answer,
                               double errors)
{
    events_result result;
    written lines = take_lines(w->run);

    CHECKF(lines.errors == 1 && strcmp(lines.code, "INTERNAL_ERROR") == 0, "%zu errors, code %s",
           lines.errors, lines.code);
    CHECK(metric(&lines, "AnalysisErrors") == errors && metric(&lines, "ItemsAnalyzed") == 0);
    CHECK(metric(&lines, "DuplicateAnalysisSkipped") == 0);
    if (!is_http(source) && !is_batch(source)) {
        CHECKF(answer->failed && serve_json_is(answer->json, "errorType", "Function.StoreFailed"),
               "%.*s", (int)answer->body.size, answer->body.at);
        return;
    }
    CHECK(!answer->failed && events_read(&result, source, answer->json, 0, 1) == 0);
    CHECK(result.failed);
    CHECK(!is_http(source) ||
          (result.http_status == 500 && strcmp(result.code, "INTERNAL_ERROR") == 0));
}

/* The store of another serve, which knows another table: refused at once, nothing tried again. */
static void test_table_missing(void)
{
    static const char *const function[] = {"sleep", "1000", NULL};
    static const char *const other[] = {"DATABASE_TABLE=other", "PATH=/usr/bin:/bin", NULL};
    const serve_setup setup = {with_store, function, other};
    events_message message = {"x", TIME, GOOD_TEXT, NULL};
    serve_run *store;
    world w;

    if (!harness_case("error: the table is missing"))
        return;
    store = serve_start(&setup);
    if (store != NULL) {
        char address[64];
        const char *const options[] = {"--store", address, NULL};

        (void)snprintf(address, sizeof address, "http://127.0.0.1:%u", serve_port(store));
        if (open_world(&w, options, NULL) == 0) {
            warm_up(&w);
            for (int s = 0; s < EVENTS_SOURCES; s++) {
                serve_answer answer = invoke(&w, (events_source)s, &message, 1, 0);

                check_store_failed(&w, (events_source)s, &answer, 1);
            }
            CHECK(serve_count(w.admin, "starts") == 1);
            close_world(&w);
        }
    } else {
        harness_fail(__FILE__, __LINE__, "no second serve");
    }
    serve_free(store);
}

/* A port where nobody listens. */
static void test_store_gone(void)
{
    static const char *const options[] = {"--store", "http://127.0.0.1:1", NULL};
    events_message message = {"x", TIME, GOOD_TEXT, NULL};
    serve_answer answer;
    world w;

    if (!harness_case("error: nobody listens where the store should be") ||
        open_world(&w, options, NULL) != 0)
        return;
    warm_up(&w);
    answer = invoke(&w, EVENTS_SNS, &message, 1, 0);
    check_store_failed(&w, EVENTS_SNS, &answer, 1);
    answer = invoke(&w, EVENTS_HTTP_V2, &message, 1, 0);
    check_store_failed(&w, EVENTS_HTTP_V2, &answer, 1);
    CHECK(serve_count(w.admin, "starts") == 1);
    close_world(&w);
}

#define HEAD(status, bytes)                                                                        \
    "HTTP/1.1 " status "\r\nContent-Type: application/x-amz-json-1.0\r\nContent-Length: " bytes    \
    "\r\n\r\n"
#define EXPIRED "{\"__type\":\"com.amazon.coral.service#ExpiredTokenException\",\"message\":\"x\"}"

/* A function whose store is a script. */
static int open_scripted(world *w, fault_server **server, const fault_step *script, size_t count,
                         const char *timeout, const char *const *environment)
{
    char address[64];
    const char *const options[] = {"--store", address, "--timeout", timeout, NULL};

    *server = fault_start(script, count);
    (void)snprintf(address, sizeof address, "http://127.0.0.1:%u", fault_port(*server));
    if (open_world(w, options, environment) == 0) {
        warm_up(w);
        return 0;
    }
    (void)fault_finish(*server);
    fault_free(*server);
    return -1;
}

/* 500 each time: four attempts, then the event fails; the connection is kept. */
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
    events_message message = {"x", TIME, GOOD_TEXT, NULL};
    fault_server *server;
    serve_answer answer;
    world w;

    if (!harness_case("error: the store fails four times") ||
        open_scripted(&w, &server, script, sizeof script / sizeof *script, "20", NULL) != 0)
        return;
    answer = invoke(&w, EVENTS_SNS, &message, 1, 0);
    check_store_failed(&w, EVENTS_SNS, &answer, 1);
    CHECK(fault_finish(server) == 1);
    CHECK(fault_request_count(server) == 4);
    fault_free(server);
    close_world(&w);
}

/* The store does not answer: the event fails before its time is up, and the process lives. */
static void test_store_silent(void)
{
    static const fault_step script[] = {
        {.op = FAULT_ACCEPT}, {.op = FAULT_REQUEST}, {.op = FAULT_HANG}};
    events_message message = {"x", TIME, GOOD_TEXT, NULL};
    fault_server *server;
    serve_answer answer;
    world w;

    if (!harness_case("error: the store is silent until the deadline is near") ||
        open_scripted(&w, &server, script, sizeof script / sizeof *script, "1", NULL) != 0)
        return;
    answer = invoke(&w, EVENTS_SNS, &message, 1, 0);
    check_store_failed(&w, EVENTS_SNS, &answer, 1);
    CHECK(serve_count(w.admin, "starts") == 1);
    (void)fault_finish(server);
    fault_free(server);
    close_world(&w);
}

/* Credentials that have expired: the event fails and the process ends, so that the next one reads
 * new ones. */
static void test_expired(void)
{
    static const char expired[] = HEAD("400 Bad Request", "73") EXPIRED;
    static const char good[] = HEAD("200 OK", "2") "{}";
    static const fault_step script[] = {
        {.op = FAULT_ACCEPT}, {.op = FAULT_REQUEST}, {.op = FAULT_SEND, FAULT_TEXT(expired)},
        {.op = FAULT_ACCEPT}, {.op = FAULT_REQUEST}, {.op = FAULT_SEND, FAULT_TEXT(good)},
        {.op = FAULT_HANG}};
    events_message message = {"x", TIME, GOOD_TEXT, NULL};
    fault_server *server;
    serve_answer answer;
    world w;

    _Static_assert(sizeof EXPIRED - 1 == 73, "its Content-Length");
    if (!harness_case("error: expired credentials end the process") ||
        open_scripted(&w, &server, script, sizeof script / sizeof *script, "20", NULL) != 0)
        return;
    answer = invoke(&w, EVENTS_SNS, &message, 1, 0);
    CHECK(answer.failed);
    CHECK(serve_await(w.admin, "pid", 0));
    (void)take_lines(w.run);
    answer = invoke(&w, EVENTS_SNS, &message, 1, 0);
    check_done(&answer, EVENTS_SNS, 0, 1, expect(GOOD_TEXT), 1);
    CHECK(serve_count(w.admin, "starts") == 2);
    CHECK(fault_finish(server) == 1);
    fault_free(server);
    close_world(&w);
}

/* An empty session token counts as absent; one that is there is sent. */
static void test_session_token(void)
{
    static const char good[] = HEAD("200 OK", "2") "{}";
    static const fault_step script[] = {{.op = FAULT_ACCEPT},
                                        {.op = FAULT_REQUEST},
                                        {.op = FAULT_SEND, FAULT_TEXT(good)},
                                        {.op = FAULT_HANG}};
    static const char *const tokens[] = {"AWS_SESSION_TOKEN=", "AWS_SESSION_TOKEN=tok3n"};
    events_message message = {"x", TIME, GOOD_TEXT, NULL};

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
        answer = invoke(&w, EVENTS_SNS, &message, 1, 0);
        check_done(&answer, EVENTS_SNS, 0, 1, expect(GOOD_TEXT), 1);
        CHECK(fault_finish(server) == 1);
        request = fault_request(server, 0, &size);
        CHECK(strstr(request, "Credential=AKIDEXAMPLE/") != NULL);
        CHECK((strcasestr(request, "x-amz-security-token: tok3n\r\n") != NULL) == (i == 1));
        CHECK((strcasestr(request, "x-amz-security-token") != NULL) == (i == 1));
        fault_free(server);
        close_world(&w);
    }
}

/* ---- the end --------------------------------------------------------------------------------- */

static void test_end(void)
{
    const char *line;
    int ended = 0;
    size_t size;
    world w;

    if (!harness_case("SIGTERM ends an idle function with status 0") ||
        open_world(&w, NULL, NULL) != 0)
        return;
    warm_up(&w);
    CHECK(serve_stop(w.run, SIGTERM) == 0);
    while ((line = serve_error_next(w.run, &size)) != NULL)
        ended = ended || strcmp(line, "serve: process ended: exit status 0") == 0;
    CHECK(ended);
    close_world(&w);
}

/* A process that is killed between events, or within one, is replaced. */
static void test_killed(void)
{
    events_message message = {"killed", TIME, GOOD_TEXT, NULL};
    serve_answer answer;
    world w;

    if (!harness_case("a function that was killed starts again") ||
        open_world(&w, with_store, NULL) != 0)
        return;
    warm_up(&w);
    CHECK(put_pending(&w, "killed").status == 200);
    CHECK(kill((pid_t)serve_count(w.admin, "pid"), SIGKILL) == 0);
    CHECK(serve_await(w.admin, "pid", 0));
    answer = invoke(&w, EVENTS_SNS, &message, 1, 0);
    check_done(&answer, EVENTS_SNS, 0, 1, expect(GOOD_TEXT), 1);
    CHECK(serve_count(w.admin, "starts") == 2);
    close_world(&w);
}

int main(int argc, char **argv)
{
    (void)signal(SIGPIPE, SIG_IGN);
    (void)harness_init("test_lambda", argc, argv);
    event_memory = malloc(EVENT_BYTES + 1);
    if (event_memory == NULL ||
        distil_model_open(&model, serve_build_path("sst2.distil"), NULL, NULL) != DISTIL_OK ||
        distil_context_new(&context, model, NULL) != DISTIL_OK)
        abort();
    test_sources();
    test_examples();
    test_texts();
    test_threshold();
    test_injection();
    test_sizes();
    test_large_answer();
    test_bad_events();
    test_model_missing();
    test_model_nonsense();
    test_duplicates();
    test_table_missing();
    test_store_gone();
    test_store_errors();
    test_store_silent();
    test_expired();
    test_session_token();
    test_end();
    test_killed();
    distil_context_free(context);
    distil_model_close(model);
    free(event_memory);
    return harness_finish();
}
