/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A program for test scripts that calls DynamoDB, or an emulator of it, with the function's code:
 *
 *     tool_dynamodb call ENDPOINT OPERATION BODY
 *         sends a signed request and prints the status and the body of the answer
 *     tool_dynamodb update ENDPOINT TABLE SOURCE TIMESTAMP WRITER
 *         updates one item and prints the outcome and its reason
 *     tool_dynamodb race ENDPOINT TABLE SOURCE TIMESTAMP WRITERS
 *         updates one item from as many threads at once as WRITERS says, and prints the name of the
 *         writer that changed it and how often each outcome occurred
 *
 * The region, the credentials and AWS_CA_BUNDLE come from the environment, as in the function. The
 * exit status is 0 for every outcome, and 2 if the program could not send a request.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/clock.h"
#include "lambda/aws/credentials.h"
#include "lambda/aws/dates.h"
#include "lambda/aws/dynamodb.h"
#include "lambda/net/http_client.h"
#include "lambda/aws/sigv4.h"
#include "lambda/logged_store.h"
#include "lambda/net/tls.h"
#include "lambda/net/url.h"

enum { WAIT_MS = 20000, MAX_WRITERS = 64, BUFFER_BYTES = 1 << 18, OUTCOMES = 6 };

static const char *const outcomes[OUTCOMES] = {
    [STORE_UPDATED] = "updated",         [STORE_DUPLICATE] = "duplicate",
    [STORE_MISSING] = "missing",         [STORE_REFUSED] = "refused",
    [STORE_UNAVAILABLE] = "unavailable", [STORE_CREDENTIALS] = "credentials"};

static void require(int condition, const char *what)
{
    if (!condition) {
        fprintf(stderr, "tool_dynamodb: %s\n", what);
        exit(2);
    }
}

static const char *region(void)
{
    const char *name = getenv("AWS_REGION");

    require(name != NULL && name[0] != '\0', "AWS_REGION is not set");
    return name;
}

static net_endpoint endpoint_of(const char *text)
{
    static int ready;
    net_endpoint to;
    http_slice target;
    char why[192];

    require(url_parse(&to, &target, text) == 0, "no address of the form http://host:port");
    if (to.tls && !ready) {
        if (tls_setup(getenv("AWS_CA_BUNDLE"), why, sizeof why) != 0)
            require(0, why);
        ready = 1;
    }
    return to;
}

/* ---- call ------------------------------------------------------------------------------------ */

static http_slice slice(const char *text)
{
    return (http_slice){text, strlen(text)};
}

/* Append the value of the Authorization header. */
static void sign_request(buffer *out, const credentials_set *set, const sigv4_request *request,
                         const char *date_time)
{
    const sigv4_scope scope = {date_time, region(), "dynamodb"};
    uint8_t key[SIGV4_SHA256_BYTES], signature[SIGV4_SHA256_BYTES];
    static char canonical_text[BUFFER_BYTES];
    char string_text[512];
    buffer canonical, string;

    buffer_init(&canonical, canonical_text, sizeof canonical_text);
    sigv4_canonical_request(&canonical, request);
    buffer_init(&string, string_text, sizeof string_text);
    sigv4_string_to_sign(&string, &scope, canonical.data, canonical.size);
    require(!canonical.overflow && !string.overflow, "the request is too large");
    sigv4_signing_key(key, set->secret, &scope);
    sigv4_signature(signature, key, string.data, string.size);
    sigv4_authorization(out, set->key_id, &scope, request, signature);
}

/* Build a signed request. */
static void build_request(buffer *out, const net_endpoint *to, const char *target, const char *body)
{
    static credentials c;
    credentials_source from;
    char host[URL_HOST_BYTES], date_time[DATES_BASIC_BYTES], why[192];
    http_header headers[5];
    sigv4_request request = {slice("POST"), slice("/"), slice(""), headers, 0, slice(body)};

    config_read_credentials(&from);
    if (credentials_init(&c, &from, why, sizeof why) != 0)
        require(0, why);
    dates_basic(date_time, clock_unix_ms());
    url_host(host, to);
    headers[0] = (http_header){slice("Host"), slice(host)};
    headers[1] = (http_header){slice("Content-Type"), slice(DYNAMODB_CONTENT_TYPE)};
    headers[2] = (http_header){slice("X-Amz-Target"), slice(target)};
    headers[3] = (http_header){slice("X-Amz-Date"), slice(date_time)};
    headers[4] = (http_header){slice("X-Amz-Security-Token"), slice(c.set.token)};
    request.header_count = c.set.token[0] != '\0' ? 5 : 4;
    buffer_text(out, "POST / HTTP/1.1\r\n");
    for (size_t i = 0; i < request.header_count; i++)
        buffer_format(out, "%s: %s\r\n", headers[i].name.at, headers[i].value.at);
    buffer_text(out, "Authorization: ");
    sign_request(out, &c.set, &request, date_time);
    buffer_format(out, "\r\nContent-Length: %zu\r\n\r\n", strlen(body));
    buffer_text(out, body);
    require(!out->overflow, "the request is too large");
}

static void call(const char *endpoint, const char *operation, const char *body)
{
    static char request_text[BUFFER_BYTES], reply[BUFFER_BYTES];
    net_endpoint to = endpoint_of(endpoint);
    char target[128];
    http_response response;
    http_client client;
    buffer request;

    snprintf(target, sizeof target, "DynamoDB_20120810.%s", operation);
    buffer_init(&request, request_text, sizeof request_text);
    build_request(&request, &to, target, body);
    http_client_init(&client, &to, reply, sizeof reply, WAIT_MS);
    if (http_client_exchange(&client, &response, request.data, request.size, HTTP_RESEND_NEVER,
                             clock_after_ms(WAIT_MS)) != HTTP_CLIENT_OK)
        require(0, response.why);
    printf("%d %.*s\n", response.head.status, (int)response.body.size, response.body.at);
    http_client_close(&client);
}

/* ---- update and race ------------------------------------------------------------------------- */

typedef struct writer {
    config config;
    store_item item;
    char name[32];
    store *store;
    void *memory;
    /* the barrier at which all writers wait for each other; NULL if there is only one writer */
    pthread_barrier_t *start;
    store_status status;
    char why[256];
} writer;

static void make_writer(writer *w, char **arguments)
{
    memset(w, 0, sizeof *w);
    w->config.store = endpoint_of(arguments[0]);
    w->config.table = arguments[1];
    w->config.region = region();
    w->config.log = (log_sink){2, LOG_WARN};
    w->item = (store_item){.source_id = arguments[2],
                           .timestamp = arguments[3],
                           .sentiment = "positive",
                           .sentiment_bytes = 8,
                           .score = 0.98765,
                           .model_version = "v1",
                           .model = "0123456789ab",
                           .writer = arguments[4]};
    w->memory = aligned_alloc(64, (store_bytes() + 63) / 64 * 64);
    require(w->memory != NULL, "no memory");
    config_read_credentials(&w->config.credentials);
    w->store = logged_store_init(w->memory, &w->config, w->why, sizeof w->why);
    require(w->store != NULL, w->why);
}

static void *write_item(void *argument)
{
    writer *w = argument;

    if (w->start != NULL)
        pthread_barrier_wait(w->start);
    w->status =
        store_update(w->store, &w->item, clock_after_ms(WAIT_MS), NULL, w->why, sizeof w->why);
    store_close(w->store);
    return NULL;
}

static void update_once(char **arguments)
{
    static writer w;

    make_writer(&w, arguments);
    write_item(&w);
    printf("%s%s%s\n", outcomes[w.status], w.why[0] != '\0' ? ": " : "", w.why);
    free(w.memory);
}

static void race(char **arguments)
{
    static writer writers[MAX_WRITERS];
    static pthread_t threads[MAX_WRITERS];
    size_t count = strtoul(arguments[4], NULL, 10), counts[OUTCOMES] = {0};
    pthread_barrier_t start;

    require(count > 0 && count <= MAX_WRITERS, "1 to 64 writers");
    require(pthread_barrier_init(&start, NULL, (unsigned)count) == 0, "no barrier");
    for (size_t i = 0; i < count; i++) {
        make_writer(&writers[i], arguments);
        snprintf(writers[i].name, sizeof writers[i].name, "writer-%zu", i);
        writers[i].item.writer = writers[i].name;
        writers[i].start = &start;
    }
    for (size_t i = 0; i < count; i++)
        require(pthread_create(&threads[i], NULL, write_item, &writers[i]) == 0, "no thread");
    for (size_t i = 0; i < count; i++) {
        pthread_join(threads[i], NULL);
        counts[writers[i].status]++;
        if (writers[i].status == STORE_UPDATED)
            printf("%s ", writers[i].name);
        free(writers[i].memory);
    }
    for (size_t i = 0; i < OUTCOMES; i++)
        printf("%s %zu%s", outcomes[i], counts[i], i + 1 < OUTCOMES ? ", " : "\n");
    pthread_barrier_destroy(&start);
}

int main(int argc, char **argv)
{
    if (argc == 5 && strcmp(argv[1], "call") == 0)
        call(argv[2], argv[3], argv[4]);
    else if (argc == 7 && strcmp(argv[1], "update") == 0)
        update_once(argv + 2);
    else if (argc == 7 && strcmp(argv[1], "race") == 0)
        race(argv + 2);
    else
        require(0, "call ENDPOINT OPERATION BODY | update or race ENDPOINT TABLE SOURCE TIMESTAMP "
                   "WRITER or WRITERS");
    return 0;
}
