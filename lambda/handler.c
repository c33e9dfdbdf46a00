/* SPDX-License-Identifier: Apache-2.0 */
/* From event to answer: see handler.h. */
#include "lambda/handler.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "runtime/base/clock.h"
#include "lambda/event/text.h"

#define MAX_LEFT_MS INT64_C(1000000000000) /* 31 years */
#define SUM_TOLERANCE 1e-3 /* probabilities are float: 8 of them sum to 1 within 1e-6 */

/* One event on its way through. */
typedef struct run {
    handler *h;
    const handler_request *request;
    handler_reply *reply;
    const event_source *source;
    event_records records;
    answer answer;
    int64_t deadline_ns; /* monotonic, the margin taken off */
    int64_t slowest_ns;  /* of this event's chunks so far: what the next may take. Not kept beyond
                               it: a store that was slow once must not have later events refused */
    size_t index;        /* of the first record of the chunk */
    size_t failed, updated; /* records so far */
    item_status first_failure;
    char first_why[160];
    int stop;        /* FIFO: a record has failed; nothing behind it is done */
    int credentials; /* the store's are of no more use */
} run;

/* Records that go through together. */
typedef struct chunk {
    size_t count;
    event_item items[HANDLER_CHUNK];
    item_result results[HANDLER_CHUNK];
} chunk;

size_t handler_arena_bytes(size_t event_bytes)
{
    return HANDLER_INDEX_ENTRIES * sizeof(json_index_entry) + 4 * event_bytes +
           HANDLER_SCRATCH_BYTES;
}

/* ---- setting up ----------------------------------------------------------------------------- */

static int sentiment_of(sentiment *out, const char *label)
{
    static const struct {
        const char *name;
        sentiment means;
    } known[] = {{"POSITIVE", SENTIMENT_POSITIVE}, {"POS", SENTIMENT_POSITIVE},
                 {"LABEL_1", SENTIMENT_POSITIVE},  {"NEGATIVE", SENTIMENT_NEGATIVE},
                 {"NEG", SENTIMENT_NEGATIVE},      {"LABEL_0", SENTIMENT_NEGATIVE},
                 {"NEUTRAL", SENTIMENT_NEUTRAL}};

    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (strcasecmp(label, known[i].name) == 0) {
            *out = known[i].means;
            return 0;
        }
    return -1;
}

int handler_init(handler *h, const config *c, const distil_model *model, distil_context *context,
                 store *s, char *arena_memory, size_t arena_bytes, char *why, size_t why_bytes)
{
    const size_t index_bytes = HANDLER_INDEX_ENTRIES * sizeof *h->index_entries;
    distil_model_info info;

    if (distil_model_get_info(model, &info) != DISTIL_OK || info.n_labels < 2 ||
        info.n_labels > HANDLER_MAX_LABELS) {
        snprintf(why, why_bytes, "the model has not 2 to %d labels: it is no sentiment model",
                 HANDLER_MAX_LABELS);
        return -1;
    }
    h->n_labels = info.n_labels;
    for (size_t i = 0; i < info.n_labels; i++)
        if (sentiment_of(&h->of_label[i], distil_model_label(model, i)) != 0) {
            snprintf(why, why_bytes,
                     "the model's label %zu is \"%.60s\": expected POSITIVE, NEGATIVE, NEUTRAL, "
                     "LABEL_0 or LABEL_1",
                     i, distil_model_label(model, i));
            return -1;
        }
    h->config = c;
    h->model = model;
    h->context = context;
    h->store = s;
    h->index_entries = (json_index_entry *)(void *)arena_memory;
    h->arena = (event_arena){arena_memory + index_bytes, 0, arena_bytes - index_bytes};
    if (c->model_version)
        snprintf(h->model_version, sizeof h->model_version, "%s", c->model_version);
    else
        for (size_t i = 0; i < 6; i++)
            snprintf(h->model_version + 2 * i, 3, "%02x", (unsigned)info.sha256[i]);
    metrics_init(&h->metrics, c->environment, &c->log);
    monitor_init(&h->monitor);
    return 0;
}

/* ---- classification ------------------------------------------------------------------------- */

int handler_is_distribution(const float *p, size_t n)
{
    double sum = 0;

    for (size_t i = 0; i < n; i++) {
        if (!(p[i] >= 0 && p[i] <= 1))
            return 0;
        sum += (double)p[i];
    }
    return fabs(sum - 1) <= SUM_TOLERANCE;
}

static void fail(item_result *r, item_status status, const char *why)
{
    r->status = status;
    snprintf(r->why, sizeof r->why, "%s", why);
}

static void judge(const handler *h, item_result *r, const distil_result *d, const float *p)
{
    if (!handler_is_distribution(p, h->n_labels) || d->label >= h->n_labels) {
        fail(r, ITEM_MODEL, "the model's output is no distribution");
        return;
    }
    r->score = p[d->label]; /* the number that was looked at */
    r->label = r->score < h->config->neutral_threshold ? SENTIMENT_NEUTRAL : h->of_label[d->label];
}

/* Texts that have characters, of records that are valid. Those without are neutral by contract. */
static void classify(handler *h, chunk *c)
{
    float probabilities[HANDLER_CHUNK][HANDLER_MAX_LABELS];
    distil_result results[HANDLER_CHUNK];
    distil_scores scores[HANDLER_CHUNK];
    distil_text texts[HANDLER_CHUNK];
    size_t of[HANDLER_CHUNK], n = 0;
    int64_t start = clock_now_ns();
    double each_ms;

    for (size_t i = 0; i < c->count; i++) {
        const event_item *item = &c->items[i];

        c->results[i].label = SENTIMENT_NEUTRAL;
        c->results[i].score = 0.5f;
        if (c->results[i].status != ITEM_DONE || item->text_bytes == 0)
            continue;
        texts[n] = (distil_text){item->text,
                                 text_prefix(item->text, item->text_bytes, h->config->max_chars)};
        scores[n] = (distil_scores){NULL, probabilities[n]};
        of[n++] = i;
    }
    if (n == 0)
        return;
    if (distil_classify_batch(h->context, results, scores, texts, n, 0) != DISTIL_OK) {
        for (size_t k = 0; k < n; k++) /* find out which: one by one */
            if (distil_classify_batch(h->context, &results[k], &scores[k], &texts[k], 1, 0) !=
                DISTIL_OK)
                fail(&c->results[of[k]], ITEM_MODEL, "inference failed");
    }
    each_ms = (double)(clock_now_ns() - start) * 1e-6 / (double)n;
    for (size_t k = 0; k < n; k++) {
        c->results[of[k]].inference_ms = each_ms;
        if (c->results[of[k]].status == ITEM_DONE)
            judge(h, &c->results[of[k]], &results[k], probabilities[k]);
    }
}

/* ---- store ---------------------------------------------------------------------------------- */

/* What identifies this writing of this record, whenever it is tried again: the queue's message, or
 * the invocation, which keeps its id when Lambda repeats it. */
static void name_writer(char *out, size_t bytes, const run *r, const event_item *item, size_t index)
{
    if (item->record_id)
        snprintf(out, bytes, "%s", item->record_id);
    else
        snprintf(out, bytes, "%s#%zu", r->request->request_id, index);
}

/* why: whose update was first, or that there is no such item. */
static void note_duplicate(run *r, const event_item *item, const char *why)
{
    log_line line;

    metrics_add(&r->h->metrics, METRIC_DUPLICATES, 1);
    log_begin(&line, &r->h->config->log, LOG_WARN, r->request->request_id,
              "item is not pending: duplicate delivery skipped");
    log_text(&line, "sourceId", item->source_id);
    log_text(&line, "reason", why);
    log_end(&line);
}

static void update(run *r, const event_item *item, item_result *result, size_t index)
{
    char writer[192], why[256] = "";
    store_item stored = {.source_id = item->source_id,
                         .timestamp = item->timestamp,
                         .sentiment = answer_sentiment(result->label),
                         .score = (double)result->score,
                         .model_version = result->model_version,
                         .writer = writer,
                         .trace_id = r->request->trace_id.at,
                         .trace_id_bytes = r->request->trace_id.size};

    name_writer(writer, sizeof writer, r, item, index);
    switch (store_update(r->h->store, &stored, r->deadline_ns, r->request->request_id, why,
                         sizeof why)) {
    case STORE_UPDATED:
        result->updated = 1;
        r->updated++;
        metrics_add(&r->h->metrics, METRIC_ITEMS_ANALYZED, 1);
        break;
    case STORE_DUPLICATE:
        note_duplicate(r, item, why);
        break;
    case STORE_CREDENTIALS:
        r->credentials = 1;
        fail(result, ITEM_STORE, why);
        break;
    case STORE_REFUSED:
    case STORE_UNAVAILABLE:
        fail(result, ITEM_STORE, why);
        break;
    }
}

/* ---- records -------------------------------------------------------------------------------- */

static void count_done(handler *h, const item_result *r, int inferred)
{
    static const metric of[] = {METRIC_NEGATIVE, METRIC_POSITIVE, METRIC_NEUTRAL};

    if (inferred)
        metrics_add(&h->metrics, METRIC_INFERENCE_LATENCY, r->inference_ms);
    metrics_add(&h->metrics, METRIC_ANALYSES, 1);
    metrics_add(&h->metrics, of[r->label], 1);
    monitor_add(&h->monitor, r->label, r->score);
}

static void note_failure(run *r, const event_item *item, const item_result *result, size_t index)
{
    log_line line;

    if (r->failed++ == 0) {
        r->first_failure = result->status;
        snprintf(r->first_why, sizeof r->first_why, "%s", result->why);
    }
    r->stop |= r->records.fifo;
    metrics_add(&r->h->metrics, METRIC_ERRORS, 1);
    if (r->failed > HANDLER_FAILURE_LINES)
        return;
    log_begin(&line, &r->h->config->log, LOG_ERROR, r->request->request_id, "record failed");
    log_text(&line, "code", answer_code(result->status));
    log_text(&line, "error", result->why);
    log_text(&line, "source", r->source->name);
    log_integer(&line, "record", (int64_t)index);
    if (item->record_id)
        log_text(&line, "recordId", item->record_id);
    if (item->source_id)
        log_text(&line, "sourceId", item->source_id);
    log_end(&line);
}

static void read_chunk(run *r, chunk *c)
{
    for (size_t i = 0; i < c->count; i++) {
        json_value record = event_next(&r->records);
        event_refusal no = {""};

        memset(&c->items[i], 0, sizeof c->items[i]);
        memset(&c->results[i], 0, sizeof c->results[i]);
        if (r->source->item(&c->items[i], record, &r->h->arena, &no) != 0)
            fail(&c->results[i], ITEM_INVALID, no.why);
        c->results[i].model_version =
            c->items[i].model_version ? c->items[i].model_version : r->h->model_version;
    }
}

/* Nothing of it is begun: the deadline is too near, or the record before it failed in a queue that
 * keeps its order. */
static void skip_chunk(chunk *c, size_t from, const char *why)
{
    for (size_t i = from; i < c->count; i++)
        if (c->results[i].status == ITEM_DONE)
            fail(&c->results[i], ITEM_NOT_TRIED, why);
}

static int too_late(const run *r)
{
    return clock_now_ns() + 2 * r->slowest_ns > r->deadline_ns;
}

static const char order[] = "a record before it in the queue failed";
static const char late[] = "the invocation's deadline is too near";

/* Store, count and answer the chunk's records in order. */
static void finish_chunk(run *r, chunk *c)
{
    for (size_t i = 0; i < c->count; i++) {
        const event_item *item = &c->items[i];
        item_result *result = &c->results[i];

        if (r->stop)
            skip_chunk(c, i, order);
        if (result->status == ITEM_DONE) {
            count_done(r->h, result, item->text_bytes > 0);
            if (r->h->store && item->source_id)
                update(r, item, result, r->index + i);
        }
        if (result->status != ITEM_DONE)
            note_failure(r, item, result, r->index + i);
        answer_add(&r->answer, item, result);
    }
}

static void run_chunk(run *r, chunk *c)
{
    int64_t start = clock_now_ns(), spent;

    if (r->stop || too_late(r))
        skip_chunk(c, 0, r->stop ? order : late);
    else
        classify(r->h, c);
    finish_chunk(r, c);
    spent = clock_now_ns() - start;
    if (spent > r->slowest_ns)
        r->slowest_ns = spent;
}

/* ---- events --------------------------------------------------------------------------------- */

static void fail_event(handler_reply *reply, const char *type, const char *why)
{
    reply->outcome = HANDLER_FAIL;
    reply->error_type = type;
    snprintf(reply->why, sizeof reply->why, "%s", why);
}

static void note_refusal(run *r, const char *code, const char *why)
{
    log_line line;

    metrics_add(&r->h->metrics, METRIC_ERRORS, 1);
    log_begin(&line, &r->h->config->log, LOG_ERROR, r->request->request_id, "event refused");
    log_text(&line, "code", code);
    log_text(&line, "error", why);
    log_integer(&line, "bytes", (int64_t)r->request->event.size);
    log_end(&line);
}

/* The event as a whole cannot be taken. */
static void refuse_event(run *r, const char *why)
{
    note_refusal(r, answer_code(ITEM_INVALID), why);
    if (r->source && r->source->delivery == EVENT_HTTP)
        answer_http_error(&r->reply->answer, 400, answer_code(ITEM_INVALID), why,
                          r->h->arena.memory, HANDLER_SCRATCH_BYTES);
    else
        fail_event(r->reply, answer_error_type(ITEM_INVALID), why);
}

/* The deadline on the monotonic clock, less the margin. */
static int64_t working_deadline(const handler_request *request)
{
    int64_t left;

    if (request->deadline_unix_ms == INT64_MAX)
        return CLOCK_NEVER;
    left = request->deadline_unix_ms - clock_unix_ms() - HANDLER_MARGIN_MS;
    if (left > MAX_LEFT_MS)
        return CLOCK_NEVER; /* in nanoseconds it would not fit, and nobody waits so long */
    return clock_now_ns() + left * 1000000;
}

/* Does a failed record fail the invocation, or is it said in the answer? */
static int fails_invocation(const run *r)
{
    switch (r->source->delivery) {
    case EVENT_HTTP:
        return 0;
    case EVENT_BATCH:
        return !r->h->config->sqs_partial_failures;
    case EVENT_ASYNC:
    case EVENT_DIRECT:
        break;
    }
    return 1;
}

/* Those that had no line of their own. */
static void note_more_failures(const run *r)
{
    log_line line;

    if (r->failed <= HANDLER_FAILURE_LINES)
        return;
    log_begin(&line, &r->h->config->log, LOG_ERROR, r->request->request_id, "more records failed");
    log_text(&line, "source", r->source->name);
    log_integer(&line, "count", (int64_t)(r->failed - HANDLER_FAILURE_LINES));
    log_end(&line);
}

static void conclude(run *r)
{
    char why[256];
    log_line line;

    answer_end(&r->answer);
    note_more_failures(r);
    snprintf(why, sizeof why, "%zu of %zu records failed, first: %s", r->failed, r->records.count,
             r->first_why);
    if (r->failed > 0 && (r->credentials || fails_invocation(r)))
        fail_event(r->reply, answer_error_type(r->first_failure), why);
    if (r->credentials)
        r->reply->outcome = HANDLER_FAIL_EXIT;
    log_begin(&line, &r->h->config->log, LOG_INFO, r->request->request_id, "event done");
    log_text(&line, "source", r->source->name);
    log_integer(&line, "records", (int64_t)r->records.count);
    log_integer(&line, "failed", (int64_t)r->failed);
    log_integer(&line, "updated", (int64_t)r->updated);
    log_end(&line);
}

/* 1: it is too late, and the records that are left need not even be read, for nobody is told their
 * names any more. There may be a million of them, and the margin is for more than that. */
static int may_abandon(const run *r)
{
    return r->failed >= HANDLER_FAILURE_LINES && too_late(r) &&
           (r->source->delivery != EVENT_BATCH || fails_invocation(r));
}

static void abandon(run *r)
{
    event_item unread;
    item_result result;

    memset(&unread, 0, sizeof unread);
    memset(&result, 0, sizeof result);
    fail(&result, ITEM_NOT_TRIED, late);
    for (; r->index < r->records.count; r->index++) {
        note_failure(r, &unread, &result, r->index);
        answer_add(&r->answer, &unread, &result);
    }
}

/* Strings of a chunk are given back when it is done; those of the whole event stay. The upper half
 * of the arena is for the body of an HTTP answer. */
static void run_records(run *r)
{
    event_arena *arena = &r->h->arena;
    size_t mark = arena->size;
    chunk c;

    answer_begin(&r->answer, &r->reply->answer, r->source->delivery, r->records.count,
                 arena->memory + arena->capacity, r->h->arena.capacity);
    for (; r->index < r->records.count && !may_abandon(r); r->index += c.count) {
        c.count = r->records.count - r->index;
        c.count = c.count < HANDLER_CHUNK ? c.count : HANDLER_CHUNK;
        arena->size = mark;
        read_chunk(r, &c);
        run_chunk(r, &c);
    }
    abandon(r); /* what is left: nothing, as a rule */
    conclude(r);
}

static void run_event(run *r, json_value event)
{
    event_root root;
    event_refusal no;

    event_read_root(&root, event);
    if (event_is_warmup(&root)) {
        answer_warmup(&r->reply->answer, r->h->model_version);
        return;
    }
    r->source = event_recognise(&root);
    if (!r->source)
        refuse_event(r, "no known event: neither SNS, SQS, EventBridge, HTTP nor direct");
    else if (r->source->open(&r->records, &root, &r->h->arena, &no) != 0)
        refuse_event(r, no.why);
    else
        run_records(r);
}

void handler_run(handler *h, const handler_request *request, handler_reply *reply)
{
    size_t capacity = h->arena.capacity;
    run r = {.h = h, .request = request, .reply = reply, .deadline_ns = working_deadline(request)};
    json_value event;
    json_index index;
    json_error error;
    char why[160];

    json_index_init(&index, h->index_entries, HANDLER_INDEX_ENTRIES);
    reply->outcome = HANDLER_ANSWER;
    reply->error_type = "";
    reply->why[0] = '\0';
    buffer_clear(&reply->answer);
    h->arena.size = 0;
    h->arena.capacity = capacity / 2;
    if (request->repeated) {
        snprintf(why, sizeof why, "the event came again before it was answered");
        note_refusal(&r, answer_code(ITEM_NOT_TRIED), why);
        fail_event(reply, "Runtime.EventRepeated", why);
    } else if (json_parse_indexed(&event, &index, request->event.at, request->event.size, &error) !=
               0) {
        snprintf(why, sizeof why, "the event is not JSON: byte %zu: %s", error.offset, error.what);
        refuse_event(&r, why);
    } else
        run_event(&r, event);
    h->arena.capacity = capacity;
    monitor_report(&h->monitor, &h->metrics);
    metrics_flush(&h->metrics, request->request_id);
}
