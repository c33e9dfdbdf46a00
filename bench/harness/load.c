/* SPDX-License-Identifier: Apache-2.0 */
/* The load generator; load.h describes its method. */
#include "bench/harness/load.h"

#include <arpa/inet.h>
#include <errno.h>
#include <math.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench/machine.h"
#include "bench/harness/child.h"
#include "bench/stats.h"
#include "runtime/base/clock.h"
#include "lambda/net/http_client.h"
#include "runtime/base/json.h"
#include "runtime/base/strict_float.h"

#define PATH "/2015-03-31/functions/function/invocations"

enum {
    /* Threads that send, and so the most events under way at once. Further events wait for a
     * thread, and their wait counts. */
    SENDERS = 32,
    MAX_EVENTS = 200000,
    /* Every fifth text stands for a news item: sentences joined until they have LONG_CHARS
     * characters. */
    LONG_EVERY = 5,
    LONG_CHARS = 512,
    LINE_BYTES = 4096,
    TEXT_BYTES = LINE_BYTES + 4 * LONG_CHARS + 1, /* A character takes at most 4 bytes of UTF-8. */
    EVENT_BYTES = 6 * TEXT_BYTES + 16,            /* JSON escapes a byte as at most 6 bytes. */
    RESPONSE_BYTES = 65536,
    START_MS = 10000,
    ANSWER_MS = 60000
};

typedef struct load {
    const load_plan *plan;
    double *arrival_ns; /* (count) intended arrivals in ns after the start */
    char **events;      /* (count) whole HTTP requests */
    size_t count;
    double start_ns;
    net_endpoint endpoint;
    atomic_size_t next;
} load;

typedef struct sender {
    load *load;
    pthread_t thread;
    histogram latency;
    size_t failed;
    char memory[RESPONSE_BYTES];
} sender;

/* ---- what is sent --------------------------------------------------------------------------- */

/* The lines of a file. Where a line has a tab, only the part before it is kept. */
typedef struct text_list {
    char **items;
    size_t count;
} text_list;

static void free_texts(text_list *texts)
{
    for (size_t i = 0; i < texts->count; i++)
        free(texts->items[i]);
    free(texts->items);
}

/* Appends a copy of the line, unless it is empty or the header of a TSV. Returns 0, or -1. */
static int append_text(text_list *texts, size_t *capacity, const char *line)
{
    if (!*line || (texts->count == 0 && strcmp(line, "sentence") == 0))
        return 0;
    if (texts->count == *capacity) {
        char **more = realloc(texts->items, (*capacity * 2 + 64) * sizeof *more);

        if (!more)
            return -1;
        texts->items = more;
        *capacity = *capacity * 2 + 64;
    }
    texts->items[texts->count] = strdup(line);
    return texts->items[texts->count] ? (texts->count++, 0) : -1;
}

/* Reads all lines. Returns 0, or -1 with a message. The caller frees `texts` in both cases. */
static int read_lines(text_list *texts, const char *path, FILE *file)
{
    char line[LINE_BYTES];
    size_t number = 0, capacity = 0;

    while (fgets(line, sizeof line, file)) {
        number++;
        if (strlen(line) == sizeof line - 1 && !strchr(line, '\n')) {
            fprintf(stderr, "distil bench: %s:%zu: the line is longer than %d bytes; split it\n",
                    path, number, LINE_BYTES - 2);
            return -1;
        }
        line[strcspn(line, "\t\r\n")] = '\0';
        if (append_text(texts, &capacity, line) != 0)
            return -1;
    }
    if (!ferror(file) && texts->count > 0)
        return 0;
    fprintf(stderr, "distil bench: %s: %s; a file of texts has one a line\n", path,
            ferror(file) ? "cannot be read" : "no texts in it");
    return -1;
}

static int read_texts(text_list *texts, const char *path)
{
    FILE *file = fopen(path, "r");
    int status;

    if (!file) {
        fprintf(stderr,
                "distil bench: %s: %s; name a file of texts, one a line, with --texts, or run this "
                "in the source tree\n",
                path, strerror(errno));
        return -1;
    }
    status = read_lines(texts, path, file);
    fclose(file);
    return status;
}

/* Counts characters of UTF-8, at most `limit`. Stores in *bytes how many bytes they take. */
static size_t count_characters(const char *text, size_t limit, size_t *bytes)
{
    size_t count = 0, i = 0;

    for (; text[i]; i++)
        /* Every byte begins a character, except the continuation bytes 10xxxxxx. */
        if ((text[i] & 0xC0) != 0x80 && count++ == limit) {
            count--;
            break;
        }
    *bytes = i;
    return count;
}

/* Makes the HTTP request of one event from one text, or from several joined ones if it is long. The
 * request is NULL where memory has run out. Returns the characters of the text. */
static size_t make_event(char **event, const text_list *texts, uint64_t *random, int is_long)
{
    char text[TEXT_BYTES] = "", body[EVENT_BYTES], *request = malloc(EVENT_BYTES + 512);
    size_t size, used, bytes, chars;

    do {
        used = strlen(text);
        snprintf(text + used, sizeof text - used, "%s%s", used ? " " : "",
                 texts->items[stats_random(random, texts->count)]);
        chars = count_characters(text, is_long ? LONG_CHARS : SIZE_MAX, &bytes);
    } while (is_long && chars < LONG_CHARS);
    text[bytes] = '\0';
    size = (size_t)snprintf(body, sizeof body, "{\"text\":");
    size += json_quote(body + size, sizeof body - size - 2, text, strlen(text));
    size += (size_t)snprintf(body + size, sizeof body - size, "}");
    if (request)
        snprintf(request, EVENT_BYTES + 512,
                 "POST " PATH " HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
                 "Content-Length: %zu\r\n\r\n%s",
                 size, body);
    *event = request;
    return chars;
}

/* Draws the arrival times and makes the requests. Returns 0, or -1 with a message. */
static int plan_events(load *l, load_result *result, const text_list *texts)
{
    uint64_t random = l->plan->seed;
    double at = 0, chars = 0;

    while ((at -= log(stats_uniform(&random)) / l->plan->rate) < l->plan->seconds) {
        size_t is_long = l->count % LONG_EVERY == LONG_EVERY - 1;

        if (l->count == MAX_EVENTS) {
            fprintf(stderr,
                    "distil bench: %g events a second for %g s are more than %d; lower --rate or "
                    "--seconds\n",
                    l->plan->rate, l->plan->seconds, MAX_EVENTS);
            return -1;
        }
        l->arrival_ns[l->count] = at * 1e9;
        chars += (double)make_event(&l->events[l->count], texts, &random, is_long != 0);
        if (!l->events[l->count])
            return -1;
        l->count++;
    }
    if (l->count == 0) {
        fprintf(stderr, "distil bench: no event arrives in %g s; raise --rate or --seconds\n",
                l->plan->seconds);
        return -1;
    }
    result->mean_chars = chars / (double)l->count;
    return 0;
}

static int prepare_events(load *l, load_result *result)
{
    text_list texts = {NULL, 0};
    int status = -1;

    if (read_texts(&texts, l->plan->texts) == 0) {
        l->arrival_ns = calloc(MAX_EVENTS, sizeof *l->arrival_ns);
        l->events = calloc(MAX_EVENTS, sizeof *l->events);
        if (l->arrival_ns && l->events)
            status = plan_events(l, result, &texts);
    }
    free_texts(&texts);
    return status;
}

/* ---- sending -------------------------------------------------------------------------------- */

static void *send_events(void *argument)
{
    sender *s = argument;
    load *l = s->load;
    http_client client;
    http_response response;
    size_t i;

    http_client_init(&client, &l->endpoint, s->memory, sizeof s->memory, START_MS);
    while ((i = atomic_fetch_add(&l->next, 1)) < l->count) {
        double intended = l->start_ns + l->arrival_ns[i];

        clock_sleep_until((int64_t)intended);
        if (http_client_exchange(&client, &response, l->events[i], strlen(l->events[i]),
                                 HTTP_RESEND_REUSED, clock_after_ms(ANSWER_MS)) != HTTP_CLIENT_OK ||
            response.head.status != 200 ||
            http_get(&response.head, "X-Amz-Function-Error").at != NULL)
            s->failed++;
        histogram_add(&s->latency, bench_now_ns() - intended);
    }
    http_client_close(&client);
    return NULL;
}

static int send_all(load *l, load_result *result)
{
    sender *senders = calloc(SENDERS, sizeof *senders);
    size_t started = 0;

    if (!senders)
        return -1;
    l->start_ns = bench_now_ns() + 10e6;
    for (; started < SENDERS; started++) {
        senders[started].load = l;
        if (pthread_create(&senders[started].thread, NULL, send_events, &senders[started]) != 0)
            break;
    }
    for (size_t i = 0; i < started; i++) {
        pthread_join(senders[i].thread, NULL);
        histogram_merge(&result->latency, &senders[i].latency);
        result->failed += senders[i].failed;
    }
    result->seconds = (bench_now_ns() - l->start_ns) * 1e-9;
    result->sent = l->count;
    free(senders);
    return started > 0 ? 0 : -1;
}

/* ---- the function --------------------------------------------------------------------------- */

/* Returns a port that is free at this moment, or 0. */
static uint16_t free_port(void)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof at;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0 || bind(fd, (struct sockaddr *)&at, size) != 0 ||
        getsockname(fd, (struct sockaddr *)&at, &size) != 0)
        at.sin_port = 0;
    if (fd >= 0)
        close(fd);
    return ntohs(at.sin_port);
}

/* Waits until the server accepts a connection. Returns 0, or -1 with a message. */
static int wait_for_server(const net_endpoint *endpoint)
{
    int64_t until = clock_after_ms(START_MS);
    net_stream stream;

    net_init(&stream);
    while (clock_now_ns() < until) {
        net_status status = net_connect(&stream, endpoint, until);

        net_close(&stream);
        if (status == NET_OK)
            return 0;
        usleep(5000);
    }
    fprintf(stderr, "distil bench: nothing listens on port %u\n", (unsigned)endpoint->port);
    return -1;
}

int load_run(load_result *result, const load_plan *plan)
{
    static load l;
    char port[8];
    char *argv[] = {child_argument(plan->program),
                    "serve",
                    "--local",
                    "--port",
                    port,
                    "-m",
                    child_argument(plan->model),
                    "--",
                    child_argument(plan->bootstrap),
                    NULL};
    child_worker serve;
    int status = -1;

    memset(result, 0, sizeof *result);
    l = (load){.plan = plan, .endpoint = {.host = "127.0.0.1", .port = free_port()}};
    snprintf(port, sizeof port, "%u", (unsigned)l.endpoint.port);
    result->rate = plan->rate;
    if (prepare_events(&l, result) == 0 && child_start(&serve, argv, NULL, 1) == 0) {
        child_drain(&serve);
        if (wait_for_server(&l.endpoint) == 0)
            status = send_all(&l, result);
        child_end(&serve);
    }
    for (size_t i = 0; i < l.count; i++)
        free(l.events[i]);
    free(l.events);
    free(l.arrival_ns);
    return status;
}

/* ---- output --------------------------------------------------------------------------------- */

static const double quantiles[] = {0.5, 0.9, 0.95, 0.99, 0.999};
static const char *const quantile_names[] = {"p50", "p90", "p95", "p99", "p999"};

void load_print(FILE *out, const load_result *r)
{
    fprintf(out,
            "%zu events in %.1f s, %.0f a second intended, %.0f characters on average; %zu "
            "failed\n",
            r->sent, r->seconds, r->rate, r->mean_chars, r->failed);
    for (size_t i = 0; i < sizeof quantiles / sizeof quantiles[0]; i++)
        fprintf(out, "%-5s %10.3f ms\n", quantile_names[i],
                histogram_quantile(&r->latency, quantiles[i]) * 1e-6);
    fprintf(out, "%-5s %10.3f ms, from intended arrival to answer\n", "max",
            r->latency.max_ns * 1e-6);
}

void load_write_json(FILE *out, const load_result *r)
{
    const char *separator = "";

    fprintf(out,
            "{\"version\":1,\"events\":%zu,\"failed\":%zu,\"seconds\":%.3f,\"rate\":%.3f,"
            "\"mean_chars\":%.1f",
            r->sent, r->failed, r->seconds, r->rate, r->mean_chars);
    for (size_t i = 0; i < sizeof quantiles / sizeof quantiles[0]; i++)
        fprintf(out, ",\"%s_ms\":%.6f", quantile_names[i],
                histogram_quantile(&r->latency, quantiles[i]) * 1e-6);
    fprintf(out, ",\"max_ms\":%.6f,\"histogram\":[", r->latency.max_ns * 1e-6);
    for (size_t i = 0; i < HISTOGRAM_BUCKETS; i++)
        if (r->latency.count[i] > 0) {
            fprintf(out, "%s\n{\"from_ms\":%.6f,\"to_ms\":%.6f,\"count\":%llu}", separator,
                    histogram_low(i) * 1e-3, histogram_high(i) * 1e-3,
                    (unsigned long long)r->latency.count[i]);
            separator = ",";
        }
    fputs("\n]}\n", out);
}
