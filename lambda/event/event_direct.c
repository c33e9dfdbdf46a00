/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Direct invocation. The event is {"text": "..."} or {"text_for_analysis": "..."}, with or without
 * the key of an item; or {"texts": [...]}, or a bare array, of such objects or of strings. A
 * Distributed Map of Step Functions passes such an array as {"Items": [...]}, and its answer is
 * always a list.
 */
#include "lambda/event/event.h"

int event_direct_recognise(const event_root *root)
{
    return root->value.type == JSON_ARRAY || root->text.type != JSON_ABSENT ||
           root->text_for_analysis.type != JSON_ABSENT || root->texts.type != JSON_ABSENT ||
           root->items.type == JSON_ARRAY;
}

int event_direct_open(event_records *records, const event_root *root, event_arena *arena,
                      event_refusal *no)
{
    (void)arena;
    if (root->value.type == JSON_ARRAY)
        return event_open_array(records, root->value, "the list", no);
    if (root->texts.type != JSON_ABSENT)
        return event_open_array(records, root->texts, "texts", no);
    if (root->items.type == JSON_ARRAY) {
        if (event_open_array(records, root->items, "Items", no) != 0)
            return -1;
        records->list = 1;
        return 0;
    }
    return event_open_single(records, root->value);
}

int event_direct_item(event_item *item, json_value record, event_arena *arena, event_refusal *no)
{
    return event_message(item, record, EVENT_MESSAGE_CALLER, arena, no);
}
