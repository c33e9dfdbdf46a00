/* SPDX-License-Identifier: Apache-2.0 */
/* The table of event sources and what they share: see event.h. */
#include "lambda/event/event.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

const event_source event_sources[] = {
    {"sns", EVENT_ASYNC, event_sns_recognise, event_sns_open, event_sns_item},
    {"sqs", EVENT_BATCH, event_sqs_recognise, event_sqs_open, event_sqs_item},
    {"eventbridge", EVENT_ASYNC, event_bridge_recognise, event_bridge_open, event_bridge_item},
    {"http v2", EVENT_HTTP, event_http_v2_recognise, event_http_open, event_direct_item},
    {"http v1", EVENT_HTTP, event_http_v1_recognise, event_http_open, event_direct_item},
    {"direct", EVENT_DIRECT, event_direct_recognise, event_direct_open, event_direct_item},
    {NULL, EVENT_DIRECT, NULL, NULL, NULL}};

const event_source *event_recognise(json_value root)
{
    for (const event_source *s = event_sources; s->name; s++)
        if (s->recognise(root))
            return s;
    return NULL;
}

int event_is_warmup(json_value root)
{
    json_value warmup;

    return json_get(root, "warmup", &warmup) && warmup.type == JSON_TRUE;
}

json_value event_next(event_records *records)
{
    if (!records->iterate)
        return records->single;
    (void)json_iter_next(&records->iter);
    return records->iter.value;
}

int event_refuse(event_refusal *no, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(no->why, sizeof no->why, format, arguments);
    va_end(arguments);
    return -1;
}

int event_member(json_value object, const char *name, json_type type, json_value *value,
                 event_refusal *no)
{
    if (object.type != JSON_OBJECT)
        return event_refuse(no, "a record is %s, not an object", json_type_name(object.type));
    if (!json_get(object, name, value) || value->type == JSON_NULL)
        return 0;
    if (value->type != type)
        return event_refuse(no, "%s is %s, not %s", name, json_type_name(value->type),
                            json_type_name(type));
    return 1;
}

int event_open_array(event_records *records, json_value array, const char *name, event_refusal *no)
{
    json_iter count;

    memset(records, 0, sizeof *records);
    json_iter_init(&count, array);
    while (json_iter_next(&count))
        records->count++;
    if (array.type != JSON_ARRAY || records->count == 0)
        return event_refuse(no, "%s is %s", name,
                            array.type == JSON_ARRAY ? "empty" : "not an array");
    records->iterate = 1;
    json_iter_init(&records->iter, array);
    return 0;
}

int event_open_single(event_records *records, json_value value)
{
    *records = (event_records){.count = 1, .single = value};
    return 0;
}

const char *event_string(json_value string, size_t *bytes, event_arena *arena, event_refusal *no)
{
    char *at = arena->memory + arena->size;
    size_t room = arena->capacity - arena->size, size = json_string(string, at, room);

    if (size >= room) {
        event_refuse(no, "the event is larger decoded than the %zu bytes for it", arena->capacity);
        return NULL;
    }
    at[size] = '\0';
    arena->size += size + 1;
    if (bytes)
        *bytes = size;
    return at;
}

/* A string member into *out; left as it is where the member is absent. */
static int take(const char **out, size_t *bytes, json_value message, const char *name,
                event_arena *arena, event_refusal *no)
{
    json_value value;
    int found = event_member(message, name, JSON_STRING, &value, no);
    const char *text;

    if (found <= 0)
        return found;
    text = event_string(value, bytes, arena, no);
    if (!text)
        return -1;
    /* a key or a version ends at its NUL: one with a NUL inside would name another item */
    if (!bytes && json_string(value, NULL, 0) != strlen(text))
        return event_refuse(no, "%s has a NUL character", name);
    *out = text;
    return 0;
}

static int check_message(const event_item *item, event_message_kind kind, event_refusal *no)
{
    if (!item->text)
        return event_refuse(no, "text_for_analysis is missing");
    if (kind == EVENT_MESSAGE_STORED && !item->source_id)
        return event_refuse(no, "source_id is missing");
    if (kind == EVENT_MESSAGE_STORED && !item->timestamp)
        return event_refuse(no, "timestamp is missing");
    if (!item->source_id != !item->timestamp)
        return event_refuse(no, "%s is missing: the key of an item is both",
                            item->source_id ? "timestamp" : "source_id");
    /* DynamoDB allows no empty key, and no key above these sizes */
    if (item->source_id && (!*item->source_id || strlen(item->source_id) > 2048))
        return event_refuse(no, "source_id has %zu bytes, not 1 to 2048", strlen(item->source_id));
    if (item->timestamp && (!*item->timestamp || strlen(item->timestamp) > 1024))
        return event_refuse(no, "timestamp has %zu bytes, not 1 to 1024", strlen(item->timestamp));
    if (item->model_version && strlen(item->model_version) > 255)
        return event_refuse(no, "model_version has %zu bytes, not at most 255",
                            strlen(item->model_version));
    return 0;
}

int event_message(event_item *item, json_value message, event_message_kind kind, event_arena *arena,
                  event_refusal *no)
{
    if (kind == EVENT_MESSAGE_CALLER && message.type == JSON_STRING) {
        item->text = event_string(message, &item->text_bytes, arena, no);
        return item->text ? 0 : -1;
    }
    if (take(&item->source_id, NULL, message, "source_id", arena, no) != 0 ||
        take(&item->timestamp, NULL, message, "timestamp", arena, no) != 0 ||
        take(&item->model_version, NULL, message, "model_version", arena, no) != 0)
        return -1;
    if (kind == EVENT_MESSAGE_CALLER &&
        take(&item->text, &item->text_bytes, message, "text", arena, no) != 0)
        return -1;
    if (take(&item->text, &item->text_bytes, message, "text_for_analysis", arena, no) != 0)
        return -1;
    return check_message(item, kind, no);
}

int event_message_in(event_item *item, json_value string, event_message_kind kind,
                     event_arena *arena, event_refusal *no)
{
    size_t bytes;
    const char *text = event_string(string, &bytes, arena, no);
    json_value message;
    json_error error;

    if (!text)
        return -1;
    if (json_parse(&message, text, bytes, &error) != 0)
        return event_refuse(no, "the message is not JSON: byte %zu: %s", error.offset, error.what);
    return event_message(item, message, kind, arena, no);
}
