/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Models of every kind behind the handler: sentiment models, other labels passed through or renamed
 * by DISTIL_LABEL_MAP, several labels a text, one score, scores that are no probabilities, and as
 * many labels as a blob can have. What is expected for a text is what the library says about it.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lambda/handler.h"
#include "runtime/base/json.h"
#include "tests/support/harness.h"
#include "tests/support/support_blob.h"

enum { EVENT_BYTES = 1 << 16, ANSWER_BYTES = 1 << 20, MAX_LABELS = 4096 };

#define TEXT "the fish"
#define EVENT "{\"text\":\"" TEXT "\"}"

/* A synthetic model that is open, and a handler of it. */
typedef struct fixture {
    support_blob source;
    uint8_t *bytes;
    distil_model *model;
    distil_context *context;
    config config;
    handler handler;
    char *arena, *answer;
    handler_reply reply;
    distil_result expected; /* What the library says about TEXT. */
    float scores[MAX_LABELS];
    char why[512];
} fixture;

static fixture f;

static void open_model(uint32_t n_labels, uint32_t function, const char *const *names)
{
    support_blob_shape shape = support_blob_tiny;
    distil_scores scores = {NULL, f.scores};
    size_t size;

    memset(&f, 0, sizeof f);
    shape.n_labels = n_labels;
    f.source = support_blob_make(60, &shape);
    f.source.model.function = function;
    if (names)
        f.source.model.labels = names;
    f.bytes = support_blob_image(&size, &f.source.model);
    CHECK(distil_model_open_memory(&f.model, f.bytes, size, NULL, NULL) == DISTIL_OK);
    CHECK(distil_context_new(&f.context, f.model, NULL, NULL) == DISTIL_OK);
    CHECK(distil_classify(f.context, &f.expected, &scores, TEXT, strlen(TEXT), 0) == DISTIL_OK);
}

/* Make a handler of the model. Returns what handler_init returns. */
static int make_handler(const char *label_map)
{
    f.config.environment = "test";
    f.config.max_chars = 512;
    f.config.neutral_threshold = 0.6f;
    f.config.label_map = label_map;
    f.config.log = (log_sink){harness_memory_file(), LOG_TRACE};
    f.arena = malloc(handler_arena_bytes(EVENT_BYTES));
    f.answer = malloc(ANSWER_BYTES);
    if (!f.arena || !f.answer)
        abort();
    return handler_init(&f.handler, &f.config, f.model, f.context, NULL, f.arena,
                        handler_arena_bytes(EVENT_BYTES), f.why, sizeof f.why);
}

static void close_model(void)
{
    if (f.arena)
        close(f.config.log.fd);
    free(f.arena);
    free(f.answer);
    distil_context_free(f.context);
    distil_model_close(f.model);
    free(f.bytes);
    support_blob_free(&f.source);
}

/* Run an event. Returns the body of its answer. */
static json_value run(const char *event)
{
    handler_request request = {
        .request_id = "r", .event = {event, strlen(event)}, .deadline_unix_ms = INT64_MAX};
    json_value root = {.type = JSON_NULL, .text = ""}, body = root;

    buffer_init(&f.reply.answer, f.answer, ANSWER_BYTES);
    handler_run(&f.handler, &request, &f.reply);
    CHECKF(f.reply.outcome == HANDLER_ANSWER, "%s", f.reply.why);
    CHECKF(json_parse(&root, f.reply.answer.data, f.reply.answer.size, NULL) == 0 &&
               json_get(root, "body", &body),
           "%.*s", (int)f.reply.answer.size, f.reply.answer.data);
    return body;
}

static double number_of(json_value object, const char *name)
{
    json_value member = {.type = JSON_NULL, .text = ""};
    double value = NAN;

    if (json_get(object, name, &member))
        (void)json_double(member, &value);
    return value;
}

/* Check the label and the score of TEXT's answer. An answer has 4 decimals. */
static void check_label(json_value body, const char *label)
{
    json_value member;

    CHECK(json_get(body, "sentiment", &member));
    CHECKF(json_string_is(member, label), "%.*s, not %s", (int)member.bytes, member.text, label);
    CHECK(fabs(number_of(body, "score") - (double)f.expected.score) < 1e-4);
}

static const char *log_text_of(void)
{
    static char text[65536];
    ssize_t n = pread(f.config.log.fd, text, sizeof text - 1, 0);

    text[n > 0 ? n : 0] = '\0';
    return text;
}

/* ---- one label a text ------------------------------------------------------------------------ */

static void test_sentiments(void)
{
    static const char *const names[] = {"LABEL_0", "LABEL_1"};
    json_value body;

    if (!harness_case("labels that all mean a sentiment"))
        return;
    open_model(2, DISTIL_BLOB_FUNCTION_SOFTMAX, names);
    CHECKF(make_handler(NULL) == 0, "%s", f.why);
    body = run(EVENT);
    check_label(body, f.expected.score < 0.6f ? "neutral"
                      : f.expected.label == 1 ? "positive"
                                              : "negative");
    body = run("[\"\"]");
    CHECK(number_of(body, "score") == 0.5);
    close_model();
}

/* Ten topics are no sentiments, even if two of them are called LABEL_0 and LABEL_1. A text without
 * characters is classified like any other. */
static void test_topics(void)
{
    static const char *const names[] = {"LABEL_0", "LABEL_1", "LABEL_2", "LABEL_3", "LABEL_4",
                                        "LABEL_5", "LABEL_6", "LABEL_7", "LABEL_8", "LABEL_9"};
    distil_result empty;
    json_value body;

    if (!harness_case("other labels are passed through, without a threshold"))
        return;
    open_model(10, DISTIL_BLOB_FUNCTION_SOFTMAX, names);
    CHECKF(make_handler(NULL) == 0, "%s", f.why);
    body = run(EVENT);
    check_label(body, names[f.expected.label]);
    CHECK(strstr(log_text_of(), "\"SentimentAnalysisCount\":1") != NULL);
    CHECK(strstr(log_text_of(), "tiveSentimentCount") == NULL &&
          strstr(log_text_of(), "NeutralSentimentCount") == NULL);
    CHECK(distil_classify(f.context, &empty, NULL, "", 0, 0) == DISTIL_OK);
    body = run("[\"\"]");
    CHECK(fabs(number_of(body, "score") - (double)empty.score) < 1e-4);
    CHECK(!json_get(body, "labels", &(json_value){.type = JSON_NULL}));
    close_model();
}

static void test_map(void)
{
    static const char *const names[] = {"happy", "sad", "a, b"};
    json_value body;

    if (harness_case("a map to sentiments makes a sentiment model")) {
        open_model(2, DISTIL_BLOB_FUNCTION_SOFTMAX, names);
        CHECKF(make_handler("sad=Negative,happy=pos") == 0, "%s", f.why);
        body = run(EVENT);
        check_label(body, f.expected.score < 0.6f ? "neutral"
                          : f.expected.label == 0 ? "positive"
                                                  : "negative");
        close_model();
    }
    if (harness_case("a map of some labels, the others keep their names")) {
        open_model(3, DISTIL_BLOB_FUNCTION_SOFTMAX, names);
        CHECKF(make_handler("happy=joy,sad=negative") == 0, "%s", f.why);
        body = run(EVENT);
        check_label(body, f.expected.label == 0   ? "joy"
                          : f.expected.label == 1 ? "negative"
                                                  : "a, b");
        CHECK((strstr(log_text_of(), "\"NegativeSentimentCount\":1") != NULL) ==
              (f.expected.label == 1));
        close_model();
    }
    if (harness_case("a map that names a label which the model does not have")) {
        open_model(3, DISTIL_BLOB_FUNCTION_SOFTMAX, names);
        CHECK(make_handler("happy=joy,Sad=sorrow") == -1);
        CHECKF(strstr(f.why, "DISTIL_LABEL_MAP names \"Sad\"") != NULL &&
                   strstr(f.why, "\"happy\"") != NULL,
               "%s", f.why);
        close_model();
    }
    if (harness_case("one name for two labels whose scores are listed")) {
        open_model(3, DISTIL_BLOB_FUNCTION_SIGMOID, names);
        CHECK(make_handler("happy=strong,sad=strong") == -1);
        CHECKF(strstr(f.why, "have the name \"strong\"") != NULL, "%s", f.why);
        close_model();
    }
}

static void test_equal_labels(void)
{
    static const char *const names[] = {"toxic", "other", "other"};

    if (harness_case("two equal labels whose scores are listed, without a map")) {
        open_model(3, DISTIL_BLOB_FUNCTION_SIGMOID, names);
        CHECK(make_handler(NULL) == -1);
        CHECKF(strstr(f.why, "have the name \"other\"") != NULL, "%s", f.why);
        close_model();
    }
    if (harness_case("two equal labels of which one is answered")) {
        open_model(3, DISTIL_BLOB_FUNCTION_SOFTMAX, names);
        CHECKF(make_handler(NULL) == 0, "%s", f.why);
        close_model();
    }
}

/* ---- several labels, and scores -------------------------------------------------------------- */

/* Check that `labels` has the label exactly if it should, with its score. */
static void check_listed(json_value labels, const char *name, float score, int wanted)
{
    json_value member;

    CHECKF(json_get(labels, name, &member) == wanted, "%s", name);
    if (wanted)
        CHECK(fabs(number_of(labels, name) - (double)score) < 1e-4);
}

static void test_several(void)
{
    static const char *const names[] = {"toxic", "insult", "threat", "\"x\"", "e", "f", "g", "h"};
    json_value labels = {.type = JSON_NULL, .text = ""};

    if (harness_case("several labels: those with a probability of a half are listed")) {
        open_model(8, DISTIL_BLOB_FUNCTION_SIGMOID, names);
        CHECKF(make_handler("toxic=rude") == 0, "%s", f.why);
        check_label(run(EVENT), f.expected.label == 0 ? "rude" : names[f.expected.label]);
        CHECK(json_get(run(EVENT), "labels", &labels) && labels.type == JSON_OBJECT);
        for (size_t i = 0; i < 8; i++)
            check_listed(labels, i == 0 ? "rude" : names[i], f.scores[i], f.scores[i] >= 0.5f);
        close_model();
    }
    if (harness_case("scores that are no probabilities are all listed")) {
        open_model(3, DISTIL_BLOB_FUNCTION_NONE, names);
        CHECKF(make_handler(NULL) == 0, "%s", f.why);
        check_label(run(EVENT), names[f.expected.label]);
        CHECK(json_get(run(EVENT), "labels", &labels) && labels.type == JSON_OBJECT);
        for (size_t i = 0; i < 3; i++)
            check_listed(labels, names[i], f.scores[i], 1);
        CHECK(strstr(log_text_of(), "ConfidenceP50") == NULL);
        close_model();
    }
    if (harness_case("one score, with the sigmoid or as it is")) {
        for (uint32_t function = DISTIL_BLOB_FUNCTION_SIGMOID;
             function <= DISTIL_BLOB_FUNCTION_NONE; function++) {
            open_model(1, function, names);
            CHECKF(make_handler(NULL) == 0, "%s", f.why);
            check_label(run(EVENT), "toxic");
            CHECK(!json_get(run(EVENT), "labels", &labels));
            close_model();
        }
    }
}

static void test_most_labels(void)
{
    static const char *names[MAX_LABELS];
    static char text[MAX_LABELS][8];

    if (!harness_case("as many labels as a blob can have"))
        return;
    for (size_t i = 0; i < MAX_LABELS; i++) {
        snprintf(text[i], sizeof text[i], "l%zu", i);
        names[i] = text[i];
    }
    open_model(MAX_LABELS, DISTIL_BLOB_FUNCTION_SOFTMAX, names);
    CHECKF(make_handler("l4095=last") == 0, "%s", f.why);
    check_label(run(EVENT), f.expected.label == MAX_LABELS - 1 ? "last" : names[f.expected.label]);
    check_label(run("[" EVENT "]"), names[f.expected.label]);
    close_model();
}

/* Items list the scores of all labels here, so an update must have room for them. */
static void test_room_for_labels(void)
{
    static const char *names[MAX_LABELS];
    static char text[MAX_LABELS][64];

    if (harness_case("a table, and room for the scores of 4,096 labels")) {
        for (size_t i = 0; i < MAX_LABELS; i++) {
            snprintf(text[i], sizeof text[i], "l%zu", i);
            names[i] = text[i];
        }
        open_model(MAX_LABELS, DISTIL_BLOB_FUNCTION_NONE, names);
        f.config.table = "table";
        CHECKF(make_handler(NULL) == 0, "%s", f.why);
        close_model();
    }
    if (harness_case("a table, and labels whose scores fit no update")) {
        for (size_t i = 0; i < MAX_LABELS; i++)
            snprintf(text[i], sizeof text[i], "a label with a long name and the number %zu", i);
        open_model(MAX_LABELS, DISTIL_BLOB_FUNCTION_NONE, names);
        f.config.table = "table";
        CHECK(make_handler(NULL) == -1);
        CHECKF(strstr(f.why, "4096 labels") != NULL && strstr(f.why, "DISTIL_STORE=none") != NULL,
               "%s", f.why);
        close_model();
    }
}

int main(int argc, char **argv)
{
    harness_init("test_classifier", argc, argv);
    test_sentiments();
    test_topics();
    test_map();
    test_equal_labels();
    test_several();
    test_most_labels();
    test_room_for_labels();
    return harness_finish();
}
