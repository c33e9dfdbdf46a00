/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Messages of SQS: the string Records[].body is the message. If a topic of SNS feeds the queue
 * without raw delivery, the body is the topic's notification, which has the message in it.
 */
#include <string.h>

#include "lambda/event/event.h"

int event_sqs_recognise(const event_root *root)
{
    return json_string_is(root->first.sqs_source, "aws:sqs");
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
    (void)arena;
    if (event_open_array(records, root->records, "Records", no) != 0)
        return event_refuse(no, "Records is missing or empty");
    records->fifo = is_fifo(root->first.sqs_queue);
    return 0;
}

/* Returns the message within a notification of SNS, or the body itself. A body is a notification if
 * Type, TopicArn and Message are all strings. */
static json_value message_of(json_value body, int *wrapped)
{
    json_value type, topic, message;
    const json_field fields[] = {{"Type", &type}, {"TopicArn", &topic}, {"Message", &message}};

    json_members(body, fields, 3);
    *wrapped = type.type == JSON_STRING && topic.type == JSON_STRING && message.type == JSON_STRING;
    return *wrapped ? message : body;
}

int event_sqs_item(event_item *item, json_value record, event_arena *arena, event_refusal *no)
{
    json_value id, body, message;
    const json_field fields[] = {{"messageId", &id}, {"body", &body}};
    event_document document;
    const char *text;
    size_t bytes;
    int wrapped;

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
    message = message_of(document.root, &wrapped);
    return wrapped ? event_message_in(item, message, EVENT_MESSAGE_STORED, arena, no)
                   : event_message(item, message, EVENT_MESSAGE_STORED, arena, no);
}
