/* SPDX-License-Identifier: Apache-2.0 */
/* The Invoke API, events of the command line, and what comes of invocations; see serve_server.h. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/buffer.h"
#include "runtime/base/clock.h"
#include "runtime/base/json.h"
#include "runtime/base/random.h"
#include "tools/command/commands.h"
#include "tools/serve/serve_server.h"
#include "tools/serve/serve_show.h"

enum {
    ASYNC_EVENT_BYTES = 1 << 20, /* Lambda's limit for an asynchronous event */
    NS_PER_MS = 1000000
};

/* ---- the Invoke API -------------------------------------------------------------------------- */

void serve_make_id(serve *s, char *id)
{
    uint64_t a = splitmix64(&s->faults.random), b = splitmix64(&s->faults.random);

    (void)snprintf(id, SERVE_ID_BYTES, "%08x-%04x-4%03x-%04x-%04x%08x", (unsigned)(a >> 32),
                   (unsigned)(a >> 16) & 0xffffU, (unsigned)a & 0xfffU,
                   0x8000U | ((unsigned)(b >> 48) & 0x3fffU), (unsigned)(b >> 32) & 0xffffU,
                   (unsigned)b);
}

void serve_reply_error(serve_conn *conn, int status, const char *type, const char *message)
{
    char text[512], header[128];
    serve_reply reply = {.status = status, .type = "application/json", .headers = header};
    buffer body;

    buffer_init(&body, text, sizeof text);
    buffer_text(&body, "{\"Type\":\"User\",\"Message\":");
    buffer_json_text(&body, message);
    buffer_char(&body, '}');
    (void)snprintf(header, sizeof header, "x-amzn-ErrorType: %s\r\n", type);
    reply.body = (http_slice){text, body.size};
    serve_http_reply(conn, &reply);
}

/* Reply to a caller of the Invoke API: with 202 that an asynchronous event was accepted, or with
 * 200 and the answer of the function. */
static void reply_invocation(const serve_invocation *i, serve_conn *conn, int status)
{
    char headers[256];
    serve_reply reply = {.status = status, .headers = headers};

    (void)snprintf(headers, sizeof headers,
                   "x-amzn-RequestId: %s\r\nX-Amz-Executed-Version: $LATEST\r\n%s", i->id,
                   status == 200 && i->failed ? "X-Amz-Function-Error: Unhandled\r\n" : "");
    if (status == 200) {
        reply.type = "application/json";
        reply.body = (http_slice){i->answer, i->answer_size};
    }
    serve_http_reply(conn, &reply);
}

void serve_invoke(serve *s, serve_conn *conn, const serve_request *request)
{
    http_slice how = http_get(request->head, "X-Amz-Invocation-Type");
    int asynchronous = http_is(how, "Event");
    serve_invocation *i;

    if (http_is(how, "DryRun")) {
        serve_reply reply = {.status = 204};

        serve_http_reply(conn, &reply);
        return;
    }
    if (request->oversize || (asynchronous && request->body.size > ASYNC_EVENT_BYTES)) {
        serve_reply_error(conn, 413, "RequestTooLargeException", "the event is too large");
        return;
    }
    i = serve_invocation_new(&s->queue, request->body);
    if (i == NULL) {
        serve_reply_error(conn, 429, "TooManyRequestsException", "too many events are waiting");
        return;
    }
    serve_make_id(s, i->id);
    i->asynchronous = asynchronous;
    i->caller = asynchronous ? NULL : conn;
    if (asynchronous)
        reply_invocation(i, conn, 202);
    serve_queue_push(&s->queue, i);
}

/* ---- events of the command line -------------------------------------------------------------- */

/* Read a file, or standard input for "-", into memory that the caller frees. Returns NULL after
 * reporting why it cannot be read. */
static char *read_event(const char *path, size_t *size)
{
    FILE *in = strcmp(path, "-") == 0 ? stdin : fopen(path, "rb");
    char *text = in != NULL ? malloc(SERVE_MAX_BODY_BYTES + 1) : NULL;

    *size = text != NULL ? fread(text, 1, SERVE_MAX_BODY_BYTES + 1, in) : 0;
    if (text == NULL || ferror(in) || *size > SERVE_MAX_BODY_BYTES) {
        serve_show_notice("%s: %s", path,
                          text != NULL && !ferror(in) ? "more than 6 MiB, Lambda's limit"
                                                      : strerror(errno));
        free(text);
        text = NULL;
    }
    if (in != NULL && in != stdin)
        (void)fclose(in);
    return text;
}

void serve_queue_next_event(serve *s)
{
    while (s->next_event < s->config->event_count) {
        const char *path = s->config->events[s->next_event++];
        size_t size;
        char *text = read_event(path, &size);
        serve_invocation *i =
            text != NULL ? serve_invocation_new(&s->queue, (http_slice){text, size}) : NULL;

        free(text);
        if (i != NULL) {
            serve_make_id(s, i->id);
            i->number = (int)s->next_event;
            serve_queue_push(&s->queue, i);
            return;
        }
        s->status = CMD_FAILED;
    }
    s->stopping = 1;
}

/* Returns 1 if the response itself reports a failure: it has an HTTP status of 400 or more, or a
 * list of failed records that is not empty. */
static int reports_failure(const serve_invocation *i)
{
    json_value root, member;
    json_iter failures;
    int64_t status;

    if (json_parse(&root, i->answer, i->answer_size, NULL) != 0)
        return 0;
    if (json_get(root, "statusCode", &member) && json_int64(member, &status) == 0 && status >= 400)
        return 1;
    if (!json_get(root, "batchItemFailures", &member))
        return 0;
    json_iter_init(&failures, member);
    return json_iter_next(&failures);
}

/* ---- outcomes -------------------------------------------------------------------------------- */

/* Show how long an invocation took and what came of it. */
static void show_outcome(const serve *s, const serve_invocation *i)
{
    double ms = (double)(clock_now_ns() - i->started_ns) / (double)NS_PER_MS;

    if (!s->config->raw)
        serve_show_notice("%s: %.1f ms, %zu bytes in, %zu out%s%s", i->id, ms, i->event_size,
                          i->answer_size, i->failed ? ", failed: " : "",
                          i->failed ? i->error_type : "");
    if (i->number > 0)
        serve_show_answer(s->config->raw, i->failed ? "ERROR" : "RESPONSE", i->answer,
                          i->answer_size);
    (void)fflush(stdout);
}

/* Queue a failed asynchronous event for another try, or make it a dead letter. */
static void retry_or_bury(serve *s, serve_invocation *i)
{
    if (i->tries >= SERVE_TRIES) {
        serve_show_notice("%s: dead letter after %u tries", i->id, i->tries);
        s->failed++;
        serve_queue_add_dead(&s->queue, i);
        return;
    }
    s->retried++;
    i->not_before_ns = clock_after_ms(s->config->retry_ms * (int64_t)i->tries);
    serve_queue_push(&s->queue, i);
}

void serve_finish_invocation(void *context, serve_invocation *i)
{
    serve *s = context;

    show_outcome(s, i);
    if (i->failed && i->asynchronous) {
        retry_or_bury(s, i);
        return;
    }
    s->succeeded += !i->failed;
    s->failed += i->failed != 0;
    if (i->caller != NULL)
        reply_invocation(i, i->caller, 200);
    if (i->number > 0) {
        if (i->failed || reports_failure(i))
            s->status = CMD_FAILED;
        serve_queue_next_event(s);
    }
    serve_invocation_free(i);
}
