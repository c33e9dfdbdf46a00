/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Events by themselves: which source recognises which form, which members a message may and must
 * have and how long they may be, base64, and which messages of a queue count as notifications of a
 * topic.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lambda/event/event.h"
#include "tests/support/harness.h"

enum { ARENA_BYTES = 65536, DOCUMENT_BYTES = 32768 };

static char memory[ARENA_BYTES], document[DOCUMENT_BYTES];

static const event_root *parse(const char *text)
{
    static json_index_entry entries[64];
    static json_index index;
    static event_root root;
    json_value value = {.type = JSON_NULL, .text = ""};
    json_error error = {0, ""};

    json_index_init(&index, entries, sizeof entries / sizeof entries[0]);
    CHECKF(json_parse_indexed(&value, &index, text, strlen(text), &error) == 0, "byte %zu: %s",
           error.offset, error.what);
    event_read_root(&root, value);
    return &root;
}

/* ---- shapes ---------------------------------------------------------------------------------- */

typedef struct shape {
    /* The name of the source, or NULL if no source recognises the event. */
    const char *event, *source;
} shape;

#define DETAIL "\"detail-type\":\"a\",\"source\":\"b\""
#define HTTP2 "\"version\":\"2.0\",\"requestContext\":{\"http\":{\"method\":\"GET\"}}"
#define HTTP1 "\"httpMethod\":\"POST\",\"requestContext\":{}"

static const shape shapes[] = {
    {"{\"Records\":[{\"EventSource\":\"aws:sns\"}]}", "sns"},
    {"{\"Records\":[{\"eventSource\":\"aws:sqs\"}]}", "sqs"},
    {"{\"Records\":[{\"EventSource\":\"aws:sqs\"}]}",
     NULL}, /* SNS writes EventSource, and SQS writes eventSource. */
    {"{\"Records\":[{\"eventSource\":\"aws:sns\"}]}", NULL},
    {"{\"Records\":[{\"Sns\":{\"Message\":\"{}\"}}]}", "sns"},
    {"{\"Records\":[{\"Sns\":\"text\"}]}", NULL},
    {"{\"Records\":[{\"EventSource\":\"other\",\"Sns\":{}}]}", NULL},
    {"{\"Records\":[{\"eventSource\":\"aws:s3\"}]}", NULL},
    {"{\"Records\":[{\"EventSource\":1}]}", NULL},
    {"{\"Records\":[]}", NULL},
    {"{\"Records\":{\"0\":{\"EventSource\":\"aws:sns\"}}}", NULL},
    {"{\"Records\":[{},{\"EventSource\":\"aws:sns\"}]}", NULL}, /* Only the first record decides. */
    {"{\"records\":[{\"EventSource\":\"aws:sns\"}]}", NULL},
    {"{" DETAIL "}", "eventbridge"},
    {"{\"detail-type\":\"a\"}", NULL},
    {"{\"source\":\"a\",\"detail\":{}}", NULL},
    {"{\"detail-type\":1,\"source\":\"b\"}", NULL},
    {"{\"detail-type\":\"a\",\"source\":null}", NULL},
    {"{" HTTP2 "}", "http v2"},
    {"{\"version\":2.0,\"requestContext\":{\"http\":{\"method\":\"GET\"}}}", NULL},
    {"{\"version\":\"1.0\",\"requestContext\":{\"http\":{\"method\":\"GET\"}}}", NULL},
    {"{\"version\":\"2.0\",\"requestContext\":{\"http\":{\"method\":1}}}", NULL},
    {"{\"version\":\"2.0\",\"requestContext\":{\"http\":{}}}", NULL},
    {"{\"version\":\"2.0\"}", NULL},
    {"{" HTTP1 "}", "http v1"},
    {"{\"version\":\"1.0\"," HTTP1 "}", "http v1"},
    {"{\"httpMethod\":\"POST\"}", NULL},
    {"{\"httpMethod\":\"POST\",\"requestContext\":\"\"}", NULL},
    {"{\"httpMethod\":1,\"requestContext\":{}}", NULL},
    {"{\"text\":\"\"}", "direct"},
    /* The event is recognised, so that the refusal can say what is wrong with the text. */
    {"{\"text_for_analysis\":1}", "direct"},
    {"{\"texts\":1}", "direct"},
    {"[]", "direct"},
    {"[{\"eventSource\":\"aws:sqs\"}]", "sqs"},
    {"[{},{\"eventSource\":\"aws:sqs\"}]", "direct"},
    {"[\"aws:sqs\"]", "direct"},
    {"{\"Items\":[]}", "direct"},
    {"{\"Items\":{}}", NULL},
    {"{\"Items\":[\"a\"]," HTTP1 "}", "http v1"},
    {"{\"Text\":\"\"}", NULL},
    {"{}", NULL},
    {"\"text\"", NULL},
    {"null", NULL},
    /* If several sources could recognise an event, the order of the table decides. */
    {"{\"text\":\"\"," DETAIL ",\"Records\":[{\"EventSource\":\"aws:sns\"}]}", "sns"},
    {"{\"text\":\"\"," DETAIL "," HTTP2 "}", "eventbridge"},
    {"{\"text\":\"\"," HTTP1 "," HTTP2 "}", "http v2"},
    {"{\"text\":\"\"," HTTP1 "}", "http v1"},
};

static void test_shapes(void)
{
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        const shape *s = &shapes[i];
        const event_source *found;

        if (!harness_case("shape: %.80s", s->event))
            continue;
        found = event_recognise(parse(s->event));
        CHECKF((found == NULL) == (s->source == NULL) &&
                   (found == NULL || strcmp(found->name, s->source) == 0),
               "%s", found ? found->name : "nobody");
    }
    if (harness_case("warm-ups of plugins and of schedules")) {
        CHECK(event_is_warmup(parse("{\"source\":\"serverless-plugin-warmup\"}")));
        CHECK(event_is_warmup(parse("{\"warmer\":true,\"concurrency\":3}")));
        CHECK(event_is_warmup(parse("{\"version\":\"0\",\"detail-type\":\"Scheduled Event\","
                                    "\"source\":\"aws.events\",\"detail\":{}}")));
        CHECK(!event_is_warmup(parse("{\"detail-type\":\"Review\",\"source\":\"a\"}")));
        CHECK(!event_is_warmup(parse("{\"warmer\":1,\"concurrency\":3}")));
    }
    if (harness_case("a warm-up is true, nothing else")) {
        CHECK(event_is_warmup(parse("{\"warmup\":true}")));
        CHECK(!event_is_warmup(parse("{\"warmup\":false}")));
        CHECK(!event_is_warmup(parse("{\"warmup\":\"true\"}")));
        CHECK(!event_is_warmup(parse("{\"warmup\":1}")));
        CHECK(!event_is_warmup(parse("[true]")));
    }
}

/* ---- one record of an event ------------------------------------------------------------------ */

/* Open an event and read its first record. Returns 0, or -1 with the refusal. */
static int read_first_record(event_item *item, const char *event, size_t arena_bytes,
                             event_refusal *no)
{
    static event_arena arena;
    const event_source *source = event_recognise(parse(event));
    event_records records;

    arena = (event_arena){memory, 0, arena_bytes};
    memset(item, 0, sizeof *item);
    no->why[0] = '\0';
    if (source == NULL) {
        harness_fail(__FILE__, __LINE__, "nobody takes %s", event);
        return -1;
    }
    if (source->open(&records, parse(event), &arena, no) != 0)
        return -1;
    return source->item(item, event_next(&records), &arena, no);
}

static int take(event_item *item, const char *event, event_refusal *no)
{
    return read_first_record(item, event, sizeof memory, no);
}

/* ---- members --------------------------------------------------------------------------------- */

/* Returns a message in which one member is `unit` repeated `times` times. */
static const char *message_with(const char *member, const char *unit, size_t times)
{
    size_t size = 0, each = strlen(unit);
    static const char *const others[] = {"source_id", "timestamp", "text_for_analysis"};

    size += (size_t)snprintf(document, sizeof document, "{" DETAIL ",\"detail\":{");
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (strcmp(others[i], member) != 0)
            size += (size_t)snprintf(document + size, sizeof document - size, "\"%s\":\"x\",",
                                     others[i]);
    size += (size_t)snprintf(document + size, sizeof document - size, "\"%s\":\"", member);
    for (size_t i = 0; i < times; i++) {
        memcpy(document + size, unit, each);
        size += each;
    }
    memcpy(document + size, "\"}}", 4);
    return document;
}

/* DynamoDB limits its keys, and the function limits versions, in bytes of UTF-8. */
static void test_limits(void)
{
    static const struct {
        const char *member;
        size_t least, most; /* the least and greatest length in bytes */
    } limits[] = {{"source_id", 1, 2048}, {"timestamp", 1, 1024}, {"model_version", 0, 255}};
    event_refusal no;
    event_item item;

    for (size_t i = 0; i < sizeof limits / sizeof *limits; i++) {
        const char *member = limits[i].member;
        size_t most = limits[i].most;

        if (!harness_case("%s of %zu to %zu bytes", member, limits[i].least, most))
            continue;
        CHECKF(take(&item, message_with(member, "k", most), &no) == 0, "%s", no.why);
        CHECK(take(&item, message_with(member, "k", most + 1), &no) == -1);
        CHECKF(strstr(no.why, member) == no.why && strstr(no.why, " bytes, not "), "%s", no.why);
        CHECK(take(&item, message_with(member, "\xc3\xa9", most / 2), &no) == 0);
        CHECK(take(&item, message_with(member, "\xc3\xa9", most / 2 + 1), &no) == -1);
        CHECK(take(&item, message_with(member, "\\u00e9", most / 2), &no) == 0);
        CHECK((take(&item, message_with(member, "", 1), &no) == 0) == (limits[i].least == 0));
        CHECK(take(&item, message_with(member, "\\u0000", 1), &no) == -1);
        CHECKF(strstr(no.why, "NUL") != NULL, "%s", no.why);
    }
    if (harness_case("a message is decoded within its memory")) {
        const char *event = message_with("text_for_analysis", "t", 1000);

        CHECK(read_first_record(&item, event, 1000 + 1 + 4, &no) == 0 && item.text_bytes == 1000);
        CHECK(read_first_record(&item, event, 1000 + 4, &no) == -1);
        CHECKF(strstr(no.why, "larger decoded than") != NULL, "%s", no.why);
    }
    if (harness_case("null is absent, the last of equal names counts")) {
        CHECK(take(&item, "{\"text\":\"a\",\"source_id\":null,\"timestamp\":null}", &no) == 0 &&
              item.source_id == NULL);
        CHECK(take(&item, "{\"text\":\"a\",\"text\":\"bc\"}", &no) == 0 && item.text_bytes == 2);
        CHECK(take(&item, "{\"text\":\"a\",\"text_for_analysis\":\"bc\"}", &no) == 0 &&
              item.text_bytes == 2);
    }
}

/* ---- base64 ---------------------------------------------------------------------------------- */

/* Bodies {"text":"..."} with texts of every length modulo 3, and bodies that are not base64 by RFC
 * 4648. */
static void test_base64(void)
{
    static const struct {
        const char *body, *text; /* The decoded text, or NULL if the body is refused. */
    } cases[] = {
        {"eyJ0ZXh0IjoiIn0=", ""},
        {"eyJ0ZXh0IjoiZiJ9", "f"},
        {"eyJ0ZXh0IjoiZm8ifQ==", "fo"},
        {"eyJ0ZXh0IjoiZm9vIn0=", "foo"},
        {"eyJ0ZXh0IjoiPz8+In0=", "?\?>"},
        {"eyJ0ZXh0Ijoiw7/DvyJ9", "\xc3\xbf\xc3\xbf"},
        {"eyJ0ZXh0IjoiIn0", NULL},      /* The padding is missing. */
        {"eyJ0ZXh0IjoiZm8ifQ=", NULL},  /* Half of the padding is missing. */
        {"eyJ0ZXh0IjoiZm8ifQ", NULL},   /* Base64 without any of its padding is accepted. */
        {"eyJ0ZXh0IjoiZm8ifR==", NULL}, /* Bits that carry no data are not 0. */
        {"eyJ0ZXh0IjoiIn1=", NULL},
        {"eyJ0ZXh0IjoiIn2=", NULL},
        {"eyJ0ZXh0IjoiZ===", NULL},
        {"eyJ0=ZXh0IjoiZiJ", NULL},
        {"====", NULL},
        {"", NULL},
        {"eyJ0ZXh0IjoiPz8-In0=", NULL}, /* Base64 with the URL-safe alphabet is accepted. */
        {"eyJ0ZXh0\\nIjoiZiJ9", NULL},
        {"eyJ0ZXh0 IjoiZiJ9", NULL},
        {"eyJ0ZXh0IjoiZiJ9\\u0000\\u0000\\u0000\\u0000", NULL},
    };
    event_refusal no;
    event_item item;

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *text = cases[i].text;
        int rc;

        if (!harness_case("base64 \"%s\"", cases[i].body))
            continue;
        snprintf(document, sizeof document, "{" HTTP2 ",\"body\":\"%s\",\"isBase64Encoded\":true}",
                 cases[i].body);
        rc = take(&item, document, &no);
        if (text == NULL)
            CHECK(rc == -1);
        else
            CHECKF(rc == 0 && item.text_bytes == strlen(text) &&
                       memcmp(item.text, text, item.text_bytes) == 0,
                   "%d %s", rc, no.why);
    }
    if (harness_case("a body is base64 only where it is said to be")) {
        CHECK(take(&item, "{" HTTP2 ",\"body\":\"{\\\"text\\\":\\\"a\\\"}\"}", &no) == 0);
        CHECK(take(&item, "{" HTTP2 ",\"body\":\"eyJ0ZXh0IjoiZiJ9\",\"isBase64Encoded\":false}",
                   &no) == -1);
    }
}

/* ---- messages of a queue --------------------------------------------------------------------- */

#define PLAIN                                                                                      \
    "\\\"source_id\\\":\\\"plain\\\",\\\"timestamp\\\":\\\"t\\\",\\\"text_for_analysis\\\":"       \
    "\\\"\\\""
#define INNER                                                                                      \
    "\\\"Message\\\":\\\"{\\\\\\\"source_id\\\\\\\":\\\\\\\"inner\\\\\\\","                        \
    "\\\\\\\"timestamp\\\\\\\":\\\\\\\"t\\\\\\\","                                                 \
    "\\\\\\\"text_for_analysis\\\\\\\":\\\\\\\"\\\\\\\"}\\\""

/* A body is a notification only if Type, TopicArn and Message are all strings. */
static void test_unwrap(void)
{
    static const struct {
        const char *name, *body, *source_id;
    } cases[] = {
        {"all three",
         "{" PLAIN ",\\\"Type\\\":\\\"Notification\\\",\\\"TopicArn\\\":\\\"a\\\"," INNER "}",
         "inner"},
        {"none", "{" PLAIN "}", "plain"},
        {"no Type", "{" PLAIN ",\\\"TopicArn\\\":\\\"a\\\"," INNER "}", "plain"},
        {"no TopicArn", "{" PLAIN ",\\\"Type\\\":\\\"Notification\\\"," INNER "}", "plain"},
        {"TopicArn a number",
         "{" PLAIN ",\\\"Type\\\":\\\"Notification\\\",\\\"TopicArn\\\":1," INNER "}", "plain"},
        {"Type null", "{" PLAIN ",\\\"Type\\\":null,\\\"TopicArn\\\":\\\"a\\\"," INNER "}",
         "plain"},
        {"an event of EventBridge",
         "{\\\"detail-type\\\":\\\"a\\\",\\\"source\\\":\\\"b\\\",\\\"detail\\\":{" PLAIN "}}",
         "plain"},
        {"an event of EventBridge beside other members",
         "{" PLAIN ",\\\"detail-type\\\":\\\"a\\\",\\\"source\\\":\\\"b\\\"}", "plain"},
        {"no event of EventBridge, without its source",
         "{" PLAIN ",\\\"detail-type\\\":\\\"a\\\",\\\"detail\\\":{}}", "plain"},
        {"Message an object",
         "{" PLAIN
         ",\\\"Type\\\":\\\"Notification\\\",\\\"TopicArn\\\":\\\"a\\\",\\\"Message\\\":{}}",
         "plain"},
    };
    event_refusal no;
    event_item item;

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        if (!harness_case("a notification within a message: %s", cases[i].name))
            continue;
        snprintf(
            document, sizeof document,
            "{\"Records\":[{\"eventSource\":\"aws:sqs\",\"messageId\":\"m\",\"body\":\"%s\"}]}",
            cases[i].body);
        CHECKF(take(&item, document, &no) == 0, "%s", no.why);
        CHECKF(item.source_id && strcmp(item.source_id, cases[i].source_id) == 0, "%s",
               item.source_id ? item.source_id : "none");
    }
}

static int read_message_id(event_item *item, const char *unit, size_t times, event_refusal *no)
{
    size_t size = (size_t)snprintf(document, sizeof document,
                                   "{\"Records\":[{\"eventSource\":\"aws:sqs\",\"body\":\"{" PLAIN
                                   "}\",\"messageId\":\"");

    for (size_t i = 0; i < times; i++, size += strlen(unit))
        memcpy(document + size, unit, strlen(unit));
    memcpy(document + size, "\"}]}", 5);
    return take(item, document, no);
}

/* The id of a message names the writer of its item, so no id may become another message's. */
static void test_message_ids(void)
{
    event_refusal no;
    event_item item;

    if (harness_case("a message's id of 1 to 128 bytes")) {
        CHECK(read_message_id(&item, "m", 1, &no) == 0);
        CHECK(read_message_id(&item, "m", EVENT_MAX_RECORD_ID_BYTES, &no) == 0);
        CHECK(strlen(item.record_id) == EVENT_MAX_RECORD_ID_BYTES);
        CHECK(read_message_id(&item, "m", 0, &no) == -1);
        CHECKF(strstr(no.why, "messageId has 0 bytes") != NULL, "%s", no.why);
        CHECK(read_message_id(&item, "m", EVENT_MAX_RECORD_ID_BYTES + 1, &no) == -1);
        CHECK(read_message_id(&item, "m\\u0000m", 1, &no) == -1);
    }
    if (harness_case("a record that is refused keeps its id, so that it can be listed")) {
        CHECK(
            take(
                &item,
                "{\"Records\":[{\"eventSource\":\"aws:sqs\",\"messageId\":\"m7\",\"body\":\"x\"}]}",
                &no) == -1);
        CHECK(item.record_id && strcmp(item.record_id, "m7") == 0);
    }
}

int main(int argc, char **argv)
{
    harness_init("test_event", argc, argv);
    test_shapes();
    test_limits();
    test_base64();
    test_unwrap();
    test_message_ids();
    return harness_finish();
}
