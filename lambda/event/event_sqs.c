/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Messages of SQS: the string Records[].body is the message. EventBridge Pipes passes the same
 * records as a bare array. If a topic of SNS feeds the queue without raw delivery, the body is the
 * topic's notification, which has the message in it; if a rule of EventBridge feeds it, the body is
 * the event, whose member detail is the message.
 */
#include <string.h>

#include "lambda/event/event.h"

int event_sqs_recognise(const event_root *root)
{
    return json_string_is(root->first.source, "aws:sqs");
}

/* The ARN of a FIFO queue ends with .fifo. */
static int is_fifo(json_value queue)
{
    char arn[512];
    size_t size = json_string(queue, arn, sizeof arn);

    return size >= 5 && size <= sizeof arn && memcmp(arn + size - 5, ".fifo", 5) == 0;
}

int event_sqs_open(event_records *records, const event_root *root, event_arena *arena,
                   event_refusal *no)
{
    json_value array = root->value.type == JSON_ARRAY ? root->value : root->records;

    (void)arena;
    if (event_open_array(records, array, "Records", no) != 0)
        return event_refuse(no, "Records is missing or empty");
    records->fifo = is_fifo(root->first.source_arn);
    return 0;
}

/* Returns the message within a notification of SNS or within an event of EventBridge, or the body
 * itself. A body is a notification if Type, TopicArn and Message are all strings, and an event if
 * detail-type and source are. *in_string becomes 1 if the message is text in a string. */
static json_value message_of(json_value body, int *in_string)
{
    json_value type, topic, message, detail_type, source, detail;
    const json_field fields[] = {{"Type", &type},       {"TopicArn", &topic},
                                 {"Message", &message}, {"detail-type", &detail_type},
                                 {"source", &source},   {"detail", &detail}};

    json_members(body, fields, sizeof fields / sizeof fields[0]);
    *in_string =
        type.type == JSON_STRING && topic.type == JSON_STRING && message.type == JSON_STRING;
    if (*in_string)
        return message;
    return detail_type.type == JSON_STRING && source.type == JSON_STRING &&
                   detail.type == JSON_OBJECT
               ? detail
               : body;
}

int event_sqs_item(event_item *item, json_value record, event_arena *arena, event_refusal *no)
{
    json_value id, body, message;
    const json_field fields[] = {{"messageId", &id}, {"body", &body}};
    event_document document;
    const char *text;
    size_t bytes;
    int in_string;

    json_members(record, fields, 2);
    if (event_check_member(id, "messageId", JSON_STRING, no) != 1)
        return event_refuse(no, "messageId is missing");
    item->record_id = event_string(id, &bytes, arena, no);
    if (!item->record_id)
        return -1;
    /* The id names the writer of the item. If it were empty or cut, it could name another message
     * too. */
    if (bytes == 0 || bytes > EVENT_MAX_RECORD_ID_BYTES || strlen(item->record_id) != bytes)
        return event_refuse(no,
                            "messageId has %zu bytes: 1 to %d, none of them NUL, name a message",
                            bytes, EVENT_MAX_RECORD_ID_BYTES);
    if (event_check_member(body, "body", JSON_STRING, no) != 1)
        return event_refuse(no, "body is missing or no string");
    text = event_string(body, &bytes, arena, no);
    if (!text || event_parse(&document, text, bytes, "body", no) != 0)
        return -1;
    message = message_of(document.root, &in_string);
    return in_string ? event_message_in(item, message, EVENT_MESSAGE_STORED, arena, no)
                     : event_message(item, message, EVENT_MESSAGE_STORED, arena, no);
}
