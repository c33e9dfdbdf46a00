/* SPDX-License-Identifier: Apache-2.0 */
/* Answers in the form that each kind of caller expects. */
#include "lambda/event/answer.h"

#include <stdio.h>
#include <string.h>

/* Room for a model version of 63 bytes that are all escaped, and for the members around it. */
enum { STATUS_BYTES = 512 };

static const struct {
    const char *code, *error_type;
    int http;
} of_status[ITEM_STATUS_COUNT] = {
    [ITEM_DONE] = {"", "", 200},
    [ITEM_INVALID] = {"VALIDATION_ERROR", "Function.BadEvent", 400},
    [ITEM_MODEL] = {"MODEL_ERROR", "Function.ModelFailed", 500},
    [ITEM_STORE] = {"INTERNAL_ERROR", "Function.StoreFailed", 500},
    [ITEM_MISSING] = {"INTERNAL_ERROR", "Function.ItemMissing", 500},
    [ITEM_NOT_TRIED] = {"INTERNAL_ERROR", "Function.DeadlineNear", 503}};

const char *answer_code(item_status status)
{
    return of_status[status].code;
}

const char *answer_error_type(item_status status)
{
    return of_status[status].error_type;
}

void item_fail(item_result *r, item_status status, const char *why)
{
    r->status = status;
    snprintf(r->why, sizeof r->why, "%s", why);
}

static void add_optional(buffer *to, const char *name, const char *value)
{
    buffer_format(to, "\"%s\":", name);
    if (value)
        buffer_json_text(to, value);
    else
        buffer_text(to, "null");
}

static void add_success(buffer *to, const event_item *item, const item_result *r)
{
    buffer_char(to, '{');
    add_optional(to, "source_id", item->source_id);
    buffer_text(to, ",\"sentiment\":");
    buffer_json(to, r->label, r->label_bytes);
    buffer_format(to, ",\"score\":%.4f,\"confidence\":%.4f,", (double)r->score, (double)r->score);
    if (r->labels && labels_are_listed(r->labels)) {
        buffer_text(to, "\"labels\":");
        labels_add_scores(to, r->labels, r->scores, 0);
        buffer_char(to, ',');
    }
    add_optional(to, "model_version", r->model_version);
    buffer_format(to, ",\"inference_time_ms\":%.2f,\"updated\":%s}", r->inference_ms,
                  r->updated ? "true" : "false");
}

static void add_error(buffer *to, const char *code, const char *message)
{
    buffer_format(to, "{\"error\":");
    buffer_json_text(to, message);
    buffer_format(to, ",\"code\":\"%s\"}", code);
}

void answer_begin(answer *a, buffer *to, event_delivery delivery, int list, const answer_http *http,
                  char *scratch, size_t scratch_bytes)
{
    *a = (answer){.delivery = delivery, .list = list, .http = *http, .to = to};
    buffer_clear(to);
    buffer_init(&a->body, scratch, delivery == EVENT_HTTP ? scratch_bytes : 0);
    if (delivery == EVENT_BATCH)
        buffer_text(to, "{\"batchItemFailures\":[");
    else if (delivery != EVENT_HTTP)
        buffer_text(to, "{\"statusCode\":200,\"body\":");
    if (a->list && delivery != EVENT_BATCH)
        buffer_char(delivery == EVENT_HTTP ? &a->body : to, '[');
}

void answer_add(answer *a, const event_item *item, const item_result *result)
{
    buffer *to = a->delivery == EVENT_HTTP ? &a->body : a->to;
    int failed = result->status != ITEM_DONE;

    if (failed && a->first_failure == ITEM_DONE)
        a->first_failure = result->status;
    if (a->delivery == EVENT_BATCH && !failed)
        return;
    if (a->written++ > 0)
        buffer_char(to, ',');
    if (a->delivery == EVENT_BATCH) {
        buffer_text(to, "{\"itemIdentifier\":");
        /* A record without an id cannot be listed. An id of null makes SQS treat the whole batch as
         * failed. */
        if (item->record_id)
            buffer_json_text(to, item->record_id);
        else
            buffer_text(to, "null");
        buffer_char(to, '}');
    } else if (failed)
        add_error(to, answer_code(result->status), result->why);
    else
        add_success(to, item, result);
}

#define METHODS "GET, HEAD, OPTIONS, POST"

/* Append a header behind others. */
static void add_header(buffer *to, const answer_http *http, const char *name, const char *value)
{
    if (to->size > 0 && to->data[to->size - 1] != '{')
        buffer_char(to, ',');
    buffer_json_text(to, name);
    buffer_text(to, http->multi_value ? ":[" : ":");
    buffer_json_text(to, value);
    if (http->multi_value)
        buffer_char(to, ']');
}

/* Begin an HTTP answer with its status and the headers that every answer has. */
static void begin_http(buffer *to, const answer_http *http, int status_code)
{
    buffer_format(to, "{\"statusCode\":%d,\"%s\":{", status_code,
                  http->multi_value ? "multiValueHeaders" : "headers");
    if (!http->origin)
        return;
    add_header(to, http, "Access-Control-Allow-Origin", http->origin);
    if (strcmp(http->origin, "*") != 0)
        add_header(to, http, "Vary", "Origin");
}

static void end_http(buffer *to, const char *body, size_t size)
{
    buffer_text(to, "},\"body\":");
    buffer_json(to, body, size);
    buffer_text(to, ",\"isBase64Encoded\":false}");
}

/* Put a finished body, as a JSON string, into the answer that API Gateway expects. */
static void wrap_http(buffer *to, const answer_http *http, int status_code, const buffer *body)
{
    begin_http(to, http, status_code);
    add_header(to, http, "Content-Type", "application/json");
    end_http(to, body->data, body->size);
    to->overflow |= body->overflow;
}

void answer_end(answer *a)
{
    if (a->list && a->delivery != EVENT_BATCH)
        buffer_char(a->delivery == EVENT_HTTP ? &a->body : a->to, ']');
    if (a->delivery == EVENT_HTTP)
        wrap_http(a->to, &a->http, of_status[a->first_failure].http, &a->body);
    else
        buffer_text(a->to, a->delivery == EVENT_BATCH ? "]}" : "}");
}

void answer_http_error(buffer *to, const answer_http *http, int status_code, const char *code,
                       const char *message, char *scratch, size_t scratch_bytes)
{
    buffer body;

    buffer_init(&body, scratch, scratch_bytes);
    add_error(&body, code, message);
    buffer_clear(to);
    wrap_http(to, http, status_code, &body);
}

static void write_status(buffer *to, const char *status, const char *model_version)
{
    buffer_format(to, "{\"status\":\"%s\",\"model_version\":", status);
    buffer_json_text(to, model_version);
    buffer_char(to, '}');
}

static void answer_options(buffer *to, const answer_http *http)
{
    begin_http(to, http, 204);
    add_header(to, http, "Allow", METHODS);
    if (http->origin) {
        add_header(to, http, "Access-Control-Allow-Methods", METHODS);
        add_header(to, http, "Access-Control-Allow-Headers",
                   "authorization, content-type, x-amz-date, x-amz-security-token, x-api-key");
        add_header(to, http, "Access-Control-Max-Age", "3600");
    }
    end_http(to, "", 0);
}

void answer_http_call(buffer *to, const answer_http *http, event_http_call call,
                      const char *model_version)
{
    char memory[STATUS_BYTES];
    buffer body;

    buffer_clear(to);
    if (call == EVENT_HTTP_OPTIONS) {
        answer_options(to, http);
        return;
    }
    buffer_init(&body, memory, sizeof memory);
    if (call == EVENT_HTTP_HEALTH)
        write_status(&body, "healthy", model_version);
    wrap_http(to, http, 200, &body);
}

void answer_warmup(buffer *to, const char *model_version)
{
    char memory[STATUS_BYTES];
    buffer body;

    buffer_init(&body, memory, sizeof memory);
    write_status(&body, "warmed", model_version);
    buffer_clear(to);
    buffer_text(to, "{\"statusCode\":200,\"body\":");
    buffer_json(to, body.data, body.size);
    buffer_char(to, '}');
    to->overflow |= body.overflow;
}
