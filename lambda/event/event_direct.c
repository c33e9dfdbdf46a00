/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Direct invocation: {"text": "..."} or {"text_for_analysis": "..."}, with the key of an item or
 * without; {"texts": [...]} or a bare array of such objects or of strings.
 */
#include "lambda/event/event.h"

int event_direct_recognise(json_value root)
{
    json_value value;

    return root.type == JSON_ARRAY || json_get(root, "text", &value) ||
           json_get(root, "text_for_analysis", &value) || json_get(root, "texts", &value);
}

int event_direct_open(event_records *records, json_value root, event_arena *arena,
                      event_refusal *no)
{
    json_value array;

    (void)arena;
    if (root.type == JSON_ARRAY)
        return event_open_array(records, root, "the list", no);
    if (json_get(root, "texts", &array))
        return event_open_array(records, array, "texts", no);
    return event_open_single(records, root);
}

int event_direct_item(event_item *item, json_value record, event_arena *arena, event_refusal *no)
{
    return event_message(item, record, EVENT_MESSAGE_CALLER, arena, no);
}
