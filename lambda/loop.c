/* SPDX-License-Identifier: Apache-2.0 */
/* Allocates the memory of a loop, and carries each event from the Runtime API through the handler
 * and back. */
#include "lambda/loop.h"

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "lambda/log.h"
#include "lambda/logged_store.h"
#include "lambda/metrics.h"

enum {
    BUFFER_ALIGN = 4096,
    RESPONSE_BYTES = RAPI_MAX_EVENT_BYTES + HTTP_MAX_HEAD_BYTES,
    REQUEST_BYTES = RAPI_MAX_EVENT_BYTES + RAPI_HEAD_BYTES
};

/* ---- memory ---------------------------------------------------------------------------------- */

/* Offsets of the buffers within a loop's mapping, and the size of the mapping. */
typedef struct buffer_offsets {
    size_t response, request, answer, arena, store, total;
} buffer_offsets;

static size_t next_offset(size_t offset, size_t bytes)
{
    return (offset + bytes + BUFFER_ALIGN - 1) / BUFFER_ALIGN * BUFFER_ALIGN;
}

static buffer_offsets place_buffers(const config *c)
{
    buffer_offsets p = {0, 0, 0, 0, 0, 0};

    p.request = next_offset(p.response, RESPONSE_BYTES);
    p.answer = next_offset(p.request, REQUEST_BYTES);
    p.arena = next_offset(p.answer, RAPI_MAX_EVENT_BYTES);
    p.store = next_offset(p.arena, handler_arena_bytes(RAPI_MAX_EVENT_BYTES));
    p.total = next_offset(p.store, c->table != NULL ? store_bytes() : 0);
    return p;
}

size_t loop_bytes(const config *c)
{
    return place_buffers(c).total;
}

static distil_status make_context(loop *l, const distil_model *model, distil_error *error)
{
    distil_context_options options = {0};

    options.threads = l->config->threads;
    return distil_context_new(&l->context, model, &options, error);
}

static int make_members(loop *l, const distil_model *model, char *why, size_t why_bytes)
{
    const config *c = l->config;
    buffer_offsets p = place_buffers(c);
    distil_error error;

    if (make_context(l, model, &error) != DISTIL_OK) {
        snprintf(why, why_bytes, "context: %s", error.message);
        return -1;
    }
    if (rapi_init(&l->api, c->runtime_api, l->memory + p.response, RESPONSE_BYTES,
                  l->memory + p.request, REQUEST_BYTES) != 0) {
        snprintf(why, why_bytes, "AWS_LAMBDA_RUNTIME_API: '%.80s' is not host:port",
                 c->runtime_api);
        return -1;
    }
    l->api.stop_fd = stop_fd(l->stop);
    if (c->table != NULL) {
        l->store = logged_store_init(l->memory + p.store, c, why, why_bytes);
        if (l->store == NULL)
            return -1;
    }
    l->answer = l->memory + p.answer;
    return handler_init(&l->handler, c, model, l->context, l->store, l->memory + p.arena,
                        handler_arena_bytes(RAPI_MAX_EVENT_BYTES), why, why_bytes);
}

int loop_init(loop *l, const config *c, const distil_model *model, stop *s, char *why,
              size_t why_bytes)
{
    memset(l, 0, sizeof *l);
    /* Until there is a connection, loop_free must not close descriptor 0 in its place. */
    net_init(&l->api.client.stream);
    l->config = c;
    l->stop = s;
    l->memory_bytes = loop_bytes(c);
    l->memory = mmap(NULL, l->memory_bytes, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (l->memory == MAP_FAILED) {
        l->memory = NULL;
        snprintf(why, why_bytes, "no memory for %zu bytes of buffers", l->memory_bytes);
        return -1;
    }
    if (make_members(l, model, why, why_bytes) == 0)
        return 0;
    loop_free(l);
    return -1;
}

void loop_free(loop *l)
{
    http_client_close(&l->api.client);
    if (l->store != NULL)
        store_close(l->store);
    distil_context_free(l->context);
    if (l->memory != NULL)
        munmap(l->memory, l->memory_bytes);
    memset(l, 0, sizeof *l);
    net_init(&l->api.client.stream);
}

/* ---- events ---------------------------------------------------------------------------------- */

static void log_why(const loop *l, log_level level, const char *request_id, const char *message,
                    const char *why)
{
    log_line line;

    log_begin(&line, &l->config->log, level, request_id, message);
    log_text(&line, "why", why);
    log_end(&line);
}

/* Fail an event that the handler has not seen. It gets the same log line and the same count that
 * the handler would have made. */
static rapi_status fail_unhandled(loop *l, const rapi_invocation *invocation, const char *type,
                                  const char *why)
{
    log_why(l, LOG_ERROR, invocation->request_id, "event failed", why);
    metrics_add(&l->handler.metrics, METRIC_ERRORS, 1);
    metrics_flush(&l->handler.metrics, invocation->request_id);
    return rapi_fail(&l->api, invocation->request_id, type, why);
}

/* Post the reply of the handler as a response or as an error. */
static rapi_status post_reply(loop *l, const rapi_invocation *invocation,
                              const handler_reply *reply)
{
    if (reply->outcome != HANDLER_ANSWER)
        return rapi_fail(&l->api, invocation->request_id, reply->error_type, reply->why);
    if (reply->answer.overflow)
        return fail_unhandled(l, invocation, "Function.ResponseSizeTooLarge",
                              "the answer is larger than 6 MiB");
    return rapi_respond(&l->api, invocation->request_id, reply->answer.data, reply->answer.size);
}

/* Handle one event and post the answer. Returns 0 to go on, or the exit status of the process. */
static int serve_event(loop *l, const rapi_invocation *invocation)
{
    handler_request request = {.request_id = invocation->request_id,
                               .event = invocation->event,
                               .trace_id = invocation->trace_id,
                               .deadline_unix_ms = invocation->deadline_unix_ms,
                               .repeated = invocation->repeated};
    handler_reply reply;
    rapi_status status;

    memset(&reply, 0, sizeof reply);
    buffer_init(&reply.answer, l->answer, RAPI_MAX_EVENT_BYTES);
    if (invocation->oversize) {
        status =
            fail_unhandled(l, invocation, "Function.BadEvent", "the event is larger than 6 MiB");
    } else {
        handler_run(&l->handler, &request, &reply);
        status = post_reply(l, invocation, &reply);
    }
    if (status == RAPI_DROP)
        log_why(l, LOG_WARN, invocation->request_id, "the answer was not taken", l->api.why);
    if (status == RAPI_EXIT)
        log_why(l, LOG_FATAL, invocation->request_id, "the Runtime API failed", l->api.why);
    return status == RAPI_EXIT || reply.outcome == HANDLER_FAIL_EXIT;
}

int loop_run(loop *l)
{
    /* The loop can have an event in hand from its first request on. */
    stop_busy(l->stop);
    while (!stop_is_wanted(l->stop)) {
        rapi_invocation invocation;
        rapi_status status = rapi_next(&l->api, &invocation);

        if (status == RAPI_STOPPED)
            break;
        /* A Runtime API that has gone away is no failure of a process that is to end. */
        if (status == RAPI_EXIT && stop_is_wanted(l->stop)) {
            log_why(l, LOG_WARN, NULL, "the Runtime API failed while the process ends", l->api.why);
            break;
        }
        if (status != RAPI_OK) {
            log_why(l, LOG_FATAL, NULL, "the Runtime API failed", l->api.why);
            return 1;
        }
        if (serve_event(l, &invocation) != 0)
            return 1;
    }
    stop_idle(l->stop);
    return 0;
}
