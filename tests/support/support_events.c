/* SPDX-License-Identifier: Apache-2.0 */
/* Building events of each source, and reading the answers to them. */
#include "tests/support/support_events.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/support_serve.h"

enum { DOCUMENT_BYTES = 262144 };

const char *events_name(events_source source)
{
    static const char *const names[] = {"SNS",         "SQS",     "SNS to SQS", "SQS FIFO",
                                        "EventBridge", "HTTP v1", "HTTP v2",    "direct"};

    return names[source];
}

/* ---- events ---------------------------------------------------------------------------------- */

static void add_member(buffer *out, const char *name, const char *value, int *any)
{
    if (value == NULL)
        return;
    if (*any)
        buffer_char(out, ',');
    *any = 1;
    buffer_json_text(out, name);
    buffer_char(out, ':');
    buffer_json_text(out, value);
}

static void add_message(buffer *out, const events_message *message)
{
    int any = 0;

    buffer_char(out, '{');
    add_member(out, "source_id", message->source_id, &any);
    add_member(out, "timestamp", message->timestamp, &any);
    add_member(out, "text_for_analysis", message->text, &any);
    add_member(out, "model_version", message->model_version, &any);
    buffer_char(out, '}');
}

/* Returns memory for a document that becomes a JSON string or base64 later. */
static char *document_memory(buffer *b)
{
    char *memory = malloc(DOCUMENT_BYTES);

    if (memory == NULL)
        abort();
    buffer_init(b, memory, DOCUMENT_BYTES);
    return memory;
}

static void add_as_string(buffer *out, const buffer *document)
{
    out->overflow |= document->overflow;
    buffer_json(out, document->data, document->size);
}

static void add_base64(buffer *out, const buffer *document)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

    buffer_char(out, '"');
    for (size_t i = 0; i < document->size; i += 3) {
        size_t left = document->size - i;
        unsigned bits = (unsigned)(unsigned char)document->data[i] << 16;

        if (left > 1)
            bits |= (unsigned)(unsigned char)document->data[i + 1] << 8;
        if (left > 2)
            bits |= (unsigned char)document->data[i + 2];
        buffer_char(out, digits[bits >> 18 & 63]);
        buffer_char(out, digits[bits >> 12 & 63]);
        buffer_char(out, left > 1 ? digits[bits >> 6 & 63] : '=');
        buffer_char(out, left > 2 ? digits[bits & 63] : '=');
    }
    buffer_char(out, '"');
}

static void add_sns_record(buffer *out, const events_message *message)
{
    buffer inner;
    char *memory = document_memory(&inner);

    add_message(&inner, message);
    buffer_text(out, "{\"EventSource\":\"aws:sns\",\"EventVersion\":\"1.0\","
                     "\"EventSubscriptionArn\":\"arn:aws:sns:us-east-1:123456789012:texts:1\","
                     "\"Sns\":{\"Type\":\"Notification\","
                     "\"MessageId\":\"95df01b4-ee98-5cb9-9903-4c221d41eb5e\","
                     "\"TopicArn\":\"arn:aws:sns:us-east-1:123456789012:texts\",\"Subject\":null,"
                     "\"Message\":");
    add_as_string(out, &inner);
    buffer_text(out, ",\"Timestamp\":\"2026-01-15T12:34:56.000Z\",\"SignatureVersion\":\"1\","
                     "\"Signature\":\"x\",\"MessageAttributes\":{}}}");
    free(memory);
}

/* Append the name of a message within a batch. */
static void add_message_id(buffer *out, size_t index)
{
    buffer_format(out, "059f36b4-87a3-44ab-83d2-%012zu", index);
}

static void add_sqs_record(buffer *out, events_source source, const events_message *message,
                           size_t index)
{
    buffer inner, body;
    char *memory = document_memory(&inner), *more = document_memory(&body);

    add_message(&inner, message);
    if (source == EVENTS_SQS_SNS) {
        buffer_text(&body, "{\"Type\":\"Notification\",\"MessageId\":\"x\","
                           "\"TopicArn\":\"arn:aws:sns:us-east-1:123456789012:texts\","
                           "\"Message\":");
        add_as_string(&body, &inner);
        buffer_text(&body, ",\"Timestamp\":\"2026-01-15T12:34:56.000Z\"}");
    }
    buffer_text(out, "{\"messageId\":\"");
    add_message_id(out, index);
    buffer_text(out, "\",\"receiptHandle\":\"AQEB\",\"body\":");
    add_as_string(out, source == EVENTS_SQS_SNS ? &body : &inner);
    buffer_format(out,
                  ",\"attributes\":{\"ApproximateReceiveCount\":\"1\"},\"messageAttributes\":{},"
                  "\"eventSource\":\"aws:sqs\","
                  "\"eventSourceARN\":\"arn:aws:sqs:us-east-1:123456789012:texts%s\","
                  "\"awsRegion\":\"us-east-1\"}",
                  source == EVENTS_SQS_FIFO ? ".fifo" : "");
    free(memory);
    free(more);
}

static void add_records(buffer *out, events_source source, const events_message *messages,
                        size_t count)
{
    buffer_text(out, "{\"Records\":[");
    for (size_t i = 0; i < count; i++) {
        if (i > 0)
            buffer_char(out, ',');
        if (source == EVENTS_SNS)
            add_sns_record(out, &messages[i]);
        else
            add_sqs_record(out, source, &messages[i], i);
    }
    buffer_text(out, "]}");
}

/* Append what a direct caller sends. */
static void add_direct(buffer *out, const events_message *messages, size_t count)
{
    if (count == 1) {
        add_message(out, messages);
        return;
    }
    buffer_text(out, "{\"texts\":[");
    for (size_t i = 0; i < count; i++) {
        if (i > 0)
            buffer_char(out, ',');
        add_message(out, &messages[i]);
    }
    buffer_text(out, "]}");
}

static void add_http(buffer *out, events_source source, const events_message *messages,
                     size_t count)
{
    buffer body;
    char *memory = document_memory(&body);

    add_direct(&body, messages, count);
    if (source == EVENTS_HTTP_V1)
        buffer_text(out, "{\"resource\":\"/\",\"path\":\"/\",\"httpMethod\":\"POST\","
                         "\"headers\":{},\"requestContext\":{\"stage\":\"prod\"},"
                         "\"isBase64Encoded\":false,\"body\":");
    else
        buffer_text(out, "{\"version\":\"2.0\",\"routeKey\":\"$default\",\"rawPath\":\"/\","
                         "\"headers\":{},\"requestContext\":{\"http\":{\"method\":\"POST\","
                         "\"path\":\"/\"}},\"isBase64Encoded\":true,\"body\":");
    if (source == EVENTS_HTTP_V1)
        add_as_string(out, &body);
    else
        add_base64(out, &body);
    buffer_char(out, '}');
    free(memory);
}

void events_build(buffer *out, events_source source, const events_message *messages, size_t count)
{
    switch (source) {
    case EVENTS_SNS:
    case EVENTS_SQS:
    case EVENTS_SQS_SNS:
    case EVENTS_SQS_FIFO:
        add_records(out, source, messages, count);
        break;
    case EVENTS_BRIDGE:
        buffer_text(out, "{\"version\":\"0\",\"id\":\"fe8d3c65\",\"detail-type\":\"Text\","
                         "\"source\":\"com.example\",\"account\":\"123456789012\","
                         "\"time\":\"2026-01-15T12:34:56Z\",\"region\":\"us-east-1\","
                         "\"resources\":[],\"detail\":");
        add_message(out, messages);
        buffer_char(out, '}');
        break;
    case EVENTS_HTTP_V1:
    case EVENTS_HTTP_V2:
        add_http(out, source, messages, count);
        break;
    case EVENTS_DIRECT:
    case EVENTS_SOURCES:
        add_direct(out, messages, count);
        break;
    }
}

/* ---- answers --------------------------------------------------------------------------------- */

static void copy_text(char *out, size_t capacity, json_value object, const char *name)
{
    json_value value;
    size_t size = json_get(object, name, &value) ? json_string(value, out, capacity - 1) : 0;

    out[size < capacity ? size : capacity - 1] = '\0';
}

/* Read {"source_id",...} or {"error","code"}. */
static int read_one(events_result *result, json_value one)
{
    json_value value;

    copy_text(result->code, sizeof result->code, one, "code");
    result->failed = json_get(one, "error", &value);
    if (result->failed)
        return result->code[0] != '\0' ? 0 : -1;
    copy_text(result->sentiment, sizeof result->sentiment, one, "sentiment");
    copy_text(result->model_version, sizeof result->model_version, one, "model_version");
    copy_text(result->source_id, sizeof result->source_id, one, "source_id");
    if (!json_get(one, "score", &value) || json_double(value, &result->score) != 0 ||
        !json_get(one, "updated", &value))
        return -1;
    result->updated = value.type == JSON_TRUE;
    return value.type == JSON_TRUE || value.type == JSON_FALSE ? 0 : -1;
}

static int read_batch(events_result *result, json_value answer, size_t index)
{
    char id[64];
    buffer text;
    json_value failures, name;
    json_iter iter;

    buffer_init(&text, id, sizeof id - 1);
    add_message_id(&text, index);
    id[text.size] = '\0';
    if (!json_get(answer, "batchItemFailures", &failures) || failures.type != JSON_ARRAY)
        return -1;
    json_iter_init(&iter, failures);
    while (json_iter_next(&iter)) {
        if (!json_get(iter.value, "itemIdentifier", &name))
            return -1;
        result->failed = result->failed || json_string_is(name, id);
    }
    return 0;
}

int events_read(events_result *result, events_source source, json_value answer, size_t index,
                size_t count)
{
    static char text[DOCUMENT_BYTES];
    json_value body;
    char path[32];
    int64_t status;
    size_t size;

    memset(result, 0, sizeof *result);
    result->score = (double)NAN;
    result->updated = -1;
    if (source == EVENTS_SQS || source == EVENTS_SQS_SNS || source == EVENTS_SQS_FIFO)
        return read_batch(result, answer, index);
    if (!json_get(answer, "statusCode", &body) || json_int64(body, &status) != 0 ||
        !json_get(answer, "body", &body))
        return -1;
    result->http_status = (int)status;
    if (source == EVENTS_HTTP_V1 ||
        source == EVENTS_HTTP_V2) { /* The body of an HTTP answer is a document within a string. */
        size = json_string(body, text, sizeof text);
        if (body.type != JSON_STRING || size > sizeof text ||
            json_parse(&body, text, size, NULL) != 0)
            return -1;
    }
    (void)snprintf(path, sizeof path, "%zu", index);
    if (body.type == JSON_ARRAY && !serve_json(body, path, &body))
        return -1;
    if (body.type != JSON_OBJECT || (count == 1 && index > 0))
        return -1;
    return read_one(result, body);
}
