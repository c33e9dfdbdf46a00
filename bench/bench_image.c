/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Cold start of the container image: from the creation of the container to the first answer to an
 * SNS event, page cache warm and empty, beside another program that does the same job.
 *
 * This program is the Runtime API: it starts the function, hands it one event and reads the clock
 * when the answer is there. bench/image.sh unpacks the image and calls it.
 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bench/clock.h"
#include "bench/sandbox.h"

static const char usage[] =
    "usage: bench_image [options]\n"
    "Start an unpacked image again and again until it has answered one SNS event.\n"
    "  -r ROOT     the image, unpacked (default build/bench-image/bundle/rootfs)\n"
    "  -e TEXT     what the answer's sentiment begins with (default positive)\n"
    "  -n RUNS     starts with the files in the page cache (default 20)\n"
    "  -c RUNS     starts with an empty page cache (default 5)\n"
    "  --runc BUNDLE   start it by runc too: a bundle whose config.json names the port of -p\n"
    "  -p PORT     of the Runtime API, on the loopback (default: any)\n"
    "  --json      one object a line\n"
    "  --peer COMMAND...   another program that does the same, started as it is: the last option\n";

enum { MAX_RUNS = 200, MAX_MESSAGE = 65536, TIMEOUT_MS = 60000 };

static const char event[] =
    "{\"Records\":[{\"EventSource\":\"aws:sns\",\"EventVersion\":\"1.0\",\"Sns\":{\"Type\":"
    "\"Notification\",\"MessageId\":\"95df01b4-ee98-5cb9-9903-4c221d41eb5e\",\"Message\":"
    "\"{\\\"source_id\\\":\\\"bench-1\\\",\\\"timestamp\\\":\\\"2026-01-15T12:34:56Z\\\","
    "\\\"text_for_analysis\\\":\\\"A gorgeous, witty, seductive movie.\\\","
    "\\\"model_version\\\":\\\"v1\\\"}\"}}]}";

static const char model_path[] = "/app/model.distil", program_path[] = "/app/bootstrap";

/* ---- the Runtime API ------------------------------------------------------------------------- */

typedef struct api {
    int listener, connection;
    char address[64]; /* for AWS_LAMBDA_RUNTIME_API */
    char message[MAX_MESSAGE + 1];
    size_t size;
} api;

static int api_listen(api *a, int port)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    socklen_t length = sizeof at;
    int on = 1;

    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    a->connection = -1;
    a->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (a->listener < 0 || setsockopt(a->listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0 ||
        bind(a->listener, (struct sockaddr *)&at, sizeof at) != 0 || listen(a->listener, 8) != 0 ||
        getsockname(a->listener, (struct sockaddr *)&at, &length) != 0)
        return -1;
    snprintf(a->address, sizeof a->address, "AWS_LAMBDA_RUNTIME_API=127.0.0.1:%d",
             ntohs(at.sin_port));
    return 0;
}

static int wait_for(int fd)
{
    struct pollfd one = {.fd = fd, .events = POLLIN};

    return poll(&one, 1, TIMEOUT_MS) == 1 ? 0 : -1;
}

static void api_hang_up(api *a)
{
    if (a->connection >= 0)
        close(a->connection);
    a->connection = -1;
    a->size = 0;
}

/* Bytes of the request at the beginning of message, 0 if it is not complete. */
static size_t complete(const api *a)
{
    const char *end = strstr(a->message, "\r\n\r\n");
    size_t head, body = 0;

    if (end == NULL)
        return 0;
    head = (size_t)(end - a->message) + 4;
    for (const char *line = a->message; line < end; line = strstr(line, "\r\n") + 2)
        if (strncasecmp(line, "Content-Length:", 15) == 0)
            body = strtoul(line + 15, NULL, 10);
    return a->size >= head + body ? head + body : 0;
}

/* Wait for a request, on a new connection if the old one has ended. 0 or -1. */
static int api_receive(api *a)
{
    a->size = 0;
    a->message[0] = '\0';
    while (complete(a) == 0) {
        ssize_t got;

        if (a->connection < 0) {
            if (wait_for(a->listener) != 0)
                return -1;
            a->connection = accept(a->listener, NULL, NULL);
            if (a->connection < 0)
                return -1;
        }
        if (a->size == MAX_MESSAGE || wait_for(a->connection) != 0)
            return -1;
        got = read(a->connection, a->message + a->size, MAX_MESSAGE - a->size);
        if (got <= 0) {
            if (a->size > 0)
                return -1;
            api_hang_up(a);
            continue;
        }
        a->size += (size_t)got;
        a->message[a->size] = '\0';
    }
    return 0;
}

static int api_send(api *a, int status, const char *headers, const char *body)
{
    return dprintf(a->connection,
                   "HTTP/1.1 %d OK\r\nContent-Type: application/json\r\n%s"
                   "Content-Length: %zu\r\n\r\n%s",
                   status, headers, strlen(body), body) > 0
               ? 0
               : -1;
}

/* 1 if the answer in message is a success of the expected sentiment; blanks do not matter. */
static int answer_is_right(api *a, const char *expected)
{
    char sentiment[64];
    char *to = a->message;

    for (const char *from = a->message; *from != '\0'; from++)
        if (*from != ' ' && *from != '\n')
            *to++ = *from;
    *to = '\0';
    snprintf(sentiment, sizeof sentiment, "\"sentiment\":\"%s", expected);
    return strstr(a->message, "\"statusCode\":200") != NULL &&
           strstr(a->message, sentiment) != NULL &&
           strstr(a->message, "\"source_id\":\"bench-1\"") != NULL;
}

/* ---- one start ------------------------------------------------------------------------------- */

typedef struct subject {
    const char *name;
    const char *root;     /* of the image; NULL: started as it is */
    char *const *command; /* ends with NULL */
    const char *model;    /* the file whose pages are counted, seen from here; NULL: none */
    const char *expected; /* sentiment */
    int is_runc;
} subject;

typedef struct sample {
    double init_ms, answer_ms;
    double peak_mb;
    double model_cached_mb, model_mapped_mb; /* of the model when the answer is there */
} sample;

/* Serve one invocation; the clock is read as soon as requests are complete. 0 or -1. */
static int serve(api *a, double begin, const char *expected, sample *s)
{
    double now;

    if (api_receive(a) != 0 || strncmp(a->message, "GET ", 4) != 0)
        return -1;
    s->init_ms = (bench_now_ns() - begin) * 1e-6;
    if (api_send(a, 200,
                 "Lambda-Runtime-Aws-Request-Id: 8476a536-e9f4-11e8-9739-2dfe598c3fcd\r\n"
                 "Lambda-Runtime-Deadline-Ms: 9999999999999\r\n",
                 event) != 0 ||
        api_receive(a) != 0 || strncmp(a->message, "POST ", 5) != 0)
        return -1;
    now = bench_now_ns();
    s->answer_ms = (now - begin) * 1e-6;
    return answer_is_right(a, expected) ? 0 : -1;
}

static void weigh(sample *s, const subject *what, pid_t process)
{
    size_t bytes, resident;

    s->peak_mb = (double)process_bytes(process, "status", NULL, "VmHWM") * 1e-6;
    if (what->model != NULL && pages_resident(what->model, &bytes, &resident) == 0)
        s->model_cached_mb = (double)resident * 1e-6;
    s->model_mapped_mb = (double)process_bytes(process, "smaps", "/model.distil", "Rss") * 1e-6;
}

static void delete_container(const subject *what)
{
    char *const command[] = {what->command[0], "delete", "--force", "bench-image", NULL};
    char *const environment[] = {"PATH=/usr/sbin:/usr/bin:/sbin:/bin", NULL};
    int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
    pid_t process = sandbox_start(NULL, command, environment, null);

    if (process > 0)
        sandbox_wait(process);
    close(null);
}

static int start(api *a, const subject *what, sample *s)
{
    char *const environment[] = {a->address,
                                 "DISTIL_MODEL=/app/model.distil",
                                 "AWS_REGION=us-east-1",
                                 "AWS_LAMBDA_FUNCTION_NAME=bench",
                                 "AWS_LAMBDA_FUNCTION_MEMORY_SIZE=1024",
                                 "PATH=/usr/sbin:/usr/bin:/sbin:/bin",
                                 NULL};
    int null = open("/dev/null", O_WRONLY | O_CLOEXEC), status;
    double begin = bench_now_ns();
    pid_t process = sandbox_start(what->root, what->command, environment, null);

    memset(s, 0, sizeof *s);
    close(null);
    if (process < 0)
        return -1;
    status = serve(a, begin, what->expected, s);
    if (status == 0 && !what->is_runc)
        weigh(s, what, process);
    if (status != 0)
        fprintf(stderr, "bench_image: %s gave no right answer: %.200s\n", what->name, a->message);
    if (what->is_runc)
        delete_container(what);
    sandbox_end(process);
    api_hang_up(a);
    return status;
}

/* ---- many starts ----------------------------------------------------------------------------- */

typedef struct series {
    double init[MAX_RUNS], answer[MAX_RUNS], peak[MAX_RUNS], cached[MAX_RUNS], mapped[MAX_RUNS];
    size_t count;
} series;

static void keep(series *all, const sample *s)
{
    all->init[all->count] = s->init_ms;
    all->answer[all->count] = s->answer_ms;
    all->peak[all->count] = s->peak_mb;
    all->cached[all->count] = s->model_cached_mb;
    all->mapped[all->count] = s->model_mapped_mb;
    all->count++;
}

static void print(series *all, const subject *what, const char *cache, int json)
{
    bench_stats init, answer, peak, cached, mapped;

    if (all->count == 0)
        return;
    init = bench_summarize(all->init, all->count);
    answer = bench_summarize(all->answer, all->count);
    peak = bench_summarize(all->peak, all->count);
    cached = bench_summarize(all->cached, all->count);
    mapped = bench_summarize(all->mapped, all->count);
    printf(json ? "{\"bench\":\"image\",\"subject\":\"%s\",\"cache\":\"%s\",\"runs\":%zu,"
                  "\"ready_ms\":%.3f,\"ready_min_ms\":%.3f,\"answer_ms\":%.3f,"
                  "\"answer_min_ms\":%.3f,\"peak_mb\":%.2f,\"model_cached_mb\":%.2f,"
                  "\"model_mapped_mb\":%.2f}\n"
                : "%-8s %-6s %4zu %10.2f %9.2f %11.2f %9.2f %9.2f %9.2f %9.2f\n",
           what->name, cache, all->count, init.median, init.min, answer.median, answer.min,
           peak.median, cached.median, mapped.median);
    fflush(stdout);
}

/* Throw everything out; -1 if this is not permitted or the image's files stay. */
static int empty_cache(const char *root)
{
    const char *const files[] = {model_path, program_path};
    size_t bytes, resident;
    char path[4096];

    if (pages_drop(NULL) != 0)
        return -1;
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        snprintf(path, sizeof path, "%s%s", root, files[i]);
        if (pages_resident(path, &bytes, &resident) != 0 || resident != 0)
            return -1;
    }
    return 0;
}

/* Subjects take turns. 0 or -1. */
static int run(api *a, const subject *subjects, size_t n, const char *root, size_t runs, int cold,
               int json)
{
    static series all[3];
    size_t first = cold ? 0 : 1; /* a start that does not count warms the cache */
    sample s;

    memset(all, 0, sizeof all);
    for (size_t i = 0; i < runs + first; i++)
        for (size_t j = 0; j < n; j++) {
            if (cold && empty_cache(root) != 0) {
                fprintf(stderr,
                        "bench_image: this machine does not let its page cache be emptied\n");
                return 0;
            }
            if (start(a, &subjects[j], &s) != 0)
                return -1;
            if (i >= first)
                keep(&all[j], &s);
        }
    for (size_t j = 0; j < n; j++)
        print(&all[j], &subjects[j], cold ? "empty" : "warm", json);
    return 0;
}

typedef struct options {
    const char *root, *bundle, *expected;
    size_t warm, cold;
    int port, json;
    char **peer;
} options;

/* 0, or -1 after a message. */
static int parse(options *o, int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        const char *value = i + 1 < argc ? argv[i + 1] : NULL;

        if (strcmp(argv[i], "--json") == 0) {
            o->json = 1;
            continue;
        }
        if (value == NULL)
            return -1;
        if (strcmp(argv[i], "--peer") == 0) {
            o->peer = argv + i + 1;
            return 0;
        }
        if (strcmp(argv[i], "-r") == 0)
            o->root = value;
        else if (strcmp(argv[i], "-e") == 0)
            o->expected = value;
        else if (strcmp(argv[i], "-n") == 0)
            o->warm = strtoul(value, NULL, 10);
        else if (strcmp(argv[i], "-c") == 0)
            o->cold = strtoul(value, NULL, 10);
        else if (strcmp(argv[i], "-p") == 0)
            o->port = atoi(value);
        else if (strcmp(argv[i], "--runc") == 0)
            o->bundle = value;
        else
            return -1;
        i++;
    }
    return o->warm < MAX_RUNS && o->cold < MAX_RUNS ? 0 : -1;
}

static int measure(api *a, const options *o)
{
    char *program[] = {"/app/bootstrap", NULL}, model[4096];
    char *runc[] = {"/usr/sbin/runc", "run", "--bundle", NULL, "bench-image", NULL};
    subject subjects[3] = {{"image", o->root, program, model, o->expected, 0}};
    size_t n = 1;

    snprintf(model, sizeof model, "%s%s", o->root, model_path);
    if (o->bundle != NULL) {
        runc[3] = (char *)(uintptr_t)o->bundle;
        subjects[n++] = (subject){"runc", NULL, runc, NULL, o->expected, 1};
    }
    if (o->peer != NULL)
        subjects[n++] = (subject){"peer", NULL, o->peer, NULL, o->expected, 0};
    if (!o->json)
        printf(
            "                         first next, ms        first answer, ms        MB:     model"
            "\n"
            "what     cache  runs     median       min      median       min      peak     cached"
            "    mapped\n");
    if (o->warm > 0 && run(a, subjects, n, o->root, o->warm, 0, o->json) != 0)
        return 1;
    if (o->cold > 0 && run(a, subjects, n, o->root, o->cold, 1, o->json) != 0)
        return 1;
    return 0;
}

int main(int argc, char **argv)
{
    options o = {
        .root = "build/bench-image/bundle/rootfs", .expected = "positive", .warm = 20, .cold = 5};
    static api a;

    if (argc == 2 && (strcmp(argv[1], "-h") == 0 || strcmp(argv[1], "--help") == 0))
        return fputs(usage, stdout) < 0;
    if (parse(&o, argc, argv) != 0)
        return fputs(usage, stderr), 2;
    if (access(o.root, R_OK) != 0 || geteuid() != 0) {
        printf("bench_image: not measured: no image in %s, or not root; see bench/image.sh\n",
               o.root);
        return 0;
    }
    if (api_listen(&a, o.port) != 0) {
        perror("bench_image: no socket for the Runtime API");
        return 1;
    }
    return measure(&a, &o);
}
