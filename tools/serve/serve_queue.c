/* SPDX-License-Identifier: Apache-2.0 */
/* Two linked lists of invocations; see serve_queue.h. */
#include "tools/serve/serve_queue.h"

#include <stdlib.h>
#include <string.h>

#include "runtime/base/clock.h"

enum {
    DEAD_EVENT_BYTES = 4096, /* A dead letter shows at most this many bytes of its event. */
    /* A dead letter shows at most this many bytes of its error message. */
    DEAD_MESSAGE_BYTES = 1024
};
_Static_assert(SERVE_DEAD_BYTES >
                   SERVE_DEAD_LETTERS *
                       (6 * (DEAD_EVENT_BYTES + DEAD_MESSAGE_BYTES + SERVE_TYPE_BYTES) + 256),
               "all dead letters must fit even if each of their bytes is escaped");

serve_invocation *serve_invocation_new(const serve_queue *q, http_slice event)
{
    serve_invocation *invocation = NULL;

    if (q->bytes + event.size <= SERVE_QUEUE_BYTES)
        invocation = calloc(1, sizeof *invocation);
    if (invocation == NULL)
        return NULL;
    invocation->event = malloc(event.size + 1);
    if (invocation->event == NULL) {
        free(invocation);
        return NULL;
    }
    if (event.size > 0)
        memcpy(invocation->event, event.at, event.size);
    invocation->event_size = event.size;
    return invocation;
}

void serve_invocation_free(serve_invocation *invocation)
{
    if (invocation == NULL)
        return;
    free(invocation->event);
    free(invocation->answer);
    free(invocation);
}

void serve_invocation_set_answer(serve_invocation *invocation, http_slice answer)
{
    free(invocation->answer);
    invocation->answer = malloc(answer.size + 1);
    invocation->answer_size = invocation->answer != NULL ? answer.size : 0;
    if (invocation->answer_size > 0)
        memcpy(invocation->answer, answer.at, answer.size);
}

void serve_queue_push(serve_queue *q, serve_invocation *invocation)
{
    invocation->next = NULL;
    if (q->last != NULL)
        q->last->next = invocation;
    else
        q->first = invocation;
    q->last = invocation;
    q->count++;
    q->bytes += invocation->event_size;
}

/* Remove from the queue the invocation that follows `before`, or the first one if `before` is NULL.
 * Returns the removed invocation. */
static serve_invocation *unlink_next(serve_queue *q, serve_invocation *before)
{
    serve_invocation **place = before != NULL ? &before->next : &q->first;
    serve_invocation *removed = *place;

    *place = removed->next;
    if (q->last == removed)
        q->last = before;
    removed->next = NULL;
    q->count--;
    q->bytes -= removed->event_size;
    return removed;
}

serve_invocation *serve_queue_pop(serve_queue *q, int64_t now_ns)
{
    serve_invocation *before = NULL;

    for (serve_invocation *i = q->first; i != NULL; before = i, i = i->next)
        if (i->not_before_ns <= now_ns)
            return unlink_next(q, before);
    return NULL;
}

int64_t serve_queue_due_ns(const serve_queue *q)
{
    int64_t due = CLOCK_NEVER;

    for (const serve_invocation *i = q->first; i != NULL; i = i->next)
        if (i->not_before_ns < due)
            due = i->not_before_ns;
    return due;
}

int serve_queue_drop(serve_queue *q, const serve_conn *caller)
{
    serve_invocation *before = NULL;

    for (serve_invocation *i = q->first; i != NULL; before = i, i = i->next) {
        if (i->caller == caller) {
            serve_invocation_free(unlink_next(q, before));
            return 1;
        }
    }
    return 0;
}

void serve_queue_add_dead(serve_queue *q, serve_invocation *invocation)
{
    invocation->next = NULL;
    if (q->dead_last != NULL)
        q->dead_last->next = invocation;
    else
        q->dead_first = invocation;
    q->dead_last = invocation;
    q->dead++;
    if (++q->dead_count > SERVE_DEAD_LETTERS) {
        serve_invocation *oldest = q->dead_first;

        q->dead_first = oldest->next;
        q->dead_count--;
        serve_invocation_free(oldest);
    }
}

void serve_queue_write_dead(const serve_queue *q, buffer *out)
{
    buffer_char(out, '[');
    for (const serve_invocation *i = q->dead_first; i != NULL; i = i->next) {
        size_t message = i->answer_size < DEAD_MESSAGE_BYTES ? i->answer_size : DEAD_MESSAGE_BYTES;
        size_t shown = i->event_size < DEAD_EVENT_BYTES ? i->event_size : DEAD_EVENT_BYTES;

        if (i != q->dead_first)
            buffer_char(out, ',');
        buffer_format(out, "{\"RequestID\":\"%s\",\"ErrorCode\":\"200\",\"tries\":%u,", i->id,
                      i->tries);
        buffer_text(out, "\"errorType\":");
        buffer_json_text(out, i->error_type);
        buffer_text(out, ",\"ErrorMessage\":");
        buffer_json(out, i->answer, message);
        buffer_text(out, ",\"event\":");
        buffer_json(out, i->event, shown);
        buffer_char(out, '}');
    }
    buffer_char(out, ']');
}

static void free_list(serve_invocation *first)
{
    while (first != NULL) {
        serve_invocation *next = first->next;

        serve_invocation_free(first);
        first = next;
    }
}

void serve_queue_free(serve_queue *q)
{
    free_list(q->first);
    free_list(q->dead_first);
    memset(q, 0, sizeof *q);
}
