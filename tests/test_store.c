/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The store over real sockets, against a scripted server in DynamoDB's place: what it sends, which
 * answers it tries again and after which wait, what it returns and what it logs. Pauses are
 * recorded instead of slept, the time of day and chance are the tests' own.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lambda/clock.h"
#include "lambda/crc32.h"
#include "lambda/credentials.h"
#include "lambda/sigv4.h"
#include "lambda/store.h"
#include "lambda/tls.h"
#include "tests/harness.h"
#include "tests/support_fault_server.h"

enum { LONG_MS = 20000, SHORT_MS = 120, MAX_PAUSES = 16, STEPS = 64, LOG_BYTES = 65536 };

#define NOON 1768480496000 /* 2026-01-15T12:34:56Z */
#define NOON_DATE "Date: Thu, 15 Jan 2026 12:34:56 GMT\r\n"
#define SECRET "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
#define TOKEN "AQoDYXdzEXAMPLETOKEN=="

#define JSON_TYPE "Content-Type: application/x-amz-json-1.0\r\n"
#define V2012 "com.amazonaws.dynamodb.v20120810#"
#define ERROR_OF(type, message) "{\"__type\":\"" V2012 type "\",\"message\":\"" message "\"}"

/* ---- a script of answers --------------------------------------------------------------------- */

typedef struct play {
    fault_step steps[STEPS];
    char *texts[STEPS];
    size_t count;
} play;

static fault_step *add_step(play *p, fault_op op)
{
    fault_step *step = &p->steps[p->count++];

    memset(step, 0, sizeof *step);
    step->op = op;
    return step;
}

/* An answer's bytes; the caller frees them. */
static char *answer_text(int status, const char *headers, const char *body, size_t *size)
{
    size_t capacity = strlen(headers) + strlen(body) + 256;
    char *text = malloc(capacity);
    int n;

    if (text == NULL)
        abort();
    n = snprintf(text, capacity,
                 "HTTP/1.1 %d x\r\n%sx-amzn-RequestId: SERVICE-ID\r\nX-Amz-Crc32: %lu\r\n"
                 "Content-Length: %zu\r\n\r\n%s",
                 status, headers, (unsigned long)crc32_ieee(body, strlen(body)), strlen(body),
                 body);
    *size = (size_t)n;
    return text;
}

/* Read a request and answer it. */
static fault_step *add_answer(play *p, int status, const char *headers, const char *body)
{
    fault_step *step;

    add_step(p, FAULT_REQUEST);
    step = add_step(p, FAULT_SEND);
    p->texts[p->count - 1] = answer_text(status, headers, body, &step->size);
    step->bytes = p->texts[p->count - 1];
    return step;
}

static void add_raw(play *p, const char *bytes)
{
    fault_step *step;

    add_step(p, FAULT_REQUEST);
    step = add_step(p, FAULT_SEND);
    step->bytes = bytes;
    step->size = strlen(bytes);
}

static void add_success(play *p)
{
    add_answer(p, 200, JSON_TYPE, "{}");
}

static void free_play(play *p)
{
    for (size_t i = 0; i < p->count; i++)
        free(p->texts[i]);
}

/* ---- a store of such a server ---------------------------------------------------------------- */

typedef struct fixture {
    play play;
    fault_server *server;
    config config;
    void *memory;
    store *store;
    FILE *log;
    char log_text[LOG_BYTES];
    int64_t unix_ms;
    int stall_at; /* the clock is read so many times, then only after the deadline */
    double chance;
    int64_t deadline_ns;
    double pauses_ms[MAX_PAUSES]; /* asked for */
    size_t pause_count;
    char why[256];
} fixture;

static int64_t fixed_unix_ms(void *context)
{
    fixture *f = context;

    if (f->stall_at > 0 && --f->stall_at == 0)
        clock_sleep_until(f->deadline_ns + 1000000);
    return f->unix_ms;
}

static void record_pause(void *context, double ms, int64_t until_ns)
{
    fixture *f = context;

    CHECK(until_ns <= f->deadline_ns);
    if (f->pause_count < MAX_PAUSES)
        f->pauses_ms[f->pause_count++] = ms;
}

static double fixed_chance(void *context)
{
    return ((fixture *)context)->chance;
}

static void set_world(fixture *f, int64_t answer_ms)
{
    const store_world world = {fixed_unix_ms, record_pause, fixed_chance, 1000, answer_ms, f};

    store_set_world(f->store, &world);
}

/* The environment is the process's: each case sets what it needs and unset_all the rest. */
static void unset_all(void)
{
    unsetenv("AWS_ACCESS_KEY_ID");
    unsetenv("AWS_SECRET_ACCESS_KEY");
    unsetenv("AWS_SESSION_TOKEN");
    unsetenv("AWS_CONTAINER_CREDENTIALS_FULL_URI");
    unsetenv("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI");
    unsetenv("AWS_CONTAINER_AUTHORIZATION_TOKEN");
    unsetenv("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE");
}

static void set_keys(void)
{
    unset_all();
    setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE", 1);
    setenv("AWS_SECRET_ACCESS_KEY", SECRET, 1);
    setenv("AWS_SESSION_TOKEN", TOKEN, 1);
}

static void make_store(fixture *f)
{
    f->memory = aligned_alloc(64, (store_bytes() + 63) / 64 * 64);
    f->log = tmpfile();
    if (f->memory == NULL || f->log == NULL)
        abort();
    f->config.table = "results";
    f->config.region = "us-east-1";
    f->config.log.fd = fileno(f->log);
    f->config.log.level = LOG_DEBUG;
    f->store = store_init(f->memory, &f->config, f->why, sizeof f->why);
    CHECKF(f->store != NULL, "%s", f->why);
    if (f->store == NULL)
        abort();
    f->unix_ms = NOON;
    f->chance = 0.5;
    set_world(f, 2000);
}

/* Play what has been added. */
static void begin(fixture *f)
{
    f->server = fault_start(f->play.steps, f->play.count);
    snprintf(f->config.store.host, sizeof f->config.store.host, "127.0.0.1");
    f->config.store.port = fault_port(f->server);
    make_store(f);
}

static const store_item sample = {.source_id = "article#1",
                                  .timestamp = "2026-01-15T12:34:56Z",
                                  .sentiment = "positive",
                                  .score = 0.98765,
                                  .model_version = "v1",
                                  .writer = "8f7e-1/0"};

static store_status update_item(fixture *f, const store_item *item, int64_t ms)
{
    memset(f->why, 0, sizeof f->why);
    f->deadline_ns = clock_after_ms(ms);
    return store_update(f->store, item, f->deadline_ns, "request-1", f->why, sizeof f->why);
}

static void check_update(fixture *f, store_status expected)
{
    store_status status = update_item(f, &sample, LONG_MS);

    CHECKF(status == expected, "status %d, expected %d: %s", status, expected, f->why);
    CHECK((f->why[0] == '\0') == (expected == STORE_UPDATED));
}

static void check_why(const fixture *f, const char *part)
{
    CHECKF(strstr(f->why, part) != NULL, "\"%s\" is not in: %s", part, f->why);
}

/* ---- what was sent --------------------------------------------------------------------------- */

static http_slice header_of(const http_head *head, const char *name)
{
    http_slice value = http_get(head, name);

    CHECKF(value.at != NULL, "no header %s", name);
    return value;
}

static void parse_sent(const fixture *f, size_t index, http_head *head, http_slice *body)
{
    size_t size;
    const char *text = fault_request(f->server, index, &size);

    CHECK(http_parse_request(head, text, size) == HTTP_DONE);
    *body = (http_slice){text + head->bytes, size - head->bytes};
    CHECK(head->framing == HTTP_LENGTH && head->content_length == body->size);
}

/* The names after "SignedHeaders=" as headers of this request. */
static size_t signed_headers(http_header *out, const http_head *head, http_slice authorization)
{
    static const char key[] = "SignedHeaders=";
    const char *at = strstr(authorization.at, key);
    size_t count = 0;

    CHECK(at != NULL);
    at += sizeof key - 1;
    while (*at != ',') {
        size_t size = strcspn(at, ";,");
        char name[64];

        snprintf(name, sizeof name, "%.*s", (int)size, at);
        out[count].name = (http_slice){at, size};
        out[count++].value = header_of(head, name);
        at += size + (at[size] == ';');
    }
    return count;
}

/* The signature is that of the bytes that arrived, under this key at the request's own time. */
static void check_signature(const fixture *f, size_t index, const char *key_id, const char *secret)
{
    http_header headers[SIGV4_MAX_HEADERS];
    char date_time[32], canonical_text[32768], string_text[1024], expected_text[1024];
    uint8_t key[SIGV4_SHA256_BYTES], signature[SIGV4_SHA256_BYTES];
    sigv4_request request = {.headers = headers};
    sigv4_scope scope = {date_time, "us-east-1", "dynamodb"};
    buffer canonical, string, expected;
    http_slice authorization, date;
    http_head head;

    parse_sent(f, index, &head, &request.body);
    authorization = header_of(&head, "Authorization");
    date = header_of(&head, "X-Amz-Date");
    snprintf(date_time, sizeof date_time, "%.*s", (int)date.size, date.at);
    request.method = head.method;
    request.path = head.path;
    request.header_count = signed_headers(headers, &head, authorization);
    buffer_init(&canonical, canonical_text, sizeof canonical_text);
    sigv4_canonical_request(&canonical, &request);
    buffer_init(&string, string_text, sizeof string_text);
    sigv4_string_to_sign(&string, &scope, canonical.data, canonical.size);
    sigv4_signing_key(key, secret, &scope);
    sigv4_signature(signature, key, string.data, string.size);
    buffer_init(&expected, expected_text, sizeof expected_text);
    sigv4_authorization(&expected, key_id, &scope, &request, signature);
    buffer_char(&expected, '\0');
    CHECKF(http_is(authorization, expected.data), "request %zu: %.*s, expected %s", index,
           (int)authorization.size, authorization.at, expected.data);
}

static void check_header(const fixture *f, size_t index, const char *name, const char *value)
{
    http_head head;
    http_slice body, got;

    parse_sent(f, index, &head, &body);
    got = http_get(&head, name);
    if (value == NULL)
        CHECKF(got.at == NULL, "%s: %.*s", name, (int)got.size, got.at);
    else
        CHECKF(http_is(got, value), "%s: %.*s, expected %s", name, (int)got.size,
               got.at ? got.at : "", value);
}

static int sent_has(const fixture *f, size_t index, const char *part)
{
    return strstr(fault_request(f->server, index, NULL), part) != NULL;
}

/* What has been logged so far; nothing secret is ever in it. */
static const char *read_log(fixture *f)
{
    ssize_t n = pread(fileno(f->log), f->log_text, sizeof f->log_text - 1, 0);

    f->log_text[n > 0 ? n : 0] = '\0';
    CHECK(strstr(f->log_text, SECRET) == NULL && strstr(f->log_text, TOKEN) == NULL);
    return f->log_text;
}

static void check_pauses(const fixture *f, size_t count, const double *expected_ms)
{
    CHECKF(f->pause_count == count, "%zu pauses, expected %zu", f->pause_count, count);
    for (size_t i = 0; i < count && i < f->pause_count; i++)
        CHECKF(f->pauses_ms[i] == expected_ms[i], "pause %zu of %g ms, expected %g", i,
               f->pauses_ms[i], expected_ms[i]);
}

static void check_no_pause(const fixture *f)
{
    check_pauses(f, 0, NULL);
}

/* The script was played, so many requests came. What they say can be looked at until free_all. */
static void end(fixture *f, size_t requests)
{
    read_log(f);
    store_close(f->store);
    CHECK(fault_finish(f->server) == 1);
    CHECKF(fault_request_count(f->server) == requests, "%zu requests, expected %zu",
           fault_request_count(f->server), requests);
}

static void free_all(fixture *f)
{
    if (f->server != NULL)
        fault_free(f->server);
    fclose(f->log);
    free(f->memory);
    free_play(&f->play);
}

/* The same where the keys are the usual ones: every request was signed. */
static void finish(fixture *f, size_t requests)
{
    end(f, requests);
    for (size_t i = 0; i < fault_request_count(f->server); i++)
        check_signature(f, i, "AKIDEXAMPLE", SECRET);
    free_all(f);
}

static fixture f; /* large; each case clears it */

/* 1 to run the case, with an empty script after an accepted connection. */
static int start_case(const char *name)
{
    if (!harness_case("%s", name))
        return 0;
    memset(&f, 0, sizeof f);
    set_keys();
    add_step(&f.play, FAULT_ACCEPT);
    return 1;
}

/* ---- the request ----------------------------------------------------------------------------- */

static void test_request(void)
{
    char host[64];

    if (!start_case("what is sent"))
        return;
    add_success(&f.play);
    begin(&f);
    check_update(&f, STORE_UPDATED);
    check_no_pause(&f);
    end(&f, 1);
    snprintf(host, sizeof host, "127.0.0.1:%u", (unsigned)fault_port(f.server));
    CHECK(strncmp(fault_request(f.server, 0, NULL), "POST / HTTP/1.1\r\nHost: ", 23) == 0);
    check_header(&f, 0, "Host", host);
    check_header(&f, 0, "Content-Type", "application/x-amz-json-1.0");
    check_header(&f, 0, "X-Amz-Target", "DynamoDB_20120810.UpdateItem");
    check_header(&f, 0, "X-Amz-Date", "20260115T123456Z");
    check_header(&f, 0, "X-Amz-Security-Token", TOKEN);
    check_header(&f, 0, "X-Amzn-Trace-Id", NULL);
    check_header(&f, 0, "Accept-Encoding", NULL);
    check_header(&f, 0, "Expect", NULL);
    CHECK(sent_has(&f, 0,
                   "SignedHeaders=content-type;host;x-amz-date;x-amz-security-token;"
                   "x-amz-target,"));
    CHECK(sent_has(&f, 0, "\r\n\r\n{\"TableName\":\"results\",\"Key\":{\"source_id\":"));
    CHECK(sent_has(&f, 0, ":writer\":{\"S\":\"8f7e-1/0\"}}"));
    CHECK(sent_has(&f, 0, "\"ReturnValuesOnConditionCheckFailure\":\"ALL_OLD\"}"));
    check_signature(&f, 0, "AKIDEXAMPLE", SECRET);
    free_all(&f);
}

/* An emulator sets the token's variable to nothing: the header must not be there. */
static void test_no_token(void)
{
    if (!start_case("an empty session token is none"))
        return;
    setenv("AWS_SESSION_TOKEN", "", 1);
    add_success(&f.play);
    begin(&f);
    check_update(&f, STORE_UPDATED);
    end(&f, 1);
    check_header(&f, 0, "X-Amz-Security-Token", NULL);
    CHECK(sent_has(&f, 0, "SignedHeaders=content-type;host;x-amz-date;x-amz-target,"));
    check_signature(&f, 0, "AKIDEXAMPLE", SECRET);
    free_all(&f);
}

static void test_trace(void)
{
    static const char trace[] = "Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=1 and more";
    static const char forged[] = "Root=1\r\nX-Amz-Target: DynamoDB_20120810.DeleteTable";
    char longest[1025];
    store_item item = sample;

    if (!start_case("a trace id is passed on, one that is no header value is not"))
        return;
    memset(longest, 't', sizeof longest);
    for (int i = 0; i < 5; i++)
        add_success(&f.play);
    begin(&f);
    item.trace_id = trace;
    item.trace_id_bytes = 59 - 9; /* a slice: what follows is not its own */
    CHECK(update_item(&f, &item, LONG_MS) == STORE_UPDATED);
    item.trace_id = forged;
    item.trace_id_bytes = sizeof forged - 1;
    CHECK(update_item(&f, &item, LONG_MS) == STORE_UPDATED);
    item.trace_id_bytes = 0;
    CHECK(update_item(&f, &item, LONG_MS) == STORE_UPDATED);
    item.trace_id = longest;
    item.trace_id_bytes = sizeof longest - 1;
    CHECK(update_item(&f, &item, LONG_MS) == STORE_UPDATED);
    item.trace_id_bytes = sizeof longest;
    CHECK(update_item(&f, &item, LONG_MS) == STORE_UPDATED);
    end(&f, 5);
    check_header(&f, 0, "X-Amzn-Trace-Id", "Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=1");
    CHECK(!sent_has(&f, 0, "x-amzn-trace-id,") && !sent_has(&f, 0, "x-amzn-trace-id;"));
    check_header(&f, 1, "X-Amzn-Trace-Id", NULL);
    CHECK(!sent_has(&f, 1, "DeleteTable"));
    check_header(&f, 2, "X-Amzn-Trace-Id", NULL);
    CHECK(sent_has(&f, 3, "\r\nX-Amzn-Trace-Id: tttt"));
    check_header(&f, 4, "X-Amzn-Trace-Id", NULL);
    free_all(&f);
}

/* A key is kept for a day. */
static void test_midnight(void)
{
    if (!start_case("the signing key changes with the day"))
        return;
    for (int i = 0; i < 4; i++)
        add_success(&f.play);
    begin(&f);
    for (int i = 0; i < 4; i++) {
        f.unix_ms = NOON + i * 43200000LL;
        check_update(&f, STORE_UPDATED);
    }
    end(&f, 4);
    check_header(&f, 3, "X-Amz-Date", "20260117T003456Z");
    for (size_t i = 0; i < 4; i++)
        check_signature(&f, i, "AKIDEXAMPLE", SECRET);
    free_all(&f);
}

static void test_bad_items(void)
{
    static char long_key[40000];
    static const double scores[] = {-0.0001, 1.0001, 0.0 / 0.0, 1.0 / 0.0};
    store_item item = sample;

    if (!start_case("what cannot be stored is refused unsent"))
        return;
    f.play.count = 0;
    add_step(&f.play, FAULT_PAUSE);
    begin(&f);
    for (size_t i = 0; i < sizeof scores / sizeof *scores; i++) {
        item.score = scores[i];
        CHECK(update_item(&f, &item, LONG_MS) == STORE_REFUSED);
        check_why(&f, "score");
    }
    item = sample;
    memset(long_key, 'k', sizeof long_key - 1);
    item.source_id = long_key;
    CHECK(update_item(&f, &item, LONG_MS) == STORE_REFUSED);
    check_why(&f, "key");
    finish(&f, 0);
}

/* ---- the error table ------------------------------------------------------------------------- */

typedef struct error_case {
    int status;
    const char *body;
    store_status end; /* after one answer of it, or four where it is tried again */
    double base_ms;   /* 0: not tried again */
    const char *code; /* in why */
} error_case;

static const error_case errors[] = {
    {500, ERROR_OF("InternalServerError", "m"), STORE_UNAVAILABLE, 25, "InternalServerError"},
    {500, "oops", STORE_UNAVAILABLE, 25, "HTTP 500"},
    {502, "<html>bad gateway", STORE_UNAVAILABLE, 25, "HTTP 502"},
    {503, "", STORE_UNAVAILABLE, 25, "HTTP 503"},
    {504, "", STORE_UNAVAILABLE, 25, "HTTP 504"},
    {400, ERROR_OF("ProvisionedThroughputExceededException", "m"), STORE_UNAVAILABLE, 1000,
     "ProvisionedThroughputExceededException"},
    {400, ERROR_OF("ThrottlingException", "m"), STORE_UNAVAILABLE, 1000, "ThrottlingException"},
    {400, ERROR_OF("RequestLimitExceeded", "m"), STORE_UNAVAILABLE, 1000, "RequestLimitExceeded"},
    {400, ERROR_OF("LimitExceededException", "m"), STORE_UNAVAILABLE, 1000,
     "LimitExceededException"},
    {400, ERROR_OF("TransactionInProgressException", "m"), STORE_UNAVAILABLE, 1000,
     "TransactionInProgressException"},
    {429, "slow down", STORE_UNAVAILABLE, 1000, "HTTP 429"},
    {409, ERROR_OF("ReplicatedWriteConflictException", "m"), STORE_UNAVAILABLE, 25,
     "ReplicatedWriteConflictException"},
    {400, ERROR_OF("TransactionConflictException", "m"), STORE_UNAVAILABLE, 25,
     "TransactionConflictException"},
    {400, ERROR_OF("ConditionalCheckFailedException", "The conditional request failed"),
     STORE_DUPLICATE, 0, "no such item"},
    {400, ERROR_OF("ItemCollectionSizeLimitExceededException", "m"), STORE_REFUSED, 0,
     "ItemCollectionSizeLimitExceededException"},
    {400, ERROR_OF("ValidationException", "m"), STORE_REFUSED, 0, "ValidationException"},
    {400, ERROR_OF("ResourceNotFoundException", "m"), STORE_REFUSED, 0, "DATABASE_TABLE"},
    {400, ERROR_OF("SerializationException", "m"), STORE_REFUSED, 0, "SerializationException"},
    {400, ERROR_OF("ExpiredTokenException", "m"), STORE_CREDENTIALS, 0, "expired"},
    {403, ERROR_OF("ExpiredTokenException", "m"), STORE_CREDENTIALS, 0, "ExpiredTokenException"},
    {400, ERROR_OF("UnrecognizedClientException", "m"), STORE_CREDENTIALS, 0,
     "UnrecognizedClientException"},
    {400, ERROR_OF("AccessDeniedException", "m"), STORE_REFUSED, 0, "dynamodb:UpdateItem"},
    {403, ERROR_OF("AccessDeniedException", "m"), STORE_REFUSED, 0, "AccessDeniedException"},
    {400, ERROR_OF("MissingAuthenticationTokenException", "m"), STORE_REFUSED, 0,
     "MissingAuthenticationTokenException"},
    {400, ERROR_OF("IncompleteSignatureException", "m"), STORE_REFUSED, 0,
     "IncompleteSignatureException"},
    {400,
     ERROR_OF("InvalidSignatureException", "The request signature we calculated does not match"),
     STORE_REFUSED, 0, "InvalidSignatureException"},
    {302, "", STORE_REFUSED, 0, "redirects are not followed"},
    {404, "404 page not found", STORE_REFUSED, 0, "HTTP 404"},
    {403, "<ErrorResponse>SignatureDoesNotMatch</ErrorResponse>", STORE_REFUSED, 0, "HTTP 403"},
};

/* Answered so for ever: as many attempts as the row's class has, the pauses of its back-off. */
static void test_error_row(const error_case *e)
{
    size_t attempts = e->base_ms > 0 ? 4 : 1;
    double pauses[3];

    if (!harness_case("status %d, %s: for ever", e->status, e->code))
        return;
    memset(&f, 0, sizeof f);
    set_keys();
    add_step(&f.play, FAULT_ACCEPT);
    for (size_t i = 0; i < attempts; i++) {
        add_answer(&f.play, e->status, "Location: http://127.0.0.1:9/\r\n" JSON_TYPE, e->body);
        pauses[i < 3 ? i : 0] = 0.5 * e->base_ms * (double)(1 << i);
    }
    pauses[0] = 0.5 * e->base_ms;
    begin(&f);
    check_update(&f, e->end);
    check_why(&f, e->code);
    check_why(&f, attempts == 4 ? "attempt 4" : "attempt 1");
    check_why(&f, "SERVICE-ID");
    check_pauses(&f, attempts - 1, pauses);
    finish(&f, attempts);
}

/* Answered so once, then served. */
static void test_error_once(const error_case *e)
{
    double pause = 0.5 * e->base_ms;

    if (e->base_ms <= 0 || !harness_case("status %d, %s: once", e->status, e->code))
        return;
    memset(&f, 0, sizeof f);
    set_keys();
    add_step(&f.play, FAULT_ACCEPT);
    add_answer(&f.play, e->status, JSON_TYPE, e->body);
    add_success(&f.play);
    begin(&f);
    check_update(&f, STORE_UPDATED);
    check_pauses(&f, 1, &pause);
    CHECK(strstr(read_log(&f), e->code) != NULL);
    CHECK(strstr(read_log(&f), "\"requestId\":\"request-1\"") != NULL);
    CHECK(strstr(read_log(&f), "\"serviceRequestId\":\"SERVICE-ID\"") != NULL);
    finish(&f, 2);
}

static void test_errors(void)
{
    for (size_t i = 0; i < sizeof errors / sizeof *errors; i++) {
        test_error_row(&errors[i]);
        test_error_once(&errors[i]);
    }
}

static void test_old_items(void)
{
#define FAILED(item) "{\"__type\":\"ConditionalCheckFailedException\"," item "\"message\":\"m\"}"
    static const char *const cases[][2] = {
        {FAILED(""), "no such item"},
        {FAILED("\"Item\":{\"status\":{\"S\":\"analyzed\"},\"text\":{\"S\":\"PRIVATE\"}},"),
         "by another writer"},
        {FAILED("\"Item\":{\"status\":{\"S\":\"PRIVATE\"}},"), "neither pending nor analyzed"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        if (!start_case(cases[i][1]))
            continue;
        add_answer(&f.play, 400, JSON_TYPE, cases[i][0]);
        begin(&f);
        check_update(&f, STORE_DUPLICATE);
        check_why(&f, cases[i][1]);
        CHECK(strstr(f.why, "PRIVATE") == NULL && strstr(read_log(&f), "PRIVATE") == NULL);
        finish(&f, 1);
    }
}

/* ---- answers that are none ------------------------------------------------------------------- */

/* Not a success, whatever the status says; tried again where the write may have happened. */
static void test_bad_success(void)
{
    static const struct {
        const char *name, *answer;
        int again;
    } cases[] = {
        {"200 with XML",
         "HTTP/1.1 200 OK\r\nContent-Type: application/xml\r\nContent-Length: 9\r\n\r\n<Buckets>",
         0},
        {"200 without a type", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}", 0},
        {"200 with half a document", "HTTP/1.1 200 OK\r\n" JSON_TYPE "Content-Length: 1\r\n\r\n{",
         1},
        {"200 with nothing", "HTTP/1.1 200 OK\r\n" JSON_TYPE "Content-Length: 0\r\n\r\n", 1},
        {"200 with a list", "HTTP/1.1 200 OK\r\n" JSON_TYPE "Content-Length: 2\r\n\r\n[]", 1},
        {"204", "HTTP/1.1 204 No\r\n" JSON_TYPE "\r\n", 0},
        {"a wrong checksum",
         "HTTP/1.1 200 OK\r\n" JSON_TYPE "X-Amz-Crc32: 2745614146\r\nContent-Length: 2\r\n\r\n{}",
         1},
        {"a checksum that is none",
         "HTTP/1.1 200 OK\r\n" JSON_TYPE "X-Amz-Crc32: x\r\nContent-Length: 2\r\n\r\n{}", 1},
        {"a damaged error",
         "HTTP/1.1 400 x\r\n" JSON_TYPE "X-Amz-Crc32: 1\r\nContent-Length: 44\r\n\r\n"
         "{\"__type\":\"ConditionalCheckFailedException\"}",
         1},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        if (!start_case(cases[i].name))
            continue;
        add_raw(&f.play, cases[i].answer);
        if (cases[i].again)
            add_success(&f.play);
        begin(&f);
        check_update(&f, cases[i].again ? STORE_UPDATED : STORE_REFUSED);
        finish(&f, cases[i].again ? 2 : 1);
    }
}

static void test_garbage(void)
{
    static const char *const cases[] = {
        "SSH-2.0-OpenSSH_9.2\r\n",
        "HTTP/1.1 2000 OK\r\n\r\n",
        "HTTP/1.1 200 OK\nContent-Length: 2\n\n{}",
        "HTTP/1.1 200 OK\r\nContent-Length: two\r\n\r\n{}",
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n{}",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n",
        "HTTP/1.1 101 Switching\r\n\r\n",
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        double pause = 12.5;

        if (!harness_case("garbage %zu, then an answer", i))
            continue;
        memset(&f, 0, sizeof f);
        set_keys();
        add_step(&f.play, FAULT_ACCEPT);
        add_raw(&f.play, cases[i]);
        add_step(&f.play, FAULT_ACCEPT);
        add_success(&f.play);
        begin(&f);
        check_update(&f, STORE_UPDATED);
        check_pauses(&f, 1, &pause);
        finish(&f, 2);
    }
}

static void test_forms(void)
{
    static const char *const cases[] = {
        "HTTP/1.1 200 OK\r\n" JSON_TYPE "Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\n1;x\r\n}\r\n"
        "0\r\n\r\n",
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n" JSON_TYPE "Content-Length: 2\r\n\r\n{}",
        "HTTP/1.1 200 OK\r\n" JSON_TYPE "X-Amz-Crc32: 2745614147\r\nContent-Length: 2\r\n\r\n{}",
    };

    if (!start_case("success in each form of HTTP, a byte at a time, on one connection"))
        return;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        add_raw(&f.play, cases[i]);
        f.play.steps[f.play.count - 1].piece = 1;
    }
    begin(&f);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        check_update(&f, STORE_UPDATED);
    check_no_pause(&f);
    finish(&f, sizeof cases / sizeof *cases);
}

/* An item may be larger than the memory for an answer: it is asked for no more. */
static void test_huge(void)
{
    static char item[300000];
    static char body[sizeof item + 128];

    if (!start_case("a failed condition with an item that does not fit"))
        return;
    memset(item, 'i', sizeof item - 1);
    snprintf(body, sizeof body,
             "{\"__type\":\"ConditionalCheckFailedException\",\"Item\":{\"a\":{\"S\":\"%s\"}}}",
             item);
    add_answer(&f.play, 400, JSON_TYPE, body);
    add_step(&f.play, FAULT_ACCEPT);
    add_answer(&f.play, 400, JSON_TYPE, "{\"__type\":\"ConditionalCheckFailedException\"}");
    begin(&f);
    check_update(&f, STORE_DUPLICATE);
    check_why(&f, "the item is not pending");
    end(&f, 2);
    CHECK(sent_has(&f, 0, "CheckFailure\":\"ALL_OLD\"}"));
    CHECK(sent_has(&f, 1, "CheckFailure\":\"NONE\"}"));
    check_signature(&f, 1, "AKIDEXAMPLE", SECRET);
    free_all(&f);
}

static void test_huge_for_ever(void)
{
    static char body[100000];

    if (!start_case("an answer without end"))
        return;
    memset(body, '{', sizeof body - 1);
    f.play.count = 0;
    for (int i = 0; i < 4; i++) {
        add_step(&f.play, FAULT_ACCEPT);
        add_answer(&f.play, 200, JSON_TYPE, body);
    }
    begin(&f);
    check_update(&f, STORE_UNAVAILABLE);
    check_why(&f, "answer too large");
    finish(&f, 4);
}

/* ---- connections ----------------------------------------------------------------------------- */

static void test_reuse(void)
{
    if (!start_case("one connection serves updates and retries alike"))
        return;
    add_success(&f.play);
    add_answer(&f.play, 503, "", "");
    add_success(&f.play);
    add_answer(&f.play, 400, JSON_TYPE, ERROR_OF("ValidationException", "m"));
    add_success(&f.play);
    begin(&f);
    check_update(&f, STORE_UPDATED);
    check_update(&f, STORE_UPDATED);
    check_update(&f, STORE_REFUSED);
    check_update(&f, STORE_UPDATED);
    finish(&f, 5);
}

/* Dead connections are no attempts: nothing is waited for, nothing counted. */
static void test_closed_while_idle(fault_op how)
{
    if (!start_case(how == FAULT_RESET ? "reset while idle" : "closed while idle"))
        return;
    add_success(&f.play);
    add_step(&f.play, how);
    add_step(&f.play, FAULT_ACCEPT);
    add_success(&f.play);
    begin(&f);
    check_update(&f, STORE_UPDATED);
    clock_sleep_until(clock_after_ms(20));
    check_update(&f, STORE_UPDATED);
    check_no_pause(&f);
    finish(&f, 2);
}

static void test_closed_under_request(void)
{
    if (!start_case("a kept connection ends under a request"))
        return;
    add_success(&f.play);
    add_step(&f.play, FAULT_REQUEST);
    add_step(&f.play, FAULT_CLOSE);
    add_step(&f.play, FAULT_ACCEPT);
    add_success(&f.play);
    begin(&f);
    check_update(&f, STORE_UPDATED);
    check_update(&f, STORE_UPDATED);
    check_no_pause(&f);
    CHECK(strstr(read_log(&f), "trying again") == NULL);
    finish(&f, 3);
}

/* The other end has gone without a word, as after a long freeze: the request is not answered. */
static void test_dead_peer(void)
{
    double pauses[] = {12.5, 25, 50};

    if (!start_case("a kept connection is silent, then four attempts"))
        return;
    add_success(&f.play);
    add_step(&f.play, FAULT_REQUEST);
    add_step(&f.play, FAULT_LEAVE);
    for (int i = 0; i < 4; i++) {
        add_step(&f.play, FAULT_ACCEPT);
        add_answer(&f.play, 503, "Connection: close\r\n", "");
    }
    begin(&f);
    check_update(&f, STORE_UPDATED);
    set_world(&f, 100);
    check_update(&f, STORE_UNAVAILABLE);
    check_why(&f, "attempt 4");
    check_pauses(&f, 3, pauses);
    finish(&f, 6);
}

/* It ends under the request; the new one it is sent on once more is silent: that is an attempt. */
static void test_dead_then_silent(void)
{
    double pause = 12.5;

    if (!start_case("a kept connection ends, the new one is silent"))
        return;
    add_success(&f.play);
    add_step(&f.play, FAULT_REQUEST);
    add_step(&f.play, FAULT_CLOSE);
    add_step(&f.play, FAULT_ACCEPT);
    add_step(&f.play, FAULT_REQUEST);
    add_step(&f.play, FAULT_LEAVE);
    add_step(&f.play, FAULT_ACCEPT);
    add_success(&f.play);
    begin(&f);
    check_update(&f, STORE_UPDATED);
    set_world(&f, 100);
    check_update(&f, STORE_UPDATED);
    check_pauses(&f, 1, &pause);
    finish(&f, 4);
}

/* On a new connection silence is an attempt. */
static void test_silence(void)
{
    double pauses[] = {12.5, 25, 50};

    if (!start_case("silence on new connections"))
        return;
    f.play.count = 0;
    for (int i = 0; i < 4; i++) {
        add_step(&f.play, FAULT_ACCEPT);
        add_step(&f.play, FAULT_REQUEST);
        add_step(&f.play, FAULT_LEAVE);
    }
    begin(&f);
    set_world(&f, 100);
    check_update(&f, STORE_UNAVAILABLE);
    check_why(&f, "no answer in time");
    check_pauses(&f, 3, pauses);
    finish(&f, 4);
}

static void test_nobody(void)
{
    double pauses[] = {12.5, 25, 50};

    if (!start_case("nobody listens"))
        return;
    f.play.count = 0;
    add_step(&f.play, FAULT_PAUSE);
    begin(&f);
    CHECK(fault_finish(f.server) == 1);
    check_update(&f, STORE_UNAVAILABLE);
    check_why(&f, "no connection");
    check_why(&f, "refused");
    check_pauses(&f, 3, pauses);
    store_close(f.store);
    free_all(&f);
}

#define WHOLE                                                                                      \
    "HTTP/1.1 200 OK\r\nContent-Type: application/x-amz-json-1.0\r\nX-Amz-Crc32: 2745614147\r\n"   \
    "Content-Length: 2\r\n\r\n{}"
#define WHOLE_CHUNKS                                                                               \
    "HTTP/1.1 200 OK\r\nContent-Type: application/x-amz-json-1.0\r\n"                              \
    "Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n"

/* The answer to a write that happened ends early, at any byte: the next attempt decides. */
static void test_cut(const char *name, const char *whole, size_t size, fault_op how)
{
    if (!harness_case("%s %s at every byte", name, how == FAULT_RESET ? "reset" : "closed"))
        return;
    for (size_t at = 0; at < size; at++) {
        fault_step *step;
        double pause = 12.5;

        memset(&f, 0, sizeof f);
        set_keys();
        add_step(&f.play, FAULT_ACCEPT);
        add_step(&f.play, FAULT_REQUEST);
        step = add_step(&f.play, FAULT_SEND);
        step->bytes = whole;
        step->size = at;
        add_step(&f.play, how);
        add_step(&f.play, FAULT_ACCEPT);
        add_success(&f.play);
        begin(&f);
        check_update(&f, STORE_UPDATED);
        check_pauses(&f, 1, &pause);
        finish(&f, 2);
    }
}

/* A table of one item that judges as DynamoDB does: pending, or the writer is the same. */
static char table_writer[64];

static size_t table_reply(const char *request, size_t size, char *out, size_t capacity)
{
    static const char key[] = "\":writer\":{\"S\":\"";
    const char *at = strstr(request, key);
    char writer[64], *answer;
    size_t bytes;

    if (at == NULL)
        abort();
    snprintf(writer, sizeof writer, "%.*s", (int)strcspn(at + sizeof key - 1, "\""),
             at + sizeof key - 1);
    (void)size; /* a NUL follows it */
    if (table_writer[0] == '\0')
        snprintf(table_writer, sizeof table_writer, "%s", writer);
    answer = strcmp(table_writer, writer) == 0
                 ? answer_text(200, JSON_TYPE, "{}", &bytes)
                 : answer_text(400, JSON_TYPE,
                               "{\"__type\":\"ConditionalCheckFailedException\",\"Item\":"
                               "{\"status\":{\"S\":\"analyzed\"}}}",
                               &bytes);
    if (bytes > capacity)
        abort();
    memcpy(out, answer, bytes);
    free(answer);
    return bytes;
}

static size_t table_silent(const char *request, size_t size, char *out, size_t capacity)
{
    table_reply(request, size, out, capacity); /* the write happens, the answer is lost */
    return 0;
}

static void add_table(play *p, fault_reply *reply)
{
    add_step(p, FAULT_REQUEST);
    add_step(p, FAULT_REPLY)->reply = reply;
}

static void test_lost_reply(fault_op how)
{
    store_item other = sample;

    if (!start_case(how == FAULT_RESET ? "a lost reply, then a retry: a reset"
                                       : "a lost reply, then a retry: a close"))
        return;
    table_writer[0] = '\0';
    add_table(&f.play, table_silent);
    add_step(&f.play, how);
    add_step(&f.play, FAULT_ACCEPT);
    for (int i = 0; i < 3; i++)
        add_table(&f.play, table_reply);
    begin(&f);
    check_update(&f, STORE_UPDATED); /* the write of the first attempt is its own */
    other.writer = "8f7e-2/0";
    CHECK(update_item(&f, &other, LONG_MS) == STORE_DUPLICATE);
    check_why(&f, "by another writer");
    check_update(&f, STORE_UPDATED); /* Lambda's own retry of the event: the same writer */
    finish(&f, 4);
}

/* ---- time ------------------------------------------------------------------------------------ */

static void check_within(int64_t start_ns, int64_t ms)
{
    int64_t spent = (clock_now_ns() - start_ns) / 1000000;

    CHECKF(spent < ms, "%lld ms", (long long)spent);
}

static void test_drip(void)
{
    int64_t start = clock_now_ns();

    if (!start_case("a drip of bytes up to the deadline"))
        return;
    add_raw(&f.play, WHOLE);
    f.play.steps[f.play.count - 1].piece = 1;
    f.play.steps[f.play.count - 1].pause_us = 10000;
    begin(&f);
    CHECK(update_item(&f, &sample, SHORT_MS) == STORE_UNAVAILABLE);
    check_within(start, 1500);
    check_why(&f, "no answer in time");
    check_no_pause(&f);
    finish(&f, 1);
}

static void test_no_time(void)
{
    if (!start_case("a deadline that has passed: nothing is sent"))
        return;
    f.play.count = 0;
    add_step(&f.play, FAULT_PAUSE);
    begin(&f);
    CHECK(update_item(&f, &sample, 0) == STORE_UNAVAILABLE);
    check_why(&f, "no time for another attempt: not sent, attempt 0");
    CHECK(store_update(f.store, &sample, clock_now_ns() - 1, NULL, f.why, sizeof f.why) ==
          STORE_UNAVAILABLE);
    finish(&f, 0);
}

/* A pause that would end after the deadline is not begun. */
static void test_no_time_to_wait(void)
{
    int64_t start = clock_now_ns();

    if (!start_case("no time for the pause"))
        return;
    add_answer(&f.play, 400, JSON_TYPE, ERROR_OF("ThrottlingException", "m"));
    begin(&f);
    f.chance = 0.99;
    CHECK(update_item(&f, &sample, 900) == STORE_UNAVAILABLE);
    check_within(start, 800);
    check_why(&f, "no time for another attempt: ThrottlingException");
    check_no_pause(&f);
    finish(&f, 1);
}

static void test_wish(void)
{
    static const struct {
        const char *header;
        double chance, pause_ms;
    } cases[] = {{"x-amz-retry-after: 300\r\n", 0, 300},
                 {"X-Amz-Retry-After: 100\r\n", 0.5, 500},
                 {"x-amz-retry-after: 99999\r\n", 0.5, 5500},
                 {"x-amz-retry-after: soon\r\n", 0.5, 500}};

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char headers[128];

        if (!start_case(cases[i].header))
            continue;
        snprintf(headers, sizeof headers, JSON_TYPE "%s", cases[i].header);
        add_answer(&f.play, 400, headers, ERROR_OF("ThrottlingException", "m"));
        add_success(&f.play);
        begin(&f);
        f.chance = cases[i].chance;
        check_update(&f, STORE_UPDATED);
        check_pauses(&f, 1, &cases[i].pause_ms);
        finish(&f, 2);
    }
}

/* With the world as it is: pauses are slept, within their bounds. */
static void test_real_pauses(void)
{
    store_world world;
    int64_t start;

    if (!start_case("pauses are slept"))
        return;
    memset(&world, 0, sizeof world);
    add_answer(&f.play, 503, "x-amz-retry-after: 60\r\n", "");
    add_success(&f.play);
    begin(&f);
    store_close(f.store);
    f.store = store_init(f.memory, &f.config, f.why, sizeof f.why);
    CHECK(f.store != NULL);
    start = clock_now_ns();
    check_update(&f, STORE_UPDATED);
    CHECKF(clock_now_ns() - start >= 60 * 1000000, "%lld ns", (long long)(clock_now_ns() - start));
    check_within(start, 3000);
    finish(&f, 2);
}

/* ---- clocks ---------------------------------------------------------------------------------- */

#define EXPIRED                                                                                    \
    ERROR_OF("InvalidSignatureException",                                                          \
             "Signature expired: 20260115T113456Z is now earlier than 20260115T121956Z")
#define TOO_NEW                                                                                    \
    ERROR_OF("InvalidSignatureException",                                                          \
             "Signature not yet current: 20260115T133456Z is still later than 20260115T124956Z")

static void test_skew(const char *name, int64_t off_ms, const char *message)
{
    if (!start_case(name))
        return;
    add_answer(&f.play, 400, JSON_TYPE NOON_DATE, message);
    add_success(&f.play);
    add_success(&f.play);
    begin(&f);
    f.unix_ms = NOON + off_ms;
    check_update(&f, STORE_UPDATED);
    f.unix_ms += 60000;
    check_update(&f, STORE_UPDATED); /* what was learned is kept */
    check_no_pause(&f);
    end(&f, 3);
    check_header(&f, 1, "X-Amz-Date", "20260115T123456Z");
    check_header(&f, 2, "X-Amz-Date", "20260115T123556Z");
    for (size_t i = 0; i < 3; i++)
        check_signature(&f, i, "AKIDEXAMPLE", SECRET);
    free_all(&f);
}

static void test_skew_twice(void)
{
    if (!start_case("a clock is put right once"))
        return;
    add_answer(&f.play, 400, JSON_TYPE NOON_DATE, EXPIRED);
    add_answer(&f.play, 400, JSON_TYPE NOON_DATE, EXPIRED);
    begin(&f);
    check_update(&f, STORE_REFUSED);
    check_why(&f, "the clock is wrong");
    finish(&f, 2);
}

static void test_skew_without_date(void)
{
    if (!start_case("a wrong clock and no date to put it right"))
        return;
    add_answer(&f.play, 400, JSON_TYPE, EXPIRED);
    begin(&f);
    check_update(&f, STORE_REFUSED);
    finish(&f, 1);
}

static void test_wrong_signature(void)
{
    if (!start_case("a signature that is wrong for another reason than the clock"))
        return;
    add_answer(&f.play, 400, JSON_TYPE NOON_DATE,
               ERROR_OF("InvalidSignatureException", "The signature does not match"));
    begin(&f);
    check_update(&f, STORE_REFUSED);
    check_why(&f, "check the secret key");
    finish(&f, 1);
}

/* No time is left for what would be tried again at once: not a fault of clock or credentials. */
static void test_skew_too_late(void)
{
    if (!start_case("a clock that is put right when the deadline has come"))
        return;
    add_answer(&f.play, 400, JSON_TYPE NOON_DATE, EXPIRED);
    begin(&f);
    f.unix_ms = NOON - 3600000;
    f.stall_at = 2; /* read when signing, and when the answer has come */
    CHECK(update_item(&f, &sample, 300) == STORE_UNAVAILABLE);
    check_why(&f, "no time");
    finish(&f, 1);
}

/* Off by more than five minutes the service may still accept; the next request is right. */
static void test_skew_unasked(void)
{
    if (!start_case("a clock that is far off is put right unasked, one that is near is not"))
        return;
    for (int i = 0; i < 4; i++)
        add_answer(&f.play, 200, JSON_TYPE NOON_DATE, "{}");
    begin(&f);
    f.unix_ms = NOON - 299000;
    check_update(&f, STORE_UPDATED);
    f.unix_ms = NOON - 301000;
    check_update(&f, STORE_UPDATED);
    f.unix_ms += 301000; /* too far the other way now */
    check_update(&f, STORE_UPDATED);
    check_update(&f, STORE_UPDATED);
    end(&f, 4);
    check_header(&f, 1, "X-Amz-Date", "20260115T122955Z");
    check_header(&f, 2, "X-Amz-Date", "20260115T123957Z");
    check_header(&f, 3, "X-Amz-Date", "20260115T123456Z");
    free_all(&f);
}

/* ---- credentials ----------------------------------------------------------------------------- */

#define CREDENTIALS(id, end)                                                                       \
    "{\"AccessKeyId\":\"" id "\",\"SecretAccessKey\":\"secret-of-" id                              \
    "\",\"Token\":\"token-of-" id "\",\"Expiration\":\"" end "\"}"

/* A second server, in the place of the container's endpoint. */
typedef struct endpoint {
    play play;
    fault_server *server;
} endpoint;

static void begin_endpoint(endpoint *e)
{
    char uri[128];

    unset_all();
    e->server = fault_start(e->play.steps, e->play.count);
    snprintf(uri, sizeof uri, "http://127.0.0.1:%u/v1/credentials?x=y",
             (unsigned)fault_port(e->server));
    setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", uri, 1);
}

static void finish_endpoint(endpoint *e, size_t requests)
{
    CHECK(fault_finish(e->server) == 1);
    CHECKF(fault_request_count(e->server) == requests, "%zu requests of the endpoint",
           fault_request_count(e->server));
    fault_free(e->server);
    free_play(&e->play);
}

static void add_credentials(endpoint *e, const char *document)
{
    add_step(&e->play, FAULT_ACCEPT);
    add_answer(&e->play, 200, "Content-Type: application/json\r\n", document);
}

static void test_endpoint(void)
{
    static endpoint e;
    const char *request;

    if (!start_case("credentials of an endpoint, renewed before they end"))
        return;
    memset(&e, 0, sizeof e);
    add_credentials(&e, CREDENTIALS("A", "2026-01-15T13:34:56Z"));
    add_credentials(&e, CREDENTIALS("B", "2026-01-15T18:34:56Z"));
    begin_endpoint(&e);
    setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN", "Bearer xyz", 1);
    for (int i = 0; i < 4; i++)
        add_success(&f.play);
    begin(&f);
    check_update(&f, STORE_UPDATED);
    f.unix_ms = NOON + 3600000 - 301000;
    check_update(&f, STORE_UPDATED);
    f.unix_ms = NOON + 3600000 - 300000;
    check_update(&f, STORE_UPDATED);
    check_update(&f, STORE_UPDATED);
    end(&f, 4);
    check_signature(&f, 0, "A", "secret-of-A");
    check_signature(&f, 1, "A", "secret-of-A");
    check_signature(&f, 2, "B", "secret-of-B");
    check_signature(&f, 3, "B", "secret-of-B");
    check_header(&f, 3, "X-Amz-Security-Token", "token-of-B");
    free_all(&f);
    CHECK(fault_finish(e.server) == 1);
    request = fault_request(e.server, 0, NULL);
    CHECK(strncmp(request, "GET /v1/credentials?x=y HTTP/1.1\r\n", 34) == 0);
    CHECK(strstr(request, "\r\nAuthorization: Bearer xyz\r\n") != NULL);
    CHECK(strstr(request, "\r\nHost: 127.0.0.1:") != NULL);
    CHECK(fault_request_count(e.server) == 2);
    fault_free(e.server);
    free_play(&e.play);
}

/* The file is read anew each time, and goes before the variable. */
static void test_token_file(void)
{
    static const char *const tokens[] = {"first\n", "second"};
    char path[] = "/tmp/distil-test-XXXXXX";
    int fd = mkstemp(path);
    static endpoint e;

    if (!start_case("the authorization token of a file")) {
        close(fd);
        unlink(path);
        return;
    }
    memset(&e, 0, sizeof e);
    add_credentials(&e, CREDENTIALS("A", "2026-01-15T12:34:56Z")); /* over already */
    add_credentials(&e, CREDENTIALS("B", "2026-01-16T12:34:56Z"));
    begin_endpoint(&e);
    setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN", "other", 1);
    setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", path, 1);
    add_success(&f.play);
    add_success(&f.play);
    begin(&f);
    for (size_t i = 0; i < 2; i++) {
        CHECK(ftruncate(fd, 0) == 0);
        CHECK(pwrite(fd, tokens[i], strlen(tokens[i]), 0) == (ssize_t)strlen(tokens[i]));
        check_update(&f, STORE_UPDATED);
    }
    end(&f, 2);
    free_all(&f);
    CHECK(fault_finish(e.server) == 1 && fault_request_count(e.server) == 2);
    CHECK(strstr(fault_request(e.server, 0, NULL), "\r\nAuthorization: first\r\n") != NULL);
    CHECK(strstr(fault_request(e.server, 1, NULL), "\r\nAuthorization: second\r\n") != NULL);
    fault_free(e.server);
    free_play(&e.play);
    close(fd);
    unlink(path);
}

/* While the old ones still serve, an endpoint is not asked at every update, and may fail. */
static void test_endpoint_fails(void)
{
    static endpoint e;

    if (!start_case("an endpoint that fails while its credentials serve"))
        return;
    memset(&e, 0, sizeof e);
    add_credentials(&e, CREDENTIALS("A", "2026-01-15T12:36:56Z"));
    add_step(&e.play, FAULT_ACCEPT);
    add_answer(&e.play, 500, "", "no");
    add_credentials(&e, CREDENTIALS("B", "2026-01-15T18:36:56Z"));
    begin_endpoint(&e);
    for (int i = 0; i < 6; i++)
        add_success(&f.play);
    begin(&f);
    for (int i = 0; i < 6; i++) {
        check_update(&f, STORE_UPDATED);
        f.unix_ms += 6000; /* of 10 s between questions */
    }
    check_no_pause(&f);
    end(&f, 6);
    for (size_t i = 0; i < 4; i++)
        check_signature(&f, i, "A", "secret-of-A");
    check_signature(&f, 4, "B", "secret-of-B");
    check_signature(&f, 5, "B", "secret-of-B");
    free_all(&f);
    finish_endpoint(&e, 3);
}

static void test_endpoint_down(void)
{
    double pauses[] = {12.5, 25, 50};
    static endpoint e;

    if (!start_case("an endpoint that gives nothing"))
        return;
    memset(&e, 0, sizeof e);
    for (int i = 0; i < 3; i++) {
        add_step(&e.play, FAULT_ACCEPT);
        add_answer(&e.play, 403, "", "{\"message\":\"PRIVATE\"}");
    }
    add_credentials(&e, "{\"AccessKeyId\":\"A\"}");
    begin_endpoint(&e);
    f.play.count = 0;
    add_step(&f.play, FAULT_PAUSE);
    begin(&f);
    check_update(&f, STORE_UNAVAILABLE);
    check_why(&f, "no SecretAccessKey");
    CHECK(strstr(read_log(&f), "credentials endpoint: status 403") != NULL);
    CHECK(strstr(read_log(&f), "PRIVATE") == NULL);
    check_pauses(&f, 3, pauses);
    end(&f, 0);
    free_all(&f);
    finish_endpoint(&e, 4);
}

/* Expired in the service's eyes: new ones, once. */
static void test_endpoint_rejected(void)
{
    static endpoint e;

    if (!start_case("credentials that the service rejects are renewed once"))
        return;
    memset(&e, 0, sizeof e);
    add_credentials(&e, CREDENTIALS("A", "2026-01-15T18:34:56Z"));
    add_credentials(&e, CREDENTIALS("B", "2026-01-15T18:34:56Z"));
    add_credentials(&e, CREDENTIALS("C", "2026-01-15T18:34:56Z"));
    begin_endpoint(&e);
    add_answer(&f.play, 400, JSON_TYPE, ERROR_OF("ExpiredTokenException", "m"));
    add_success(&f.play);
    add_answer(&f.play, 403, JSON_TYPE, ERROR_OF("ExpiredTokenException", "m"));
    add_answer(&f.play, 400, JSON_TYPE, ERROR_OF("UnrecognizedClientException", "m"));
    begin(&f);
    check_update(&f, STORE_UPDATED);
    check_update(&f, STORE_CREDENTIALS);
    check_no_pause(&f);
    end(&f, 4);
    check_signature(&f, 0, "A", "secret-of-A");
    check_signature(&f, 1, "B", "secret-of-B");
    check_signature(&f, 2, "B", "secret-of-B");
    check_signature(&f, 3, "C", "secret-of-C");
    free_all(&f);
    finish_endpoint(&e, 3);
}

/* ---- setting up ------------------------------------------------------------------------------ */

typedef struct init_case {
    const char *name;
    const char *variables[4][2];
    const char *host;
    int port, tls, allow_http;
    const char *region;
    const char *why; /* NULL: it starts */
} init_case;

#define KEYS                                                                                       \
    {"AWS_ACCESS_KEY_ID", "A"},                                                                    \
    {                                                                                              \
        "AWS_SECRET_ACCESS_KEY", "s"                                                               \
    }
#define FULL "AWS_CONTAINER_CREDENTIALS_FULL_URI"
#define RELATIVE "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"

static const init_case inits[] = {
    {"loopback", {KEYS}, "127.0.0.1", 8000, 0, 0, "r", NULL},
    {"localhost", {KEYS}, "localhost", 80, 0, 0, "r", NULL},
    {"IPv6 loopback", {KEYS}, "::1", 80, 0, 0, "r", NULL},
    {"plain elsewhere", {KEYS}, "10.0.0.1", 80, 0, 0, "r", "DISTIL_ALLOW_HTTP"},
    {"plain elsewhere by name", {KEYS}, "dynamodb.x", 80, 0, 0, "r", "in clear"},
    {"plain elsewhere, allowed", {KEYS}, "10.0.0.1", 80, 0, 1, "r", NULL},
    {"no region", {KEYS}, "127.0.0.1", 80, 0, 0, NULL, "AWS_REGION"},
    {"an empty region", {KEYS}, "127.0.0.1", 80, 0, 0, "", "AWS_REGION"},
    {"no credentials", {{NULL}}, "127.0.0.1", 80, 0, 0, "r", "no credentials"},
    {"empty credentials",
     {{"AWS_ACCESS_KEY_ID", ""}, {"AWS_SECRET_ACCESS_KEY", ""}, {FULL, ""}, {RELATIVE, ""}},
     "127.0.0.1",
     80,
     0,
     0,
     "r",
     "no credentials"},
    {"no secret",
     {{"AWS_ACCESS_KEY_ID", "A"}},
     "127.0.0.1",
     80,
     0,
     0,
     "r",
     "AWS_SECRET_ACCESS_KEY is not"},
    {"no key id",
     {{"AWS_SECRET_ACCESS_KEY", "s"}},
     "127.0.0.1",
     80,
     0,
     0,
     "r",
     "AWS_ACCESS_KEY_ID is not"},
    {"a forged token",
     {KEYS, {"AWS_SESSION_TOKEN", "a\r\nX: y"}},
     "127.0.0.1",
     80,
     0,
     0,
     "r",
     "AWS_SESSION_TOKEN"},
    {"a forged key id",
     {{"AWS_ACCESS_KEY_ID", "A B"}, {"AWS_SECRET_ACCESS_KEY", "s"}},
     "127.0.0.1",
     80,
     0,
     0,
     "r",
     "AWS_ACCESS_KEY_ID"},
    {"relative endpoint", {{RELATIVE, "/v2/x"}}, "127.0.0.1", 80, 0, 0, "r", NULL},
    {"relative endpoint without a slash",
     {{RELATIVE, "v2/x"}},
     "127.0.0.1",
     80,
     0,
     0,
     "r",
     "RELATIVE_URI"},
    {"relative endpoint with a line",
     {{RELATIVE, "/v2\r\nX:y"}},
     "127.0.0.1",
     80,
     0,
     0,
     "r",
     "RELATIVE_URI"},
    {"endpoint of ECS", {{FULL, "http://169.254.170.2/x"}}, "127.0.0.1", 80, 0, 0, "r", NULL},
    {"endpoint of EKS", {{FULL, "http://169.254.170.23/x"}}, "127.0.0.1", 80, 0, 0, "r", NULL},
    {"endpoint of EKS, IPv6",
     {{FULL, "http://[fd00:ec2::23]/x"}},
     "127.0.0.1",
     80,
     0,
     0,
     "r",
     NULL},
    {"endpoint on this machine",
     {{FULL, "http://localhost:9001"}},
     "127.0.0.1",
     80,
     0,
     0,
     "r",
     NULL},
    {"endpoint elsewhere", {{FULL, "http://10.0.0.1/x"}}, "127.0.0.1", 80, 0, 1, "r", "plain HTTP"},
    {"endpoint of metadata",
     {{FULL, "http://169.254.169.254/x"}},
     "127.0.0.1",
     80,
     0,
     1,
     "r",
     "plain HTTP"},
    {"endpoint of nothing", {{FULL, "localhost"}}, "127.0.0.1", 80, 0, 0, "r", "FULL_URI"},
};

static void test_init(void)
{
    void *memory = aligned_alloc(64, (store_bytes() + 63) / 64 * 64);

    if (memory == NULL)
        abort();
    for (size_t i = 0; i < sizeof inits / sizeof *inits; i++) {
        const init_case *c = &inits[i];
        config configuration = {.table = "t", .region = c->region, .allow_http = c->allow_http};
        char why[256] = "";
        store *s;

        if (!harness_case("start: %s", c->name))
            continue;
        unset_all();
        for (size_t v = 0; v < 4 && c->variables[v][0] != NULL; v++)
            setenv(c->variables[v][0], c->variables[v][1], 1);
        snprintf(configuration.store.host, sizeof configuration.store.host, "%s", c->host);
        configuration.store.port = (uint16_t)c->port;
        configuration.store.tls = c->tls;
        s = store_init(memory, &configuration, why, sizeof why);
        CHECKF((s != NULL) == (c->why == NULL), "%s", why);
        CHECKF(c->why == NULL || strstr(why, c->why) != NULL, "%s", why);
        if (s != NULL)
            store_close(s);
    }
    free(memory);
}

static void test_init_tls(void)
{
    config configuration = {.table = "t", .region = "r", .store = {.host = "h", .port = 443}};
    void *memory = aligned_alloc(64, (store_bytes() + 63) / 64 * 64);
    char why[256] = "";

    if (memory == NULL)
        abort();
    set_keys();
    configuration.store.tls = 1;
    if (harness_case("start: https")) {
        store *s = store_init(memory, &configuration, why, sizeof why);

        CHECKF((s != NULL) == tls_available(), "%s", why);
        CHECK(s != NULL || strstr(why, "TLS=openssl") != NULL);
        if (s != NULL)
            store_close(s);
    }
    unset_all();
    setenv(FULL, "https://h/x", 1);
    configuration.store = (net_endpoint){.host = "127.0.0.1", .port = 80};
    if (harness_case("start: https endpoint for credentials")) {
        store *s = store_init(memory, &configuration, why, sizeof why);

        CHECKF((s != NULL) == tls_available(), "%s", why);
        if (s != NULL)
            store_close(s);
        CHECK(credentials_want_tls() == 1);
        setenv(FULL, "http://localhost/x", 1);
        CHECK(credentials_want_tls() == 0);
        set_keys();
        setenv(FULL, "https://h/x", 1);
        CHECK(credentials_want_tls() == 0); /* what is not asked needs no TLS */
    }
    free(memory);
}

int main(int argc, char **argv)
{
    harness_init("test_store", argc, argv);
    test_request();
    test_no_token();
    test_trace();
    test_midnight();
    test_bad_items();
    test_errors();
    test_old_items();
    test_bad_success();
    test_garbage();
    test_forms();
    test_huge();
    test_huge_for_ever();
    test_reuse();
    test_closed_while_idle(FAULT_CLOSE);
    test_closed_while_idle(FAULT_RESET);
    test_closed_under_request();
    test_dead_peer();
    test_dead_then_silent();
    test_silence();
    test_nobody();
    test_cut("an answer", WHOLE, sizeof WHOLE - 1, FAULT_CLOSE);
    test_cut("an answer", WHOLE, sizeof WHOLE - 1, FAULT_RESET);
    test_cut("an answer in chunks", WHOLE_CHUNKS, sizeof WHOLE_CHUNKS - 1, FAULT_CLOSE);
    test_lost_reply(FAULT_CLOSE);
    test_lost_reply(FAULT_RESET);
    test_drip();
    test_no_time();
    test_no_time_to_wait();
    test_wish();
    test_real_pauses();
    test_skew("a slow clock is put right", -3600000, EXPIRED);
    test_skew("a fast clock is put right", 3600000, TOO_NEW);
    test_skew("a clock that is a minute off, if the service minds", -60000, EXPIRED);
    test_skew_twice();
    test_skew_without_date();
    test_wrong_signature();
    test_skew_too_late();
    test_skew_unasked();
    test_endpoint();
    test_token_file();
    test_endpoint_fails();
    test_endpoint_down();
    test_endpoint_rejected();
    test_init();
    test_init_tls();
    return harness_finish();
}
