/* SPDX-License-Identifier: Apache-2.0 */
/* Events of EventBridge: the member detail is the message. */
#include "lambda/event/event.h"

int event_bridge_recognise(const event_root *root)
{
    return root->detail_type.type == JSON_STRING && root->source.type == JSON_STRING;
}

int event_bridge_open(event_records *records, const event_root *root, event_arena *arena,
                      event_refusal *no)
{
    int found = event_check_member(root->detail, "detail", JSON_OBJECT, no);

    (void)arena;
    if (found <= 0)
        return found < 0 ? -1 : event_refuse(no, "detail is missing");
    return event_open_single(records, root->detail);
}

int event_bridge_item(event_item *item, json_value record, event_arena *arena, event_refusal *no)
{
    return event_message(item, record, EVENT_MESSAGE_STORED, arena, no);
}
