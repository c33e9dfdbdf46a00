/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From event to answer with the shipped model: every source, the rules for texts, and those rows of
 * docs/lambda.md's table of errors that need no store. Log lines and metrics go to a file in
 * memory, and the tests read them back as JSON. test_handler_store and test_lambda_errors test what
 * the store does to an event.
 */
#include <math.h>
#include <stdalign.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "runtime/base/clock.h"
#include "lambda/handler.h"
#include "lambda/records.h"
#include "model/blob.h"
#include "runtime/base/json.h"
#include "runtime/weights.h"
#include "tests/support/harness.h"

enum { ANSWER_BYTES = 1 << 20, ARENA_EVENT_BYTES = 1 << 20, LOG_BYTES = 1 << 16 };

/* The objects that each test case works with. */
typedef struct fixture {
    config config;
    handler handler;
    distil_context *context;
    char *arena, *answer;
    handler_reply reply;
    char log[LOG_BYTES]; /* the log lines that the last event has written */
    size_t log_bytes;
} fixture;

static distil_model *model;
static char blob_path[4096];

static void set_up(fixture *f, const distil_model *of)
{
    char why[200];

    memset(&f->config, 0, sizeof f->config);
    f->config.environment = "test";
    f->config.max_chars = 512;
    f->config.neutral_threshold = 0.6f;
    f->config.sqs_partial_failures = 1;
    f->config.log = (log_sink){harness_memory_file(), LOG_TRACE};
    f->arena = malloc(handler_arena_bytes(ARENA_EVENT_BYTES));
    f->answer = malloc(ANSWER_BYTES);
    if (distil_context_new(&f->context, of, NULL, NULL) != DISTIL_OK || !f->arena || !f->answer)
        abort();
    CHECKF(handler_init(&f->handler, &f->config, of, f->context, NULL, f->arena,
                        handler_arena_bytes(ARENA_EVENT_BYTES), why, sizeof why) == 0,
           "%s", why);
}

static void tear_down(fixture *f)
{
    close(f->config.log.fd);
    distil_context_free(f->context);
    free(f->arena);
    free(f->answer);
}

static void run_request(fixture *f, const handler_request *request)
{
    ssize_t n;

    buffer_init(&f->reply.answer, f->answer, ANSWER_BYTES);
    if (ftruncate(f->config.log.fd, 0) != 0 || lseek(f->config.log.fd, 0, SEEK_SET) != 0)
        abort();
    handler_run(&f->handler, request, &f->reply);
    n = pread(f->config.log.fd, f->log, sizeof f->log - 1, 0);
    f->log_bytes = n > 0 ? (size_t)n : 0;
    f->log[f->log_bytes] = '\0';
}

static void run_with(fixture *f, const char *event, size_t size, int64_t deadline_unix_ms)
{
    handler_request request = {
        .request_id = "request-1", .event = {event, size}, .deadline_unix_ms = deadline_unix_ms};

    run_request(f, &request);
}

static void run(fixture *f, const char *event)
{
    run_with(f, event, strlen(event), INT64_MAX);
}

static void run_file(fixture *f, const char *name)
{
    char path[256];
    size_t bytes;
    char *text;

    snprintf(path, sizeof path, "tests/events/%s", name);
    text = harness_read_file(harness_path(path), &bytes);
    CHECKF(text != NULL, "%s", path);
    if (text)
        run_with(f, text, bytes, INT64_MAX);
    free(text);
}

/* ---- looking at what came out --------------------------------------------------------------- */

/* The value at a path of names and indices, such as "body.0.score". */
static json_value at(json_value value, const char *path)
{
    char name[64];

    while (*path) {
        size_t n = strcspn(path, ".");

        snprintf(name, sizeof name, "%.*s", (int)n, path);
        path += n + (path[n] == '.');
        if (value.type == JSON_ARRAY) {
            json_iter i;

            json_iter_init(&i, value);
            for (long k = strtol(name, NULL, 10); k >= 0; k--)
                if (!json_iter_next(&i))
                    return (json_value){.type = JSON_NULL, .text = ""};
            value = i.value;
        } else if (!json_get(value, name, &value))
            return (json_value){.type = JSON_NULL, .text = ""};
    }
    return value;
}

static json_value answer_of(const fixture *f)
{
    json_value root = {.type = JSON_NULL, .text = ""};

    CHECK(!f->reply.answer.overflow);
    CHECKF(json_parse(&root, f->reply.answer.data, f->reply.answer.size, NULL) == 0, "%.*s",
           (int)f->reply.answer.size, f->reply.answer.data);
    return root;
}

/* The parsed body of an HTTP answer. `text` gets its bytes. */
static json_value parsed_body(const fixture *f, char *text, size_t capacity)
{
    json_value body = at(answer_of(f), "body"), root = {.type = JSON_NULL, .text = ""};
    size_t n = json_string(body, text, capacity);

    CHECK(body.type == JSON_STRING && n <= capacity);
    CHECK(json_parse(&root, text, n, NULL) == 0);
    return root;
}

static int says(json_value root, const char *path, const char *text)
{
    return json_string_is(at(root, path), text);
}

static double number(json_value root, const char *path)
{
    double value = NAN;

    (void)json_double(at(root, path), &value);
    return value;
}

/* The last line of the log whose member `name` is this text. *count becomes the number of such
 * lines. */
static json_value line_with(const fixture *f, const char *name, const char *text, size_t *count)
{
    json_value found = {.type = JSON_NULL, .text = ""}, line;

    *count = 0;
    for (const char *p = f->log; *p;) {
        size_t n = strcspn(p, "\n");

        CHECKF(json_parse(&line, p, n, NULL) == 0, "a line is not JSON: %.*s", (int)n, p);
        if (json_string_is(at(line, name), text)) {
            found = line;
            ++*count;
        }
        p += n + (p[n] == '\n');
    }
    return found;
}

/* The value of a metric of the last event, or -1 if it has none. The line of metrics is the one
 * with the namespace. */
static double metric_value(const fixture *f, const char *name)
{
    for (const char *p = f->log; *p;) {
        size_t n = strcspn(p, "\n");
        json_value line;

        if (json_parse(&line, p, n, NULL) == 0 &&
            says(line, "_aws.CloudWatchMetrics.0.Namespace", "SentimentAnalyzer")) {
            CHECK(says(line, "Environment", "test") && says(line, "level", "INFO"));
            CHECK(says(line, "_aws.CloudWatchMetrics.0.Dimensions.0.0", "Environment"));
            return at(line, name).type == JSON_NUMBER ? number(line, name) : -1;
        }
        p += n + (p[n] == '\n');
    }
    return -1;
}

static void check_failure_logged(const fixture *f, const char *code)
{
    size_t count;
    json_value line = line_with(f, "level", "ERROR", &count);

    CHECKF(count == 1, "%zu ERROR lines in %s", count, f->log);
    CHECKF(says(line, "code", code), "%s", f->log);
    CHECK(says(line, "requestId", "request-1"));
    CHECKF(metric_value(f, "AnalysisErrors") == 1, "%s", f->log);
}

/* A mistake of an HTTP caller is no error of the function. */
static void check_client_error_logged(const fixture *f, const char *code)
{
    size_t count;
    json_value line = line_with(f, "level", "WARN", &count);

    CHECKF(count == 1, "%zu WARN lines in %s", count, f->log);
    CHECKF(says(line, "code", code), "%s", f->log);
    CHECK(says(line, "requestId", "request-1"));
    CHECKF(metric_value(f, "ClientErrors") == 1, "%s", f->log);
    CHECK(metric_value(f, "AnalysisErrors") == -1);
    (void)line_with(f, "level", "ERROR", &count);
    CHECK(count == 0);
}

/* ---- sources -------------------------------------------------------------------------------- */

static void check_positive(json_value body, const char *source_id)
{
    if (source_id)
        CHECK(says(body, "source_id", source_id));
    else
        CHECK(at(body, "source_id").type == JSON_NULL);
    CHECK(says(body, "sentiment", "positive"));
    CHECK(number(body, "score") > 0.99 && number(body, "score") <= 1);
    CHECK(number(body, "confidence") == number(body, "score"));
    CHECK(number(body, "inference_time_ms") > 0);
    CHECK(at(body, "updated").type == JSON_FALSE);
}

static void test_sources(fixture *f)
{
    char text[4096];
    json_value body;

    if (harness_case("SNS, one record")) {
        run_file(f, "sns.json");
        CHECK(f->reply.outcome == HANDLER_ANSWER && number(answer_of(f), "statusCode") == 200);
        check_positive(at(answer_of(f), "body"), "review#7f3a");
        CHECK(says(answer_of(f), "body.model_version", "v1.2.0"));
        CHECK(metric_value(f, "SentimentAnalysisCount") == 1);
        CHECK(metric_value(f, "PositiveSentimentCount") == 1);
        CHECK(metric_value(f, "NegativeSentimentCount") == -1);
        CHECK(metric_value(f, "ItemsAnalyzed") == -1);
        /* The answer shows two decimals of the time. */
        CHECK(fabs(metric_value(f, "InferenceLatencyMs") -
                   number(answer_of(f), "body.inference_time_ms")) <= 0.0051);
        CHECKF(strstr(f->log, "gorgeous") == NULL, "the text is in the log: %s", f->log);
    }
    if (harness_case("SNS, several records, one of them empty")) {
        run_file(f, "sns_many.json");
        body = at(answer_of(f), "body");
        CHECK(says(body, "0.sentiment", "negative") && says(body, "0.source_id", "review#1"));
        CHECK(says(body, "1.sentiment", "neutral") && number(body, "1.score") == 0.5);
        CHECK(number(body, "1.inference_time_ms") == 0);
        CHECK(says(body, "2.sentiment", "positive") && says(body, "2.source_id", "review#3"));
        CHECK(metric_value(f, "SentimentAnalysisCount") == 3);
        CHECK(metric_value(f, "NeutralSentimentCount") == 1);
    }
    if (harness_case("SQS, plain and around a notification")) {
        run_file(f, "sqs.json");
        CHECK(f->reply.answer.size == strlen("{\"batchItemFailures\":[]}"));
        CHECK(metric_value(f, "PositiveSentimentCount") == 1);
        CHECK(metric_value(f, "NegativeSentimentCount") == 1);
    }
    if (harness_case("EventBridge")) {
        run_file(f, "eventbridge.json");
        check_positive(at(answer_of(f), "body"), "review#21");
    }
    if (harness_case("HTTP, version 2.0, base64")) {
        run_file(f, "http_v2.json");
        CHECK(number(answer_of(f), "statusCode") == 200);
        CHECK(says(answer_of(f), "headers.Content-Type", "application/json"));
        check_positive(parsed_body(f, text, sizeof text), NULL);
    }
    if (harness_case("HTTP, version 1.0, a list")) {
        run_file(f, "http_v1.json");
        body = parsed_body(f, text, sizeof text);
        CHECK(says(body, "0.sentiment", "positive") && says(body, "1.sentiment", "negative"));
    }
    if (harness_case("an event of EventBridge within a message of SQS")) {
        run_file(f, "sqs_eventbridge.json");
        CHECK(f->reply.answer.size == strlen("{\"batchItemFailures\":[]}"));
        CHECK(metric_value(f, "PositiveSentimentCount") == 1);
    }
    if (harness_case("records of SQS as a bare array, as Pipes sends them")) {
        run_file(f, "sqs_pipes.json");
        CHECK(f->reply.answer.size == strlen("{\"batchItemFailures\":[]}"));
        CHECK(metric_value(f, "PositiveSentimentCount") == 1);
        CHECK(metric_value(f, "NegativeSentimentCount") == 1);
    }
    if (harness_case("the batch of a Distributed Map, whose answer is always a list")) {
        run_file(f, "step_functions_items.json");
        body = at(answer_of(f), "body");
        CHECK(says(body, "0.sentiment", "positive") && says(body, "1.sentiment", "negative") &&
              says(body, "2.sentiment", "positive") && says(body, "2.source_id", "review#51"));
        run_file(f, "step_functions_one_item.json");
        body = at(answer_of(f), "body");
        CHECK(body.type == JSON_ARRAY && says(body, "0.sentiment", "positive"));
    }
    if (harness_case("a load balancer, with each form of headers")) {
        run_file(f, "alb.json");
        CHECK(number(answer_of(f), "statusCode") == 200);
        CHECK(says(answer_of(f), "headers.Content-Type", "application/json"));
        check_positive(parsed_body(f, text, sizeof text), NULL);
        run_file(f, "alb_multi_value.json");
        CHECK(number(answer_of(f), "statusCode") == 200);
        CHECK(says(answer_of(f), "multiValueHeaders.Content-Type.0", "application/json"));
        CHECK(at(answer_of(f), "headers").type == JSON_NULL);
        check_positive(parsed_body(f, text, sizeof text), NULL);
    }
    if (harness_case("health checks and HEAD, which count nothing")) {
        static const char *const files[] = {"alb_health.json", "http_health.json"};

        for (size_t i = 0; i < 2; i++) {
            run_file(f, files[i]);
            CHECK(f->reply.outcome == HANDLER_ANSWER && number(answer_of(f), "statusCode") == 200);
            body = parsed_body(f, text, sizeof text);
            CHECK(says(body, "status", "healthy") &&
                  says(body, "model_version", f->handler.model_version));
            CHECKF(f->log_bytes == 0 || metric_value(f, "SentimentAnalysisCount") == -1, "%s",
                   f->log);
            CHECK(metric_value(f, "AnalysisErrors") == -1 && metric_value(f, "ClientErrors") == -1);
        }
        run_file(f, "http_head.json");
        CHECK(number(answer_of(f), "statusCode") == 200 && says(answer_of(f), "body", ""));
        /* A request with a body is classified, whatever its method is. */
        run(f, "{\"httpMethod\":\"GET\",\"requestContext\":{},"
               "\"body\":\"{\\\"text\\\":\\\"so good\\\"}\"}");
        check_positive(parsed_body(f, text, sizeof text), NULL);
    }
    if (harness_case("OPTIONS, and answers for the pages of one origin")) {
        run_file(f, "http_options.json");
        CHECK(number(answer_of(f), "statusCode") == 204 && says(answer_of(f), "body", ""));
        CHECK(says(answer_of(f), "headers.Allow", "GET, HEAD, OPTIONS, POST"));
        CHECK(at(answer_of(f), "headers.Access-Control-Allow-Origin").type == JSON_NULL);
        CHECK(metric_value(f, "AnalysisErrors") == -1 && metric_value(f, "ClientErrors") == -1);
        f->config.cors_origin = "https://app.example.com";
        run_file(f, "http_options.json");
        CHECK(says(answer_of(f), "headers.Access-Control-Allow-Origin", "https://app.example.com"));
        CHECK(
            says(answer_of(f), "headers.Access-Control-Allow-Methods", "GET, HEAD, OPTIONS, POST"));
        CHECK(says(answer_of(f), "headers.Vary", "Origin"));
        CHECK(at(answer_of(f), "headers.Access-Control-Allow-Headers").type == JSON_STRING);
        run_file(f, "http_v1.json");
        CHECK(says(answer_of(f), "headers.Access-Control-Allow-Origin", "https://app.example.com"));
        CHECK(says(answer_of(f), "headers.Content-Type", "application/json"));
        f->config.cors_origin = "*";
        run_file(f, "alb_multi_value.json");
        CHECK(says(answer_of(f), "multiValueHeaders.Access-Control-Allow-Origin.0", "*"));
        CHECK(at(answer_of(f), "multiValueHeaders.Vary").type == JSON_NULL);
        f->config.cors_origin = NULL;
    }
    if (harness_case("direct, one text and a list")) {
        run_file(f, "direct.json");
        check_positive(at(answer_of(f), "body"), NULL);
        run_file(f, "direct_list.json");
        body = at(answer_of(f), "body");
        CHECK(says(body, "0.sentiment", "positive") && says(body, "1.sentiment", "negative") &&
              says(body, "2.sentiment", "neutral"));
        run(f, "[\"so good\"]");
        CHECK(says(answer_of(f), "body.sentiment", "positive"));
    }
    if (harness_case("warm-up, without inference")) {
        run_file(f, "warmup.json");
        body = parsed_body(f, text, sizeof text);
        CHECK(says(body, "status", "warmed"));
        CHECKF(f->log_bytes == 0 || metric_value(f, "SentimentAnalysisCount") == -1, "%s", f->log);
    }
    if (harness_case("warm-up, a version of which every byte is escaped")) {
        char kept[sizeof f->handler.model_version], odd[sizeof kept];

        memcpy(kept, f->handler.model_version, sizeof kept);
        memset(odd, 1, sizeof odd - 1);
        odd[sizeof odd - 1] = '\0';
        memcpy(f->handler.model_version, odd, sizeof odd);
        run_file(f, "warmup.json");
        CHECK(says(parsed_body(f, text, sizeof text), "model_version", odd));
        memcpy(f->handler.model_version, kept, sizeof kept);
    }
}

/* ---- text rules ----------------------------------------------------------------------------- */

static double score_of(fixture *f, const char *event)
{
    run(f, event);
    return number(answer_of(f), "body.score");
}

static void test_texts(fixture *f)
{
    static char event[8192];
    size_t size;

    if (harness_case("only the first characters count, whatever their bytes")) {
        double whole;

        f->config.max_chars = 13;
        /* The text has 13 characters. */
        whole = score_of(f, "{\"text\":\"sch\\u00f6n so good\"}");
        CHECK(whole == score_of(f, "{\"text\":\"sch\\u00f6n so good\\u00e4 awful, terrible\"}"));
        f->config.max_chars = 12;
        run(f, "{\"text\":\"\\ud83c\\udfac\\ud83c\\udfac so good and awful, a terrible mess\"}");
        CHECK(f->reply.outcome == HANDLER_ANSWER);
        f->config.max_chars = 512;
    }
    if (harness_case("a text of more tokens than the model takes")) {
        size = (size_t)snprintf(event, sizeof event, "{\"text\":\"");
        for (int i = 0; i < 512; i++)
            event[size++] = "!?.,"[i % 4];
        snprintf(event + size, sizeof event - size, "\"}");
        run(f, event);
        CHECK(f->reply.outcome == HANDLER_ANSWER && number(answer_of(f), "body.score") > 0);
    }
    if (harness_case("below the threshold a text is neutral, with the score it had")) {
        double plain = score_of(f, "{\"text\":\"so good\"}");

        f->config.neutral_threshold = 0.99999f;
        run(f, "{\"text\":\"so good\"}");
        CHECK(says(answer_of(f), "body.sentiment", "neutral"));
        CHECK(number(answer_of(f), "body.score") == plain);
        CHECK(metric_value(f, "NeutralSentimentCount") == 1);
        f->config.neutral_threshold = 0.6f;
    }
    if (harness_case("at the threshold it is not neutral")) {
        distil_result result;

        CHECK(distil_classify(f->context, &result, NULL, "so good", 7, 0) == DISTIL_OK);
        f->config.neutral_threshold = result.score;
        run(f, "{\"text\":\"so good\"}");
        CHECK(says(answer_of(f), "body.sentiment", "positive"));
        f->config.neutral_threshold = nextafterf(result.score, 1);
        run(f, "{\"text\":\"so good\"}");
        CHECK(says(answer_of(f), "body.sentiment", "neutral"));
        f->config.neutral_threshold = 0.6f;
    }
    if (harness_case("a lone surrogate is U+FFFD"))
        CHECK(score_of(f, "{\"text\":\"so good \\ud800\"}") ==
              score_of(f, "{\"text\":\"so good \\ufffd\"}"));
    if (harness_case("what is behind a NUL character is classified too"))
        CHECK(score_of(f, "{\"text\":\"so \\u0000 bad\"}") != score_of(f, "{\"text\":\"so \"}"));
    if (harness_case("records of a batch get the scores they get alone")) {
        double one = score_of(f, "{\"text\":\"flat and lifeless\"}");

        run(f, "[\"so good\",\"flat and lifeless\",\"an utterly charming film\"]");
        CHECK(number(answer_of(f), "body.1.score") == one);
    }
    if (harness_case("more records than a chunk")) {
        size = (size_t)snprintf(event, sizeof event, "[");
        for (int i = 0; i < 100; i++)
            size += (size_t)snprintf(event + size, sizeof event - size, "%s\"text %d\"",
                                     i ? "," : "", i);
        snprintf(event + size, sizeof event - size, "]");
        run(f, event);
        CHECK(number(answer_of(f), "body.99.score") > 0);
        CHECK(at(answer_of(f), "body.100").type == JSON_NULL);
        CHECK(metric_value(f, "SentimentAnalysisCount") == 100);
    }
}

/* ---- errors --------------------------------------------------------------------------------- */

/* An event that fails as a whole, and how each kind of caller is told. */
typedef struct refusal {
    const char *name, *event;
    handler_outcome outcome;
    const char *contains; /* A part of the reason, or of the body of an HTTP answer. */
} refusal;

#define SNS(message)                                                                               \
    "{\"Records\":[{\"EventSource\":\"aws:sns\",\"Sns\":{\"Message\":" message "}}]}"
#define MESSAGE(fields) "\"{" fields "}\""
#define ID "\\\"source_id\\\":\\\"a\\\","
#define TIME "\\\"timestamp\\\":\\\"b\\\","
#define V2(rest) "{\"version\":\"2.0\",\"requestContext\":{\"http\":{\"method\":\"POST\"}}" rest "}"

static const refusal refusals[] = {
    {"nothing", "", HANDLER_FAIL, "not JSON"},
    {"no JSON", "{\"text\":", HANDLER_FAIL, "not JSON: byte 8"},
    {"no known event", "{\"hello\":1}", HANDLER_FAIL, "no known event"},
    {"a number", "7", HANDLER_FAIL, "no known event"},
    {"SNS without Message", "{\"Records\":[{\"EventSource\":\"aws:sns\",\"Sns\":{}}]}",
     HANDLER_FAIL, "Sns.Message is missing"},
    {"SNS, Message is no JSON", SNS("\"hello\""), HANDLER_FAIL, "the message is not JSON"},
    {"SNS, no text", SNS(MESSAGE(ID TIME "\\\"x\\\":1")), HANDLER_FAIL,
     "text_for_analysis is missing"},
    {"SNS, text is a number", SNS(MESSAGE(ID TIME "\\\"text_for_analysis\\\":5")), HANDLER_FAIL,
     "text_for_analysis is number, not string"},
    {"SNS, no source_id", SNS(MESSAGE(TIME "\\\"text_for_analysis\\\":\\\"c\\\"")), HANDLER_FAIL,
     "source_id is missing"},
    {"SNS, empty source_id",
     SNS(MESSAGE("\\\"source_id\\\":\\\"\\\"," TIME "\\\"text_for_analysis\\\":\\\"c\\\"")),
     HANDLER_FAIL, "source_id has 0 bytes"},
    {"SNS, a NUL in the key",
     SNS(MESSAGE("\\\"source_id\\\":\\\"a\\\\u0000b\\\"," TIME
                 "\\\"text_for_analysis\\\":\\\"c\\\"")),
     HANDLER_FAIL, "source_id has a NUL"},
    {"SNS, no timestamp", SNS(MESSAGE(ID "\\\"text_for_analysis\\\":\\\"c\\\"")), HANDLER_FAIL,
     "timestamp is missing"},
    {"EventBridge without detail", "{\"detail-type\":\"a\",\"source\":\"b\"}", HANDLER_FAIL,
     "detail is missing"},
    {"direct, text is null", "{\"text\":null}", HANDLER_FAIL, "text_for_analysis is missing"},
    {"direct, half a key", "{\"text\":\"a\",\"source_id\":\"x\"}", HANDLER_FAIL,
     "timestamp is missing"},
    {"direct, empty list", "{\"texts\":[]}", HANDLER_FAIL, "texts is empty"},
    {"HTTP without body", V2(""), HANDLER_ANSWER, "no body"},
    {"HTTP, body is no JSON", V2(",\"body\":\"hello\""), HANDLER_ANSWER, "not JSON"},
    {"HTTP, body is no base64", V2(",\"body\":\"*\",\"isBase64Encoded\":true"), HANDLER_ANSWER,
     "not base64"},
    {"HTTP, base64 with bits left over", V2(",\"body\":\"e31=\",\"isBase64Encoded\":true"),
     HANDLER_ANSWER, "not base64"},
    {"HTTP, text is missing", V2(",\"body\":\"{}\""), HANDLER_ANSWER, "neither text"},
    {"HTTP, text is a number", V2(",\"body\":\"{\\\"text\\\":1}\""), HANDLER_ANSWER,
     "text is number"},
};

static void test_refusals(fixture *f)
{
    for (size_t i = 0; i < sizeof refusals / sizeof refusals[0]; i++) {
        const refusal *r = &refusals[i];
        char text[2048];

        if (!harness_case("refused: %s", r->name))
            continue;
        run(f, r->event);
        CHECKF(f->reply.outcome == r->outcome, "outcome %d", (int)f->reply.outcome);
        if (r->outcome == HANDLER_ANSWER)
            check_client_error_logged(f, "VALIDATION_ERROR");
        else
            check_failure_logged(f, "VALIDATION_ERROR");
        if (r->outcome == HANDLER_ANSWER) {
            json_value body = parsed_body(f, text, sizeof text - 1);
            char error[256];
            size_t n = json_string(at(body, "error"), error, sizeof error - 1);

            error[n < sizeof error ? n : 0] = '\0';
            CHECK(number(answer_of(f), "statusCode") == 400);
            CHECK(says(body, "code", "VALIDATION_ERROR"));
            CHECKF(strstr(error, r->contains) != NULL, "%s", error);
        } else {
            CHECK(strcmp(f->reply.error_type, "Function.BadEvent") == 0);
            CHECKF(strstr(f->reply.why, r->contains) != NULL, "%s", f->reply.why);
        }
        run(f, "{\"text\":\"so good\"}");
        CHECK(says(answer_of(f), "body.sentiment", "positive"));
    }
}

#define SQS(id, arn, body)                                                                         \
    "{\"messageId\":\"" id "\",\"eventSource\":\"aws:sqs\",\"eventSourceARN\":\"" arn              \
    "\",\"body\":" body "}"
#define GOOD MESSAGE(ID TIME "\\\"text_for_analysis\\\":\\\"so good\\\"")

static void test_batches(fixture *f)
{
    json_value failures;

    if (harness_case("SQS: the failed records are listed, the others done")) {
        run(f, "{\"Records\":[" SQS("m1", "a:texts", GOOD) "," SQS(
                   "m2", "a:texts", "\"x\"") "," SQS("m3", "a:texts", GOOD) "]}");
        failures = at(answer_of(f), "batchItemFailures");
        CHECK(says(failures, "0.itemIdentifier", "m2") && at(failures, "1").type == JSON_NULL);
        CHECK(metric_value(f, "SentimentAnalysisCount") == 2);
        check_failure_logged(f, "VALIDATION_ERROR");
    }
    if (harness_case("SQS, FIFO: what is behind a failed record is listed too")) {
        run(f, "{\"Records\":[" SQS("m1", "a:t.fifo", GOOD) "," SQS(
                   "m2", "a:t.fifo", "\"x\"") "," SQS("m3", "a:t.fifo", GOOD) "]}");
        failures = at(answer_of(f), "batchItemFailures");
        CHECK(says(failures, "0.itemIdentifier", "m2") &&
              says(failures, "1.itemIdentifier", "m3") && at(failures, "2").type == JSON_NULL);
        CHECK(metric_value(f, "SentimentAnalysisCount") == 1);
        CHECK(metric_value(f, "AnalysisErrors") == 2);
    }
    if (harness_case("SQS: a record without an id fails the whole batch")) {
        run(f, "{\"Records\":[{\"eventSource\":\"aws:sqs\",\"body\":" GOOD "}]}");
        CHECK(at(answer_of(f), "batchItemFailures.0").type == JSON_OBJECT &&
              at(answer_of(f), "batchItemFailures.0.itemIdentifier").type == JSON_NULL);
    }
    if (harness_case("SQS without partial failures: the invocation fails")) {
        f->config.sqs_partial_failures = 0;
        run(f, "{\"Records\":[" SQS("m1", "a:texts", GOOD) "," SQS("m2", "a:texts", "\"x\"") "]}");
        CHECK(f->reply.outcome == HANDLER_FAIL);
        CHECK(strstr(f->reply.why, "1 of 2 records failed") != NULL);
        f->config.sqs_partial_failures = 1;
    }
    if (harness_case("SNS: every record is tried, then the invocation fails")) {
        run(f, "{\"Records\":[{\"EventSource\":\"aws:sns\",\"Sns\":{\"Message\":\"x\"}},"
               "{\"EventSource\":\"aws:sns\",\"Sns\":{\"Message\":" GOOD "}}]}");
        CHECK(f->reply.outcome == HANDLER_FAIL);
        CHECK(metric_value(f, "SentimentAnalysisCount") == 1);
    }
}

static void test_deadline(fixture *f)
{
    char text[512];

    if (harness_case("too near a deadline: an asynchronous event fails early")) {
        run_with(f, "{\"text\":\"so good\"}", 18, clock_unix_ms() + 100);
        CHECK(f->reply.outcome == HANDLER_FAIL);
        CHECK(strcmp(f->reply.error_type, "Function.DeadlineNear") == 0);
        CHECK(metric_value(f, "SentimentAnalysisCount") == -1);
        check_failure_logged(f, "INTERNAL_ERROR");
    }
    if (harness_case("too near a deadline: HTTP gets 503")) {
        const char *event = V2(",\"body\":\"{\\\"text\\\":\\\"so good\\\"}\"");

        run_with(f, event, strlen(event), clock_unix_ms() + 100);
        CHECK(number(answer_of(f), "statusCode") == 503);
        CHECK(says(parsed_body(f, text, sizeof text), "code", "INTERNAL_ERROR"));
    }
    if (harness_case("an event that had no time does not take it from the next")) {
        run_with(f, "{\"text\":\"so good\"}", 18, clock_unix_ms() + 100);
        CHECK(f->reply.outcome == HANDLER_FAIL);
        run_with(f, "{\"text\":\"so good\"}", 18, clock_unix_ms() + 3000);
        CHECK(says(answer_of(f), "body.sentiment", "positive"));
    }
    if (harness_case("a deadline that no clock reaches is none")) {
        run_with(f, "{\"text\":\"so good\"}", 18, INT64_MAX - 1);
        CHECK(says(answer_of(f), "body.sentiment", "positive"));
    }
    if (harness_case("the same event again is answered with an error")) {
        handler_request request = {.request_id = "request-1",
                                   .event = {"{}", 2},
                                   .deadline_unix_ms = INT64_MAX,
                                   .repeated = 1};

        run_request(f, &request);
        CHECK(f->reply.outcome == HANDLER_FAIL);
        CHECK(strcmp(f->reply.error_type, "Runtime.EventRepeated") == 0);
        check_failure_logged(f, "INTERNAL_ERROR");
    }
}

/* ---- events of very many records ------------------------------------------------------------- */

enum { VERY_MANY = 150000 };

/* Returns `before`, then `each` repeated `count` times with commas between, then `after`. The
 * result is valid until the next call. */
static const char *repeated(const char *before, const char *each, size_t count, const char *after)
{
    static char event[ARENA_EVENT_BYTES];
    size_t size = (size_t)snprintf(event, sizeof event, "%s", before), bytes = strlen(each);

    if (size + count * (bytes + 1) + strlen(after) >= sizeof event)
        abort();
    for (size_t i = 0; i < count; i++) {
        if (i > 0)
            event[size++] = ',';
        memcpy(event + size, each, bytes);
        size += bytes;
    }
    memcpy(event + size, after, strlen(after) + 1);
    return event;
}

/* The first failures have one line each, and all others share one. All are counted. */
static void check_failures_logged(const fixture *f, size_t failed)
{
    size_t errors, more;
    json_value line = line_with(f, "message", "more records failed", &more);

    (void)line_with(f, "level", "ERROR", &errors);
    CHECKF(errors == RECORDS_FAILURE_LINES + 1 && more == 1, "%zu lines, %zu", errors, more);
    CHECK(number(line, "count") == (double)(failed - RECORDS_FAILURE_LINES));
    CHECK(metric_value(f, "AnalysisErrors") == (double)failed);
}

static void test_very_many(fixture *f)
{
    const char *event;
    char *text;

    if (harness_case("as many failures as there are lines")) {
        size_t more;

        run(f, repeated("[", "1", RECORDS_FAILURE_LINES, "]"));
        (void)line_with(f, "message", "more records failed", &more);
        CHECK(more == 0 && metric_value(f, "AnalysisErrors") == (double)RECORDS_FAILURE_LINES);
    }
    if (harness_case("very many bad records do not fill the log")) {
        run(f, repeated("[", "1", VERY_MANY, "]"));
        CHECK(f->reply.outcome == HANDLER_FAIL);
        CHECKF(strstr(f->reply.why, "150000 of 150000 records failed") != NULL, "%s", f->reply.why);
        check_failures_logged(f, VERY_MANY);
    }
    if (harness_case("very many records and no time: failed at once")) {
        int64_t begun = clock_now_ns();

        event = repeated("[", "\"a\"", VERY_MANY, "]");
        run_with(f, event, strlen(event), clock_unix_ms() + 100);
        CHECKF(clock_now_ns() - begun < 400000000, "%lld ns", (long long)(clock_now_ns() - begun));
        CHECK(f->reply.outcome == HANDLER_FAIL);
        CHECK(strcmp(f->reply.error_type, "Function.DeadlineNear") == 0);
        check_failures_logged(f, VERY_MANY);
    }
    if (harness_case("many records and no time: HTTP is told of each")) {
        json_value body;

        event = repeated("{\"httpMethod\":\"POST\",\"requestContext\":{},\"body\":\"[", "\\\"a\\\"",
                         999, ",1]\"}");
        run_with(f, event, strlen(event), clock_unix_ms() + 100);
        text = malloc(ANSWER_BYTES);
        CHECK(number(answer_of(f), "statusCode") == 503);
        body = parsed_body(f, text, ANSWER_BYTES);
        CHECK(says(body, "0.code", "INTERNAL_ERROR") && says(body, "999.code", "INTERNAL_ERROR"));
        /* The last element is not a record, but it was skipped unread like the others. */
        CHECK(at(body, "1000").type == JSON_NULL);
        check_failures_logged(f, 1000);
        free(text);
    }
    if (harness_case("many records and no time: SQS is told of each")) {
        event = repeated("{\"Records\":[", SQS("m", "a:texts", GOOD), 100, "]}");
        run_with(f, event, strlen(event), clock_unix_ms() + 100);
        CHECK(says(answer_of(f), "batchItemFailures.99.itemIdentifier", "m"));
        CHECK(at(answer_of(f), "batchItemFailures.100").type == JSON_NULL);
        check_failures_logged(f, 100);
    }
}

/* ---- what the model says -------------------------------------------------------------------- */

static void test_distribution(void)
{
    static const struct {
        float p[3];
        size_t n;
        int good;
    } cases[] = {
        {{0.25f, 0.75f}, 2, 1},
        {{0, 1}, 2, 1},
        {{0.2f, 0.3f, 0.5f}, 3, 1},
        {{0.5f, 0.5004f}, 2, 1}, /* The sum is 1 within the tolerance for rounding. */
        {{0.5f, 0.502f}, 2, 0},
        {{0.5f, 0.498f}, 2, 0},
        {{0, 0}, 2, 0},
        {{1, 1}, 2, 0},
        {{-0.5f, 1.5f}, 2, 0},
        {{1.25f, -0.25f}, 2, 0},
        {{1.0004f, -0.0004f}, 2, 0},
        {{1.0004f, 0}, 2, 0},
        {{NAN, 1}, 2, 0},
        {{INFINITY, 0}, 2, 0},
        {{INFINITY, -INFINITY}, 2, 0},
        {{0.25f, 0.75f, 0.5f}, 2, 1}, /* The third number does not belong to this distribution. */
        {{0.25f, 0.75f, 0.5f}, 3, 0},
    };

    if (!harness_case("what is a distribution"))
        return;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        CHECKF(classify_is_distribution(cases[i].p, cases[i].n) == cases[i].good, "case %zu", i);
}

/* The library refuses to classify without a context, which looks like a failed inference. */
static void test_inference_fails(fixture *f)
{
    distil_context *kept = f->handler.classifier.context;
    char text[512];

    if (!harness_case("inference fails"))
        return;
    f->handler.classifier.context = NULL;
    run_file(f, "sns.json");
    CHECK(f->reply.outcome == HANDLER_FAIL);
    CHECK(strcmp(f->reply.error_type, "Function.ModelFailed") == 0);
    CHECKF(strstr(f->reply.why, "inference failed") != NULL, "%s", f->reply.why);
    CHECK(metric_value(f, "SentimentAnalysisCount") == -1);
    check_failure_logged(f, "MODEL_ERROR");
    run_file(f, "http_v2.json");
    CHECK(number(answer_of(f), "statusCode") == 500);
    CHECK(says(parsed_body(f, text, sizeof text), "code", "MODEL_ERROR"));
    /* An empty text needs no inference. */
    run(f, "[\"\"]");
    CHECK(says(answer_of(f), "body.sentiment", "neutral"));
    f->handler.classifier.context = kept;
}

/* ---- a damaged model ------------------------------------------------------------------------ */

/* The shipped blob with NaN in the biases of its labels. The caller frees it. */
static char *damaged_blob(size_t *bytes)
{
    char *file = harness_read_file(blob_path, bytes),
         *copy = aligned_alloc(64, (*bytes + 63) & ~63u);
    distil_blob_error error;
    distil_weights weights;
    distil_blob blob;
    const float nan = NAN;
    size_t at_bias;

    if (!file || !copy || distil_blob_open(&blob, blob_path, DISTIL_BLOB_VERIFY_NONE, &error) != 0)
        abort();
    distil_weights_init(&weights, &blob);
    memcpy(copy, file, *bytes);
    at_bias = (size_t)((const uint8_t *)weights.out_bias - blob.bytes);
    for (size_t i = 0; i < weights.label_cols; i++)
        memcpy(copy + at_bias + 4 * i, &nan, sizeof nan);
    distil_blob_close(&blob);
    free(file);
    return copy;
}

static void test_damaged_model(void)
{
    distil_model *damaged = NULL;
    char text[512], *copy;
    fixture f;
    size_t bytes;

    if (!harness_case("a model whose output is not finite"))
        return;
    copy = damaged_blob(&bytes);
    if (distil_model_open_memory(&damaged, copy, bytes, NULL, NULL) != DISTIL_OK)
        harness_fail(__FILE__, __LINE__, "the damaged blob does not open");
    else {
        set_up(&f, damaged);
        run_file(&f, "sns.json");
        CHECK(f.reply.outcome == HANDLER_FAIL);
        CHECK(strcmp(f.reply.error_type, "Function.ModelFailed") == 0);
        check_failure_logged(&f, "MODEL_ERROR");
        run_file(&f, "http_v2.json");
        CHECK(number(answer_of(&f), "statusCode") == 500);
        CHECK(says(parsed_body(&f, text, sizeof text), "code", "MODEL_ERROR"));
        tear_down(&f);
        distil_model_close(damaged);
    }
    free(copy);
}

static int verify_calls;

static int verify_as_damaged(void *verified, char *why, size_t why_bytes)
{
    verify_calls++;
    snprintf(why, why_bytes, "%s", (const char *)verified);
    return -1;
}

static int verify_as_sound(void *verified, char *why, size_t why_bytes)
{
    (void)verified;
    (void)why;
    (void)why_bytes;
    verify_calls++;
    return 0;
}

/* A model that turns out to be damaged answers nothing, not even that it is healthy. */
static void test_verification(fixture *f)
{
    static const char *const files[] = {"sns.json",       "sqs.json",         "eventbridge.json",
                                        "http_v2.json",   "direct_list.json", "warmup.json",
                                        "alb_health.json"};
    static char why[] = "a checksum differs";

    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        if (!harness_case("a damaged model and %s", files[i]))
            continue;
        f->handler.verify = verify_as_damaged;
        f->handler.verified = why;
        run_file(f, files[i]);
        CHECK(f->reply.outcome == HANDLER_FAIL);
        CHECK(strcmp(f->reply.error_type, "Runtime.ModelLoad") == 0);
        CHECKF(strstr(f->reply.why, why) != NULL, "%s", f->reply.why);
        CHECK(metric_value(f, "ModelLoadErrors") == 1 && metric_value(f, "AnalysisErrors") >= 1);
        CHECK(metric_value(f, "SentimentAnalysisCount") == -1);
    }
    if (harness_case("a sound model is verified once")) {
        verify_calls = 0;
        f->handler.verify = verify_as_sound;
        run_file(f, "sns.json");
        CHECK(f->reply.outcome == HANDLER_ANSWER);
        run_file(f, "sns.json");
        CHECK(f->reply.outcome == HANDLER_ANSWER && verify_calls == 1);
    }
    f->handler.verify = NULL;
}

static void test_drift(fixture *f)
{
    distil_result good;

    if (!harness_case("drift is reported from the 20th text on"))
        return;
    CHECK(distil_classify(f->context, &good, NULL, "so good", 7, 0) == DISTIL_OK);
    monitor_init(&f->handler.monitor);
    for (int i = 1; i <= MONITOR_LEAST; i++) {
        run(f, i % 4 ? "{\"text\":\"so good\"}" : "{\"text\":\"so bad\"}");
        CHECK((metric_value(f, "ConfidenceP50") > 0) == (i == MONITOR_LEAST));
    }
    CHECKF(fabs(metric_value(f, "ConfidenceP50") - (double)good.score) < 1e-5, "%f, not %f",
           metric_value(f, "ConfidenceP50"), (double)good.score);
    CHECK(metric_value(f, "PositiveSharePercent") == 75);
    CHECK(metric_value(f, "NegativeSharePercent") == 25);
    CHECK(metric_value(f, "NeutralSharePercent") == 0);
}

int main(int argc, char **argv)
{
    const char *build = getenv("DISTIL_BUILD");
    static fixture f;

    harness_init("test_handler", argc, argv);
    snprintf(blob_path, sizeof blob_path, "%s/sst2.distil", build ? build : "build");
    if (distil_model_open(&model, blob_path, NULL, NULL) != DISTIL_OK) {
        printf("%s: no model; run make\n", blob_path);
        return 1;
    }
    set_up(&f, model);
    test_sources(&f);
    test_texts(&f);
    test_refusals(&f);
    test_batches(&f);
    test_deadline(&f);
    test_drift(&f);
    test_very_many(&f);
    test_distribution();
    test_inference_fails(&f);
    test_verification(&f);
    tear_down(&f);
    test_damaged_model();
    distil_model_close(model);
    return harness_finish();
}
