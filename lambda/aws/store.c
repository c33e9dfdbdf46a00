/* SPDX-License-Identifier: Apache-2.0 */
/* An update from start to end: sign, send, judge the answer, retry. dynamodb.c knows what answers
 * mean. */
#include "lambda/aws/store.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "runtime/base/clock.h"
#include "lambda/aws/credentials.h"
#include "lambda/aws/dates.h"
#include "lambda/aws/dynamodb.h"
#include "lambda/aws/retry.h"
#include "lambda/aws/sigv4.h"
#include "lambda/net/tls.h"
#include "lambda/net/url.h"
#include "runtime/base/old_libc.h"
#include "runtime/base/random.h"
#include "runtime/base/strict_float.h"

enum {
    CONNECT_MS = 1000,
    ANSWER_MS = 2000,
    /* The largest key has 2048 + 1024 bytes. Escaping makes it six times as long, and there is room
     * for the rest beside the labels. */
    BODY_BYTES = 32768 + STORE_MAX_LABELS_BYTES,
    HEAD_BYTES = CREDENTIALS_TOKEN_BYTES + 4096,
    REPLY_BYTES = 65536,
    TRACE_BYTES = 1024, /* A longer trace id is not sent along. */
    /* A clock that is wrong by more than this is corrected before the service complains. */
    SKEW_MS = 300000,
    /* The number of times that an update may be repeated for each of three reasons that are not the
     * service's fault. These repetitions do not count as attempts. */
    CLOCK_RETRIES = 1,
    CREDENTIALS_RETRIES = 1,
    DEAD_CONNECTION_RETRIES = 1
};

/* The number of headers that are signed. The session token's is the last; it is left out if there
 * is no token. */
enum { SIGNED_HEADERS = 5 };

struct store {
    store_options options;
    store_world world;
    uint64_t random; /* The state of the generator behind real_chance. */
    int64_t skew_ms; /* The service's time is this machine's time plus this. */
    char host[URL_HOST_BYTES];
    credentials credentials;
    /* The signing key that belongs to key_date and key_generation. */
    uint8_t key[SIGV4_SHA256_BYTES];
    char key_date[DATES_BASIC_BYTES];
    /* The generation of the credentials that `key` is derived from. 0: there is no key yet. */
    unsigned key_generation;
    http_client client;
    char body[BODY_BYTES];
    char canonical[HEAD_BYTES];
    char request[HEAD_BYTES + BODY_BYTES];
    char reply[REPLY_BYTES];
};

/* ---- the world ------------------------------------------------------------------------------- */

static int64_t real_unix_ms(void *user_data)
{
    (void)user_data;
    return clock_unix_ms();
}

static void real_pause(void *user_data, double ms, int64_t until_ns)
{
    (void)user_data;
    (void)ms;
    clock_sleep_until(until_ns);
}

/* Returns a random number from 0 to 1 for the jitter of a pause, which keeps functions that failed
 * together from trying again together. */
static double real_chance(void *user_data)
{
    store *s = user_data;

    return splitmix64_fraction(&s->random);
}

static void seed_random(store *s)
{
    uint64_t bytes = 0;

    if (random_bytes(&bytes, sizeof bytes, RANDOM_NO_WAIT) != (ssize_t)sizeof bytes)
        bytes = (uint64_t)clock_now_ns();
    s->random = bytes;
}

void store_set_world(store *s, const store_world *world)
{
    s->world = *world;
    s->client.connect_ms = world->connect_ms;
    s->client.answer_ms = world->answer_ms;
}

/* The service's time as far as it is known, in milliseconds since 1970. */
static int64_t service_time_ms(const store *s)
{
    return s->world.unix_ms(s->world.user_data) + s->skew_ms;
}

/* ---- setting up ------------------------------------------------------------------------------ */

size_t store_bytes(void)
{
    return sizeof(store);
}

/* Returns 0 if requests may go to the endpoint. A signature does not reveal the secret key, but a
 * request shows the session token to everybody on the way. */
static int check_transport(const store_options *options, char *why, size_t why_bytes)
{
    const net_endpoint *to = &options->endpoint;

    if (options->region == NULL || options->region[0] == '\0')
        snprintf(why, why_bytes, "a table and no region: set AWS_REGION");
    else if (to->tls && !tls_available())
        snprintf(why, why_bytes,
                 "DATABASE_TABLE is at %s, and this program has no TLS: build it with make "
                 "TLS=openssl",
                 to->host);
    else if (!to->tls && !url_is_local(to) && !options->allow_http)
        snprintf(why, why_bytes,
                 "plain HTTP to %s would send the session token in clear: use https, or set "
                 "DISTIL_ALLOW_HTTP=1",
                 to->host);
    else
        return 0;
    return -1;
}

store *store_init(void *memory, const store_options *options, char *why, size_t why_bytes)
{
    store *s = memory;
    const store_world world = {real_unix_ms, real_pause, real_chance,
                               CONNECT_MS,   ANSWER_MS,  memory};

    memset(s, 0, sizeof *s);
    if (check_transport(options, why, why_bytes) != 0 ||
        credentials_init(&s->credentials, &options->credentials, why, why_bytes) != 0)
        return NULL;
    s->options = *options;
    seed_random(s);
    url_host(s->host, &options->endpoint);
    http_client_init(&s->client, &options->endpoint, s->reply, sizeof s->reply, CONNECT_MS);
    store_set_world(s, &world);
    return s;
}

void store_close(store *s)
{
    http_client_close(&s->client);
    credentials_close(&s->credentials);
    wipe_bytes(s, sizeof *s);
    net_init(&s->client.stream);
}

/* ---- one update ------------------------------------------------------------------------------ */

typedef struct update {
    store *s;
    const store_item *item;
    int64_t deadline_ns;
    const char *request_id;
    buffer body;
    int want_old_item; /* 1: the answer to a failed condition is to hold the item. */
    unsigned attempts;
    int clock_retries, credentials_retries, dead_retries;
    /* 1: the last attempt went over a kept connection and timed out without a single byte of an
     * answer. */
    int dead;
    dynamodb_reply reply;
    char failure[192]; /* Why the last attempt has got no answer. */
} update;

/* ---- its request ----------------------------------------------------------------------------- */

static http_slice slice(const char *text)
{
    return (http_slice){text, strlen(text)};
}

static void list_headers(http_header headers[SIGNED_HEADERS], sigv4_request *request,
                         const update *u, const char *date_time)
{
    const char *token = u->s->credentials.set.token;

    headers[0] = (http_header){slice("Host"), slice(u->s->host)};
    headers[1] = (http_header){slice("Content-Type"), slice(DYNAMODB_CONTENT_TYPE)};
    headers[2] = (http_header){slice("X-Amz-Target"), slice(DYNAMODB_TARGET)};
    headers[3] = (http_header){slice("X-Amz-Date"), slice(date_time)};
    headers[4] = (http_header){slice("X-Amz-Security-Token"), slice(token)};
    request->method = slice("POST");
    request->canonical_path = slice("/");
    request->canonical_query = slice("");
    request->headers = headers;
    request->header_count = token[0] != '\0' ? SIGNED_HEADERS : SIGNED_HEADERS - 1;
    request->body = (http_slice){u->body.data, u->body.size};
}

/* The signing key changes when the day ends and when there are new credentials. */
static const uint8_t *signing_key(store *s, const sigv4_scope *scope)
{
    if (s->key_generation != s->credentials.generation ||
        memcmp(s->key_date, scope->date_time, 8) != 0) {
        sigv4_signing_key(s->key, s->credentials.set.secret, scope);
        memcpy(s->key_date, scope->date_time, 8);
        s->key_generation = s->credentials.generation;
    }
    return s->key;
}

/* Append the value of the header Authorization. */
static void add_signature(buffer *out, update *u, const sigv4_request *request,
                          const char *date_time)
{
    const sigv4_scope scope = {date_time, u->s->options.region, "dynamodb"};
    uint8_t signature[SIGV4_SHA256_BYTES];
    char memory[512];
    buffer canonical, to_sign;

    buffer_init(&canonical, u->s->canonical, sizeof u->s->canonical);
    sigv4_canonical_request(&canonical, request);
    buffer_init(&to_sign, memory, sizeof memory);
    sigv4_string_to_sign(&to_sign, &scope, canonical.data, canonical.size);
    sigv4_signature(signature, signing_key(u->s, &scope), to_sign.data, to_sign.size);
    sigv4_authorization(out, u->s->credentials.set.key_id, &scope, request, signature);
    if (canonical.overflow || to_sign.overflow)
        out->overflow = 1;
}

/* The trace id is sent without being signed. It is left out if a header cannot hold it. */
static void add_trace(buffer *out, const store_item *item)
{
    if (item->trace_id == NULL || item->trace_id_bytes == 0 || item->trace_id_bytes > TRACE_BYTES)
        return;
    for (size_t i = 0; i < item->trace_id_bytes; i++)
        if (item->trace_id[i] < ' ' || item->trace_id[i] > '~')
            return;
    buffer_text(out, "X-Amzn-Trace-Id: ");
    buffer_add(out, item->trace_id, item->trace_id_bytes);
    buffer_text(out, "\r\n");
}

/* Build the whole request, signed for the time now_ms. */
static void build_request(buffer *out, update *u, int64_t now_ms)
{
    http_header headers[SIGNED_HEADERS];
    char date_time[DATES_BASIC_BYTES];
    sigv4_request request;

    dates_basic(date_time, now_ms);
    list_headers(headers, &request, u, date_time);
    buffer_init(out, u->s->request, sizeof u->s->request);
    buffer_text(out, "POST / HTTP/1.1\r\n");
    for (size_t i = 0; i < request.header_count; i++) {
        buffer_add(out, headers[i].name.at, headers[i].name.size);
        buffer_text(out, ": ");
        buffer_add(out, headers[i].value.at, headers[i].value.size);
        buffer_text(out, "\r\n");
    }
    add_trace(out, u->item);
    buffer_text(out, "Authorization: ");
    add_signature(out, u, &request, date_time);
    buffer_format(out, "\r\nContent-Length: %zu\r\n\r\n", u->body.size);
    buffer_add(out, u->body.data, u->body.size);
}

static void build_body(update *u)
{
    buffer_init(&u->body, u->s->body, sizeof u->s->body);
    dynamodb_update_item(&u->body, u->s->options.table, u->item, u->want_old_item);
}

/* ---- one attempt ----------------------------------------------------------------------------- */

static void set_no_answer(update *u, dynamodb_verdict verdict, const char *code,
                          const char *failure)
{
    memset(&u->reply, 0, sizeof u->reply);
    u->reply.verdict = verdict;
    u->reply.meaning = u->failure;
    u->reply.retry_after_ms = RETRY_AFTER_ABSENT;
    u->reply.date_ms = -1;
    snprintf(u->reply.code, sizeof u->reply.code, "%s", code);
    if (failure != u->failure)
        snprintf(u->failure, sizeof u->failure, "%s", failure);
}

/* No complete answer has arrived, so it is unknown whether the item was updated. */
static void judge_failure(update *u, http_client_status status, const http_response *response)
{
    static const char *const codes[] = {[HTTP_CLIENT_CONNECT] = "no connection",
                                        [HTTP_CLIENT_TIMEOUT] = "no answer in time",
                                        [HTTP_CLIENT_BROKEN] = "connection lost",
                                        [HTTP_CLIENT_MALFORMED] = "not HTTP",
                                        [HTTP_CLIENT_TOO_LARGE] = "answer too large",
                                        [HTTP_CLIENT_UNTRUSTED] = "server not trusted"};

    set_no_answer(u, DYNAMODB_TRANSIENT, codes[status], response->why);
    /* The item may be larger than the memory for an answer, so do not ask for it again. */
    if (status == HTTP_CLIENT_TOO_LARGE && u->want_old_item) {
        u->want_old_item = 0;
        build_body(u);
    }
}

/* The answer is compared with the time of its arrival and not with the time of signing, because the
 * process may have been frozen in between. */
static void correct_skew(store *s, const dynamodb_reply *reply)
{
    int64_t off = reply->date_ms - service_time_ms(s);

    if (reply->date_ms >= 0 &&
        (reply->verdict == DYNAMODB_CLOCK || off > SKEW_MS || off < -SKEW_MS))
        s->skew_ms += off;
}

static void make_attempt(update *u)
{
    store *s = u->s;
    int64_t now_ms = service_time_ms(s);
    unsigned connections = s->client.connections;
    http_client_status status;
    http_response response;
    buffer request;

    u->dead = 0;
    if (credentials_ready(&s->credentials, now_ms, u->deadline_ns, u->failure, sizeof u->failure) !=
        0) {
        set_no_answer(u, DYNAMODB_TRANSIENT, "no credentials", u->failure);
        return;
    }
    build_request(&request, u, now_ms);
    if (request.overflow) {
        set_no_answer(u, DYNAMODB_REFUSED, "request too large",
                      "the request does not fit its memory");
        return;
    }
    status = http_client_exchange(&s->client, &response, request.data, request.size,
                                  HTTP_RESEND_REUSED, u->deadline_ns);
    if (status == HTTP_CLIENT_OK) {
        dynamodb_judge(&u->reply, &response.head, response.body, u->want_old_item);
        correct_skew(s, &u->reply);
        return;
    }
    judge_failure(u, status, &response);
    u->dead = status == HTTP_CLIENT_TIMEOUT && response.head.status == 0 &&
              s->client.connections == connections;
}

/* ---- until it is decided --------------------------------------------------------------------- */

/* Callers cut the text at the end, so the most important parts come first. */
static void format_why(const update *u, char *why, size_t why_bytes, const char *what)
{
    const dynamodb_reply *reply = &u->reply;

    snprintf(why, why_bytes, "%s%s%s, attempt %u%s%s%s%s%s%s", what, what[0] != '\0' ? ": " : "",
             reply->code, u->attempts, reply->service_id[0] != '\0' ? ", service request " : "",
             reply->service_id, reply->meaning[0] != '\0' ? ": " : "", reply->meaning,
             reply->message[0] != '\0' ? "; the service says: " : "", reply->message);
}

/* Tell the observer, if there is one, how an attempt ended. */
static void notify_observer(const update *u, int updated, double wait_ms)
{
    const store_options *options = &u->s->options;
    const store_attempt attempt = {.request_id = u->request_id,
                                   .number = u->attempts,
                                   .updated = updated,
                                   .code = u->reply.code,
                                   .reason = u->reply.meaning,
                                   .wait_ms = wait_ms,
                                   .service_request_id = u->reply.service_id};

    if (options->on_attempt != NULL)
        options->on_attempt(options->observer, &attempt);
}

/* Returns 1 if the attempt is to be repeated immediately. This happens after the clock was
 * corrected, after credentials were renewed, and after a timeout on a connection that may have died
 * while the process was frozen. Such a repetition does not count as an attempt. */
static int retry_at_once(update *u)
{
    switch (u->reply.verdict) {
    case DYNAMODB_CLOCK:
        return u->reply.date_ms >= 0 && u->clock_retries++ < CLOCK_RETRIES;
    case DYNAMODB_CREDENTIALS:
        return u->credentials_retries++ < CREDENTIALS_RETRIES &&
               credentials_reject(&u->s->credentials);
    case DYNAMODB_TRANSIENT:
        return u->dead && u->dead_retries++ < DEAD_CONNECTION_RETRIES;
    case DYNAMODB_UPDATED:
    case DYNAMODB_CONDITION:
    case DYNAMODB_THROTTLED:
    case DYNAMODB_REFUSED:
        break;
    }
    return 0;
}

/* Wait before the next attempt and return 1. Returns 0 if there are no attempts left or if the wait
 * would not end before the deadline. */
static int retry_later(update *u)
{
    store *s = u->s;
    retry_class class = u->reply.verdict == DYNAMODB_THROTTLED ? RETRY_THROTTLE : RETRY_TRANSIENT;
    double wait_ms = retry_wait_ms(class, u->attempts, s->world.chance(s->world.user_data),
                                   u->reply.retry_after_ms);
    int64_t until = clock_now_ns() + (int64_t)(wait_ms * 1e6);

    if (u->attempts >= RETRY_ATTEMPTS || until >= u->deadline_ns)
        return 0;
    notify_observer(u, 0, wait_ms);
    s->world.pause(s->world.user_data, wait_ms, until);
    return 1;
}

static store_status conclude_update(const update *u, char *why, size_t why_bytes)
{
    static const char *const items[] = {
        [DYNAMODB_ITEM_UNKNOWN] = "the item is not pending, or there is none",
        [DYNAMODB_ITEM_MISSING] = "there is no such item",
        [DYNAMODB_ITEM_ANALYZED] = "analyzed before, by another writer",
        [DYNAMODB_ITEM_OTHER] = "the item is neither pending nor analyzed"};

    switch (u->reply.verdict) {
    case DYNAMODB_UPDATED:
        notify_observer(u, 1, 0);
        return STORE_UPDATED;
    case DYNAMODB_CONDITION:
        format_why(u, why, why_bytes, items[u->reply.item]);
        return u->reply.item == DYNAMODB_ITEM_MISSING ? STORE_MISSING : STORE_DUPLICATE;
    case DYNAMODB_CREDENTIALS:
        format_why(u, why, why_bytes, "");
        return STORE_CREDENTIALS;
    case DYNAMODB_CLOCK:
        format_why(u, why, why_bytes, "the clock is wrong");
        return STORE_REFUSED;
    case DYNAMODB_REFUSED:
        format_why(u, why, why_bytes, "");
        return STORE_REFUSED;
    case DYNAMODB_TRANSIENT:
    case DYNAMODB_THROTTLED:
        break;
    }
    format_why(u, why, why_bytes,
               u->attempts < RETRY_ATTEMPTS ? "no time for another attempt" : "");
    return STORE_UNAVAILABLE;
}

store_status store_update(store *s, const store_item *item, int64_t deadline_ns,
                          const char *request_id, char *why, size_t why_bytes)
{
    update u = {.s = s,
                .item = item,
                .deadline_ns = deadline_ns,
                .request_id = request_id,
                .want_old_item = 1};

    /* DynamoDB holds 38 digits, of which 4 are decimals here. */
    if (!isfinite(item->score) || fabs(item->score) > 1e30) {
        snprintf(why, why_bytes, "the score is no number that an item can hold");
        return STORE_REFUSED;
    }
    build_body(&u);
    set_no_answer(&u, DYNAMODB_TRANSIENT, "not sent", "");
    if (u.body.overflow) {
        snprintf(why, why_bytes, "the item's key and its labels do not fit a request");
        return STORE_REFUSED;
    }
    while (clock_now_ns() < deadline_ns) {
        u.attempts++;
        make_attempt(&u);
        if (retry_at_once(&u)) {
            u.attempts--;
            /* If no time is left to repeat the request, the failure counts as transient. */
            u.reply.verdict = DYNAMODB_TRANSIENT;
        } else if ((u.reply.verdict != DYNAMODB_TRANSIENT &&
                    u.reply.verdict != DYNAMODB_THROTTLED) ||
                   !retry_later(&u)) {
            break;
        }
    }
    return conclude_update(&u, why, why_bytes);
}
