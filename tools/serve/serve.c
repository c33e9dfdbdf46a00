/* SPDX-License-Identifier: Apache-2.0 */
/* The server as a whole: the loop, the routes, the Invoke API and its outcomes; see serve.h. */
#include "tools/serve/serve.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "runtime/base/buffer.h"
#include "runtime/base/clock.h"
#include "runtime/base/json.h"
#include "runtime/base/random.h"
#include "tools/command/commands.h"
#include "tools/serve/serve_environment.h"
#include "tools/serve/serve_faults.h"
#include "tools/serve/serve_http.h"
#include "tools/serve/serve_queue.h"
#include "tools/serve/serve_runtime.h"
#include "tools/serve/serve_show.h"
#include "tools/serve/serve_store.h"

enum {
    ASYNC_EVENT_BYTES = 1 << 20, /* Lambda's limit for an asynchronous event */
    STATE_BYTES = 2048,
    NS_PER_MS = 1000000,
    NS_PER_US = 1000,
    POLL_FDS = 1 + SERVE_CHILD_FDS + SERVE_POLL_FDS
};

#define INVOKE_PREFIX "/2015-03-31/functions/"
#define INVOKE_PATH INVOKE_PREFIX "function/invocations"

typedef struct serve {
    const serve_config *config;
    serve_http *http;
    serve_runtime runtime;
    serve_queue queue;
    serve_store *store;
    serve_faults faults;
    char *store_answer; /* memory of SERVE_STORE_ANSWER_BYTES */
    int signal_fd;
    size_t next_event;                   /* index of the next event in config->events */
    int stopping;                        /* 1 if the program is to end */
    int interrupted;                     /* 1 if SIGINT came */
    int status;                          /* exit status so far */
    uint64_t succeeded, failed, retried; /* counts of invocations */
} serve;

/* ---- the Invoke API -------------------------------------------------------------------------- */

/* Make a UUID of version 4 from the seeded generator. */
static void make_id(serve *s, char *id)
{
    uint64_t a = splitmix64(&s->faults.random), b = splitmix64(&s->faults.random);

    (void)snprintf(id, SERVE_ID_BYTES, "%08x-%04x-4%03x-%04x-%04x%08x", (unsigned)(a >> 32),
                   (unsigned)(a >> 16) & 0xffffU, (unsigned)a & 0xfffU,
                   0x8000U | ((unsigned)(b >> 48) & 0x3fffU), (unsigned)(b >> 32) & 0xffffU,
                   (unsigned)b);
}

/* Reply with an error in the form of the Invoke API. */
static void reply_error(serve_conn *conn, int status, const char *type, const char *message)
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

/* Handle a request of the Invoke API. */
static void invoke(serve *s, serve_conn *conn, const serve_request *request)
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
        reply_error(conn, 413, "RequestTooLargeException", "the event is too large");
        return;
    }
    i = serve_invocation_new(&s->queue, request->body);
    if (i == NULL) {
        reply_error(conn, 429, "TooManyRequestsException", "too many events are waiting");
        return;
    }
    make_id(s, i->id);
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

/* Queue the next event of the command line that can be read, or stop after the last one. */
static void queue_next_event(serve *s)
{
    while (s->next_event < s->config->event_count) {
        const char *path = s->config->events[s->next_event++];
        size_t size;
        char *text = read_event(path, &size);
        serve_invocation *i =
            text != NULL ? serve_invocation_new(&s->queue, (http_slice){text, size}) : NULL;

        free(text);
        if (i != NULL) {
            make_id(s, i->id);
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
    double ms = (double)(clock_now_ns() - i->started_ns) / NS_PER_MS;

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

/* Receives each invocation that is over. */
static void on_finished(void *context, serve_invocation *i)
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
        queue_next_event(s);
    }
    serve_invocation_free(i);
}

/* ---- DynamoDB -------------------------------------------------------------------------------- */

static void reply_store(serve *s, serve_conn *conn, int status, const buffer *answer,
                        serve_fault fault)
{
    char headers[128], id[SERVE_ID_BYTES];
    serve_reply reply = {.status = status, .type = "application/x-amz-json-1.0"};

    make_id(s, id);
    (void)snprintf(headers, sizeof headers, "x-amzn-RequestId: %s\r\nx-amz-crc32: %u\r\n", id,
                   (unsigned)serve_store_crc32(answer->data, answer->size));
    reply.headers = headers;
    reply.body = (http_slice){answer->data, answer->size};
    serve_faults_apply(&reply, fault);
    serve_http_reply(conn, &reply);
}

/* Handle a request for the store. Only UpdateItem, the call of the function, gets faults; tests
 * rely on PutItem and GetItem. */
static void call_store(serve *s, serve_conn *conn, const serve_request *request)
{
    http_slice target = http_get(request->head, "X-Amz-Target");
    int update = http_is(target, "DynamoDB_20120810.UpdateItem");
    serve_fault fault = update ? serve_faults_draw_store(&s->faults) : SERVE_FAULT_NONE;
    buffer answer;
    int status = 400;

    buffer_init(&answer, s->store_answer, SERVE_STORE_ANSWER_BYTES);
    if (fault == SERVE_FAULT_THROTTLE)
        serve_store_error(&answer, "ProvisionedThroughputExceededException",
                          "a fault on purpose: slow down");
    else if (update && http_get(request->head, "Authorization").size == 0)
        serve_store_error(&answer, "MissingAuthenticationTokenException",
                          "Request is missing Authentication Token");
    else if (fault != SERVE_FAULT_BEFORE)
        status = serve_store_call(s->store, target, request->body, &answer);
    if (fault == SERVE_FAULT_BEFORE || fault == SERVE_FAULT_AFTER) {
        serve_store_error(&answer, "InternalServerError", "a fault on purpose");
        status = 500;
    }
    reply_store(s, conn, status, &answer, fault);
}

/* ---- documents for tests --------------------------------------------------------------------- */

static void add_count(buffer *out, const char *name, uint64_t value)
{
    buffer_format(out, ",\"%s\":%llu", name, (unsigned long long)value);
}

/* Write the counts of /serve/state as JSON. */
static void write_state(const serve *s, buffer *out)
{
    const serve_runtime *r = &s->runtime;

    buffer_format(out, "{\"pid\":%ld", (long)r->child.pid);
    add_count(out, "starts", r->starts);
    if (r->first_next_ns != 0)
        add_count(out, "start_to_next_us",
                  (uint64_t)(r->first_next_ns - r->started_ns) / NS_PER_US);
    buffer_format(out, ",\"idle\":%s,\"busy\":%s", r->state == SERVE_IDLE ? "true" : "false",
                  r->current != NULL ? "true" : "false");
    add_count(out, "queued", s->queue.count);
    add_count(out, "succeeded", s->succeeded);
    add_count(out, "failed", s->failed);
    add_count(out, "retried", s->retried);
    add_count(out, "dead", s->queue.dead);
    add_count(out, "faults", s->faults.count);
    if (s->store != NULL) {
        serve_store_counts c = serve_store_count(s->store);

        buffer_format(out, ",\"store\":{\"items\":%llu", (unsigned long long)c.items);
        add_count(out, "changed", c.changed);
        add_count(out, "changed_again", c.changed_again);
        add_count(out, "repeats", c.repeats);
        add_count(out, "conflicts", c.conflicts);
        add_count(out, "refused", c.refused);
        buffer_char(out, '}');
    }
    buffer_text(out, "}\n");
}

/* Reply with a JSON document of at most `most` bytes. */
static void reply_document(serve_conn *conn, size_t most, const serve *s,
                           void (*write)(const serve *s, buffer *out))
{
    serve_reply reply = {.status = 200, .type = "application/json"};
    char *text = malloc(most);
    buffer out;

    if (text == NULL) {
        serve_http_drop(conn);
        return;
    }
    buffer_init(&out, text, most);
    write(s, &out);
    reply.body = (http_slice){text, out.size};
    serve_http_reply(conn, &reply);
    free(text);
}

static void write_dead(const serve *s, buffer *out)
{
    serve_queue_write_dead(&s->queue, out);
}

/* ---- routes ---------------------------------------------------------------------------------- */

static int begins(http_slice text, const char *prefix)
{
    return text.size >= strlen(prefix) && memcmp(text.at, prefix, strlen(prefix)) == 0;
}

static int is_invoke(http_slice path)
{
    static const char end[] = "/invocations";

    return begins(path, INVOKE_PREFIX) && path.size > sizeof end &&
           memcmp(path.at + path.size - (sizeof end - 1), end, sizeof end - 1) == 0;
}

static void on_request(void *context, serve_conn *conn, const serve_request *request)
{
    static const char runtime[] = "/2018-06-01/";
    serve *s = context;
    http_slice path = request->head->path;
    int post = http_is(request->head->method, "POST"), get = http_is(request->head->method, "GET");

    if (begins(path, runtime)) {
        http_slice rest = {path.at + sizeof runtime - 1, path.size - (sizeof runtime - 1)};

        serve_runtime_request(&s->runtime, conn, request, rest);
    } else if (is_invoke(path) && post) {
        invoke(s, conn, request);
    } else if (http_is(path, "/") && post && s->store != NULL) {
        call_store(s, conn, request);
    } else if (http_is(path, "/serve/state") && get) {
        reply_document(conn, STATE_BYTES, s, write_state);
    } else if (http_is(path, "/serve/dead-letters") && get) {
        reply_document(conn, SERVE_DEAD_BYTES, s, write_dead);
    } else {
        reply_error(conn, 404, "ResourceNotFoundException",
                    "invoke at POST " INVOKE_PATH "; see man distil");
    }
}

static void on_gone(void *context, serve_conn *conn, const serve_request *request)
{
    serve *s = context;

    if (serve_queue_drop(&s->queue, conn))
        return;
    if (s->runtime.current != NULL && s->runtime.current->caller == conn)
        s->runtime.current->caller = NULL;
    serve_runtime_gone(&s->runtime, conn, request);
}

/* ---- the loop -------------------------------------------------------------------------------- */

/* Read the signals that have come. */
static void read_signals(serve *s)
{
    struct signalfd_siginfo info;

    while (read(s->signal_fd, &info, sizeof info) == (ssize_t)sizeof info) {
        if (info.ssi_signo == SIGCHLD)
            continue; /* every round of the loop asks whether the process has ended */
        s->interrupted = s->interrupted || info.ssi_signo == SIGINT;
        s->stopping = 1;
    }
}

/* Returns how many milliseconds poll() may wait, or -1 if nothing is due. */
static int timeout_ms(const serve *s)
{
    int64_t due = serve_runtime_due_ns(&s->runtime), http = serve_http_due_ns(s->http);
    int64_t now = clock_now_ns(), ms;

    due = http < due ? http : due;
    if (due == CLOCK_NEVER)
        return -1;
    ms = due <= now ? 0 : (due - now) / NS_PER_MS + 1;
    return ms > 60000 ? 60000 : (int)ms;
}

/* Poll and act until the program is to end and the process of the function has ended. */
static void loop(serve *s)
{
    struct pollfd fds[POLL_FDS];

    for (;;) {
        size_t count;

        serve_runtime_update(&s->runtime);
        if (s->stopping)
            serve_runtime_stop(&s->runtime);
        if (s->stopping && s->runtime.state == SERVE_DOWN)
            return;
        fds[0] = (struct pollfd){.fd = s->signal_fd, .events = POLLIN};
        serve_child_poll(&s->runtime.child, fds + 1);
        count = serve_http_poll(s->http, fds + 1 + SERVE_CHILD_FDS);
        (void)fflush(stdout);
        if (poll(fds, (nfds_t)(1 + SERVE_CHILD_FDS + count), timeout_ms(s)) < 0)
            continue; /* EINTR can only come from a debugger, because all signals are blocked */
        if (fds[0].revents != 0)
            read_signals(s);
        if (fds[1].revents != 0 || fds[2].revents != 0)
            serve_child_read(&s->runtime.child);
        serve_http_transfer(s->http, fds + 1 + SERVE_CHILD_FDS, count);
    }
}

static void on_line(void *context, const char *line, size_t size, int from_stderr)
{
    const serve *s = context;

    serve_show_line(s->config->raw, line, size, from_stderr);
}

/* ---- setting up ------------------------------------------------------------------------------ */

/* Block the signals that the loop reads from signal_fd. Returns 0, or -1 with errno set. */
static int open_signals(serve *s)
{
    sigset_t wanted;

    (void)sigemptyset(&wanted);
    (void)sigaddset(&wanted, SIGINT);
    (void)sigaddset(&wanted, SIGTERM);
    (void)sigaddset(&wanted, SIGCHLD);
    if (sigprocmask(SIG_BLOCK, &wanted, &s->runtime.mask) != 0)
        return -1;
    s->signal_fd = signalfd(-1, &wanted, SFD_CLOEXEC | SFD_NONBLOCK);
    return s->signal_fd < 0 ? -1 : 0;
}

/* Prepare everything but the process. Returns 0, or -1 after reporting why not. */
static int set_up(serve *s)
{
    const serve_config *config = s->config;
    serve_events events = {s, on_request, on_gone};

    serve_faults_init(&s->faults, config->fault_rate, config->seed);
    s->http = serve_http_open(config->port, &events);
    if (s->http == NULL || open_signals(s) != 0) {
        serve_show_notice("port %u of 127.0.0.1: %s; another one: --port N, or 0 for any",
                          (unsigned)config->port, strerror(errno));
        return -1;
    }
    if (config->store != NULL && strcmp(config->store, "memory") == 0) {
        s->store = serve_store_new(serve_environment_table(), config->pending);
        s->store_answer = malloc(SERVE_STORE_ANSWER_BYTES);
        if (s->store == NULL || s->store_answer == NULL) {
            serve_show_notice("out of memory");
            return -1;
        }
    }
    s->runtime.config = config;
    s->runtime.queue = &s->queue;
    s->runtime.faults = &s->faults;
    s->runtime.environment = serve_environment_new(config, serve_http_port(s->http));
    s->runtime.finished = on_finished;
    s->runtime.context = s;
    serve_child_init(&s->runtime.child, on_line, s);
    return s->runtime.environment != NULL ? 0 : -1;
}

static void tear_down(serve *s)
{
    if (s->http != NULL)
        serve_http_close(s->http);
    if (s->signal_fd >= 0)
        (void)close(s->signal_fd);
    serve_queue_free(&s->queue);
    serve_store_free(s->store);
    free(s->store_answer);
    free((void *)(uintptr_t)s->runtime.environment);
}

/* Start the function and serve until the end. Returns the exit status. */
static int run(serve *s)
{
    int error = serve_runtime_start(&s->runtime);

    if (error != 0) {
        serve_show_notice("%s: %s", s->config->command[0], strerror(error));
        return CMD_FAILED;
    }
    serve_show_notice("invoke at http://127.0.0.1:%u" INVOKE_PATH,
                      (unsigned)serve_http_port(s->http));
    if (s->config->event_count > 0)
        queue_next_event(s);
    loop(s);
    if (s->interrupted)
        return CMD_INTERRUPTED;
    return s->status;
}

int serve_until_end(const serve_config *config)
{
    serve *s = calloc(1, sizeof *s);
    int status = CMD_FAILED;

    if (s == NULL)
        return status;
    s->config = config;
    s->signal_fd = -1;
    s->status = CMD_OK;
    if (set_up(s) == 0)
        status = run(s);
    tear_down(s);
    free(s);
    return status;
}
