/* SPDX-License-Identifier: Apache-2.0 */
/* Scripts of answers, and what became of the store that met them. */
#include "tests/support/support_store.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runtime/base/clock.h"
#include "runtime/base/crc32.h"
#include "lambda/aws/sigv4.h"
#include "tests/support/harness.h"

/* ---- a script of answers --------------------------------------------------------------------- */

fault_step *play_step(play *p, fault_op op)
{
    fault_step *step = &p->steps[p->count++];

    memset(step, 0, sizeof *step);
    step->op = op;
    return step;
}

char *play_answer_text(int status, const char *headers, const char *body, size_t *size)
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

fault_step *play_answer(play *p, int status, const char *headers, const char *body)
{
    fault_step *step;

    play_step(p, FAULT_REQUEST);
    step = play_step(p, FAULT_SEND);
    p->texts[p->count - 1] = play_answer_text(status, headers, body, &step->size);
    step->bytes = p->texts[p->count - 1];
    return step;
}

void play_raw(play *p, const char *bytes)
{
    fault_step *step;

    play_step(p, FAULT_REQUEST);
    step = play_step(p, FAULT_SEND);
    step->bytes = bytes;
    step->size = strlen(bytes);
}

void play_success(play *p)
{
    play_answer(p, 200, JSON_TYPE, "{}");
}

void play_free(play *p)
{
    for (size_t i = 0; i < p->count; i++)
        free(p->texts[i]);
}

/* ---- a store of such a server ---------------------------------------------------------------- */

static int64_t fixed_unix_ms(void *user_data)
{
    scene *f = user_data;

    if (f->stall_at > 0 && --f->stall_at == 0)
        clock_sleep_until(f->deadline_ns + 1000000);
    return f->unix_ms;
}

static void record_pause(void *user_data, double ms, int64_t until_ns)
{
    scene *f = user_data;

    CHECK(until_ns <= f->deadline_ns);
    if (f->pause_count < SCENE_PAUSES)
        f->pauses_ms[f->pause_count++] = ms;
}

static double fixed_chance(void *user_data)
{
    return ((scene *)user_data)->chance;
}

void scene_set_world(scene *f, int64_t answer_ms)
{
    const store_world world = {fixed_unix_ms, record_pause, fixed_chance, 1000, answer_ms, f};

    store_set_world(f->store, &world);
}

void scene_unset_keys(void)
{
    unsetenv("AWS_ACCESS_KEY_ID");
    unsetenv("AWS_SECRET_ACCESS_KEY");
    unsetenv("AWS_SESSION_TOKEN");
    unsetenv("AWS_CONTAINER_CREDENTIALS_FULL_URI");
    unsetenv("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI");
    unsetenv("AWS_CONTAINER_AUTHORIZATION_TOKEN");
    unsetenv("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE");
}

void scene_set_keys(void)
{
    scene_unset_keys();
    setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE", 1);
    setenv("AWS_SECRET_ACCESS_KEY", SECRET, 1);
    setenv("AWS_SESSION_TOKEN", TOKEN, 1);
}

void scene_make_store(scene *f)
{
    f->memory = aligned_alloc(64, (store_bytes() + 63) / 64 * 64);
    f->log = tmpfile();
    if (f->memory == NULL || f->log == NULL)
        abort();
    f->config.table = "results";
    f->config.region = "us-east-1";
    f->config.log.fd = fileno(f->log);
    f->config.log.level = LOG_DEBUG;
    config_read_credentials(&f->config.credentials);
    f->store = logged_store_init(f->memory, &f->config, f->why, sizeof f->why);
    CHECKF(f->store != NULL, "%s", f->why);
    if (f->store == NULL)
        abort();
    f->unix_ms = NOON;
    f->chance = 0.5;
    scene_set_world(f, 2000);
}

void scene_begin(scene *f)
{
    f->server = fault_start(f->play.steps, f->play.count);
    snprintf(f->config.store.host, sizeof f->config.store.host, "127.0.0.1");
    f->config.store.port = fault_port(f->server);
    scene_make_store(f);
}

const store_item scene_sample = {.source_id = "article#1",
                                 .timestamp = "2026-01-15T12:34:56Z",
                                 .sentiment = "positive",
                                 .sentiment_bytes = 8,
                                 .score = 0.98765,
                                 .model_version = "v1",
                                 .model = "0123456789ab",
                                 .writer = "8f7e-1/0"};

store_status scene_update(scene *f, const store_item *item, int64_t ms)
{
    memset(f->why, 0, sizeof f->why);
    f->deadline_ns = clock_after_ms(ms);
    return store_update(f->store, item, f->deadline_ns, "request-1", f->why, sizeof f->why);
}

void scene_check_update(scene *f, store_status expected)
{
    store_status status = scene_update(f, &scene_sample, SCENE_LONG_MS);

    CHECKF(status == expected, "status %d, expected %d: %s", status, expected, f->why);
    CHECK((f->why[0] == '\0') == (expected == STORE_UPDATED));
}

void scene_check_why(const scene *f, const char *part)
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

void scene_parse_sent(const scene *f, size_t index, http_head *head, http_slice *body)
{
    size_t size;
    const char *text = fault_request(f->server, index, &size);

    CHECK(http_parse_request(head, text, size) == HTTP_DONE);
    *body = (http_slice){text + head->bytes, size - head->bytes};
    CHECK(head->framing == HTTP_LENGTH && head->content_length == body->size);
}

/* Collect the headers of a request that are named after "SignedHeaders=". Returns their number. */
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

void scene_check_signature(const scene *f, size_t index, const char *key_id, const char *secret)
{
    http_header headers[SIGV4_MAX_HEADERS];
    char date_time[32], canonical_text[32768], string_text[1024], expected_text[1024];
    uint8_t key[SIGV4_SHA256_BYTES], signature[SIGV4_SHA256_BYTES];
    sigv4_request request = {.headers = headers};
    sigv4_scope scope = {date_time, "us-east-1", "dynamodb"};
    buffer canonical, string, expected;
    http_slice authorization, date;
    http_head head;

    scene_parse_sent(f, index, &head, &request.body);
    authorization = header_of(&head, "Authorization");
    date = header_of(&head, "X-Amz-Date");
    snprintf(date_time, sizeof date_time, "%.*s", (int)date.size, date.at);
    request.method = head.method;
    request.canonical_path = head.path;
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

void scene_check_header(const scene *f, size_t index, const char *name, const char *value)
{
    http_head head;
    http_slice body, got;

    scene_parse_sent(f, index, &head, &body);
    got = http_get(&head, name);
    if (value == NULL)
        CHECKF(got.at == NULL, "%s: %.*s", name, (int)got.size, got.at);
    else
        CHECKF(http_is(got, value), "%s: %.*s, expected %s", name, (int)got.size,
               got.at ? got.at : "", value);
}

int scene_sent_has(const scene *f, size_t index, const char *part)
{
    return strstr(fault_request(f->server, index, NULL), part) != NULL;
}

const char *scene_log(scene *f)
{
    ssize_t n = pread(fileno(f->log), f->log_text, sizeof f->log_text - 1, 0);

    f->log_text[n > 0 ? n : 0] = '\0';
    CHECK(strstr(f->log_text, SECRET) == NULL && strstr(f->log_text, TOKEN) == NULL);
    return f->log_text;
}

void scene_check_pauses(const scene *f, size_t count, const double *expected_ms)
{
    CHECKF(f->pause_count == count, "%zu pauses, expected %zu", f->pause_count, count);
    for (size_t i = 0; i < count && i < f->pause_count; i++)
        CHECKF(f->pauses_ms[i] == expected_ms[i], "pause %zu of %g ms, expected %g", i,
               f->pauses_ms[i], expected_ms[i]);
}

void scene_check_no_pause(const scene *f)
{
    scene_check_pauses(f, 0, NULL);
}

void scene_end(scene *f, size_t requests)
{
    scene_log(f);
    store_close(f->store);
    CHECK(fault_finish(f->server) == 1);
    CHECKF(fault_request_count(f->server) == requests, "%zu requests, expected %zu",
           fault_request_count(f->server), requests);
}

void scene_free(scene *f)
{
    if (f->server != NULL)
        fault_free(f->server);
    fclose(f->log);
    free(f->memory);
    play_free(&f->play);
}

void scene_finish(scene *f, size_t requests)
{
    scene_end(f, requests);
    for (size_t i = 0; i < fault_request_count(f->server); i++)
        scene_check_signature(f, i, "AKIDEXAMPLE", SECRET);
    scene_free(f);
}

int scene_start(scene *f, const char *name)
{
    if (!harness_case("%s", name))
        return 0;
    memset(f, 0, sizeof *f);
    scene_set_keys();
    play_step(&f->play, FAULT_ACCEPT);
    return 1;
}
