/* SPDX-License-Identifier: Apache-2.0 */
/* The server: its setup, its loop, and which request goes where; see serve.h. */
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
#include "runtime/base/crc32.h"
#include "tools/command/commands.h"
#include "tools/serve/serve_environment.h"
#include "tools/serve/serve_server.h"
#include "tools/serve/serve_show.h"

enum { NS_PER_MS = 1000000, POLL_FDS = 1 + SERVE_CHILD_FDS + SERVE_POLL_FDS };

/* ---- DynamoDB -------------------------------------------------------------------------------- */

static void reply_store(serve *s, serve_conn *conn, int status, const buffer *answer,
                        serve_fault fault)
{
    char headers[128], id[SERVE_ID_BYTES];
    serve_reply reply = {.status = status, .type = "application/x-amz-json-1.0"};

    serve_make_id(s, id);
    (void)snprintf(headers, sizeof headers, "x-amzn-RequestId: %s\r\nx-amz-crc32: %u\r\n", id,
                   (unsigned)crc32_ieee(answer->data, answer->size));
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
        serve_invoke(s, conn, request);
    } else if (http_is(path, "/") && post && s->store != NULL) {
        call_store(s, conn, request);
    } else if (http_is(path, "/serve/state") && get) {
        serve_reply_state(s, conn);
    } else if (http_is(path, "/serve/dead-letters") && get) {
        serve_reply_dead_letters(s, conn);
    } else {
        serve_reply_error(conn, 404, "ResourceNotFoundException",
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
    s->runtime.finished = serve_finish_invocation;
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
        serve_queue_next_event(s);
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
