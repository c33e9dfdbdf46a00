/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The store's connection and its time: connections that are kept, dead, cut at every byte, or
 * silent; a lost answer that must not count twice; deadlines, waits that the server asks for, and
 * clocks that are wrong.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/clock.h"
#include "lambda/logged_store.h"
#include "tests/support/harness.h"
#include "tests/support/support_store.h"

enum { SHORT_MS = 120 };

static scene f; /* The scene is too large for the stack, so it is static; each case clears it. */

/* ---- connections ----------------------------------------------------------------------------- */

static void test_reuse(void)
{
    if (!scene_start(&f, "one connection serves updates and retries alike"))
        return;
    play_success(&f.play);
    play_answer(&f.play, 503, "", "");
    play_success(&f.play);
    play_answer(&f.play, 400, JSON_TYPE, ERROR_OF("ValidationException", "m"));
    play_success(&f.play);
    scene_begin(&f);
    scene_check_update(&f, STORE_UPDATED);
    scene_check_update(&f, STORE_UPDATED);
    scene_check_update(&f, STORE_REFUSED);
    scene_check_update(&f, STORE_UPDATED);
    scene_finish(&f, 5);
}

/* A dead connection is not an attempt: there is no wait, and nothing is counted. */
static void test_closed_while_idle(fault_op how)
{
    if (!scene_start(&f, how == FAULT_RESET ? "reset while idle" : "closed while idle"))
        return;
    play_success(&f.play);
    play_step(&f.play, how);
    play_step(&f.play, FAULT_ACCEPT);
    play_success(&f.play);
    scene_begin(&f);
    scene_check_update(&f, STORE_UPDATED);
    clock_sleep_until(clock_after_ms(20));
    scene_check_update(&f, STORE_UPDATED);
    scene_check_no_pause(&f);
    scene_finish(&f, 2);
}

static void test_closed_under_request(void)
{
    if (!scene_start(&f, "a kept connection ends under a request"))
        return;
    play_success(&f.play);
    play_step(&f.play, FAULT_REQUEST);
    play_step(&f.play, FAULT_CLOSE);
    play_step(&f.play, FAULT_ACCEPT);
    play_success(&f.play);
    scene_begin(&f);
    scene_check_update(&f, STORE_UPDATED);
    scene_check_update(&f, STORE_UPDATED);
    scene_check_no_pause(&f);
    CHECK(strstr(scene_log(&f), "trying again") == NULL);
    scene_finish(&f, 3);
}

/* The other end has gone without closing the connection, as after a long freeze, so the request is
 * not answered. */
static void test_dead_peer(void)
{
    double pauses[] = {12.5, 25, 50};

    if (!scene_start(&f, "a kept connection is silent, then four attempts"))
        return;
    play_success(&f.play);
    play_step(&f.play, FAULT_REQUEST);
    play_step(&f.play, FAULT_LEAVE);
    for (int i = 0; i < 4; i++) {
        play_step(&f.play, FAULT_ACCEPT);
        play_answer(&f.play, 503, "Connection: close\r\n", "");
    }
    scene_begin(&f);
    scene_check_update(&f, STORE_UPDATED);
    scene_set_world(&f, 100);
    scene_check_update(&f, STORE_UNAVAILABLE);
    scene_check_why(&f, "attempt 4");
    scene_check_pauses(&f, 3, pauses);
    scene_finish(&f, 6);
}

/* The connection ends under the request. The new one, on which it is sent again, is silent: that is
 * an attempt. */
static void test_dead_then_silent(void)
{
    double pause = 12.5;

    if (!scene_start(&f, "a kept connection ends, the new one is silent"))
        return;
    play_success(&f.play);
    play_step(&f.play, FAULT_REQUEST);
    play_step(&f.play, FAULT_CLOSE);
    play_step(&f.play, FAULT_ACCEPT);
    play_step(&f.play, FAULT_REQUEST);
    play_step(&f.play, FAULT_LEAVE);
    play_step(&f.play, FAULT_ACCEPT);
    play_success(&f.play);
    scene_begin(&f);
    scene_check_update(&f, STORE_UPDATED);
    scene_set_world(&f, 100);
    scene_check_update(&f, STORE_UPDATED);
    scene_check_pauses(&f, 1, &pause);
    scene_finish(&f, 4);
}

/* Silence on a new connection is an attempt. */
static void test_silence(void)
{
    double pauses[] = {12.5, 25, 50};

    if (!scene_start(&f, "silence on new connections"))
        return;
    f.play.count = 0;
    for (int i = 0; i < 4; i++) {
        play_step(&f.play, FAULT_ACCEPT);
        play_step(&f.play, FAULT_REQUEST);
        play_step(&f.play, FAULT_LEAVE);
    }
    scene_begin(&f);
    scene_set_world(&f, 100);
    scene_check_update(&f, STORE_UNAVAILABLE);
    scene_check_why(&f, "no answer in time");
    scene_check_pauses(&f, 3, pauses);
    scene_finish(&f, 4);
}

static void test_nobody(void)
{
    double pauses[] = {12.5, 25, 50};

    if (!scene_start(&f, "nobody listens"))
        return;
    f.play.count = 0;
    play_step(&f.play, FAULT_PAUSE);
    scene_begin(&f);
    CHECK(fault_finish(f.server) == 1);
    scene_check_update(&f, STORE_UNAVAILABLE);
    scene_check_why(&f, "no connection");
    scene_check_why(&f, "refused");
    scene_check_pauses(&f, 3, pauses);
    store_close(f.store);
    scene_free(&f);
}

#define WHOLE                                                                                      \
    "HTTP/1.1 200 OK\r\nContent-Type: application/x-amz-json-1.0\r\nX-Amz-Crc32: 2745614147\r\n"   \
    "Content-Length: 2\r\n\r\n{}"
#define WHOLE_CHUNKS                                                                               \
    "HTTP/1.1 200 OK\r\nContent-Type: application/x-amz-json-1.0\r\n"                              \
    "Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n"

/* The answer to a write that has happened ends early, after any number of bytes. The next attempt
 * finds out what has happened. */
static void test_cut(const char *name, const char *whole, size_t size, fault_op how)
{
    if (!harness_case("%s %s at every byte", name, how == FAULT_RESET ? "reset" : "closed"))
        return;
    for (size_t at = 0; at < size; at++) {
        fault_step *step;
        double pause = 12.5;

        memset(&f, 0, sizeof f);
        scene_set_keys();
        play_step(&f.play, FAULT_ACCEPT);
        play_step(&f.play, FAULT_REQUEST);
        step = play_step(&f.play, FAULT_SEND);
        step->bytes = whole;
        step->size = at;
        play_step(&f.play, how);
        play_step(&f.play, FAULT_ACCEPT);
        play_success(&f.play);
        scene_begin(&f);
        scene_check_update(&f, STORE_UPDATED);
        scene_check_pauses(&f, 1, &pause);
        scene_finish(&f, 2);
    }
}

/* A table of one item that judges as DynamoDB does: the item must be pending or its writer the
 * same. */
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
    /* The size is not needed, since a NUL follows the request. */
    (void)size;
    if (table_writer[0] == '\0')
        snprintf(table_writer, sizeof table_writer, "%s", writer);
    answer = strcmp(table_writer, writer) == 0
                 ? play_answer_text(200, JSON_TYPE, "{}", &bytes)
                 : play_answer_text(400, JSON_TYPE,
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
    /* The write happens, but its answer is lost. */
    table_reply(request, size, out, capacity);
    return 0;
}

static void add_table(play *p, fault_reply *reply)
{
    play_step(p, FAULT_REQUEST);
    play_step(p, FAULT_REPLY)->reply = reply;
}

static void test_lost_reply(fault_op how)
{
    store_item other = scene_sample;

    if (!scene_start(&f, how == FAULT_RESET ? "a lost reply, then a retry: a reset"
                                            : "a lost reply, then a retry: a close"))
        return;
    table_writer[0] = '\0';
    add_table(&f.play, table_silent);
    play_step(&f.play, how);
    play_step(&f.play, FAULT_ACCEPT);
    for (int i = 0; i < 3; i++)
        add_table(&f.play, table_reply);
    scene_begin(&f);
    /* The second attempt recognises the write of the first one as its own. */
    scene_check_update(&f, STORE_UPDATED);
    other.writer = "8f7e-2/0";
    CHECK(scene_update(&f, &other, SCENE_LONG_MS) == STORE_DUPLICATE);
    scene_check_why(&f, "by another writer");
    /* When Lambda delivers the same event again, the writer has the same name, so the store takes
     * the item for its own and the update counts as done. */
    scene_check_update(&f, STORE_UPDATED);
    scene_finish(&f, 4);
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

    if (!scene_start(&f, "a drip of bytes up to the deadline"))
        return;
    play_raw(&f.play, WHOLE);
    f.play.steps[f.play.count - 1].piece = 1;
    f.play.steps[f.play.count - 1].pause_us = 10000;
    scene_begin(&f);
    CHECK(scene_update(&f, &scene_sample, SHORT_MS) == STORE_UNAVAILABLE);
    check_within(start, 1500);
    scene_check_why(&f, "no answer in time");
    scene_check_no_pause(&f);
    scene_finish(&f, 1);
}

static void test_no_time(void)
{
    if (!scene_start(&f, "a deadline that has passed: nothing is sent"))
        return;
    f.play.count = 0;
    play_step(&f.play, FAULT_PAUSE);
    scene_begin(&f);
    CHECK(scene_update(&f, &scene_sample, 0) == STORE_UNAVAILABLE);
    scene_check_why(&f, "no time for another attempt: not sent, attempt 0");
    CHECK(store_update(f.store, &scene_sample, clock_now_ns() - 1, NULL, f.why, sizeof f.why) ==
          STORE_UNAVAILABLE);
    scene_finish(&f, 0);
}

/* A pause that would end after the deadline is not begun. */
static void test_no_time_to_wait(void)
{
    int64_t start = clock_now_ns();

    if (!scene_start(&f, "no time for the pause"))
        return;
    play_answer(&f.play, 400, JSON_TYPE, ERROR_OF("ThrottlingException", "m"));
    scene_begin(&f);
    f.chance = 0.99;
    CHECK(scene_update(&f, &scene_sample, 900) == STORE_UNAVAILABLE);
    check_within(start, 800);
    scene_check_why(&f, "no time for another attempt: ThrottlingException");
    scene_check_no_pause(&f);
    scene_finish(&f, 1);
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

        if (!scene_start(&f, cases[i].header))
            continue;
        snprintf(headers, sizeof headers, JSON_TYPE "%s", cases[i].header);
        play_answer(&f.play, 400, headers, ERROR_OF("ThrottlingException", "m"));
        play_success(&f.play);
        scene_begin(&f);
        f.chance = cases[i].chance;
        scene_check_update(&f, STORE_UPDATED);
        scene_check_pauses(&f, 1, &cases[i].pause_ms);
        scene_finish(&f, 2);
    }
}

/* With the real clock, the store sleeps through its pauses, and they have the right length. */
static void test_real_pauses(void)
{
    store_world world;
    int64_t start;

    if (!scene_start(&f, "pauses are slept"))
        return;
    memset(&world, 0, sizeof world);
    play_answer(&f.play, 503, "x-amz-retry-after: 60\r\n", "");
    play_success(&f.play);
    scene_begin(&f);
    store_close(f.store);
    config_read_credentials(&f.config.credentials);
    f.store = logged_store_init(f.memory, &f.config, f.why, sizeof f.why);
    CHECK(f.store != NULL);
    start = clock_now_ns();
    scene_check_update(&f, STORE_UPDATED);
    CHECKF(clock_now_ns() - start >= 60 * 1000000, "%lld ns", (long long)(clock_now_ns() - start));
    check_within(start, 3000);
    scene_finish(&f, 2);
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
    if (!scene_start(&f, name))
        return;
    play_answer(&f.play, 400, JSON_TYPE NOON_DATE, message);
    play_success(&f.play);
    play_success(&f.play);
    scene_begin(&f);
    f.unix_ms = NOON + off_ms;
    scene_check_update(&f, STORE_UPDATED);
    f.unix_ms += 60000;
    /* The store remembers the corrected clock. */
    scene_check_update(&f, STORE_UPDATED);
    scene_check_no_pause(&f);
    scene_end(&f, 3);
    scene_check_header(&f, 1, "X-Amz-Date", "20260115T123456Z");
    scene_check_header(&f, 2, "X-Amz-Date", "20260115T123556Z");
    for (size_t i = 0; i < 3; i++)
        scene_check_signature(&f, i, "AKIDEXAMPLE", SECRET);
    scene_free(&f);
}

static void test_skew_twice(void)
{
    if (!scene_start(&f, "a clock is put right once"))
        return;
    play_answer(&f.play, 400, JSON_TYPE NOON_DATE, EXPIRED);
    play_answer(&f.play, 400, JSON_TYPE NOON_DATE, EXPIRED);
    scene_begin(&f);
    scene_check_update(&f, STORE_REFUSED);
    scene_check_why(&f, "the clock is wrong");
    scene_finish(&f, 2);
}

static void test_skew_without_date(void)
{
    if (!scene_start(&f, "a wrong clock and no date to put it right"))
        return;
    play_answer(&f.play, 400, JSON_TYPE, EXPIRED);
    scene_begin(&f);
    scene_check_update(&f, STORE_REFUSED);
    scene_finish(&f, 1);
}

static void test_wrong_signature(void)
{
    if (!scene_start(&f, "a signature that is wrong for another reason than the clock"))
        return;
    play_answer(&f.play, 400, JSON_TYPE NOON_DATE,
                ERROR_OF("InvalidSignatureException", "The signature does not match"));
    scene_begin(&f);
    scene_check_update(&f, STORE_REFUSED);
    scene_check_why(&f, "check the secret key");
    scene_finish(&f, 1);
}

/* No time is left to repeat the request at once, so the status does not blame the clock or the
 * credentials. */
static void test_skew_too_late(void)
{
    if (!scene_start(&f, "a clock that is put right when the deadline has come"))
        return;
    play_answer(&f.play, 400, JSON_TYPE NOON_DATE, EXPIRED);
    scene_begin(&f);
    f.unix_ms = NOON - 3600000;
    /* The clock is read for signing, and once more when the answer has arrived. */
    f.stall_at = 2;
    CHECK(scene_update(&f, &scene_sample, 300) == STORE_UNAVAILABLE);
    scene_check_why(&f, "no time");
    scene_finish(&f, 1);
}

/* A clock that is wrong by more than five minutes may still be accepted. The next request has the
 * right time. */
static void test_skew_unasked(void)
{
    if (!scene_start(&f, "a clock that is far off is put right unasked, one that is near is not"))
        return;
    for (int i = 0; i < 4; i++)
        play_answer(&f.play, 200, JSON_TYPE NOON_DATE, "{}");
    scene_begin(&f);
    f.unix_ms = NOON - 299000;
    scene_check_update(&f, STORE_UPDATED);
    f.unix_ms = NOON - 301000;
    scene_check_update(&f, STORE_UPDATED);
    /* The clock is now wrong by too much in the other direction. */
    f.unix_ms += 301000;
    scene_check_update(&f, STORE_UPDATED);
    scene_check_update(&f, STORE_UPDATED);
    scene_end(&f, 4);
    scene_check_header(&f, 1, "X-Amz-Date", "20260115T122955Z");
    scene_check_header(&f, 2, "X-Amz-Date", "20260115T123957Z");
    scene_check_header(&f, 3, "X-Amz-Date", "20260115T123456Z");
    scene_free(&f);
}

int main(int argc, char **argv)
{
    harness_init("test_store_connections", argc, argv);
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
    return harness_finish();
}
