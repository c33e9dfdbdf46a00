/* SPDX-License-Identifier: Apache-2.0 */
/* The store's item of one record, and the ways in which updating it can end. */
#include "lambda/update.h"

#include <stdio.h>

#include "lambda/log.h"

/* The writer's name is the same each time that this record is delivered, so that the store
 * recognises an earlier write of its own. It is the id of the queue's message; where there is none,
 * it is the id of the invocation, which Lambda keeps when it repeats an event, and the record's
 * index. */
static void format_writer(char *out, size_t bytes, const update_origin *from,
                          const event_item *item, size_t index)
{
    if (item->record_id)
        snprintf(out, bytes, "%s", item->record_id);
    else
        snprintf(out, bytes, "%s#%zu", from->request_id, index);
}

/* Log a record that was not stored and yet has not failed. `why` says what is known of its
 * item. */
static void log_skipped(handler *h, const update_origin *from, const event_item *item,
                        const char *message, const char *why)
{
    log_line line;

    log_begin(&line, &h->config->log, LOG_WARN, from->request_id, message);
    log_text(&line, "sourceId", item->source_id);
    log_text(&line, "reason", why);
    log_end(&line);
}

/* Write the map of a text's labels behind the strings of the arena, if the model has such a map. It
 * stays there until the next string is decoded. */
static void set_labels(handler *h, store_item *stored, const item_result *result)
{
    buffer map;

    if (!result->labels || !labels_are_listed(result->labels))
        return;
    buffer_init(&map, h->arena.memory + h->arena.size, h->arena.capacity - h->arena.size);
    labels_add_scores(&map, result->labels, result->scores, 1);
    /* What does not fit here does not fit into the document of the update either, which the store
     * refuses then. */
    stored->labels = map.data;
    stored->labels_bytes = map.overflow ? h->arena.capacity : map.size;
}

store_status update_item(handler *h, const update_origin *from, const event_item *item,
                         item_result *result, size_t index)
{
    char writer[192], why[ITEM_WHY_BYTES] = "";
    store_item stored = {.source_id = item->source_id,
                         .timestamp = item->timestamp,
                         .sentiment = result->label,
                         .sentiment_bytes = result->label_bytes,
                         .score = (double)result->score,
                         .model_version = result->model_version,
                         .model = h->model,
                         .writer = writer,
                         .trace_id = from->trace_id.at,
                         .trace_id_bytes = from->trace_id.size};
    store_status status;

    format_writer(writer, sizeof writer, from, item, index);
    set_labels(h, &stored, result);
    status = store_update(h->store, &stored, from->deadline_ns, from->request_id, why, sizeof why);
    switch (status) {
    case STORE_UPDATED:
        result->updated = 1;
        metrics_add(&h->metrics, METRIC_ITEMS_ANALYZED, 1);
        break;
    case STORE_DUPLICATE:
        metrics_add(&h->metrics, METRIC_DUPLICATES, 1);
        log_skipped(h, from, item, "item is not pending: duplicate delivery skipped", why);
        break;
    case STORE_MISSING:
        metrics_add(&h->metrics, METRIC_ITEMS_MISSING, 1);
        /* The producer's own write may still be on its way, so the event has to come again. */
        if (from->queued)
            item_fail(result, ITEM_MISSING, why);
        else
            log_skipped(h, from, item, "there is no such item: nothing was stored", why);
        break;
    case STORE_CREDENTIALS:
    case STORE_REFUSED:
    case STORE_UNAVAILABLE:
        item_fail(result, ITEM_STORE, why);
        break;
    }
    return status;
}
