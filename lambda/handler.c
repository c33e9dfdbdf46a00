/* SPDX-License-Identifier: Apache-2.0 */
/* Handles an event as a whole: sets its deadline, finds its source, and refuses it or has its
 * records answered. */
#include "lambda/handler.h"

#include <stdio.h>
#include <string.h>

#include "lambda/event/answer.h"
#include "lambda/log.h"
#include "lambda/records.h"
#include "runtime/base/clock.h"
#include "runtime/base/hex.h"

#define MAX_LEFT_MS INT64_C(1000000000000) /* 31 years in milliseconds */

size_t handler_arena_bytes(size_t event_bytes)
{
    return HANDLER_INDEX_ENTRIES * sizeof(json_index_entry) + CLASSIFY_MEMORY_BYTES +
           4 * event_bytes + HANDLER_SCRATCH_BYTES;
}

/* The version is the one that the configuration gives, or else the name of the model. */
static void set_model_version(handler *h, const distil_model *model)
{
    distil_model_info info;

    h->model[0] = '\0';
    if (distil_model_get_info(model, &info) == DISTIL_OK)
        hex_string(h->model, info.sha256, 6);
    snprintf(h->model_version, sizeof h->model_version, "%s",
             h->config->model_version ? h->config->model_version : h->model);
}

int handler_init(handler *h, const config *c, const distil_model *model, distil_context *context,
                 store *s, char *arena_memory, size_t arena_bytes, char *why, size_t why_bytes)
{
    const size_t index_bytes = HANDLER_INDEX_ENTRIES * sizeof *h->index_entries;
    const size_t before = index_bytes + CLASSIFY_MEMORY_BYTES;

    if (classifier_init(&h->classifier, c, model, context, arena_memory + index_bytes, why,
                        why_bytes) != 0)
        return -1;
    h->config = c;
    h->store = s;
    h->verify = NULL;
    h->index_entries = (json_index_entry *)(void *)arena_memory;
    h->arena = (event_arena){arena_memory + before, 0, arena_bytes - before};
    set_model_version(h, model);
    metrics_init(&h->metrics, c->environment, &c->log);
    monitor_init(&h->monitor);
    return 0;
}

/* ---- refusals -------------------------------------------------------------------------------- */

static void set_error(handler_reply *reply, const char *type, const char *why)
{
    reply->outcome = HANDLER_FAIL;
    reply->error_type = type;
    snprintf(reply->why, sizeof reply->why, "%s", why);
}

/* `by_client` is 1 for a mistake of an HTTP caller, which is no error of the function. */
static void log_refusal(handler *h, const handler_request *request, int by_client, const char *code,
                        const char *why)
{
    log_line line;

    metrics_add(&h->metrics, by_client ? METRIC_CLIENT_ERRORS : METRIC_ERRORS, 1);
    log_begin(&line, &h->config->log, by_client ? LOG_WARN : LOG_ERROR, request->request_id,
              "event refused");
    log_text(&line, "code", code);
    log_text(&line, "error", why);
    log_integer(&line, "bytes", (int64_t)request->event.size);
    log_end(&line);
}

/* Refuse an event of which no record can be read: the invocation fails. */
static void refuse_event(handler *h, const handler_request *request, handler_reply *reply,
                         const char *why)
{
    log_refusal(h, request, 0, answer_code(ITEM_INVALID), why);
    set_error(reply, answer_error_type(ITEM_INVALID), why);
}

/* Refuse an HTTP request of which no record can be read: the caller gets a status of 400. */
static void refuse_request(handler *h, const handler_request *request, handler_reply *reply,
                           const answer_http *http, const char *why)
{
    log_refusal(h, request, 1, answer_code(ITEM_INVALID), why);
    answer_http_error(&reply->answer, http, 400, answer_code(ITEM_INVALID), why, h->arena.memory,
                      HANDLER_SCRATCH_BYTES);
}

/* The type of the error if the model's content is not what its checksums say. */
static const char damaged_type[] = "Runtime.ModelLoad";

/* Wait until the model has been verified, and refuse the event if it is damaged, as all later ones
 * will be. Events with records are refused record by record. Returns 1 if the event was refused. */
static int refuse_if_damaged(handler *h, const handler_request *request, handler_reply *reply)
{
    char why[ITEM_WHY_BYTES];

    if (!h->verify || h->verify(h->verified, why, sizeof why) == 0) {
        h->verify = NULL;
        return 0;
    }
    log_refusal(h, request, 0, answer_code(ITEM_MODEL), why);
    metrics_add(&h->metrics, METRIC_MODEL_LOAD_ERRORS, 1);
    set_error(reply, damaged_type, why);
    return 1;
}

/* ---- events ---------------------------------------------------------------------------------- */

/* The deadline on the monotonic clock, less the time that is kept for the answer. A deadline so far
 * away that nanoseconds would overflow counts as none. */
static int64_t working_deadline(const handler_request *request)
{
    int64_t left;

    if (request->deadline_unix_ms == INT64_MAX)
        return CLOCK_NEVER;
    left = request->deadline_unix_ms - clock_unix_ms() - HANDLER_MARGIN_MS;
    if (left > MAX_LEFT_MS)
        return CLOCK_NEVER;
    return clock_now_ns() + left * 1000000;
}

/* Turn what became of the records into the outcome of the invocation, and log it. */
static void conclude(const event_progress *p, handler_reply *reply)
{
    char why[512];
    log_line line;

    snprintf(why, sizeof why, "%zu of %zu records failed, first: %s", p->failed, p->records.count,
             p->first_why);
    if (p->failed > 0 && (p->credentials_lost || records_fail_invocation(p)))
        set_error(reply, answer_error_type(p->first_failure), why);
    if (p->model_damaged) {
        set_error(reply, damaged_type, why);
        metrics_add(&p->handler->metrics, METRIC_MODEL_LOAD_ERRORS, 1);
    }
    if (p->credentials_lost)
        reply->outcome = HANDLER_FAIL_EXIT;
    log_begin(&line, &p->handler->config->log, LOG_INFO, p->origin.request_id, "event done");
    log_text(&line, "source", p->source->name);
    log_integer(&line, "records", (int64_t)p->records.count);
    log_integer(&line, "failed", (int64_t)p->failed);
    log_integer(&line, "updated", (int64_t)p->updated);
    log_end(&line);
}

/* Answer an event of a source that was recognised. */
static void run_source(event_progress *p, const event_root *root, const handler_request *request,
                       handler_reply *reply)
{
    const int is_http = p->source->delivery == EVENT_HTTP;
    handler *h = p->handler;
    event_http_call call = is_http ? event_http_find_call(root) : EVENT_HTTP_CLASSIFY;
    event_refusal no;

    p->http = (answer_http){event_http_is_multi_value(root), h->config->cors_origin};
    if (call != EVENT_HTTP_CLASSIFY) {
        if (!refuse_if_damaged(h, request, reply))
            answer_http_call(&reply->answer, &p->http, call, h->model_version);
    } else if (p->source->open(&p->records, root, &h->arena, &no) == 0) {
        records_run(p, &reply->answer);
        conclude(p, reply);
    } else if (is_http)
        refuse_request(h, request, reply, &p->http, no.why);
    else
        refuse_event(h, request, reply, no.why);
}

static void run_event(handler *h, const handler_request *request, handler_reply *reply,
                      json_value event, int64_t deadline_ns)
{
    event_progress p = {.handler = h,
                        .origin = {request->request_id, request->trace_id, deadline_ns, 0}};
    event_root root;

    event_read_root(&root, event);
    if (event_is_warmup(&root)) {
        if (!refuse_if_damaged(h, request, reply))
            answer_warmup(&reply->answer, h->model_version);
        return;
    }
    p.source = event_recognise(&root);
    if (p.source)
        run_source(&p, &root, request, reply);
    else
        refuse_event(h, request, reply,
                     "no known event: neither SNS, SQS, EventBridge, HTTP nor direct");
}

void handler_run(handler *h, const handler_request *request, handler_reply *reply)
{
    int64_t deadline_ns = working_deadline(request);
    size_t capacity = h->arena.capacity;
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
    /* The upper half is for the body of an HTTP answer. */
    h->arena.capacity = capacity / 2;
    if (request->repeated) {
        snprintf(why, sizeof why, "the event came again before it was answered");
        log_refusal(h, request, 0, answer_code(ITEM_NOT_TRIED), why);
        set_error(reply, "Runtime.EventRepeated", why);
    } else if (json_parse_indexed(&event, &index, request->event.at, request->event.size, &error) !=
               0) {
        snprintf(why, sizeof why, "the event is not JSON: byte %zu: %s", error.offset, error.what);
        refuse_event(h, request, reply, why);
    } else {
        run_event(h, request, reply, event, deadline_ns);
    }
    h->arena.capacity = capacity;
    monitor_add_metrics(&h->monitor, &h->metrics);
    metrics_flush(&h->metrics, request->request_id);
}
