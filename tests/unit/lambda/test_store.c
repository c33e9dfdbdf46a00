/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The store against a scripted server in DynamoDB's place: what it sends, which answers make it
 * retry and after which wait, what it returns and what it logs.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lambda/aws/store.h"
#include "tests/support/harness.h"
#include "tests/support/support_store.h"

static scene f; /* The scene is too large for the stack, so it is static; each case clears it. */

/* ---- the request ----------------------------------------------------------------------------- */

static void test_request(void)
{
    char host[64];

    if (!scene_start(&f, "what is sent"))
        return;
    play_success(&f.play);
    scene_begin(&f);
    scene_check_update(&f, STORE_UPDATED);
    scene_check_no_pause(&f);
    scene_end(&f, 1);
    snprintf(host, sizeof host, "127.0.0.1:%u", (unsigned)fault_port(f.server));
    CHECK(strncmp(fault_request(f.server, 0, NULL), "POST / HTTP/1.1\r\nHost: ", 23) == 0);
    scene_check_header(&f, 0, "Host", host);
    scene_check_header(&f, 0, "Content-Type", "application/x-amz-json-1.0");
    scene_check_header(&f, 0, "X-Amz-Target", "DynamoDB_20120810.UpdateItem");
    scene_check_header(&f, 0, "X-Amz-Date", "20260115T123456Z");
    scene_check_header(&f, 0, "X-Amz-Security-Token", TOKEN);
    scene_check_header(&f, 0, "X-Amzn-Trace-Id", NULL);
    scene_check_header(&f, 0, "Accept-Encoding", NULL);
    scene_check_header(&f, 0, "Expect", NULL);
    CHECK(scene_sent_has(&f, 0,
                         "SignedHeaders=content-type;host;x-amz-date;x-amz-security-token;"
                         "x-amz-target,"));
    CHECK(scene_sent_has(&f, 0, "\r\n\r\n{\"TableName\":\"results\",\"Key\":{\"source_id\":"));
    CHECK(scene_sent_has(&f, 0, ":writer\":{\"S\":\"8f7e-1/0\"}}"));
    CHECK(scene_sent_has(&f, 0, "\"ReturnValuesOnConditionCheckFailure\":\"ALL_OLD\"}"));
    scene_check_signature(&f, 0, "AKIDEXAMPLE", SECRET);
    scene_free(&f);
}

/* An emulator sets the variable of the session token to an empty text. The header must then be
 * missing. */
static void test_no_token(void)
{
    if (!scene_start(&f, "an empty session token is none"))
        return;
    setenv("AWS_SESSION_TOKEN", "", 1);
    play_success(&f.play);
    scene_begin(&f);
    scene_check_update(&f, STORE_UPDATED);
    scene_end(&f, 1);
    scene_check_header(&f, 0, "X-Amz-Security-Token", NULL);
    CHECK(scene_sent_has(&f, 0, "SignedHeaders=content-type;host;x-amz-date;x-amz-target,"));
    scene_check_signature(&f, 0, "AKIDEXAMPLE", SECRET);
    scene_free(&f);
}

static void test_trace(void)
{
    static const char trace[] = "Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=1 and more";
    static const char forged[] = "Root=1\r\nX-Amz-Target: DynamoDB_20120810.DeleteTable";
    char longest[1025];
    store_item item = scene_sample;

    if (!scene_start(&f, "a trace id is passed on, one that is no header value is not"))
        return;
    memset(longest, 't', sizeof longest);
    for (int i = 0; i < 5; i++)
        play_success(&f.play);
    scene_begin(&f);
    item.trace_id = trace;
    item.trace_id_bytes =
        59 - 9; /* The trace id is a slice: the bytes behind it do not belong to it. */
    CHECK(scene_update(&f, &item, SCENE_LONG_MS) == STORE_UPDATED);
    item.trace_id = forged;
    item.trace_id_bytes = sizeof forged - 1;
    CHECK(scene_update(&f, &item, SCENE_LONG_MS) == STORE_UPDATED);
    item.trace_id_bytes = 0;
    CHECK(scene_update(&f, &item, SCENE_LONG_MS) == STORE_UPDATED);
    item.trace_id = longest;
    item.trace_id_bytes = sizeof longest - 1;
    CHECK(scene_update(&f, &item, SCENE_LONG_MS) == STORE_UPDATED);
    item.trace_id_bytes = sizeof longest;
    CHECK(scene_update(&f, &item, SCENE_LONG_MS) == STORE_UPDATED);
    scene_end(&f, 5);
    scene_check_header(&f, 0, "X-Amzn-Trace-Id",
                       "Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=1");
    CHECK(!scene_sent_has(&f, 0, "x-amzn-trace-id,") && !scene_sent_has(&f, 0, "x-amzn-trace-id;"));
    scene_check_header(&f, 1, "X-Amzn-Trace-Id", NULL);
    CHECK(!scene_sent_has(&f, 1, "DeleteTable"));
    scene_check_header(&f, 2, "X-Amzn-Trace-Id", NULL);
    CHECK(scene_sent_has(&f, 3, "\r\nX-Amzn-Trace-Id: tttt"));
    scene_check_header(&f, 4, "X-Amzn-Trace-Id", NULL);
    scene_free(&f);
}

/* A signing key is used for one day. */
static void test_midnight(void)
{
    if (!scene_start(&f, "the signing key changes with the day"))
        return;
    for (int i = 0; i < 4; i++)
        play_success(&f.play);
    scene_begin(&f);
    for (int i = 0; i < 4; i++) {
        f.unix_ms = NOON + i * 43200000LL;
        scene_check_update(&f, STORE_UPDATED);
    }
    scene_end(&f, 4);
    scene_check_header(&f, 3, "X-Amz-Date", "20260117T003456Z");
    for (size_t i = 0; i < 4; i++)
        scene_check_signature(&f, i, "AKIDEXAMPLE", SECRET);
    scene_free(&f);
}

static void test_bad_items(void)
{
    static char long_key[400000];
    static const double scores[] = {-1e31, 1e31, 0.0 / 0.0, 1.0 / 0.0};
    store_item item = scene_sample;

    if (!scene_start(&f, "what cannot be stored is refused unsent"))
        return;
    f.play.count = 0;
    play_step(&f.play, FAULT_PAUSE);
    scene_begin(&f);
    for (size_t i = 0; i < sizeof scores / sizeof *scores; i++) {
        item.score = scores[i];
        CHECK(scene_update(&f, &item, SCENE_LONG_MS) == STORE_REFUSED);
        scene_check_why(&f, "score");
    }
    item = scene_sample;
    memset(long_key, 'k', sizeof long_key - 1);
    item.source_id = long_key;
    CHECK(scene_update(&f, &item, SCENE_LONG_MS) == STORE_REFUSED);
    scene_check_why(&f, "key");
    scene_finish(&f, 0);
}

/* ---- the error table ------------------------------------------------------------------------- */

typedef struct error_case {
    int status;
    const char *body;
    store_status end; /* The status after one such answer, or after four if the store retries. */
    double base_ms;   /* The base of the back-off; 0: the store does not retry. */
    const char *code; /* A part of `why`. */
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
     STORE_MISSING, 0, "no such item"},
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
    {400, ERROR_OF("AccessDeniedException", "explicit deny in a service control policy"),
     STORE_REFUSED, 0, "the service says: explicit deny in a service control policy"},
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

/* The server gives the answer of the row to every attempt. The store must try four times, with the
 * pauses of the row in between, or once if base_ms of the row is 0. */
static void test_error_row(const error_case *e)
{
    size_t attempts = e->base_ms > 0 ? 4 : 1;
    double pauses[3];

    if (!harness_case("status %d, %s: for ever", e->status, e->code))
        return;
    memset(&f, 0, sizeof f);
    scene_set_keys();
    play_step(&f.play, FAULT_ACCEPT);
    for (size_t i = 0; i < attempts; i++) {
        play_answer(&f.play, e->status, "Location: http://127.0.0.1:9/\r\n" JSON_TYPE, e->body);
        pauses[i < 3 ? i : 0] = 0.5 * e->base_ms * (double)(1 << i);
    }
    pauses[0] = 0.5 * e->base_ms;
    scene_begin(&f);
    scene_check_update(&f, e->end);
    scene_check_why(&f, e->code);
    scene_check_why(&f, attempts == 4 ? "attempt 4" : "attempt 1");
    scene_check_why(&f, "SERVICE-ID");
    scene_check_pauses(&f, attempts - 1, pauses);
    scene_finish(&f, attempts);
}

/* The server answers once in this way, and then with success. */
static void test_error_once(const error_case *e)
{
    double pause = 0.5 * e->base_ms;

    if (e->base_ms <= 0 || !harness_case("status %d, %s: once", e->status, e->code))
        return;
    memset(&f, 0, sizeof f);
    scene_set_keys();
    play_step(&f.play, FAULT_ACCEPT);
    play_answer(&f.play, e->status, JSON_TYPE, e->body);
    play_success(&f.play);
    scene_begin(&f);
    scene_check_update(&f, STORE_UPDATED);
    scene_check_pauses(&f, 1, &pause);
    CHECK(strstr(scene_log(&f), e->code) != NULL);
    CHECK(strstr(scene_log(&f), "\"requestId\":\"request-1\"") != NULL);
    CHECK(strstr(scene_log(&f), "\"serviceRequestId\":\"SERVICE-ID\"") != NULL);
    scene_finish(&f, 2);
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
        if (!scene_start(&f, cases[i][1]))
            continue;
        play_answer(&f.play, 400, JSON_TYPE, cases[i][0]);
        scene_begin(&f);
        scene_check_update(&f, i == 0 ? STORE_MISSING : STORE_DUPLICATE);
        scene_check_why(&f, cases[i][1]);
        CHECK(strstr(f.why, "PRIVATE") == NULL && strstr(scene_log(&f), "PRIVATE") == NULL);
        scene_finish(&f, 1);
    }
}

/* ---- answers that are none ------------------------------------------------------------------- */

/* Replies with status 200 that are no successes. The store retries if the write may have
 * happened. */
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
        if (!scene_start(&f, cases[i].name))
            continue;
        play_raw(&f.play, cases[i].answer);
        if (cases[i].again)
            play_success(&f.play);
        scene_begin(&f);
        scene_check_update(&f, cases[i].again ? STORE_UPDATED : STORE_REFUSED);
        scene_finish(&f, cases[i].again ? 2 : 1);
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
        scene_set_keys();
        play_step(&f.play, FAULT_ACCEPT);
        play_raw(&f.play, cases[i]);
        play_step(&f.play, FAULT_ACCEPT);
        play_success(&f.play);
        scene_begin(&f);
        scene_check_update(&f, STORE_UPDATED);
        scene_check_pauses(&f, 1, &pause);
        scene_finish(&f, 2);
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

    if (!scene_start(&f, "success in each form of HTTP, a byte at a time, on one connection"))
        return;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        play_raw(&f.play, cases[i]);
        f.play.steps[f.play.count - 1].piece = 1;
    }
    scene_begin(&f);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        scene_check_update(&f, STORE_UPDATED);
    scene_check_no_pause(&f);
    scene_finish(&f, sizeof cases / sizeof *cases);
}

/* An item may be larger than the memory for an answer. The store then stops asking for the old
 * item. */
static void test_huge(void)
{
    static char item[300000];
    static char body[sizeof item + 128];

    if (!scene_start(&f, "a failed condition with an item that does not fit"))
        return;
    memset(item, 'i', sizeof item - 1);
    snprintf(body, sizeof body,
             "{\"__type\":\"ConditionalCheckFailedException\",\"Item\":{\"a\":{\"S\":\"%s\"}}}",
             item);
    play_answer(&f.play, 400, JSON_TYPE, body);
    play_step(&f.play, FAULT_ACCEPT);
    play_answer(&f.play, 400, JSON_TYPE, "{\"__type\":\"ConditionalCheckFailedException\"}");
    scene_begin(&f);
    scene_check_update(&f, STORE_DUPLICATE);
    scene_check_why(&f, "the item is not pending");
    scene_end(&f, 2);
    CHECK(scene_sent_has(&f, 0, "CheckFailure\":\"ALL_OLD\"}"));
    CHECK(scene_sent_has(&f, 1, "CheckFailure\":\"NONE\"}"));
    scene_check_signature(&f, 1, "AKIDEXAMPLE", SECRET);
    scene_free(&f);
}

static void test_huge_for_ever(void)
{
    static char body[100000];

    if (!scene_start(&f, "an answer without end"))
        return;
    memset(body, '{', sizeof body - 1);
    f.play.count = 0;
    for (int i = 0; i < 4; i++) {
        play_step(&f.play, FAULT_ACCEPT);
        play_answer(&f.play, 200, JSON_TYPE, body);
    }
    scene_begin(&f);
    scene_check_update(&f, STORE_UNAVAILABLE);
    scene_check_why(&f, "answer too large");
    scene_finish(&f, 4);
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
    return harness_finish();
}
