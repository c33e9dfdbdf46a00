/* SPDX-License-Identifier: Apache-2.0 */
/* Chunks of records, the deadline between them, and what failures count as. */
#include "lambda/records.h"

#include <stdio.h>
#include <string.h>

#include "lambda/log.h"
#include "runtime/base/clock.h"

typedef struct chunk {
    size_t count;
    event_item items[RECORDS_CHUNK];
    item_result results[RECORDS_CHUNK];
} chunk;

static const char earlier_failed[] = "a record before it in the queue failed";
static const char deadline_near[] = "the invocation's deadline is too near";

int records_fail_invocation(const event_progress *p)
{
    switch (p->source->delivery) {
    case EVENT_HTTP:
        return 0;
    case EVENT_BATCH:
        return !p->handler->config->sqs_partial_failures;
    case EVENT_ASYNC:
    case EVENT_DIRECT:
        break;
    }
    return 1;
}

/* ---- counting and logging -------------------------------------------------------------------- */

static void count_result(handler *h, const item_result *r)
{
    static const metric of[SENTIMENT_COUNT] = {METRIC_NEGATIVE, METRIC_POSITIVE, METRIC_NEUTRAL};

    if (r->inferred)
        metrics_add(&h->metrics, METRIC_INFERENCE_LATENCY, r->inference_ms);
    metrics_add(&h->metrics, METRIC_ANALYSES, 1);
    if (r->means != SENTIMENT_NONE)
        metrics_add(&h->metrics, of[r->means], 1);
    /* A score that is no probability says nothing about confidence. */
    if (h->classifier.function != DISTIL_FUNCTION_NONE)
        monitor_add(&h->monitor, r->means, r->score);
}

/* A mistake of an HTTP caller gets a status from 400 to 499. It is no error of the function, so it
 * wakes nobody. */
static int is_client_error(const event_progress *p, const item_result *result)
{
    return p->source->delivery == EVENT_HTTP && result->status == ITEM_INVALID;
}

static void log_failure(const event_progress *p, const event_item *item, const item_result *result,
                        size_t index)
{
    log_line line;

    log_begin(&line, &p->handler->config->log, is_client_error(p, result) ? LOG_WARN : LOG_ERROR,
              p->origin.request_id, "record failed");
    log_text(&line, "code", answer_code(result->status));
    log_text(&line, "error", result->why);
    log_text(&line, "source", p->source->name);
    log_integer(&line, "record", (int64_t)index);
    if (item->record_id)
        log_text(&line, "recordId", item->record_id);
    if (item->source_id)
        log_text(&line, "sourceId", item->source_id);
    log_end(&line);
}

static void record_failure(event_progress *p, const event_item *item, const item_result *result,
                           size_t index)
{
    if (p->failed++ == 0) {
        p->first_failure = result->status;
        snprintf(p->first_why, sizeof p->first_why, "%s", result->why);
    }
    p->stopped |= p->records.fifo;
    p->client_errors += (size_t)is_client_error(p, result);
    metrics_add(&p->handler->metrics,
                is_client_error(p, result) ? METRIC_CLIENT_ERRORS : METRIC_ERRORS, 1);
    if (p->failed <= RECORDS_FAILURE_LINES)
        log_failure(p, item, result, index);
}

/* One line for all failed records that have no line of their own. */
static void log_more_failures(const event_progress *p)
{
    log_line line;

    if (p->failed <= RECORDS_FAILURE_LINES)
        return;
    log_begin(&line, &p->handler->config->log, p->client_errors == p->failed ? LOG_WARN : LOG_ERROR,
              p->origin.request_id, "more records failed");
    log_text(&line, "source", p->source->name);
    log_integer(&line, "count", (int64_t)(p->failed - RECORDS_FAILURE_LINES));
    log_end(&line);
}

/* ---- one chunk ------------------------------------------------------------------------------- */

static void read_chunk(event_progress *p, chunk *c)
{
    handler *h = p->handler;

    for (size_t i = 0; i < c->count; i++) {
        json_value record = event_next(&p->records);
        event_refusal no = {""};

        memset(&c->items[i], 0, sizeof c->items[i]);
        memset(&c->results[i], 0, sizeof c->results[i]);
        if (p->source->item(&c->items[i], record, &h->arena, &no) != 0)
            item_fail(&c->results[i], ITEM_INVALID, no.why);
        c->results[i].model_version =
            c->items[i].model_version ? c->items[i].model_version : h->model_version;
    }
}

/* Mark the records of a chunk from index `from` on as not tried. A record that has failed already
 * keeps its reason. */
static void skip_records(chunk *c, size_t from, const char *why)
{
    for (size_t i = from; i < c->count; i++)
        if (c->results[i].status == ITEM_DONE)
            item_fail(&c->results[i], ITEM_NOT_TRIED, why);
}

static int is_too_late(const event_progress *p)
{
    return clock_now_ns() + 2 * p->slowest_ns > p->origin.deadline_ns;
}

static void store_result(event_progress *p, const event_item *item, item_result *result,
                         size_t index)
{
    store_status status = update_item(p->handler, &p->origin, item, result, index);

    p->updated += status == STORE_UPDATED;
    p->credentials_lost |= status == STORE_CREDENTIALS;
}

/* Count, store and answer the records of a classified chunk in their order. */
static void finish_chunk(event_progress *p, chunk *c)
{
    for (size_t i = 0; i < c->count; i++) {
        const event_item *item = &c->items[i];
        item_result *result = &c->results[i];

        if (p->stopped)
            skip_records(c, i, earlier_failed);
        if (result->status == ITEM_DONE) {
            count_result(p->handler, result);
            if (p->handler->store && item->source_id)
                store_result(p, item, result, p->index + i);
        }
        if (result->status != ITEM_DONE)
            record_failure(p, item, result, p->index + i);
        answer_add(&p->answer, item, result);
    }
}

/* Wait until the model has been verified, while nothing of the chunk has been stored or answered.
 * If it is damaged, its classifications are dropped. */
static void verify_chunk(event_progress *p, chunk *c)
{
    handler *h = p->handler;
    char why[ITEM_WHY_BYTES];

    if (!h->verify)
        return;
    if (h->verify(h->verified, why, sizeof why) == 0) {
        h->verify = NULL;
        return;
    }
    p->model_damaged = 1;
    for (size_t i = 0; i < c->count; i++)
        if (c->results[i].status == ITEM_DONE)
            item_fail(&c->results[i], ITEM_MODEL, why);
}

static void run_chunk(event_progress *p, chunk *c)
{
    int64_t start = clock_now_ns(), spent;

    if (p->stopped || is_too_late(p))
        skip_records(c, 0, p->stopped ? earlier_failed : deadline_near);
    else
        classify_items(&p->handler->classifier, c->items, c->results, c->count);
    verify_chunk(p, c);
    finish_chunk(p, c);
    spent = clock_now_ns() - start;
    if (spent > p->slowest_ns)
        p->slowest_ns = spent;
}

/* ---- all of them ----------------------------------------------------------------------------- */

/* Returns 1 if the rest of the event can fail unread: it is too late for it, its failures get no
 * log lines any more, and no answer names them. An event can have a million records, and reading
 * those would use up the time that is kept for the answer. */
static int may_skip_rest(const event_progress *p)
{
    return p->failed >= RECORDS_FAILURE_LINES && is_too_late(p) &&
           (p->source->delivery != EVENT_BATCH || records_fail_invocation(p));
}

/* Fail the records that are left without reading them. Usually there are none. */
static void skip_rest(event_progress *p)
{
    event_item unread;
    item_result result;

    memset(&unread, 0, sizeof unread);
    memset(&result, 0, sizeof result);
    item_fail(&result, ITEM_NOT_TRIED, deadline_near);
    for (; p->index < p->records.count; p->index++) {
        record_failure(p, &unread, &result, p->index);
        answer_add(&p->answer, &unread, &result);
    }
}

/* The arena's memory is twice its capacity here; the upper half holds the body of an HTTP answer.
 * In the lower half the strings of a chunk are dropped when the chunk is done, and those that
 * belong to the whole event stay. */
void records_run(event_progress *p, buffer *to)
{
    event_arena *arena = &p->handler->arena;
    size_t mark = arena->size;
    chunk c;

    p->origin.queued = p->source->delivery == EVENT_ASYNC || p->source->delivery == EVENT_BATCH;
    answer_begin(&p->answer, to, p->source->delivery, p->records.count > 1 || p->records.list,
                 &p->http, arena->memory + arena->capacity, arena->capacity);
    for (; p->index < p->records.count && !may_skip_rest(p); p->index += c.count) {
        c.count = p->records.count - p->index;
        c.count = c.count < RECORDS_CHUNK ? c.count : RECORDS_CHUNK;
        arena->size = mark;
        read_chunk(p, &c);
        run_chunk(p, &c);
    }
    skip_rest(p);
    answer_end(&p->answer);
    log_more_failures(p);
}
