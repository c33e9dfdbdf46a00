/* SPDX-License-Identifier: Apache-2.0 */
/* A running stand-in: its process, its output in memory files, and calls to it. */
#define _GNU_SOURCE /* This declares fallocate. */
#include "tests/support/support_serve.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "runtime/base/clock.h"
#include "tests/support/harness.h"

enum {
    LINE_BYTES = 1 << 20, /* The longest line of output. */
    /* After this many bytes of output were read, the memory that holds them is given back to the
     * system. */
    PUNCH_BYTES = 8 << 20,
    REQUEST_BYTES = 6400000,
    RESPONSE_BYTES = 6500000,
    WAIT_MS = 10000,
    ANSWER_MS = 120000,
    POLL_US = 2000,
    MOST_VARIABLES = 32
};

/* A file in memory that a process writes and the test reads. */
typedef struct output {
    int fd;
    off_t read, punched;
    size_t begin, end; /* The range of bytes that are in memory and were not returned yet. */
    char memory[LINE_BYTES + 1];
} output;

struct serve_run {
    pid_t pid; /* 0: the process has ended. */
    int status;
    uint16_t port;
    output out, err;
};

struct serve_caller {
    http_client client;
    char *request, *response;
};

const char *serve_build_path(const char *name)
{
    static char path[SERVE_NAME_BYTES];
    const char *build = getenv("DISTIL_BUILD");

    (void)snprintf(path, sizeof path, "%s/%s", build != NULL ? build : "build", name);
    return path;
}

/* ---- output ---------------------------------------------------------------------------------- */

static int output_open(output *o)
{
    o->fd = harness_memory_file();
    /* Writes append to the file, wherever the reader has set the descriptor's offset. */
    return o->fd < 0 || fcntl(o->fd, F_SETFL, O_APPEND) != 0 ? -1 : 0;
}

/* Give back the memory of output that was read, so that a long run needs none for it. */
static void release_output(output *o)
{
    if (o->read - o->punched < PUNCH_BYTES)
        return;
    (void)fallocate(o->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, o->read);
    o->punched = o->read;
}

static const char *output_next(output *o, size_t *size)
{
    for (;;) {
        char *end = memchr(o->memory + o->begin, '\n', o->end - o->begin);
        ssize_t got;

        if (end != NULL) {
            char *line = o->memory + o->begin;

            *end = '\0';
            *size = (size_t)(end - line);
            o->begin += *size + 1;
            return line;
        }
        memmove(o->memory, o->memory + o->begin, o->end - o->begin);
        o->end -= o->begin;
        o->begin = 0;
        got = pread(o->fd, o->memory + o->end, LINE_BYTES - o->end, o->read);
        if (got <= 0)
            return NULL;
        o->end += (size_t)got;
        o->read += got;
        release_output(o);
    }
}

const char *serve_line_next(serve_run *run, size_t *size)
{
    return output_next(&run->out, size);
}

const char *serve_error_next(serve_run *run, size_t *size)
{
    return output_next(&run->err, size);
}

/* ---- the process ----------------------------------------------------------------------------- */

static void become(const serve_setup *setup, const serve_run *run)
{
    static char model[SERVE_NAME_BYTES + 32], path[SERVE_NAME_BYTES + 8], absolute[PATH_MAX];
    const char *words[2 * SERVE_MOST_WORDS] = {NULL, "serve", "--local", "--port", "0", "--raw"};
    char *variables[MOST_VARIABLES] = {NULL};
    static const char *const kept[] = {"ASAN_OPTIONS", "UBSAN_OPTIONS", "DISTIL_ISA"};
    static char keep[sizeof kept / sizeof *kept][1024];
    size_t n = 6, v = 0;
    const char *command = getenv("DISTIL"), *bootstrap = getenv("DISTIL_BOOTSTRAP");

    if (realpath(serve_build_path("sst2.distil"), absolute) == NULL)
        _exit(126);
    for (size_t i = 0; i < sizeof kept / sizeof *kept; i++) {
        if (getenv(kept[i]) == NULL)
            continue;
        (void)snprintf(keep[i], sizeof keep[i], "%s=%s", kept[i], getenv(kept[i]));
        variables[v++] = keep[i];
    }
    for (size_t i = 0; setup->environment != NULL && setup->environment[i] != NULL; i++)
        if (v + 2 < MOST_VARIABLES)
            variables[v++] = (char *)(uintptr_t)setup->environment[i];
    /* The model comes last: of two variables with one name the first counts. */
    (void)snprintf(model, sizeof model, "DISTIL_MODEL=%s", absolute);
    variables[v++] = model;
    for (size_t i = 0; setup->options != NULL && setup->options[i] != NULL; i++)
        words[n++] = setup->options[i];
    words[n++] = "--";
    if (setup->function == NULL) {
        (void)snprintf(path, sizeof path, "%s",
                       bootstrap != NULL ? bootstrap : serve_build_path("bootstrap"));
        words[n++] = path;
    }
    for (size_t i = 0; setup->function != NULL && setup->function[i] != NULL; i++)
        words[n++] = setup->function[i];
    words[0] = command != NULL ? command : strdup(serve_build_path("distil"));
    (void)dup2(run->out.fd, STDOUT_FILENO);
    (void)dup2(run->err.fd, STDERR_FILENO);
    (void)execve(words[0], (char *const *)(uintptr_t)words, variables);
    _exit(127);
}

/* Find out whether the process has ended, and remember how. */
static int reap(serve_run *run, int options)
{
    int status;

    if (run->pid != 0 && waitpid(run->pid, &status, options) == run->pid) {
        run->status = WIFEXITED(status) ? WEXITSTATUS(status) : 256 + WTERMSIG(status);
        run->pid = 0;
    }
    return run->pid == 0;
}

/* Wait for the notice that names the port. */
static int find_port(serve_run *run)
{
    static const char mark[] = "serve: invoke at http://127.0.0.1:", started[] = "serve: process ";
    int64_t until = clock_after_ms(WAIT_MS);
    size_t size;

    while (clock_now_ns() < until) {
        const char *line = serve_error_next(run, &size);

        if (line != NULL && strncmp(line, mark, sizeof mark - 1) == 0) {
            run->port = (uint16_t)strtoul(line + sizeof mark - 1, NULL, 10);
            return 0;
        }
        if (line != NULL && strncmp(line, started, sizeof started - 1) == 0)
            continue;
        if (line != NULL)
            (void)fprintf(stderr, "%s\n", line);
        else if (reap(run, WNOHANG))
            break;
        else
            usleep(POLL_US);
    }
    while (serve_error_next(run, &size) != NULL)
        ;
    return -1;
}

serve_run *serve_start(const serve_setup *setup)
{
    serve_run *run = calloc(1, sizeof *run);

    if (run == NULL)
        abort();
    if (output_open(&run->out) != 0 || output_open(&run->err) != 0)
        abort();
    run->pid = fork();
    if (run->pid == 0)
        become(setup, run);
    if (run->pid > 0 && find_port(run) == 0)
        return run;
    (void)fprintf(stderr, "distil serve does not start: status %d\n", run->status);
    serve_free(run);
    return NULL;
}

int serve_stop(serve_run *run, int number)
{
    int64_t until = clock_after_ms(WAIT_MS);

    if (run->pid != 0)
        (void)kill(run->pid, number);
    while (!reap(run, WNOHANG)) {
        if (clock_now_ns() >= until) {
            (void)kill(run->pid, SIGKILL);
            (void)reap(run, 0);
            run->status = -1;
        }
        usleep(POLL_US);
    }
    return run->status;
}

void serve_free(serve_run *run)
{
    if (run == NULL)
        return;
    if (run->pid > 0)
        (void)serve_stop(run, SIGTERM);
    (void)close(run->out.fd);
    (void)close(run->err.fd);
    free(run);
}

pid_t serve_pid(const serve_run *run)
{
    return run->pid;
}

uint16_t serve_port(const serve_run *run)
{
    return run->port;
}

/* ---- calls ----------------------------------------------------------------------------------- */

serve_caller *serve_caller_new(const serve_run *run)
{
    serve_caller *caller = calloc(1, sizeof *caller);
    net_endpoint to = {.host = "127.0.0.1", .port = run->port};

    if (caller == NULL)
        abort();
    caller->request = malloc(REQUEST_BYTES);
    caller->response = malloc(RESPONSE_BYTES);
    if (caller->request == NULL || caller->response == NULL)
        abort();
    http_client_init(&caller->client, &to, caller->response, RESPONSE_BYTES, WAIT_MS);
    return caller;
}

void serve_caller_free(serve_caller *caller)
{
    if (caller == NULL)
        return;
    http_client_close(&caller->client);
    free(caller->request);
    free(caller->response);
    free(caller);
}

/* Make a call. first_line is "POST /path", and each header ends with CR and LF. */
static serve_answer call(serve_caller *caller, const char *first_line, const char *headers,
                         const char *body, size_t size)
{
    serve_answer answer = {0, 0, {NULL, 0}, {.type = JSON_NULL, .text = ""}, {NULL, 0}};
    http_response response;
    int head = snprintf(caller->request, REQUEST_BYTES,
                        "%s HTTP/1.1\r\nHost: 127.0.0.1\r\n%sContent-Length: %zu\r\n\r\n",
                        first_line, headers, size);

    if (head < 0 || (size_t)head + size > REQUEST_BYTES)
        abort();
    if (size > 0)
        memcpy(caller->request + head, body, size);
    if (http_client_exchange(&caller->client, &response, caller->request, (size_t)head + size,
                             HTTP_RESEND_NEVER, clock_after_ms(ANSWER_MS)) != HTTP_CLIENT_OK) {
        (void)fprintf(stderr, "%s: %s\n", first_line, response.why);
        return answer;
    }
    answer.status = response.head.status;
    answer.failed = http_get(&response.head, "X-Amz-Function-Error").at != NULL;
    answer.request_id = http_get(&response.head, "x-amzn-RequestId");
    answer.body = response.body;
    (void)json_parse(&answer.json, answer.body.at, answer.body.size, NULL);
    return answer;
}

serve_answer serve_invoke(serve_caller *caller, const char *event, size_t size, int asynchronous)
{
    return call(caller, "POST /2015-03-31/functions/function/invocations",
                asynchronous ? "X-Amz-Invocation-Type: Event\r\n" : "", event, size);
}

serve_answer serve_invoke_text(serve_caller *caller, const char *event)
{
    return serve_invoke(caller, event, strlen(event), 0);
}

serve_answer serve_get(serve_caller *caller, const char *path)
{
    char line[SERVE_NAME_BYTES];

    (void)snprintf(line, sizeof line, "GET %s", path);
    return call(caller, line, "", NULL, 0);
}

serve_answer serve_dynamodb(serve_caller *caller, const char *name, const char *format, ...)
{
    char headers[256], body[16384];
    va_list arguments;
    int size;

    va_start(arguments, format);
    size = vsnprintf(body, sizeof body, format, arguments);
    va_end(arguments);
    if (size < 0 || (size_t)size >= sizeof body)
        abort();
    (void)snprintf(headers, sizeof headers,
                   "X-Amz-Target: DynamoDB_20120810.%s\r\n"
                   "Content-Type: application/x-amz-json-1.0\r\nAuthorization: none\r\n",
                   name);
    return call(caller, "POST /", headers, body, (size_t)size);
}

int64_t serve_count(serve_caller *caller, const char *path)
{
    serve_answer answer = serve_get(caller, "/serve/state");
    json_value value;
    int64_t count = -1;

    if (serve_json(answer.json, path, &value))
        (void)json_int64(value, &count);
    return count;
}

int serve_await(serve_caller *caller, const char *path, int64_t value)
{
    int64_t until = clock_after_ms(WAIT_MS);

    while (serve_count(caller, path) != value) {
        if (clock_now_ns() >= until)
            return 0;
        usleep(POLL_US);
    }
    return 1;
}

/* ---- JSON ------------------------------------------------------------------------------------ */

static int element(json_value container, size_t index, json_value *value)
{
    json_iter iter;

    json_iter_init(&iter, container);
    while (json_iter_next(&iter)) {
        if (index-- == 0) {
            *value = iter.value;
            return 1;
        }
    }
    return 0;
}

int serve_json(json_value root, const char *path, json_value *value)
{
    char name[256];

    *value = root;
    while (*path != '\0') {
        size_t size = strcspn(path, ".");
        int found;

        if (size >= sizeof name)
            return 0;
        memcpy(name, path, size);
        name[size] = '\0';
        if (value->type == JSON_ARRAY)
            found = element(*value, strtoul(name, NULL, 10), value);
        else
            found = json_get(*value, name, value);
        if (!found)
            return 0;
        path += size + (path[size] == '.');
    }
    return 1;
}

int serve_json_is(json_value root, const char *path, const char *text)
{
    json_value value;

    if (!serve_json(root, path, &value))
        return 0;
    if (value.type == JSON_STRING)
        return json_string_is(value, text);
    return value.bytes == strlen(text) && memcmp(value.text, text, value.bytes) == 0;
}
