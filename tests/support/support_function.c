/* SPDX-License-Identifier: Apache-2.0 */
/* Says what to expect for a text, reads what the function has written, and reads the store. */
#include "tests/support/support_function.h"

#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/buffer.h"
#include "runtime/base/clock.h"
#include "runtime/distil.h"
#include "tests/support/harness.h"

/* ---- what the library says ------------------------------------------------------------------- */

static distil_model *model;
static distil_context *context;
static char *event_memory;

void world_set_up(void)
{
    event_memory = malloc(WORLD_EVENT_BYTES + 1);
    if (event_memory == NULL ||
        distil_model_open(&model, serve_build_path("sst2.distil"), NULL, NULL) != DISTIL_OK ||
        distil_context_new(&context, model, NULL, NULL) != DISTIL_OK)
        abort();
}

void world_tear_down(void)
{
    distil_context_free(context);
    distil_model_close(model);
    free(event_memory);
}

char *world_event_memory(void)
{
    return event_memory;
}

world_expectation world_expect(const char *text)
{
    world_expectation e = {"neutral", 0.5};
    distil_result result;
    size_t size =
        strlen(text) < WORLD_MAX_CHARS ? strlen(text) : WORLD_MAX_CHARS; /* The text is ASCII. */

    if (size == 0)
        return e;
    if (distil_classify(context, &result, NULL, text, size, 0) != DISTIL_OK)
        abort();
    e.score = (double)result.score;
    if (e.score >= 0.6)
        e.sentiment = result.label == 1 ? "positive" : "negative";
    return e;
}

/* Returns 1 if two scores differ by at most half a unit of their fourth decimal. */
static int close_to(double a, double b)
{
    return fabs(a - b) <= 0.00005 + 1e-9;
}

/* ---- what the function wrote ----------------------------------------------------------------- */

/* The name and the unit of each metric. */
static const char *const metric_names[METRIC_COUNT][2] = {
#define METRIC(id, name, unit) {name, unit},
    METRICS(METRIC)
#undef METRIC
};

double world_metric(const world_written *w, const char *name)
{
    for (size_t i = 0; i < METRIC_COUNT; i++)
        if (strcmp(metric_names[i][0], name) == 0)
            return w->sum[i];
    abort();
}

size_t world_metric_values(const world_written *w, const char *name)
{
    for (size_t i = 0; i < METRIC_COUNT; i++)
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

static void add_value(world_written *w, size_t which, json_value value)
{
    double number;

    CHECKF(json_double(value, &number) == 0, "%s is no number", metric_names[which][0]);
    w->sum[which] += number;
    w->values[which]++;
}

/* Read one metric of the directive: it is known, has its unit, and has its value in the line. */
static void read_metric(world_written *w, json_value root, json_value definition)
{
    json_value value;
    json_iter values;
    char name[64], unit[32];

    copy_text(name, sizeof name, definition, "Name");
    copy_text(unit, sizeof unit, definition, "Unit");
    for (size_t i = 0; i < METRIC_COUNT; i++) {
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

static void read_metrics(world_written *w, json_value root)
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
        read_metric(w, root, iter.value);
}

static void read_log(world_written *w, json_value root)
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

world_written world_read_lines(serve_run *run)
{
    world_written w;
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
            read_metrics(&w, root);
        else
            read_log(&w, root);
    }
    return w;
}

/* ---- a function and its store ---------------------------------------------------------------- */

const char *const world_with_store[] = {"--store", "memory", "--retry-ms", "10", NULL};

int world_open(world *w, const char *const *options, const char *const *environment)
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

void world_warm_up(world *w)
{
    CHECK(!serve_invoke_text(w->caller, "{\"warmup\":true}").failed);
    (void)world_read_lines(w->run);
}

void world_close(world *w)
{
    const char *line;
    size_t size;

    serve_caller_free(w->caller);
    serve_caller_free(w->admin);
    if (w->run != NULL) {
        (void)serve_stop(w->run, SIGTERM);
        (void)world_read_lines(w->run);
        while ((line = serve_error_next(w->run, &size)) != NULL)
            CHECKF(strncmp(line, "serve: ", 7) == 0, "on standard error: %s", line);
    }
    serve_free(w->run);
}

serve_answer world_put_pending(world *w, const char *source_id)
{
    return serve_dynamodb(w->admin, "PutItem",
                          "{\"TableName\":\"sentiment-items\",\"Item\":{\"source_id\":{\"S\":"
                          "\"%s\"},\"timestamp\":{\"S\":\"" WORLD_TIME "\"},\"status\":{\"S\":"
                          "\"pending\"},\"kept\":{\"S\":\"yes\"}}}",
                          source_id);
}

serve_answer world_get_item(world *w, const char *source_id)
{
    return serve_dynamodb(w->admin, "GetItem",
                          "{\"TableName\":\"sentiment-items\",\"Key\":{\"source_id\":{\"S\":"
                          "\"%s\"},\"timestamp\":{\"S\":\"" WORLD_TIME "\"}}}",
                          source_id);
}

void world_check_pending(world *w, const char *source_id)
{
    serve_answer item = world_get_item(w, source_id);
    json_value value;

    CHECK(serve_json_is(item.json, "Item.status.S", "pending"));
    CHECK(!serve_json(item.json, "Item.sentiment", &value));
}

void world_check_analyzed(world *w, const char *source_id, world_expectation expected,
                          const char *model_version)
{
    serve_answer item = world_get_item(w, source_id);
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

serve_answer world_invoke(world *w, events_source source, const events_message *messages,
                          size_t count, int asynchronous)
{
    buffer event;

    buffer_init(&event, event_memory, WORLD_EVENT_BYTES);
    events_build(&event, source, messages, count);
    if (event.overflow)
        abort();
    return serve_invoke(w->caller, event.data, event.size, asynchronous);
}

int world_is_batch(events_source source)
{
    return source == EVENTS_SQS || source == EVENTS_SQS_SNS || source == EVENTS_SQS_FIFO;
}

int world_is_http(events_source source)
{
    return source == EVENTS_HTTP_V1 || source == EVENTS_HTTP_V2;
}

void world_check_done(const serve_answer *answer, events_source source, size_t index, size_t count,
                      world_expectation expected, int updated)
{
    events_result result;

    CHECK(answer->status == 200 && !answer->failed);
    if (events_read(&result, source, answer->json, index, count) != 0) {
        harness_fail(__FILE__, __LINE__, "answer %.*s", (int)answer->body.size, answer->body.at);
        return;
    }
    CHECKF(!result.failed, "answer %.*s", (int)answer->body.size, answer->body.at);
    if (world_is_batch(source))
        return;
    CHECK(result.http_status == 200);
    CHECKF(strcmp(result.sentiment, expected.sentiment) == 0, "%s", result.sentiment);
    CHECKF(close_to(result.score, expected.score), "%f, not %f", result.score, expected.score);
    CHECK(result.updated == updated);
}
