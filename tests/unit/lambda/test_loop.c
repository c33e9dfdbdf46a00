/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One loop of the function in this process, from the Runtime API through the real handler and back.
 * Each kind of outcome is posted where it belongs. After loop_init nothing is allocated: not for
 * the first event, not for errors, not for a new connection.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runtime/base/clock.h"
#include "lambda/loop.h"
#include "lambda/net/net.h"
#include "tests/support/harness.h"
#include "tests/support/sanitized.h"
#include "tests/support/support_fault_server.h"

/* ---- counting -------------------------------------------------------------------------------- */

/* Counts the allocations of the thread that has set `counting`; the server's thread may allocate.
 * The variables are volatile, because compilers know malloc and expect that it does not change
 * them. */
static _Thread_local volatile int counting;
static _Thread_local volatile size_t allocations;

/* AddressSanitizer has its own malloc, and musl has no second name for its functions. */
#if !ADDRESS_SANITIZER && defined(__GLIBC__)
#define COUNTS_CALLS 1
/* The program defines malloc and the like itself and calls these functions of glibc in them. */
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *memory, size_t size);
void *__libc_memalign(size_t alignment, size_t size);
void __libc_free(void *memory);

/* Default visibility makes calls from within the C library come here as well. */
#define EXPORTED __attribute__((visibility("default")))

EXPORTED void *malloc(size_t size)
{
    allocations = allocations + (size_t)counting;
    return __libc_malloc(size);
}

EXPORTED void *calloc(size_t count, size_t size)
{
    allocations = allocations + (size_t)counting;
    return __libc_calloc(count, size);
}

EXPORTED void *realloc(void *memory, size_t size)
{
    allocations = allocations + (size_t)counting;
    return __libc_realloc(memory, size);
}

EXPORTED void *aligned_alloc(size_t alignment, size_t size)
{
    allocations = allocations + (size_t)counting;
    return __libc_memalign(alignment, size);
}

EXPORTED int posix_memalign(void **memory, size_t alignment, size_t size)
{
    allocations = allocations + (size_t)counting;
    *memory = __libc_memalign(alignment, size);
    return *memory != NULL ? 0 : 12;
}

EXPORTED void free(void *memory)
{
    __libc_free(memory);
}
#else
#define COUNTS_CALLS 0
#endif

/* ---- the loop in a thread of its own --------------------------------------------------------- */

enum { LOG_BYTES = 16384 };

typedef struct running {
    loop loop;
    config config;
    stop stop;
    int status;
    size_t allocations;
    char log[LOG_BYTES]; /* The end of what was written. */
} running;

static void *run_counted(void *argument)
{
    running *r = argument;

    allocations = 0;
    counting = 1;
    r->status = loop_run(&r->loop);
    counting = 0;
    r->allocations = allocations;
    return NULL;
}

static void fill_config(config *c, const char *host_port, FILE *log)
{
    memset(c, 0, sizeof *c);
    c->runtime_api = host_port;
    c->concurrency = 1;
    c->threads = 1;
    c->log.fd = fileno(log);
    c->log.level = LOG_TRACE;
    c->environment = "test";
    c->max_chars = 512;
    c->neutral_threshold = 0.6f;
    c->sqs_partial_failures = 1;
}

static distil_model *model;

static void read_log(running *r, FILE *log)
{
    long size = (long)lseek(fileno(log), 0, SEEK_END), keep = LOG_BYTES - 1;
    ssize_t n = pread(fileno(log), r->log, LOG_BYTES - 1, size > keep ? size - keep : 0);

    r->log[n > 0 ? n : 0] = '\0';
}

static size_t count_in(const char *text, const char *part)
{
    size_t count = 0;

    while ((text = strstr(text, part)) != NULL) {
        text += strlen(part);
        count++;
    }
    return count;
}

static void set_store(config *c, const fault_server *table)
{
    c->table = "items";
    c->region = "us-east-1";
    config_read_credentials(&c->credentials);
    snprintf(c->store.host, sizeof c->store.host, "127.0.0.1");
    c->store.port = fault_port(table);
}

/* Serve what the script sends until it ends. `table` is NULL, or the server in DynamoDB's place. */
static void serve(running *r, fault_server *server, const fault_server *table)
{
    char host_port[32], why[320] = "";
    FILE *log = tmpfile();
    pthread_t thread;

    if (log == NULL)
        abort();

    memset(r, 0, sizeof *r);
    snprintf(host_port, sizeof host_port, "127.0.0.1:%u", fault_port(server));
    fill_config(&r->config, host_port, log);
    if (table != NULL)
        set_store(&r->config, table);
    atomic_init(&r->stop.wanted, 0);
    atomic_init(&r->stop.busy, 0);
    if (loop_init(&r->loop, &r->config, model, &r->stop, why, sizeof why) != 0) {
        harness_fail(__FILE__, __LINE__, "%s", why);
        fclose(log);
        return;
    }
    if (pthread_create(&thread, NULL, run_counted, r) != 0)
        abort();
    pthread_join(thread, NULL);
    loop_free(&r->loop);
    read_log(r, log);
    fclose(log);
    CHECKF(r->status == 1, "exit status %d", r->status);
}

/* ---- events ---------------------------------------------------------------------------------- */

#define ACCEPTED "HTTP/1.1 202 Accepted\r\nContent-Length: 16\r\n\r\n{\"status\":\"OK\"}\n"
#define FORBIDDEN "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n"
#define SNS(message)                                                                               \
    "{\"Records\":[{\"EventSource\":\"aws:sns\",\"Sns\":{\"MessageId\":\"m\",\"Message\":"         \
    "\"" message "\"}}]}"

typedef struct event_case {
    const char *name, *event;
    const char *path;     /* The path of the post: "/response " or "/error ". */
    const char *contains; /* A part of what is posted. */
} event_case;

static const event_case events[] = {
    {"direct", "{\"text\":\"A gorgeous, witty, seductive movie.\"}", "/response ", "positive"},
    {"SNS",
     SNS("{\\\"source_id\\\":\\\"a\\\",\\\"timestamp\\\":\\\"t\\\",\\\"text_for_analysis\\\":"
         "\\\"A dull, lifeless film.\\\",\\\"model_version\\\":\\\"v\\\"}"),
     "/response ", "negative"},
    {"warm-up", "{\"warmup\":true}", "/response ", "warmed"},
    {"empty", "", "/error ", "Lambda-Runtime-Function-Error-Type: Function.BadEvent"},
    {"no JSON", "{\"text\":", "/error ", "Lambda-Runtime-Function-Error-Type: Function.BadEvent"},
    {"SNS without a text", SNS("{}"), "/error ",
     "Lambda-Runtime-Function-Error-Type: Function.BadEvent"},
};

enum {
    EVENTS = sizeof events / sizeof *events,
    ROUNDS = 150 /* More classifications than the monitor's window has places. */,
    STEPS = 8 * EVENTS * ROUNDS + 8
};

/* An answer of `next` that holds an event; every other one is chunked. The caller frees it. */
static char *event_answer(const char *event, size_t number)
{
    char *text = malloc(strlen(event) + 512);

    if (number % 2 == 0 || *event == '\0')
        sprintf(text,
                "HTTP/1.1 200 OK\r\nLambda-Runtime-Aws-Request-Id: id-%zu\r\n"
                "Content-Length: %zu\r\n\r\n%s",
                number, strlen(event), event);
    else
        sprintf(text,
                "HTTP/1.1 200 OK\r\nLambda-Runtime-Aws-Request-Id: id-%zu\r\n"
                "Lambda-Runtime-Deadline-Ms: 4102444800000\r\n"
                "Transfer-Encoding: chunked\r\n\r\n1\r\n%c\r\n%zx\r\n%s\r\n0\r\n\r\n",
                number, event[0], strlen(event) - 1, event + 1);
    return text;
}

static void check_post(const fault_server *server, size_t number, const event_case *c)
{
    const char *request = fault_request(server, 2 * number + 1, NULL);
    char path[64];

    snprintf(path, sizeof path, "/invocation/id-%zu%s", number, c->path);
    CHECKF(strstr(request, path) != NULL && strstr(request, c->contains) != NULL,
           "%s: expected %s and %s in %s", c->name, path, c->contains, request);
}

/* Several rounds of every kind of event, on connections that the server closes now and then. */
static void test_events(void)
{
    static fault_step script[STEPS];
    static running r;
    char *answers[EVENTS * ROUNDS];
    fault_server *server;
    size_t steps = 0;

    if (!harness_case("events of every kind, and not one allocation"))
        return;
    script[steps++] = (fault_step){.op = FAULT_ACCEPT};
    for (size_t i = 0; i < EVENTS * ROUNDS; i++) {
        answers[i] = event_answer(events[i % EVENTS].event, i);
        script[steps++] = (fault_step){.op = FAULT_REQUEST};
        script[steps++] =
            (fault_step){.op = FAULT_SEND, .bytes = answers[i], .size = strlen(answers[i])};
        script[steps++] = (fault_step){.op = FAULT_REQUEST};
        script[steps++] = (fault_step){.op = FAULT_SEND, FAULT_TEXT(ACCEPTED)};
        if (i % 5 == 4) {
            script[steps++] = (fault_step){.op = FAULT_CLOSE};
            script[steps++] = (fault_step){.op = FAULT_ACCEPT};
        }
    }
    script[steps++] = (fault_step){.op = FAULT_REQUEST};
    script[steps++] = (fault_step){.op = FAULT_SEND, FAULT_TEXT(FORBIDDEN)};
    server = fault_start(script, steps);
    serve(&r, server, NULL);
    CHECK(fault_finish(server) == 1);
    CHECKF(fault_request_count(server) == 2 * EVENTS * ROUNDS + 1, "%zu requests",
           fault_request_count(server));
    for (size_t i = 0; i < EVENTS * ROUNDS && 2 * i + 1 < fault_request_count(server); i++)
        check_post(server, i, &events[i % EVENTS]);
    CHECKF(r.allocations == 0, "%zu allocations", r.allocations);
    for (size_t i = 0; i < EVENTS * ROUNDS; i++)
        free(answers[i]);
    fault_free(server);
}

/* ---- with a store ---------------------------------------------------------------------------- */

#define JSON(status, bytes)                                                                        \
    "HTTP/1.1 " status "\r\nContent-Type: application/x-amz-json-1.0\r\nContent-Length: " bytes    \
    "\r\n\r\n"
#define UPDATED JSON("200 OK", "2") "{}"
#define BUSY JSON("503 Service Unavailable", "0")
#define CONFLICT                                                                                   \
    JSON("400 Bad Request", "79")                                                                  \
    "{\"__type\":\"ConditionalCheckFailedException\",\"Item\":{\"status\":{\"S\":\"analyzed\"}}}"
#define REFUSED JSON("400 Bad Request", "32") "{\"__type\":\"ValidationException\"}"
#define CREDENTIALS                                                                                \
    JSON("200 OK", "108")                                                                          \
    "{\"AccessKeyId\":\"AKIDEXAMPLE\",\"SecretAccessKey\":\"secret\",\"Token\":\"token\","         \
    "\"Expiration\":\"2001-01-01T00:00:00Z\"}"

/* What the store answers to an event of one record, and what becomes of the event. */
typedef struct stored_case {
    const char *answers[2]; /* NULL: the server closes the connection. */
    const char *path, *contains;
} stored_case;

static const stored_case stored[] = {
    {{UPDATED, NULL}, "/response ", "\"updated\":true"},
    {{BUSY, UPDATED}, "/response ", "\"updated\":true"},
    {{CONFLICT, NULL}, "/response ", "\"updated\":false"},
    {{REFUSED, NULL}, "/error ", "Function.StoreFailed"},
};

enum {
    STORED = sizeof stored / sizeof *stored,
    STORED_EVENTS = 10 * STORED,
    STORE_STEPS = 6 * STORED_EVENTS + 1
};

/* Retries, refusals, and connections that the store closes now and then. The credentials have
 * always expired, so the endpoint is asked for them each time. */
static void test_stored(void)
{
    static fault_step script[4 * STORED_EVENTS + 3], store_script[STORE_STEPS],
        keys_script[3 * STORED_EVENTS * 2 + 1];
    static running r;
    char *answers[STORED_EVENTS], uri[64];
    fault_server *server, *table, *keys;
    size_t steps = 0, store_steps = 0, keys_steps = 0;

    if (!harness_case("events that are stored, and not one allocation"))
        return;
    script[steps++] = (fault_step){.op = FAULT_ACCEPT};
    store_script[store_steps++] = (fault_step){.op = FAULT_ACCEPT};
    for (size_t i = 0; i < STORED_EVENTS; i++) {
        const stored_case *c = &stored[i % STORED];

        answers[i] = event_answer(events[1].event, i);
        script[steps++] = (fault_step){.op = FAULT_REQUEST};
        script[steps++] =
            (fault_step){.op = FAULT_SEND, .bytes = answers[i], .size = strlen(answers[i])};
        script[steps++] = (fault_step){.op = FAULT_REQUEST};
        script[steps++] = (fault_step){.op = FAULT_SEND, FAULT_TEXT(ACCEPTED)};
        for (size_t k = 0; k < 2 && c->answers[k] != NULL; k++) {
            store_script[store_steps++] = (fault_step){.op = FAULT_REQUEST};
            store_script[store_steps++] = (fault_step){
                .op = FAULT_SEND, .bytes = c->answers[k], .size = strlen(c->answers[k])};
            keys_script[keys_steps++] = (fault_step){.op = FAULT_ACCEPT};
            keys_script[keys_steps++] = (fault_step){.op = FAULT_REQUEST};
            keys_script[keys_steps++] = (fault_step){.op = FAULT_SEND, FAULT_TEXT(CREDENTIALS)};
        }
        if (i % 7 == 6) {
            store_script[store_steps++] = (fault_step){.op = FAULT_CLOSE};
            store_script[store_steps++] = (fault_step){.op = FAULT_ACCEPT};
        }
    }
    script[steps++] = (fault_step){.op = FAULT_REQUEST};
    script[steps++] = (fault_step){.op = FAULT_SEND, FAULT_TEXT(FORBIDDEN)};
    server = fault_start(script, steps);
    table = fault_start(store_script, store_steps);
    keys = fault_start(keys_script, keys_steps);
    snprintf(uri, sizeof uri, "http://localhost:%u/keys", fault_port(keys));
    unsetenv("AWS_ACCESS_KEY_ID");
    unsetenv("AWS_SECRET_ACCESS_KEY");
    setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", uri, 1);
    serve(&r, server, table);
    CHECK(fault_finish(server) == 1 && fault_finish(table) == 1 && fault_finish(keys) == 1);
    CHECK(fault_request_count(server) == 2 * STORED_EVENTS + 1);
    for (size_t i = 0; i < STORED_EVENTS && 2 * i + 1 < fault_request_count(server); i++) {
        const char *post = fault_request(server, 2 * i + 1, NULL);

        CHECKF(strstr(post, stored[i % STORED].path) && strstr(post, stored[i % STORED].contains),
               "event %zu: %s", i, post);
        free(answers[i]);
    }
    CHECKF(r.allocations == 0, "%zu allocations", r.allocations);
    fault_free(server);
    fault_free(table);
    fault_free(keys);
}

/* ---- sizes ----------------------------------------------------------------------------------- */

/* An event that is larger than its buffer is failed under its id, and the next one is served. */
static void test_oversize(void)
{
    const size_t size = RAPI_MAX_EVENT_BYTES + HTTP_MAX_HEAD_BYTES + 1;
    char *large, *small;
    fault_step script[] = {
        {.op = FAULT_ACCEPT},  {.op = FAULT_REQUEST},
        {.op = FAULT_SEND},    {.op = FAULT_ACCEPT},
        {.op = FAULT_REQUEST}, {.op = FAULT_SEND, FAULT_TEXT(ACCEPTED)},
        {.op = FAULT_REQUEST}, {.op = FAULT_SEND},
        {.op = FAULT_REQUEST}, {.op = FAULT_SEND, FAULT_TEXT(ACCEPTED)},
        {.op = FAULT_REQUEST}, {.op = FAULT_SEND, FAULT_TEXT(FORBIDDEN)},
    };
    static running r;
    fault_server *server;

    if (!harness_case("an event larger than the limit"))
        return;
    large = malloc(size + 512);
    script[2].bytes = large;
    script[2].size = (size_t)sprintf(large,
                                     "HTTP/1.1 200 OK\r\nLambda-Runtime-Aws-Request-Id: large\r\n"
                                     "Content-Length: %zu\r\n\r\n",
                                     size);
    memset(large + script[2].size, ' ', size);
    script[2].size += size;
    small = event_answer(events[0].event, 0);
    script[7].bytes = small;
    script[7].size = strlen(small);
    server = fault_start(script, sizeof script / sizeof *script);
    serve(&r, server, NULL);
    CHECK(fault_finish(server) == 1 && fault_request_count(server) == 5);
    CHECK(strstr(fault_request(server, 1, NULL), "/invocation/large/error ") != NULL);
    CHECK(strstr(fault_request(server, 1, NULL), "larger than 6 MiB") != NULL);
    CHECK(strstr(fault_request(server, 3, NULL), "/invocation/id-0/response ") != NULL);
    CHECK(r.allocations == 0);
    CHECK(count_in(r.log, "\"message\":\"event failed\",\"requestId\":\"large\"") == 1);
    CHECK(count_in(r.log, "\"AnalysisErrors\":1,\"requestId\":\"large\"") == 1);
    fault_free(server);
    free(large);
    free(small);
}

/* Returns an event with a list of `count` empty texts. It is small itself, but its answer is larger
 * than Lambda allows. */
static char *many_texts(size_t count, const char *before, const char *each, const char *after)
{
    size_t size = strlen(before);
    char *event = malloc(size + count * (strlen(each) + 1) + strlen(after) + 1);

    memcpy(event, before, size + 1);
    for (size_t i = 0; i < count; i++)
        size += (size_t)sprintf(event + size, "%s%s", i > 0 ? "," : "", each);
    strcpy(event + size, after);
    return event;
}

/* An answer of more than 6 MiB is replaced by an error that says so, whoever waits for it, and the
 * next event is served. */
static void test_large_answers(void)
{
    enum { TEXTS = 60000 };
    static running r;
    char *lists[2], *answers[3];
    fault_step script[] = {
        {.op = FAULT_ACCEPT},
        {.op = FAULT_REQUEST},
        {.op = FAULT_SEND},
        {.op = FAULT_REQUEST},
        {.op = FAULT_SEND, FAULT_TEXT(ACCEPTED)},
        {.op = FAULT_REQUEST},
        {.op = FAULT_SEND},
        {.op = FAULT_REQUEST},
        {.op = FAULT_SEND, FAULT_TEXT(ACCEPTED)},
        {.op = FAULT_REQUEST},
        {.op = FAULT_SEND},
        {.op = FAULT_REQUEST},
        {.op = FAULT_SEND, FAULT_TEXT(ACCEPTED)},
        {.op = FAULT_REQUEST},
        {.op = FAULT_SEND, FAULT_TEXT(FORBIDDEN)},
    };
    fault_server *server;

    if (!harness_case("answers larger than the limit"))
        return;
    lists[0] = many_texts(TEXTS, "[", "\"\"", "]");
    lists[1] = many_texts(TEXTS, "{\"httpMethod\":\"POST\",\"requestContext\":{},\"body\":\"[",
                          "\\\"\\\"", "]\"}");
    for (size_t i = 0; i < 3; i++) {
        answers[i] = event_answer(i < 2 ? lists[i] : events[0].event, i);
        script[2 + 4 * i].bytes = answers[i];
        script[2 + 4 * i].size = strlen(answers[i]);
    }
    server = fault_start(script, sizeof script / sizeof *script);
    serve(&r, server, NULL);
    CHECK(fault_finish(server) == 1);
    CHECKF(fault_request_count(server) == 7, "%zu requests", fault_request_count(server));
    for (size_t i = 0; i < 2 && fault_request_count(server) == 7; i++) {
        const char *post = fault_request(server, 2 * i + 1, NULL);

        CHECK(strstr(post, i == 0 ? "/invocation/id-0/error " : "/invocation/id-1/error ") != NULL);
        CHECK(
            strstr(post, "Lambda-Runtime-Function-Error-Type: Function.ResponseSizeTooLarge\r\n"));
        CHECK(strstr(post, "the answer is larger than 6 MiB") != NULL);
    }
    if (fault_request_count(server) == 7)
        CHECK(strstr(fault_request(server, 5, NULL), "/invocation/id-2/response ") != NULL);
    CHECKF(count_in(r.log, "\"message\":\"event failed\"") == 2, "%s", r.log);
    CHECK(count_in(r.log, "\"AnalysisErrors\":1,") == 2);
    CHECK(r.allocations == 0);
    fault_free(server);
    for (size_t i = 0; i < 3; i++)
        free(answers[i]);
    free(lists[0]);
    free(lists[1]);
}

/* Proves that the counter of allocations counts. Otherwise a count of 0 would show nothing. */
static void test_counter(void)
{
    void *volatile kept;

    if (!harness_case("the counter counts"))
        return;
    if (!COUNTS_CALLS) {
        harness_skip(ADDRESS_SANITIZER ? "sanitizers replace malloc themselves"
                                       : "this C library has no second name for malloc");
        return;
    }
    allocations = 0;
    counting = 1;
    kept = malloc(10);
    free(kept);
    /* strdup allocates from within the C library. */
    kept = strdup("x");
    counting = 0;
    free(kept);
    CHECKF(allocations == 2, "%zu", allocations);
}

int main(int argc, char **argv)
{
    const char *build = getenv("DISTIL_BUILD");
    char blob[4096];

    harness_init("test_loop", argc, argv);
    snprintf(blob, sizeof blob, "%s/sst2.distil", build != NULL ? build : "build");
    if (distil_model_open(&model, blob, NULL, NULL) != DISTIL_OK) {
        printf("%s: no model; run make\n", blob);
        return 1;
    }
    test_counter();
    test_events();
    test_stored();
    test_oversize();
    test_large_answers();
    distil_model_close(model);
    return harness_finish();
}
