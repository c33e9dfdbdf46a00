/* SPDX-License-Identifier: Apache-2.0 */
/* Notifications of SNS: Records[].Sns.Message is the message as text. */
#include "lambda/event/event.h"

/* Records[0].EventSource; SQS spells it with a small e. */
int event_sns_recognise(json_value root)
{
    json_value records, source;
    json_iter i;

    if (!json_get(root, "Records", &records) || records.type != JSON_ARRAY)
        return 0;
    json_iter_init(&i, records);
    return json_iter_next(&i) && json_get(i.value, "EventSource", &source) &&
           json_string_is(source, "aws:sns");
}

int event_sns_open(event_records *records, json_value root, event_arena *arena, event_refusal *no)
{
    json_value array;

    (void)arena;
    return event_member(root, "Records", JSON_ARRAY, &array, no) == 1
               ? event_open_array(records, array, "Records", no)
               : event_refuse(no, "Records is missing");
}

int event_sns_item(event_item *item, json_value record, event_arena *arena, event_refusal *no)
{
    json_value sns, message;
    int found = event_member(record, "Sns", JSON_OBJECT, &sns, no);

    if (found <= 0)
        return found < 0 ? -1 : event_refuse(no, "Sns is missing");
    found = event_member(sns, "Message", JSON_STRING, &message, no);
    if (found <= 0)
        return found < 0 ? -1 : event_refuse(no, "Sns.Message is missing");
    return event_message_in(item, message, EVENT_MESSAGE_STORED, arena, no);
}
