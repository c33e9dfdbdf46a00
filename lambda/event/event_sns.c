/* SPDX-License-Identifier: Apache-2.0 */
/* Notifications of SNS: the string Records[].Sns.Message is the message. */
#include "lambda/event/event.h"

/* SNS writes EventSource where SQS writes eventSource. People who send an event by hand often leave
 * it out, and then the member Sns is enough. */
int event_sns_recognise(const event_root *root)
{
    return json_string_is(root->first.sns_source, "aws:sns") ||
           (root->first.sns_source.type == JSON_ABSENT && root->first.sns.type == JSON_OBJECT);
}

int event_sns_open(event_records *records, const event_root *root, event_arena *arena,
                   event_refusal *no)
{
    (void)arena;
    return event_open_array(records, root->records, "Records", no);
}

int event_sns_item(event_item *item, json_value record, event_arena *arena, event_refusal *no)
{
    json_value sns, message;
    int found;

    if (event_check_record(record, no) != 0)
        return -1;
    json_members(record, &(json_field){"Sns", &sns}, 1);
    found = event_check_member(sns, "Sns", JSON_OBJECT, no);
    if (found <= 0)
        return found < 0 ? -1 : event_refuse(no, "Sns is missing");
    json_members(sns, &(json_field){"Message", &message}, 1);
    found = event_check_member(message, "Message", JSON_STRING, no);
    if (found <= 0)
        return found < 0 ? -1 : event_refuse(no, "Sns.Message is missing");
    return event_message_in(item, message, EVENT_MESSAGE_STORED, arena, no);
}
