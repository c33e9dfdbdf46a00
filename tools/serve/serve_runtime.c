/* SPDX-License-Identifier: Apache-2.0 */
/* The state machine of the Runtime API and of the process; see serve_runtime.h. */
#include "tools/serve/serve_runtime.h"

#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "runtime/base/buffer.h"
#include "runtime/base/clock.h"
#include "runtime/base/random.h"
#include "tools/serve/serve_show.h"

enum {
    CHUNKED_FROM = 2049, /* bytes of the smallest event in chunks, as a Go server has it */
    NS_PER_MS = 1000000,
    HEADERS_BYTES = 1024
};

#define FUNCTION_ARN "arn:aws:lambda:us-east-1:012345678912:function:function"

/* ---- replies --------------------------------------------------------------------------------- */

static http_slice slice_of(const char *text)
{
    return (http_slice){text, strlen(text)};
}

static void reply_json(serve_conn *conn, int status, const char *body, serve_fault fault)
{
    serve_reply reply = {.status = status, .type = "application/json", .body = slice_of(body)};

    serve_faults_apply(&reply, fault);
    serve_http_reply(conn, &reply);
}

static void reply_error(serve_conn *conn, int status, const char *type, const char *message)
{
    char text[512];
    buffer body;

    buffer_init(&body, text, sizeof text - 1);
    buffer_format(&body, "{\"errorMessage\":\"%s\",\"errorType\":\"%s\"}\n", message, type);
    text[body.size] = '\0';
    reply_json(conn, status, text, SERVE_FAULT_NONE);
}

static void reply_text(serve_conn *conn, int status, const char *text)
{
    serve_reply reply = {.status = status, .type = "text/plain; charset=utf-8"};

    reply.body = slice_of(text);
    serve_http_reply(conn, &reply);
}

/* Reply that the request is not allowed in the present state. */
static void reply_wrong_state(serve_conn *conn)
{
    reply_error(conn, 403, "InvalidStateTransition", "State transition is not allowed");
}

/* ---- outcomes -------------------------------------------------------------------------------- */

/* Record that the current try of an invocation failed, with the document of the function. */
static void set_failure(serve_invocation *i, const char *type, http_slice document)
{
    i->failed = 1;
    (void)snprintf(i->error_type, sizeof i->error_type, "%s", type);
    serve_invocation_set_answer(i, document);
}

/* Record that the current try failed, with a document that Lambda would make. `format` gets the
 * request id and `detail`. */
static void fail_invocation(serve_invocation *i, const char *type, const char *format,
                            const char *detail)
{
    char message[512], text[1024];
    buffer document;

    (void)snprintf(message, sizeof message, format, i->id, detail);
    buffer_init(&document, text, sizeof text);
    buffer_text(&document, "{\"errorType\":");
    buffer_json_text(&document, type);
    buffer_text(&document, ",\"errorMessage\":");
    buffer_json_text(&document, message);
    buffer_char(&document, '}');
    set_failure(i, type, (http_slice){text, document.size});
}

/* End the current invocation. The outputs of the function are read first, so that its lines appear
 * before its caller gets the answer. */
static void finish_invocation(serve_runtime *r)
{
    serve_invocation *done = r->current;

    serve_child_read(&r->child);
    r->current = NULL;
    if (!r->stopping)
        r->deadline_ns = CLOCK_NEVER;
    r->finished(r->context, done);
}

/* ---- events ---------------------------------------------------------------------------------- */

/* Append the header with a trace id, as Lambda sends it. */
static void add_trace(buffer *headers, uint64_t *random)
{
    uint64_t a = splitmix64(random), b = splitmix64(random);

    buffer_format(headers, "Lambda-Runtime-Trace-Id: Root=1-%08x-%08x%016llx;",
                  (unsigned)(clock_unix_ms() / 1000), (unsigned)a, (unsigned long long)b);
    buffer_format(headers, "Parent=%016llx;Sampled=0\r\n", (unsigned long long)(a ^ (b << 1)));
}

/* Send the current event as the reply to a request for an event. */
static void send_event(serve_runtime *r, serve_conn *conn)
{
    const serve_invocation *i = r->current;
    int64_t left_ms = (r->deadline_ns - clock_now_ns()) / NS_PER_MS;
    serve_fault fault = serve_faults_draw_runtime(r->faults);
    serve_reply reply = {.status = 200, .type = "application/json"};
    char text[HEADERS_BYTES];
    buffer headers;

    if (fault == SERVE_FAULT_BEFORE) {
        reply_error(conn, 500, "InternalServerError", "a fault on purpose");
        return;
    }
    buffer_init(&headers, text, sizeof text - 1);
    buffer_format(&headers, "Lambda-Runtime-Aws-Request-Id: %s\r\n", i->id);
    buffer_format(&headers, "Lambda-Runtime-Deadline-Ms: %lld\r\n",
                  (long long)(clock_unix_ms() + left_ms));
    buffer_format(&headers, "Lambda-Runtime-Invocation-Id: %s.%u\r\n", i->id, i->tries);
    buffer_text(&headers, "Lambda-Runtime-Invoked-Function-Arn: " FUNCTION_ARN "\r\n");
    add_trace(&headers, &r->faults->random);
    text[headers.size] = '\0';
    reply.headers = text;
    reply.body = (http_slice){i->event, i->event_size};
    reply.chunked = i->event_size >= CHUNKED_FROM;
    serve_faults_apply(&reply, fault);
    serve_http_reply(conn, &reply);
}

/* Send the current event to the connection that waits for one. */
static void answer_next(serve_runtime *r)
{
    serve_conn *conn = r->next;

    r->next = NULL;
    r->state = SERVE_BUSY;
    (void)snprintf(r->last_id, sizeof r->last_id, "%s", r->current->id);
    send_event(r, conn);
}

/* Make the first invocation that is due the current one, and start its deadline. Returns 0 if none
 * is due. */
static int begin_invocation(serve_runtime *r)
{
    r->current = r->stopping ? NULL : serve_queue_pop(r->queue, clock_now_ns());
    if (r->current == NULL)
        return 0;
    r->current->tries++;
    r->current->failed = 0;
    r->current->started_ns = clock_now_ns();
    r->deadline_ns = clock_after_ms(r->config->timeout_ms);
    return 1;
}

/* Handle a request of the function for the next event. */
static void receive_next(serve_runtime *r, serve_conn *conn)
{
    if (r->state != SERVE_INIT && r->state != SERVE_IDLE && r->state != SERVE_BUSY &&
        r->state != SERVE_ANSWERED) {
        reply_wrong_state(conn);
        return;
    }
    if (r->state == SERVE_INIT) {
        r->first_next_ns = clock_now_ns();
        if (r->current == NULL)
            r->deadline_ns = CLOCK_NEVER;
    }
    /* A function that asks again on another connection no longer reads from the first one. */
    if (r->next != NULL)
        serve_http_drop(r->next);
    r->next = conn;
    if (r->state == SERVE_ANSWERED)
        finish_invocation(r);
    r->state = SERVE_IDLE;
    if (r->current != NULL)
        answer_next(r);
}

/* ---- answers --------------------------------------------------------------------------------- */

/* Copy the type of an error from its header if it has the form Function.Word or Runtime.Word, and
 * otherwise copy `otherwise`. Lambda does the same. */
static void copy_error_type(char *out, size_t capacity, http_slice header, const char *otherwise)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    char text[SERVE_TYPE_BYTES];
    size_t size = header.size < sizeof text ? header.size : sizeof text - 1;
    const char *word;

    if (size > 0)
        memcpy(text, header.at, size);
    text[size] = '\0';
    word = strncmp(text, "Function.", 9) == 0  ? text + 9
           : strncmp(text, "Runtime.", 8) == 0 ? text + 8
                                               : "";
    if (*word < 'A' || *word > 'Z' || strlen(word) < 2 || strspn(word, letters) != strlen(word))
        word = NULL;
    (void)snprintf(out, capacity, "%s", word != NULL ? text : otherwise);
}

/* Check that the function may answer now, and that the answer is for the current event. Returns 1,
 * or 0 after replying with an error. */
static int check_answer(serve_runtime *r, serve_conn *conn, const serve_request *request,
                        http_slice id)
{
    http_slice mode = http_get(request->head, "Lambda-Runtime-Function-Response-Mode");
    http_slice invocation = http_get(request->head, "Lambda-Runtime-Invocation-Id");
    char expected[SERVE_ID_BYTES + 16] = "";

    if (r->current != NULL)
        (void)snprintf(expected, sizeof expected, "%s.%u", r->current->id, r->current->tries);
    if (invocation.at != NULL && !http_is(invocation, expected)) {
        /* The answer belongs to an earlier try of an event. Functions that do not know the header
         * leave it out. */
        reply_error(conn, 410, "InvokeTimeout", "The invocation is over");
    } else if (r->last_id[0] == '\0' || !http_is(id, r->last_id)) {
        reply_error(conn, 400, "InvalidRequestID", "Invalid request ID");
    } else if (r->state != SERVE_BUSY) {
        reply_wrong_state(conn);
    } else if (mode.at != NULL && !http_is(mode, "streaming")) {
        r->state = SERVE_WEDGED;
        reply_error(conn, 400, "InvalidFunctionResponseMode", "Invalid function response mode");
    } else {
        return 1;
    }
    return 0;
}

static void receive_response(serve_runtime *r, serve_conn *conn, const serve_request *request,
                             http_slice id)
{
    serve_fault fault = serve_faults_draw_runtime(r->faults);

    if (!check_answer(r, conn, request, id))
        return;
    if (fault == SERVE_FAULT_BEFORE) {
        reply_error(conn, 500, "InternalServerError", "a fault on purpose");
        return;
    }
    r->state = SERVE_ANSWERED;
    if (request->oversize || request->body.size > r->config->answer_bytes) {
        fail_invocation(r->current, "Function.ResponseSizeTooLarge",
                        "RequestId: %s Error: response payload size exceeded the maximum allowed%s",
                        "");
        reply_error(conn, 413, "RequestEntityTooLarge", "Exceeded maximum allowed payload size");
        return;
    }
    serve_invocation_set_answer(r->current, request->body);
    reply_json(conn, 202, "{\"status\":\"OK\"}\n", fault);
}

static void receive_error(serve_runtime *r, serve_conn *conn, const serve_request *request,
                          http_slice id)
{
    serve_fault fault = serve_faults_draw_runtime(r->faults);
    char type[SERVE_TYPE_BYTES];

    if (!check_answer(r, conn, request, id))
        return;
    if (request->oversize) { /* the Runtime Interface Emulator does not answer it either */
        r->state = SERVE_WEDGED;
        serve_http_drop(conn);
        return;
    }
    if (fault == SERVE_FAULT_BEFORE) {
        reply_error(conn, 500, "InternalServerError", "a fault on purpose");
        return;
    }
    copy_error_type(type, sizeof type,
                    http_get(request->head, "Lambda-Runtime-Function-Error-Type"),
                    "Function.Unknown");
    set_failure(r->current, type, request->body);
    r->state = SERVE_ANSWERED;
    reply_json(conn, 202, "{\"status\":\"OK\"}\n", fault);
}

static void receive_init_error(serve_runtime *r, serve_conn *conn, const serve_request *request)
{
    size_t size =
        request->body.size < sizeof r->init_error ? request->body.size : sizeof r->init_error - 1;

    if (r->state != SERVE_INIT) {
        reply_wrong_state(conn);
        return;
    }
    if (size > 0)
        memcpy(r->init_error, request->body.at, size);
    r->init_error[size] = '\0';
    copy_error_type(r->init_type, sizeof r->init_type,
                    http_get(request->head, "Lambda-Runtime-Function-Error-Type"),
                    "Runtime.Unknown");
    r->state = SERVE_INIT_FAILED;
    reply_json(conn, 202, "{\"status\":\"OK\"}\n", SERVE_FAULT_NONE);
}

/* ---- routes ---------------------------------------------------------------------------------- */

/* If text begins with the prefix, set *rest to what follows and return 1. */
static int begins(http_slice text, const char *prefix, http_slice *rest)
{
    size_t n = strlen(prefix);

    if (text.size < n || memcmp(text.at, prefix, n) != 0)
        return 0;
    *rest = (http_slice){text.at + n, text.size - n};
    return 1;
}

/* If rest has the form ID followed by `last`, such as "/response", set *id and return 1. */
static int match_id(http_slice rest, const char *last, http_slice *id)
{
    size_t n = strlen(last);

    if (rest.size <= n || memcmp(rest.at + rest.size - n, last, n) != 0)
        return 0;
    *id = (http_slice){rest.at, rest.size - n};
    return memchr(id->at, '/', id->size) == NULL;
}

void serve_runtime_request(serve_runtime *r, serve_conn *conn, const serve_request *request,
                           http_slice rest)
{
    int post = http_is(request->head->method, "POST"), get = http_is(request->head->method, "GET");
    http_slice what, id;

    if (http_is(rest, "runtime/invocation/next") && get)
        receive_next(r, conn);
    else if (http_is(rest, "runtime/init/error") && post)
        receive_init_error(r, conn, request);
    else if (begins(rest, "runtime/invocation/", &what) && match_id(what, "/response", &id) && post)
        receive_response(r, conn, request, id);
    else if (begins(rest, "runtime/invocation/", &what) && match_id(what, "/error", &id) && post)
        receive_error(r, conn, request, id);
    else
        reply_text(conn, 404, "404 page not found\n");
}

void serve_runtime_gone(serve_runtime *r, serve_conn *conn, const serve_request *request)
{
    http_slice rest;

    if (conn == r->next)
        r->next = NULL;
    /* After an incomplete answer only the deadline ends the invocation. */
    if (!request->whole && r->state == SERVE_BUSY && http_is(request->head->method, "POST") &&
        begins(request->head->path, "/2018-06-01/runtime/invocation/", &rest))
        r->state = SERVE_WEDGED;
}

/* ---- the process ----------------------------------------------------------------------------- */

/* Start a process. Returns 0, or an errno. */
static int start_process(serve_runtime *r)
{
    int error;

    r->started_ns = clock_now_ns();
    r->first_next_ns = 0;
    r->timed_out = 0;
    r->init_error[0] = '\0';
    error = serve_child_start(&r->child, r->config->command, r->environment, &r->mask);
    if (error != 0)
        return error;
    r->starts++;
    r->state = SERVE_INIT;
    serve_show_notice("process %ld started", (long)r->child.pid);
    return 0;
}

int serve_runtime_start(serve_runtime *r)
{
    r->deadline_ns = clock_after_ms(SERVE_INIT_MS);
    return start_process(r);
}

/* Describe how a process ended, as Lambda does in its messages. */
static void describe_end(char *out, size_t capacity, int status)
{
    if (WIFSIGNALED(status))
        (void)snprintf(out, capacity, "signal: %s", strsignal(WTERMSIG(status)));
    else
        (void)snprintf(out, capacity, "exit status %d", WEXITSTATUS(status));
}

/* Record why the current invocation failed when its process ended. */
static void fail_current(serve_runtime *r, int status, const char *end)
{
    char seconds[32];

    (void)snprintf(seconds, sizeof seconds, "%.2f", (double)r->config->timeout_ms / 1000);
    if (r->timed_out)
        fail_invocation(r->current, "Sandbox.Timedout",
                        "RequestId: %s Error: Task timed out after %s seconds", seconds);
    else if (r->state == SERVE_INIT_FAILED)
        set_failure(r->current, r->init_type, slice_of(r->init_error));
    else if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        fail_invocation(r->current, "Runtime.ExitError",
                        "RequestId: %s Error: Runtime exited without providing a reason%s", "");
    else
        fail_invocation(r->current, "Runtime.ExitError",
                        "RequestId: %s Error: Runtime exited with error: %s", end);
}

/* Record the end of the process, and finish the invocation that it had. */
static void record_end(serve_runtime *r, int status)
{
    char end[64];

    describe_end(end, sizeof end, status);
    r->last_status = status;
    serve_show_notice("process ended: %s%s%s", end, r->timed_out ? ", killed at the deadline" : "",
                      r->state == SERVE_INIT_FAILED ? ", after an init error:" : "");
    if (r->state == SERVE_INIT_FAILED)
        serve_show_notice("%.500s", r->init_error);
    if (r->next != NULL)
        serve_http_drop(r->next);
    r->next = NULL;
    if (r->current != NULL) {
        fail_current(r, status, end);
        r->state = SERVE_DOWN;
        finish_invocation(r);
    }
    r->state = SERVE_DOWN;
    r->deadline_ns = CLOCK_NEVER;
}

void serve_runtime_update(serve_runtime *r)
{
    int status;

    if (serve_child_has_ended(&r->child, &status))
        record_end(r, status);
    if (r->deadline_ns <= clock_now_ns() && r->state != SERVE_DOWN) {
        r->timed_out = !r->stopping;
        r->deadline_ns = CLOCK_NEVER;
        serve_child_signal(&r->child, SIGKILL);
    }
    if (r->state == SERVE_IDLE && r->next != NULL && begin_invocation(r))
        answer_next(r);
    if (r->state == SERVE_DOWN && begin_invocation(r)) {
        int error = start_process(r);

        if (error != 0) {
            fail_invocation(r->current, "Runtime.InvalidEntrypoint", "RequestId: %s Error: %s",
                            strerror(error));
            finish_invocation(r);
        }
    }
}

int64_t serve_runtime_due_ns(const serve_runtime *r)
{
    int64_t due = r->deadline_ns;
    int64_t queue = CLOCK_NEVER;

    if (!r->stopping && ((r->state == SERVE_IDLE && r->next != NULL) || r->state == SERVE_DOWN))
        queue = serve_queue_due_ns(r->queue);
    return queue < due ? queue : due;
}

void serve_runtime_stop(serve_runtime *r)
{
    if (r->stopping)
        return;
    r->stopping = 1;
    r->deadline_ns = clock_after_ms(SERVE_STOP_MS);
    serve_child_signal(&r->child, SIGTERM);
}
