/* SPDX-License-Identifier: Apache-2.0 */
/* Events of EventBridge: detail is the message. */
#include "lambda/event/event.h"

int event_bridge_recognise(json_value root)
{
    json_value type, source;

    return json_get(root, "detail-type", &type) && type.type == JSON_STRING &&
           json_get(root, "source", &source) && source.type == JSON_STRING;
}

int event_bridge_open(event_records *records, json_value root, event_arena *arena,
                      event_refusal *no)
{
    json_value detail;
    int found = event_member(root, "detail", JSON_OBJECT, &detail, no);

    (void)arena;
    if (found <= 0)
        return found < 0 ? -1 : event_refuse(no, "detail is missing");
    return event_open_single(records, detail);
}

int event_bridge_item(event_item *item, json_value record, event_arena *arena, event_refusal *no)
{
    return event_message(item, record, EVENT_MESSAGE_STORED, arena, no);
}
