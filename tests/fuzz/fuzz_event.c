/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fuzz target: events. Whatever the bytes are, reading the records stays within the arena. It gives
 * strings that end with a NUL and keys with both halves or none, or it gives a reason.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lambda/event/event.h"
#include "lambda/classifier.h"
#include "tests/fuzz/fuzz.h"

static void require(int condition)
{
    if (!condition)
        abort();
}

static void check_item(const event_item *item, const event_arena *arena)
{
    const char *const strings[] = {item->source_id, item->timestamp, item->model_version,
                                   item->record_id};

    for (size_t i = 0; i < sizeof strings / sizeof strings[0]; i++)
        if (strings[i])
            require(strings[i] >= arena->memory &&
                    strings[i] + strlen(strings[i]) < arena->memory + arena->size);
    require(item->text != NULL && !item->source_id == !item->timestamp);
    require(classify_prefix_bytes(item->text, item->text_bytes, 512) <= item->text_bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    /* Exactly as much memory as decoding may need, so that a sanitizer sees an overflow. */
    size_t capacity = 2 * size + 64;
    event_arena arena = {malloc(capacity), 0, capacity};
    event_refusal no = {""};
    const event_source *source;
    event_records records;
    json_index_entry entries[8]; /* With only 8 entries some long values of the events get none. */
    json_index index;
    event_root root;
    json_value value;

    require(arena.memory != NULL);
    json_index_init(&index, entries, sizeof entries / sizeof entries[0]);
    if (json_parse_indexed(&value, &index, (const char *)data, size, NULL) != 0) {
        free(arena.memory);
        return 0;
    }
    event_read_root(&root, value);
    if (!event_is_warmup(&root) && (source = event_recognise(&root)) != NULL) {
        (void)event_http_find_call(&root);
        (void)event_http_is_multi_value(&root);
        if (source->open(&records, &root, &arena, &no) != 0)
            require(no.why[0] != '\0' && memchr(no.why, '\0', sizeof no.why) != NULL);
        else
            for (size_t i = 0, mark = arena.size; i < records.count; i++) {
                event_item item;

                memset(&item, 0, sizeof item);
                arena.size = mark;
                if (source->item(&item, event_next(&records), &arena, &no) == 0)
                    check_item(&item, &arena);
                else
                    require(no.why[0] != '\0');
            }
    }
    free(arena.memory);
    return 0;
}
