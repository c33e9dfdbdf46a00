/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The function's process without a container around it: from its start to the first request for an
 * event, to the first answer, and what an invocation costs beside inference. Page cache warm, no
 * store. bench_image measures the image.
 *
 * This program is the Runtime API on the loopback interface: it starts bootstrap, hands it the same
 * SNS event again and again and reads the clock.
 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench/clock.h"
#include "runtime/distil.h"

static const char usage[] =
    "usage: bench_lambda [-b BOOTSTRAP] [-m BLOB] [-n STARTS] [-i INVOCATIONS] [--json]\n"
    "Starts the function and invokes it, over the loopback interface.\n"
    "  -b BOOTSTRAP    the program (default build/bootstrap)\n"
    "  -m BLOB         the model (default build/sst2.distil)\n"
    "  -n STARTS       processes (default 40)\n"
    "  -i INVOCATIONS  of the last of them, after the first (default 2000)\n"
    "  --json          one JSON object\n";

enum { MAX_STARTS = 1000, MAX_INVOCATIONS = 100000, MAX_MESSAGE = 65536, TIMEOUT_S = 30 };

#define TEXT "A gorgeous, witty, seductive movie."

static const char event[] =
    "{\"Records\":[{\"EventSource\":\"aws:sns\",\"EventVersion\":\"1.0\",\"Sns\":{\"Type\":"
    "\"Notification\",\"MessageId\":\"95df01b4-ee98-5cb9-9903-4c221d41eb5e\",\"Message\":"
    "\"{\\\"source_id\\\":\\\"bench-1\\\",\\\"timestamp\\\":\\\"2026-01-15T12:34:56Z\\\","
    "\\\"text_for_analysis\\\":\\\"" TEXT "\\\",\\\"model_version\\\":\\\"v1\\\"}\"}}]}";

/* ---- the Runtime API ------------------------------------------------------------------------- */

typedef struct api {
    int listener, connection;
    char host_port[32];
    char message[MAX_MESSAGE + 1]; /* the last request */
    size_t size;
} api;

static void api_listen(api *a)
{
    struct sockaddr_in at = {.sin_family = AF_INET};
    socklen_t size = sizeof at;

    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    a->connection = -1;
    a->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (a->listener < 0 || bind(a->listener, (struct sockaddr *)&at, size) != 0 ||
        listen(a->listener, 8) != 0 ||
        getsockname(a->listener, (struct sockaddr *)&at, &size) != 0) {
        perror("listen");
        exit(1);
    }
    snprintf(a->host_port, sizeof a->host_port, "127.0.0.1:%d", ntohs(at.sin_port));
}

static int api_accept(api *a)
{
    struct timeval limit = {TIMEOUT_S, 0};
    int on = 1;

    setsockopt(a->listener, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    a->connection = accept(a->listener, NULL, NULL);
    if (a->connection < 0)
        return -1;
    setsockopt(a->connection, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    setsockopt(a->connection, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    return 0;
}

/* Size of the whole request at the beginning of the message, 0 where it is not complete. Written
 * for one client whose requests are known, not for strangers. */
static size_t request_size(const api *a)
{
    const char *end = strstr(a->message, "\r\n\r\n");
    const char *length = end != NULL ? strstr(a->message, "Content-Length: ") : NULL;
    size_t head = end != NULL ? (size_t)(end - a->message) + 4 : 0;
    size_t body = length != NULL && length < end ? strtoul(length + 16, NULL, 10) : 0;

    return end != NULL && a->size >= head + body ? head + body : 0;
}

/* Read a request that begins with `expected`. 0, or -1. */
static int api_read(api *a, const char *expected)
{
    a->size = 0;
    a->message[0] = '\0';
    while (request_size(a) == 0) {
        ssize_t n = recv(a->connection, a->message + a->size, MAX_MESSAGE - a->size, 0);

        if (n <= 0)
            return -1;
        a->size += (size_t)n;
        a->message[a->size] = '\0';
    }
    return strncmp(a->message, expected, strlen(expected)) == 0 ? 0 : -1;
}

static int api_send(const api *a, const char *bytes, size_t size)
{
    return send(a->connection, bytes, size, MSG_NOSIGNAL) == (ssize_t)size ? 0 : -1;
}

static int api_send_event(const api *a, unsigned number)
{
    char text[sizeof event + 512];
    int size =
        snprintf(text, sizeof text,
                 "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
                 "Lambda-Runtime-Aws-Request-Id: 8476a536-e9f4-11e8-9739-%012u\r\n"
                 "Lambda-Runtime-Deadline-Ms: 4102444800000\r\nContent-Length: %zu\r\n\r\n%s",
                 number, sizeof event - 1, event);

    return api_send(a, text, (size_t)size);
}

static const char next_request[] = "GET /2018-06-01/runtime/invocation/next ";
static const char accepted[] =
    "HTTP/1.1 202 Accepted\r\nContent-Length: 16\r\n\r\n{\"status\":\"OK\"}\n";

/* An event, its answer, and the request for the next: nanoseconds until that, *answer_ns until the
 * answer. -1 where the function does something else. */
static double invoke(api *a, unsigned number, double *answer_ns)
{
    double begin = bench_now_ns();

    if (api_send_event(a, number) != 0 || api_read(a, "POST ") != 0)
        return -1;
    *answer_ns = bench_now_ns();
    if (strstr(a->message, "/response ") == NULL || strstr(a->message, "ositive") == NULL ||
        api_send(a, accepted, sizeof accepted - 1) != 0 || api_read(a, next_request) != 0)
        return -1;
    return bench_now_ns() - begin;
}

/* ---- processes ------------------------------------------------------------------------------- */

typedef struct setup {
    const char *program, *blob;
    size_t starts, invocations;
    int json;
} setup;

static pid_t start(const setup *s, const api *a)
{
    char model[4200], address[64];
    char *arguments[] = {(char *)(uintptr_t)s->program, NULL};
    char *environment[] = {model, address, NULL};
    pid_t pid;

    snprintf(model, sizeof model, "DISTIL_MODEL=%s", s->blob);
    snprintf(address, sizeof address, "AWS_LAMBDA_RUNTIME_API=%s", a->host_port);
    pid = fork();
    if (pid == 0) {
        dup2(open("/dev/null", O_WRONLY | O_CLOEXEC), STDOUT_FILENO);
        execve(s->program, arguments, environment);
        _exit(127);
    }
    return pid;
}

static void stop(api *a, pid_t pid)
{
    kill(pid, SIGTERM);
    waitpid(pid, NULL, 0);
    if (a->connection >= 0)
        close(a->connection);
    a->connection = -1;
}

typedef struct samples {
    double next[MAX_STARTS], answer[MAX_STARTS];
    double invocation[MAX_INVOCATIONS], inference[MAX_INVOCATIONS];
} samples;

/* One process: to the first next, to the first answer, and `invocations` more. */
static int run_one(const setup *s, api *a, samples *to, size_t at, size_t invocations)
{
    double begin = bench_now_ns(), answered = 0;
    pid_t pid = start(s, a);
    int status = -1;

    if (pid > 0 && api_accept(a) == 0 && api_read(a, next_request) == 0) {
        to->next[at] = bench_now_ns() - begin;
        status = invoke(a, 0, &answered) < 0 ? -1 : 0;
        to->answer[at] = answered - begin;
    }
    for (size_t i = 0; i < invocations && status == 0; i++) {
        to->invocation[i] = invoke(a, (unsigned)i + 1, &answered);
        status = to->invocation[i] < 0 ? -1 : 0;
    }
    stop(a, pid);
    if (status != 0)
        fprintf(stderr, "bench_lambda: %s does not serve; last request: %.200s\n", s->program,
                a->message);
    return status;
}

/* Inference alone, in this process, of the text that the events carry. */
static int time_inference(const setup *s, samples *to)
{
    distil_context *context = NULL;
    distil_model *model = NULL;
    distil_result result;
    int status = -1;

    if (distil_model_open(&model, s->blob, NULL, NULL) == DISTIL_OK &&
        distil_context_new(&context, model, NULL) == DISTIL_OK)
        status = 0;
    for (size_t i = 0; i < s->invocations && status == 0; i++) {
        double begin = bench_now_ns();

        if (distil_classify(context, &result, NULL, TEXT, sizeof TEXT - 1,
                            DISTIL_SPLIT_SPECIAL_TOKENS) != DISTIL_OK)
            status = -1;
        to->inference[i] = bench_now_ns() - begin;
    }
    distil_context_free(context);
    distil_model_close(model);
    return status;
}

static void report(const setup *s, samples *all)
{
    bench_stats next = bench_summarize(all->next, s->starts);
    bench_stats answer = bench_summarize(all->answer, s->starts);
    bench_stats invocation = bench_summarize(all->invocation, s->invocations);
    bench_stats inference = bench_summarize(all->inference, s->invocations);

    if (s->json)
        printf("{\"bench\":\"lambda\",\"starts\":%zu,\"invocations\":%zu,\"first_next_ms\":%.3f,"
               "\"first_next_min_ms\":%.3f,\"first_answer_ms\":%.3f,\"first_answer_min_ms\":%.3f,"
               "\"invocation_us\":%.1f,\"inference_us\":%.1f,\"overhead_us\":%.1f}\n",
               s->starts, s->invocations, next.median * 1e-6, next.min * 1e-6, answer.median * 1e-6,
               answer.min * 1e-6, invocation.median * 1e-3, inference.median * 1e-3,
               (invocation.median - inference.median) * 1e-3);
    else
        printf("page cache warm, no store, %zu starts                median        min\n"
               "process start to first request for an event       %8.3f   %8.3f ms\n"
               "process start to first answer                     %8.3f   %8.3f ms\n"
               "%zu invocations more, event to next request\n"
               "an invocation                                     %8.1f   %8.1f us\n"
               "inference of it                                   %8.1f   %8.1f us\n"
               "everything else                                   %8.1f   %8.1f us\n",
               s->starts, next.median * 1e-6, next.min * 1e-6, answer.median * 1e-6,
               answer.min * 1e-6, s->invocations, invocation.median * 1e-3, invocation.min * 1e-3,
               inference.median * 1e-3, inference.min * 1e-3,
               (invocation.median - inference.median) * 1e-3,
               (invocation.min - inference.min) * 1e-3);
}

static int run(const setup *s)
{
    samples *all = calloc(1, sizeof *all);
    int status = all != NULL ? 0 : -1;
    static api a;

    api_listen(&a);
    for (int i = 0; i < 3 && status == 0; i++) /* warm the cache */
        status = run_one(s, &a, all, 0, 0);
    for (size_t i = 0; i < s->starts && status == 0; i++)
        status = run_one(s, &a, all, i, i + 1 == s->starts ? s->invocations : 0);
    if (status == 0 && time_inference(s, all) == 0)
        report(s, all);
    else
        status = -1;
    free(all);
    return status == 0 ? 0 : 1;
}

static int read_count(size_t *out, const char *text, size_t most)
{
    char *end;
    unsigned long value = strtoul(text, &end, 10);

    if (*end != '\0' || value < 1 || value > most)
        return -1;
    *out = value;
    return 0;
}

static int read_option(setup *s, const char *option, const char *value)
{
    if (strcmp(option, "-b") == 0)
        s->program = value;
    else if (strcmp(option, "-m") == 0)
        s->blob = value;
    else if (strcmp(option, "-n") == 0)
        return read_count(&s->starts, value, MAX_STARTS);
    else if (strcmp(option, "-i") == 0)
        return read_count(&s->invocations, value, MAX_INVOCATIONS);
    else
        return -1;
    return 0;
}

int main(int argc, char **argv)
{
    setup s = {"build/bootstrap", "build/sst2.distil", 40, 2000, 0};
    char *absolute;
    int status;

    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--json") == 0) {
            s.json = 1;
        } else if (i + 1 >= argc || read_option(&s, argv[i], argv[i + 1]) != 0) {
            fputs(usage, strcmp(argv[i], "--help") == 0 ? stdout : stderr);
            return strcmp(argv[i], "--help") == 0 ? 0 : 2;
        } else {
            i++;
        }
    }
    absolute = realpath(s.blob, NULL); /* as the function wants it */
    if (absolute == NULL) {
        perror(s.blob);
        return 1;
    }
    s.blob = absolute;
    status = run(&s);
    free(absolute);
    return status;
}
