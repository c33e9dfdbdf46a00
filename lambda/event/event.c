/* SPDX-License-Identifier: Apache-2.0 */
/* The table of event sources, and the code that several of them need. */
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

static void read_first_record(event_root *root)
{
    const json_field fields[] = {{"Sns", &root->first.sns},
                                 {"EventSource", &root->first.sns_source},
                                 {"eventSource", &root->first.source},
                                 {"eventSourceARN", &root->first.source_arn}};
    json_value records = root->value.type == JSON_ARRAY ? root->value : root->records;
    json_value record = {.type = JSON_ABSENT};
    json_iter i;

    json_iter_init(&i, records);
    if (records.type == JSON_ARRAY && json_iter_next(&i))
        record = i.value;
    json_members(record, fields, sizeof fields / sizeof fields[0]);
}

void event_read_root(event_root *root, json_value value)
{
    const json_field fields[] = {{"warmup", &root->warmup},
                                 {"warmer", &root->warmer},
                                 {"Records", &root->records},
                                 {"detail-type", &root->detail_type},
                                 {"source", &root->source},
                                 {"detail", &root->detail},
                                 {"version", &root->version},
                                 {"httpMethod", &root->http_method},
                                 {"requestContext", &root->request_context},
                                 {"body", &root->body},
                                 {"isBase64Encoded", &root->is_base64},
                                 {"headers", &root->headers},
                                 {"multiValueHeaders", &root->multi_value_headers},
                                 {"text", &root->text},
                                 {"text_for_analysis", &root->text_for_analysis},
                                 {"texts", &root->texts},
                                 {"Items", &root->items}};

    root->value = value;
    json_members(value, fields, sizeof fields / sizeof fields[0]);
    read_first_record(root);
}

const event_source *event_recognise(const event_root *root)
{
    for (const event_source *s = event_sources; s->name; s++)
        if (s->recognise(root))
            return s;
    return NULL;
}

int event_is_warmup(const event_root *root)
{
    return root->warmup.type == JSON_TRUE || root->warmer.type == JSON_TRUE ||
           json_string_is(root->source, "serverless-plugin-warmup") ||
           json_string_is(root->detail_type, "Scheduled Event");
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

int event_check_member(json_value member, const char *name, json_type type, event_refusal *no)
{
    if (member.type == JSON_ABSENT || member.type == JSON_NULL)
        return 0;
    if (member.type != type)
        return event_refuse(no, "%s is %s, not %s", name, json_type_name(member.type),
                            json_type_name(type));
    return 1;
}

int event_check_record(json_value record, event_refusal *no)
{
    if (record.type == JSON_OBJECT)
        return 0;
    return event_refuse(no, "a record is %s, not an object", json_type_name(record.type));
}

int event_open_array(event_records *records, json_value array, const char *name, event_refusal *no)
{
    json_iter count;

    records->count = 0;
    records->fifo = 0;
    records->list = 0;
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
    records->count = 1;
    records->single = value;
    records->iterate = 0;
    records->fifo = 0;
    records->list = 0;
    return 0;
}

int event_parse(event_document *document, const char *text, size_t bytes, const char *what,
                event_refusal *no)
{
    json_error error;

    json_index_init(&document->index, document->entries, EVENT_DOCUMENT_ENTRIES);
    if (json_parse_indexed(&document->root, &document->index, text, bytes, &error) == 0)
        return 0;
    return event_refuse(no, "%s is not JSON: byte %zu: %s", what, error.offset, error.what);
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

/* Decode a string member into *out. *out is unchanged if the member is absent or null. */
static int copy_text(const char **out, size_t *bytes, json_value member, const char *name,
                     event_arena *arena, event_refusal *no)
{
    int found = event_check_member(member, name, JSON_STRING, no);
    const char *text;

    if (found <= 0)
        return found;
    text = event_string(member, bytes, arena, no);
    if (!text)
        return -1;
    *out = text;
    return 0;
}

/* Decode a key or a version into *out, which is unchanged if the member is absent or null. Both are
 * used as C strings, so a NUL within them would let them name another item. Such a text is
 * refused. */
static int copy_name(const char **out, json_value member, const char *name, event_arena *arena,
                     event_refusal *no)
{
    size_t bytes = 0;
    const char *text = NULL;

    if (copy_text(&text, &bytes, member, name, arena, no) != 0)
        return -1;
    if (!text)
        return 0;
    if (strlen(text) != bytes)
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
    /* DynamoDB allows neither empty keys nor larger ones. */
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
    json_value source_id, timestamp, version, text, analysed;
    const json_field fields[] = {{"source_id", &source_id},
                                 {"timestamp", &timestamp},
                                 {"model_version", &version},
                                 {"text", &text},
                                 {"text_for_analysis", &analysed}};

    if (kind == EVENT_MESSAGE_CALLER && message.type == JSON_STRING) {
        item->text = event_string(message, &item->text_bytes, arena, no);
        return item->text ? 0 : -1;
    }
    if (event_check_record(message, no) != 0)
        return -1;
    json_members(message, fields, sizeof fields / sizeof fields[0]);
    if (copy_name(&item->source_id, source_id, "source_id", arena, no) != 0 ||
        copy_name(&item->timestamp, timestamp, "timestamp", arena, no) != 0 ||
        copy_name(&item->model_version, version, "model_version", arena, no) != 0)
        return -1;
    if (kind == EVENT_MESSAGE_CALLER &&
        copy_text(&item->text, &item->text_bytes, text, "text", arena, no) != 0)
        return -1;
    if (copy_text(&item->text, &item->text_bytes, analysed, "text_for_analysis", arena, no) != 0)
        return -1;
    return check_message(item, kind, no);
}

int event_message_in(event_item *item, json_value string, event_message_kind kind,
                     event_arena *arena, event_refusal *no)
{
    size_t bytes;
    const char *text = event_string(string, &bytes, arena, no);
    event_document document;

    if (!text || event_parse(&document, text, bytes, "the message", no) != 0)
        return -1;
    return event_message(item, document.root, kind, arena, no);
}
