/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Messages of SQS: Records[].body is the message as text, or a notification of SNS around it where
 * a topic feeds the queue without raw delivery.
 */
#include <string.h>

#include "lambda/event/event.h"

int event_sqs_recognise(json_value root)
{
    json_value records, source;
    json_iter i;

    if (!json_get(root, "Records", &records) || records.type != JSON_ARRAY)
        return 0;
    json_iter_init(&i, records);
    return json_iter_next(&i) && json_get(i.value, "eventSource", &source) &&
           json_string_is(source, "aws:sqs");
}

/* Queues whose ARN ends with .fifo keep their order. */
static int is_fifo(json_value array)
{
    char arn[512];
    json_value value;
    json_iter i;
    size_t size;

    json_iter_init(&i, array);
    if (!json_iter_next(&i) || !json_get(i.value, "eventSourceARN", &value))
        return 0;
    size = json_string(value, arn, sizeof arn);
    return size >= 5 && size <= sizeof arn && memcmp(arn + size - 5, ".fifo", 5) == 0;
}

int event_sqs_open(event_records *records, json_value root, event_arena *arena, event_refusal *no)
{
    json_value array;

    (void)arena;
    if (event_member(root, "Records", JSON_ARRAY, &array, no) != 1 ||
        event_open_array(records, array, "Records", no) != 0)
        return event_refuse(no, "Records is missing or empty");
    records->fifo = is_fifo(array);
    return 0;
}

/* The message within a notification, or the body itself: Type, TopicArn and Message are all
 * strings in the former. */
static json_value unwrap(json_value body, int *wrapped)
{
    json_value type, topic, message;

    *wrapped = json_get(body, "Type", &type) && type.type == JSON_STRING &&
               json_get(body, "TopicArn", &topic) && topic.type == JSON_STRING &&
               json_get(body, "Message", &message) && message.type == JSON_STRING;
    return *wrapped ? message : body;
}

int event_sqs_item(event_item *item, json_value record, event_arena *arena, event_refusal *no)
{
    json_value id, body, message;
    json_error error;
    const char *text;
    size_t bytes;
    int wrapped;

    if (event_member(record, "messageId", JSON_STRING, &id, no) != 1)
        return event_refuse(no, "messageId is missing");
    item->record_id = event_string(id, &bytes, arena, no);
    if (!item->record_id)
        return -1;
    /* it names the writer of the item: empty or cut it would be another message's too */
    if (bytes == 0 || bytes > EVENT_MAX_RECORD_ID_BYTES || strlen(item->record_id) != bytes)
        return event_refuse(no,
                            "messageId has %zu bytes: 1 to %d, none of them NUL, name a message",
                            bytes, EVENT_MAX_RECORD_ID_BYTES);
    if (event_member(record, "body", JSON_STRING, &body, no) != 1)
        return event_refuse(no, "body is missing or no string");
    text = event_string(body, &bytes, arena, no);
    if (!text)
        return -1;
    if (json_parse(&message, text, bytes, &error) != 0)
        return event_refuse(no, "body is not JSON: byte %zu: %s", error.offset, error.what);
    message = unwrap(message, &wrapped);
    return wrapped ? event_message_in(item, message, EVENT_MESSAGE_STORED, arena, no)
                   : event_message(item, message, EVENT_MESSAGE_STORED, arena, no);
}
