/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The pure functions below the store: addresses, dates, back-off, the document that is sent, the
 * meaning of answers, and the document of the endpoint for credentials.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "lambda/aws/credentials.h"
#include "lambda/aws/dates.h"
#include "lambda/aws/dynamodb.h"
#include "lambda/aws/retry.h"
#include "lambda/net/url.h"
#include "runtime/base/json.h"
#include "tests/support/harness.h"

static http_slice slice(const char *text)
{
    return (http_slice){text, strlen(text)};
}

/* ---- addresses ------------------------------------------------------------------------------- */

typedef struct url_case {
    const char *text, *host;
    unsigned port;
    int tls, local;
    const char *target, *header; /* The value of the header Host. */
} url_case;

static const url_case urls[] = {
    {"http://localhost:8000", "localhost", 8000, 0, 1, "", "localhost:8000"},
    {"HTTP://LocalHost", "LocalHost", 80, 0, 1, "", "LocalHost"},
    {"https://dynamodb.us-east-1.amazonaws.com", "dynamodb.us-east-1.amazonaws.com", 443, 1, 0, "",
     "dynamodb.us-east-1.amazonaws.com"},
    {"https://h:8443/a/b?c=d", "h", 8443, 1, 0, "/a/b?c=d", "h:8443"},
    {"http://127.0.0.1/", "127.0.0.1", 80, 0, 1, "/", "127.0.0.1"},
    {"http://127.255.0.9", "127.255.0.9", 80, 0, 1, "", "127.255.0.9"},
    {"http://126.255.255.255", "126.255.255.255", 80, 0, 0, "", "126.255.255.255"},
    {"http://10.0.0.1", "10.0.0.1", 80, 0, 0, "", "10.0.0.1"},
    {"http://0.0.0.0", "0.0.0.0", 80, 0, 0, "", "0.0.0.0"},
    {"http://[::ffff:127.0.0.1]", "::ffff:127.0.0.1", 80, 0, 0, "", "[::ffff:127.0.0.1]"},
    {"http://128.0.0.1", "128.0.0.1", 80, 0, 0, "", "128.0.0.1"},
    {"http://[::1]:9", "::1", 9, 0, 1, "", "[::1]:9"},
    {"http://[::1]?x", "::1", 80, 0, 1, "?x", "[::1]"},
    {"http://[fd00:ec2::23]/v1", "fd00:ec2::23", 80, 0, 0, "/v1", "[fd00:ec2::23]"},
    {"http://localhost.example.com", "localhost.example.com", 80, 0, 0, "",
     "localhost.example.com"},
    {"http://127.0.0.1.example.com", "127.0.0.1.example.com", 80, 0, 0, "",
     "127.0.0.1.example.com"},
    {"http://h:443", "h", 443, 0, 0, "", "h:443"},
    {"https://h:80", "h", 80, 1, 0, "", "h:80"},
};

static const char *const bad_urls[] = {
    "",
    "localhost:8000",
    "ftp://h",
    "http:/h",
    "http://",
    "http:///path",
    "http://:80",
    "http://h:",
    "http://h:0",
    "http://h:65536",
    "http://h:8x",
    "http://user@h",
    "http://user:password@h:80",
    "http://h#f",
    "http://h/a b",
    "http://h/\n",
    "http://h/\x80",
    "http://[::1",
    "http://::1",
    "http://h\\x",
};

static void test_urls(void)
{
    for (size_t i = 0; i < sizeof urls / sizeof *urls; i++) {
        const url_case *c = &urls[i];
        char header[URL_HOST_BYTES];
        http_slice target = {NULL, 0};
        net_endpoint to;

        if (!harness_case("address %s", c->text))
            continue;
        CHECK(url_parse(&to, &target, c->text) == 0);
        CHECK(strcmp(to.host, c->host) == 0 && to.port == c->port && to.tls == c->tls);
        CHECK(http_is(target, c->target));
        CHECK(url_is_local(&to) == c->local);
        url_host(header, &to);
        CHECKF(strcmp(header, c->header) == 0, "%s", header);
    }
    for (size_t i = 0; i < sizeof bad_urls / sizeof *bad_urls; i++) {
        http_slice target = {"x", 1};
        net_endpoint to = {.port = 7};

        if (harness_case("no address: %zu", i)) {
            CHECKF(url_parse(&to, &target, bad_urls[i]) == -1, "%s", bad_urls[i]);
            CHECK(to.port == 7 && http_is(target, "x"));
        }
    }
}

static void test_long_urls(void)
{
    for (size_t size = NET_HOST_BYTES - 3; size < NET_HOST_BYTES + 300; size++) {
        char text[1024] = "http://", header[URL_HOST_BYTES];
        http_slice target;
        net_endpoint to;

        if (!harness_case("a host of %zu bytes", size))
            continue;
        memset(text + 7, 'h', size);
        text[7 + size] = '\0';
        CHECK(url_parse(&to, &target, text) == (size < NET_HOST_BYTES ? 0 : -1));
        if (size < NET_HOST_BYTES) {
            to.port = 65535;
            url_host(header, &to);
            CHECK(strlen(header) == size + 6);
        }
    }
}

/* ---- dates ----------------------------------------------------------------------------------- */

static void check_date(int64_t seconds)
{
    static const char *const days[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    static const char *const months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                         "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    time_t at = (time_t)seconds;
    struct tm utc;
    char basic[DATES_BASIC_BYTES], with_ms[DATES_ISO_BYTES];
    char expected[64], http[64], iso[64];
    int64_t from_http = -1, from_iso = -1;

    gmtime_r(&at, &utc);
    strftime(expected, sizeof expected, "%Y%m%dT%H%M%SZ", &utc);
    strftime(iso, sizeof iso, "%Y-%m-%dT%H:%M:%SZ", &utc);
    snprintf(http, sizeof http, "%s, %02d %s %04d %02d:%02d:%02d GMT", days[utc.tm_wday],
             utc.tm_mday, months[utc.tm_mon], utc.tm_year + 1900, utc.tm_hour, utc.tm_min,
             utc.tm_sec);
    dates_basic(basic, seconds * 1000 + 999);
    CHECKF(strcmp(basic, expected) == 0, "%s, expected %s", basic, expected);
    dates_iso(with_ms, seconds * 1000 + seconds % 1000);
    snprintf(expected, sizeof expected, "%.19s.%03dZ", iso, (int)(seconds % 1000));
    CHECKF(strcmp(with_ms, expected) == 0, "%s, expected %s", with_ms, expected);
    CHECKF(dates_parse_http(&from_http, slice(http)) == 0 && from_http == seconds * 1000,
           "%s: %lld", http, (long long)from_http);
    CHECKF(dates_parse_iso(&from_iso, slice(iso)) == 0 && from_iso == seconds * 1000, "%s: %lld",
           iso, (long long)from_iso);
}

/* The dates are compared with those of the C library, which computes them in another way. */
static void test_dates(void)
{
    static const int64_t last = 253402300799;

    if (harness_case("dates, every day of 1970 to 2400"))
        for (int64_t day = 0; day < 157000; day++)
            check_date(day * 86400 + day % 86400);
    if (harness_case("dates, at random up to 9999"))
        for (int i = 0; i < 20000; i++)
            check_date((int64_t)(harness_random() % (uint64_t)(last + 1)));
    if (harness_case("the first and the last date")) {
        char basic[DATES_BASIC_BYTES], iso[DATES_ISO_BYTES];

        check_date(0);
        check_date(last);
        dates_basic(basic, INT64_MAX);
        CHECK(strcmp(basic, "99991231T235959Z") == 0);
        dates_iso(iso, INT64_MAX);
        CHECK(strcmp(iso, "9999-12-31T23:59:59.999Z") == 0);
        dates_iso(iso, -1);
        CHECK(strcmp(iso, "1970-01-01T00:00:00.000Z") == 0);
        dates_basic(basic, INT64_MIN);
        CHECK(strcmp(basic, "19700101T000000Z") == 0);
    }
}

static const char *const bad_http_dates[] = {
    "",
    "Thu, 15 Jan 2026 12:34:56",
    "Thu, 15 Jan 2026 12:34:56 GMT ",
    "Thu, 15 Jan 2026 12:34:56 UTC",
    "Thu, 15 jan 2026 12:34:56 GMT",
    "Thu, 15 Jam 2026 12:34:56 GMT",
    "Thu, 32 Jan 2026 12:34:56 GMT",
    "Thu, 00 Jan 2026 12:34:56 GMT",
    "Sun, 29 Feb 2026 12:34:56 GMT",
    "Sun, 29 Feb 2100 12:34:56 GMT",
    "Thu, 15 Jan 1969 12:34:56 GMT",
    "Thu, 15 Jan 2026 24:00:00 GMT",
    "Thu, 15 Jan 2026 12:60:00 GMT",
    "Thu, 15 Jan 2026 12:00:61 GMT",
    "Thu, 1x Jan 2026 12:00:00 GMT",
    "Thursday, 15-Jan-26 12:34:56 GMT",
    "Thu Jan 15 12:34:56 2026",
};

static const char *const bad_iso_dates[] = {
    "",
    "2026-01-15",
    "2026-01-15T12:34:56",
    "2026-01-15T12:34:56+01:00",
    "2026-01-15T12:34:56ZZ",
    "2026-01-15T12:34:56.12",
    "2026-01-15T12:34:56.1.2Z",
    "2026-13-15T12:34:56Z",
    "2026-02-30T12:34:56Z",
    "2026-01-15t12:34:56Z",
    "2026-01-15T1234:56Z",
};

static void test_bad_dates(void)
{
    int64_t ms = 7;

    if (harness_case("what is no date of HTTP"))
        for (size_t i = 0; i < sizeof bad_http_dates / sizeof *bad_http_dates; i++)
            CHECKF(dates_parse_http(&ms, slice(bad_http_dates[i])) == -1 && ms == 7, "%s",
                   bad_http_dates[i]);
    if (harness_case("what is no date of ISO 8601"))
        for (size_t i = 0; i < sizeof bad_iso_dates / sizeof *bad_iso_dates; i++)
            CHECKF(dates_parse_iso(&ms, slice(bad_iso_dates[i])) == -1 && ms == 7, "%s",
                   bad_iso_dates[i]);
    if (harness_case("a fraction and a leap second")) {
        CHECK(dates_parse_iso(&ms, slice("1970-01-01T00:00:01.999Z")) == 0 && ms == 1000);
        CHECK(dates_parse_http(&ms, slice("Sat, 31 Dec 2016 23:59:60 GMT")) == 0 &&
              ms == 1483228799000);
    }
}

/* ---- back-off -------------------------------------------------------------------------------- */

static void check_wait(retry_class why, unsigned retry, double chance, int64_t retry_after_ms,
                       double expected)
{
    double wait = retry_wait_ms(why, retry, chance, retry_after_ms);

    CHECKF(wait == expected, "class %d, retry %u, chance %g, retry-after %lld: %g, expected %g",
           why, retry, chance, (long long)retry_after_ms, wait, expected);
}

static void test_retry(void)
{
    if (harness_case("lengths of the back-off")) {
        check_wait(RETRY_TRANSIENT, 1, 0.5, RETRY_AFTER_ABSENT, 12.5);
        check_wait(RETRY_TRANSIENT, 2, 0.5, RETRY_AFTER_ABSENT, 25);
        check_wait(RETRY_TRANSIENT, 3, 0.5, RETRY_AFTER_ABSENT, 50);
        check_wait(RETRY_THROTTLE, 1, 0.5, RETRY_AFTER_ABSENT, 500);
        check_wait(RETRY_THROTTLE, 2, 0.5, RETRY_AFTER_ABSENT, 1000);
        check_wait(RETRY_THROTTLE, 3, 0.5, RETRY_AFTER_ABSENT, 2000);
        check_wait(RETRY_THROTTLE, 5, 0.5, RETRY_AFTER_ABSENT, 8000);
        /* The wait is at most 20 s before jitter. */
        check_wait(RETRY_THROTTLE, 6, 0.5, RETRY_AFTER_ABSENT, 10000);
        check_wait(RETRY_THROTTLE, 4000000000U, 0.5, RETRY_AFTER_ABSENT, 10000);
        check_wait(RETRY_TRANSIENT, 3, 0, RETRY_AFTER_ABSENT, 0);
    }
    if (harness_case("the wait that the server asks for")) {
        check_wait(RETRY_TRANSIENT, 1, 0, 700, 700);
        check_wait(RETRY_TRANSIENT, 1, 0, 5000, 5000);
        check_wait(RETRY_TRANSIENT, 1, 0, 5001, 5000);
        /* A wait is never shorter than without the server's request. */
        check_wait(RETRY_THROTTLE, 2, 0.5, 999, 1000);
        check_wait(RETRY_THROTTLE, 2, 0.5, 4000, 4000);
        check_wait(RETRY_THROTTLE, 2, 0.5, 60000, 6000);
        check_wait(RETRY_TRANSIENT, 1, 0.5, 0, 12.5);
        check_wait(RETRY_TRANSIENT, 1, 0.5, INT64_MAX, 5012.5);
    }
}

/* ---- the document ---------------------------------------------------------------------------- */

enum { TEXT_BYTES = 65536 };

static const store_item sample = {.source_id = "article#1",
                                  .timestamp = "2026-01-15T12:34:56Z",
                                  .sentiment = "positive",
                                  .sentiment_bytes = 8,
                                  .score = 0.98765,
                                  .model_version = "v1",
                                  .model = "0123456789ab",
                                  .writer = "8f7e-1/0"};

static void test_document(void)
{
    static const char expected[] =
        "{\"TableName\":\"results\",\"Key\":{\"source_id\":{\"S\":\"article#1\"},"
        "\"timestamp\":{\"S\":\"2026-01-15T12:34:56Z\"}},"
        "\"UpdateExpression\":\"SET #sentiment = :sentiment, #score = :score, "
        "#model_version = :model_version, #model = :model, #status = :analyzed, "
        "#writer = :writer\","
        "\"ConditionExpression\":\"#status = :pending OR #status = :analyzed AND "
        "#writer = :writer\","
        "\"ExpressionAttributeNames\":{\"#sentiment\":\"sentiment\",\"#score\":\"score\","
        "\"#model_version\":\"model_version\",\"#model\":\"analyzed_model\",\"#status\":\"status\","
        "\"#writer\":\"analyzed_by\"},"
        "\"ExpressionAttributeValues\":{\":pending\":{\"S\":\"pending\"},"
        "\":analyzed\":{\"S\":\"analyzed\"},\":sentiment\":{\"S\":\"positive\"},"
        "\":score\":{\"N\":\"0.9877\"},\":model_version\":{\"S\":\"v1\"},"
        "\":model\":{\"S\":\"0123456789ab\"},"
        "\":writer\":{\"S\":\"8f7e-1/0\"}},\"ReturnValuesOnConditionCheckFailure\":\"ALL_OLD\"}";
    char memory[TEXT_BYTES];
    buffer text;

    if (!harness_case("the document, byte for byte"))
        return;
    buffer_init(&text, memory, sizeof memory);
    dynamodb_update_item(&text, "results", &sample, 1);
    CHECKF(text.size == sizeof expected - 1 && memcmp(text.data, expected, text.size) == 0, "%.*s",
           (int)text.size, text.data);
    buffer_clear(&text);
    dynamodb_update_item(&text, "results", &sample, 0);
    buffer_char(&text, '\0');
    CHECK(strstr(text.data, "\"ReturnValuesOnConditionCheckFailure\":\"NONE\"}") != NULL);
}

/* A map of labels is one more attribute, with its name and its value. */
static void test_document_with_labels(void)
{
    static const char map[] = "{\"joy\":{\"N\":\"0.9134\"}}";
    store_item item = sample;
    char memory[TEXT_BYTES];
    json_value root;
    buffer text;

    if (!harness_case("the document with a map of labels"))
        return;
    item.labels = map;
    item.labels_bytes = sizeof map - 1;
    buffer_init(&text, memory, sizeof memory);
    dynamodb_update_item(&text, "results", &item, 1);
    CHECK(json_parse(&root, text.data, text.size, NULL) == 0);
    buffer_char(&text, '\0');
    CHECK(strstr(text.data, "#writer = :writer, #labels = :labels\",\"ConditionExpression") !=
          NULL);
    CHECK(strstr(text.data, ",\"#labels\":\"labels\"}") != NULL);
    CHECK(strstr(text.data, "\":labels\":{\"M\":{\"joy\":{\"N\":\"0.9134\"}}},") != NULL);
}

/* Returns how often an expression uses a placeholder. */
static size_t uses(json_value root, const char *expression, json_value key)
{
    char text[512], name[64];
    json_value value;
    size_t count = 0, size;

    if (!json_get(root, expression, &value))
        return 0;
    text[json_string(value, text, sizeof text - 1)] = '\0';
    size = json_string(key, name, sizeof name - 1);
    name[size] = '\0';
    for (const char *at = text; (at = strstr(at, name)) != NULL; at += size)
        count += strchr(" ,=", at[size]) != NULL;
    return count;
}

/* DynamoDB refuses a placeholder that is declared and not used. */
static void test_placeholders(void)
{
    static const char *const lists[] = {"ExpressionAttributeNames", "ExpressionAttributeValues"};
    char memory[TEXT_BYTES];
    json_value root, list;
    json_iter iter;
    buffer text;

    if (!harness_case("every placeholder is used"))
        return;
    buffer_init(&text, memory, sizeof memory);
    dynamodb_update_item(&text, "t", &sample, 1);
    CHECK(json_parse(&root, text.data, text.size, NULL) == 0);
    for (size_t i = 0; i < 2; i++) {
        size_t count = 0;

        CHECK(json_get(root, lists[i], &list));
        for (json_iter_init(&iter, list); json_iter_next(&iter); count++)
            CHECKF(uses(root, "UpdateExpression", iter.key) +
                           uses(root, "ConditionExpression", iter.key) >
                       0,
                   "%.*s", (int)iter.key.bytes, iter.key.text);
        CHECK(count == (i == 0 ? 6 : 7));
    }
}

static void check_member(json_value root, const char *const *path, const char *expected)
{
    json_value value = root;

    for (; *path != NULL; path++)
        CHECKF(json_get(value, *path, &value), "no %s", *path);
    CHECKF(json_string_is(value, expected), "%.*s", (int)value.bytes, value.text);
}

static void test_escaping(void)
{
    static const char hostile[] = "\"},\"x\":{\\\n\r\t\x01\x7f/\xe2\x80\xa8\xf0\x9f\x98\x80";
    static const char *const source[] = {"Key", "source_id", "S", NULL};
    static const char *const stamp[] = {"Key", "timestamp", "S", NULL};
    static const char *const version[] = {"ExpressionAttributeValues", ":model_version", "S", NULL};
    static const char *const writer[] = {"ExpressionAttributeValues", ":writer", "S", NULL};
    static const char *const table[] = {"TableName", NULL};
    store_item item = {.source_id = hostile,
                       .timestamp = hostile,
                       .sentiment = hostile,
                       .sentiment_bytes = strlen(hostile),
                       .score = 0.5,
                       .model_version = hostile,
                       .model = hostile,
                       .writer = hostile};
    char memory[TEXT_BYTES];
    json_value root;
    buffer text;

    if (!harness_case("hostile strings stay strings"))
        return;
    buffer_init(&text, memory, sizeof memory);
    dynamodb_update_item(&text, hostile, &item, 1);
    CHECK(json_parse(&root, text.data, text.size, NULL) == 0);
    check_member(root, table, hostile);
    check_member(root, source, hostile);
    check_member(root, stamp, hostile);
    check_member(root, version, hostile);
    check_member(root, writer, hostile);
    item.source_id = "a\xff\xc0z"; /* The source id contains bytes that are not UTF-8. */
    buffer_clear(&text);
    dynamodb_update_item(&text, "t", &item, 1);
    CHECK(json_parse(&root, text.data, text.size, NULL) == 0);
    check_member(root, source, "a\xef\xbf\xbd\xef\xbf\xbdz");
}

static void test_scores(void)
{
    static const struct {
        double score;
        const char *text;
    } cases[] = {{0, "0.0000"},       {1, "1.0000"},        {0.5, "0.5000"},   {0.00004, "0.0000"},
                 {0.99994, "0.9999"}, {0.999951, "1.0000"}, {1e-300, "0.0000"}};
    static const char *const path[] = {"ExpressionAttributeValues", ":score", "N", NULL};

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        store_item item = sample;
        char memory[TEXT_BYTES];
        json_value root;
        buffer text;

        if (!harness_case("score %g", cases[i].score))
            continue;
        item.score = cases[i].score;
        buffer_init(&text, memory, sizeof memory);
        dynamodb_update_item(&text, "t", &item, 1);
        CHECK(json_parse(&root, text.data, text.size, NULL) == 0);
        check_member(root, path, cases[i].text);
    }
}

/* ---- answers --------------------------------------------------------------------------------- */

typedef struct answer {
    const char *head; /* The status line and the headers, without the empty line. */
    const char *body;
    dynamodb_verdict verdict;
    const char *code;
} answer;

#define STATUS(code) "HTTP/1.1 " code " x\r\n"
#define JSON "Content-Type: application/x-amz-json-1.0\r\n"
#define V2012 "com.amazonaws.dynamodb.v20120810#"
#define ERROR_OF(type) "{\"__type\":\"" type "\",\"message\":\"m\"}"

static const answer answers[] = {
    /* Replies that are successes. */
    {STATUS("200") JSON, "{}", DYNAMODB_UPDATED, ""},
    {STATUS("200") JSON "X-Amz-Crc32: 2745614147\r\n", "{}", DYNAMODB_UPDATED, ""},
    {STATUS("200") "content-type: APPLICATION/JSON; charset=utf-8\r\n", " { } ", DYNAMODB_UPDATED,
     ""},
    {STATUS("200") "Content-Type: application/x-amz-json-1.1 ;x=y\r\n",
     "{\"ConsumedCapacity\":{\"CapacityUnits\":1.0}}", DYNAMODB_UPDATED, ""},
    /* Replies with status 200 that must not count as successes. */
    {STATUS("200") "Content-Type: text/xml\r\n", "{}", DYNAMODB_REFUSED, "HTTP 200 without JSON"},
    {STATUS("200"), "{}", DYNAMODB_REFUSED, "HTTP 200 without JSON"},
    {STATUS("200") "Content-Type: application/jsonx\r\n", "{}", DYNAMODB_REFUSED,
     "HTTP 200 without JSON"},
    {STATUS("200") JSON, "", DYNAMODB_TRANSIENT, "HTTP 200 with damaged JSON"},
    {STATUS("200") JSON, "{", DYNAMODB_TRANSIENT, "HTTP 200 with damaged JSON"},
    {STATUS("200") JSON, "[]", DYNAMODB_TRANSIENT, "HTTP 200 with damaged JSON"},
    {STATUS("200") JSON "X-Amz-Crc32: 2745614148\r\n", "{}", DYNAMODB_TRANSIENT, "wrong checksum"},
    {STATUS("200") JSON "X-Amz-Crc32: \r\n", "{}", DYNAMODB_TRANSIENT, "wrong checksum"},
    {STATUS("200") JSON "X-Amz-Crc32: a3a68f43\r\n", "{}", DYNAMODB_TRANSIENT, "wrong checksum"},
    {STATUS("201") JSON, "{}", DYNAMODB_REFUSED, "HTTP 201"},
    {STATUS("202") JSON, "{}", DYNAMODB_REFUSED, "HTTP 202"},
    /* Errors whose code stands in different places of the reply. */
    {STATUS("400") JSON, ERROR_OF(V2012 "ConditionalCheckFailedException"), DYNAMODB_CONDITION,
     "ConditionalCheckFailedException"},
    {STATUS("400") JSON, ERROR_OF("ConditionalCheckFailedException"), DYNAMODB_CONDITION,
     "ConditionalCheckFailedException"},
    {STATUS("400") JSON, ERROR_OF("com.amazon.coral.availability#ThrottlingException"),
     DYNAMODB_THROTTLED, "ThrottlingException"},
    {STATUS("400") JSON, ERROR_OF("a#b#ThrottlingException:http://x/#y"), DYNAMODB_THROTTLED,
     "ThrottlingException"},
    {STATUS("400") JSON, "{ \"Message\" : \"m\" , \"__type\" : \"ThrottlingException\" }",
     DYNAMODB_THROTTLED, "ThrottlingException"},
    {STATUS("400") "X-Amzn-ErrorType: ThrottlingException:http://x/\r\n", "", DYNAMODB_THROTTLED,
     "ThrottlingException"},
    {STATUS("400") JSON, "{\"__type\":\"\\u0054hrottlingException\"}", DYNAMODB_THROTTLED,
     "ThrottlingException"},
    {STATUS("400") JSON, ERROR_OF("ThrottlingExceptions"), DYNAMODB_REFUSED,
     "ThrottlingExceptions"},
    {STATUS("400") JSON, "{\"__type\":7}", DYNAMODB_REFUSED, "HTTP 400"},
    {STATUS("400") JSON, "{\"__type\":\"\"}", DYNAMODB_REFUSED, "HTTP 400"},
    {STATUS("400") JSON, "{\"__type\":\"x#Bad\\ncode\\\"\"}", DYNAMODB_REFUSED, "Bad"},
    {STATUS("400") JSON "X-Amz-Crc32: 1\r\n", ERROR_OF("ConditionalCheckFailedException"),
     DYNAMODB_TRANSIENT, "wrong checksum"},
    /* The code decides, not the status. */
    {STATUS("403") JSON, ERROR_OF("ExpiredTokenException"), DYNAMODB_CREDENTIALS,
     "ExpiredTokenException"},
    {STATUS("503") JSON, ERROR_OF("ThrottlingException"), DYNAMODB_THROTTLED,
     "ThrottlingException"},
    {STATUS("500") JSON, ERROR_OF("ValidationException"), DYNAMODB_REFUSED, "ValidationException"},
    {STATUS("400") JSON, ERROR_OF("InternalServerError"), DYNAMODB_TRANSIENT,
     "InternalServerError"},
    /* Replies without a known code: the status decides. */
    {STATUS("400") "Content-Type: text/html\r\n", "<html>", DYNAMODB_REFUSED, "HTTP 400"},
    {STATUS("403") "Content-Type: text/html\r\n", "<xml>", DYNAMODB_REFUSED, "HTTP 403"},
    {STATUS("404"), "404 page not found", DYNAMODB_REFUSED, "HTTP 404"},
    {STATUS("301") "Location: http://elsewhere/\r\n", "", DYNAMODB_REFUSED, "HTTP 301"},
    {STATUS("307") "Location: http://elsewhere/\r\n", "", DYNAMODB_REFUSED, "HTTP 307"},
    {STATUS("413"), "", DYNAMODB_REFUSED, "HTTP 413"},
    {STATUS("429"), "", DYNAMODB_THROTTLED, "HTTP 429"},
    {STATUS("500"), "<html>", DYNAMODB_TRANSIENT, "HTTP 500"},
    {STATUS("501"), "", DYNAMODB_REFUSED, "HTTP 501"},
    {STATUS("502"), "", DYNAMODB_TRANSIENT, "HTTP 502"},
    {STATUS("503"), "", DYNAMODB_TRANSIENT, "HTTP 503"},
    {STATUS("504"), "", DYNAMODB_TRANSIENT, "HTTP 504"},
    {STATUS("505"), "", DYNAMODB_REFUSED, "HTTP 505"},
    {STATUS("500") JSON, ERROR_OF("NobodyKnowsException"), DYNAMODB_TRANSIENT,
     "NobodyKnowsException"},
};

static dynamodb_reply judge(const char *head_text, const char *body, int want_old_item)
{
    static char text[4096]; /* The slices of the head point into it. */
    dynamodb_reply reply;
    http_head head;

    snprintf(text, sizeof text, "%s\r\n", head_text);
    if (http_parse_response(&head, text, strlen(text)) != HTTP_DONE) {
        printf("no head: %s\n", text);
        abort();
    }
    dynamodb_judge(&reply, &head, slice(body), want_old_item);
    return reply;
}

static void test_answers(void)
{
    for (size_t i = 0; i < sizeof answers / sizeof *answers; i++) {
        const answer *a = &answers[i];
        dynamodb_reply reply;

        if (!harness_case("%.12s %s: %s", a->head, a->code, a->body))
            continue;
        reply = judge(a->head, a->body, 1);
        CHECKF(reply.verdict == a->verdict, "verdict %d, expected %d", reply.verdict, a->verdict);
        CHECKF(strcmp(reply.code, a->code) == 0, "code \"%s\"", reply.code);
        CHECK(reply.meaning != NULL);
    }
}

static void test_old_item(void)
{
#define FAILED(item) "{\"__type\":\"ConditionalCheckFailedException\",\"message\":\"m\"" item "}"
    static const struct {
        const char *body;
        int want_old_item;
        dynamodb_item item;
    } cases[] = {
        {FAILED(""), 0, DYNAMODB_ITEM_UNKNOWN},
        {FAILED(""), 1, DYNAMODB_ITEM_MISSING},
        {FAILED(",\"Item\":{\"status\":{\"S\":\"analyzed\"}}"), 1, DYNAMODB_ITEM_ANALYZED},
        {FAILED(",\"Item\":{\"status\":{\"S\":\"failed\"}}"), 1, DYNAMODB_ITEM_OTHER},
        {FAILED(",\"Item\":{\"status\":{\"N\":\"1\"}}"), 1, DYNAMODB_ITEM_OTHER},
        {FAILED(",\"Item\":{}"), 1, DYNAMODB_ITEM_OTHER},
        {FAILED(",\"Item\":[]"), 1, DYNAMODB_ITEM_OTHER},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        if (harness_case("the item behind a failed condition, %zu", i)) {
            dynamodb_reply reply = judge(STATUS("400") JSON, cases[i].body, cases[i].want_old_item);

            CHECK(reply.verdict == DYNAMODB_CONDITION && reply.item == cases[i].item);
        }
}

static void test_reply_headers(void)
{
    dynamodb_reply reply;

    if (!harness_case("headers of an answer"))
        return;
    reply = judge(STATUS("400") JSON "Date: Thu, 15 Jan 2026 12:34:56 GMT\r\n"
                                     "x-amz-retry-after: 1500\r\nX-AMZN-REQUESTID: ABC-1\r\n",
                  "{}", 1);
    CHECK(reply.date_ms == 1768480496000 && reply.retry_after_ms == 1500);
    CHECK(strcmp(reply.service_id, "ABC-1") == 0);
    reply = judge(STATUS("400") "Date: yesterday\r\nx-amz-retry-after: -5\r\n"
                                "x-amzn-RequestId: A\"B\r\n",
                  "{}", 1);
    CHECK(reply.date_ms == -1 && reply.retry_after_ms == RETRY_AFTER_ABSENT);
    CHECK(strcmp(reply.service_id, "A") == 0);
    reply = judge(STATUS("400") "x-amz-retry-after: 9999999999999999999\r\n", "", 1);
    CHECK(reply.retry_after_ms == RETRY_AFTER_ABSENT);
    reply = judge(STATUS("400"), "", 1);
    CHECK(reply.date_ms == -1 && reply.retry_after_ms == RETRY_AFTER_ABSENT &&
          reply.service_id[0] == '\0');
}

/* ---- the credentials endpoint's document ----------------------------------------------------- */

static void test_credentials_document(void)
{
    static const char good[] =
        "{\"RoleArn\":\"r\",\"AccessKeyId\":\"ASIAEXAMPLE\",\"SecretAccessKey\":\"a/b+c=\","
        "\"Token\":\"tok\\/en==\",\"Expiration\":\"2026-01-15T12:34:56Z\"}";
    static const char *const bad[] = {
        "",
        "[]",
        "{}",
        "{\"AccessKeyId\":\"A\"}",
        "{\"SecretAccessKey\":\"s\"}",
        "{\"AccessKeyId\":\"\",\"SecretAccessKey\":\"s\"}",
        "{\"AccessKeyId\":null,\"SecretAccessKey\":\"s\"}",
        "{\"AccessKeyId\":5,\"SecretAccessKey\":\"s\"}",
        "{\"AccessKeyId\":\"A\\r\\nX: y\",\"SecretAccessKey\":\"s\"}",
        "{\"AccessKeyId\":\"A\\u0000B\",\"SecretAccessKey\":\"s\"}",
        "{\"AccessKeyId\":\"A B\",\"SecretAccessKey\":\"s\"}",
        "{\"AccessKeyId\":\"A\",\"SecretAccessKey\":\"s\",\"Token\":\"a\\nb\"}",
        "{\"AccessKeyId\":\"A\",\"SecretAccessKey\":\"s\",\"Token\":{}}",
        "{\"AccessKeyId\":\"A\",\"SecretAccessKey\":\"s\",\"Expiration\":\"soon\"}",
        "{\"AccessKeyId\":\"A\",\"SecretAccessKey\":\"s\",\"Expiration\":1768480496}",
    };
    static credentials_set set;
    char why[192];

    if (harness_case("credentials, all of them")) {
        CHECK(credentials_parse(&set, good, sizeof good - 1, why, sizeof why) == 0);
        CHECK(strcmp(set.key_id, "ASIAEXAMPLE") == 0 && strcmp(set.secret, "a/b+c=") == 0);
        CHECK(strcmp(set.token, "tok/en==") == 0 && set.expires_ms == 1768480496000);
    }
    if (harness_case("credentials without token and end")) {
        static const char text[] = "{\"AccessKeyId\":\"A\",\"SecretAccessKey\":\"s\","
                                   "\"Token\":null,\"Expiration\":null}";

        CHECK(credentials_parse(&set, text, sizeof text - 1, why, sizeof why) == 0);
        CHECK(set.token[0] == '\0' && set.expires_ms == INT64_MAX);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (harness_case("no credentials: %s", bad[i])) {
            why[0] = '\0';
            CHECK(credentials_parse(&set, bad[i], strlen(bad[i]), why, sizeof why) == -1);
            CHECK(strncmp(why, "credentials endpoint: ", 22) == 0);
        }
}

static void test_credentials_room(void)
{
    static char text[3 * CREDENTIALS_TOKEN_BYTES];
    static credentials_set set;
    char why[192];

    for (size_t size = CREDENTIALS_TOKEN_BYTES - 2; size < CREDENTIALS_TOKEN_BYTES + 2; size++) {
        int head = snprintf(text, sizeof text,
                            "{\"AccessKeyId\":\"A\",\"SecretAccessKey\":\"s\",\"Token\":\"");

        if (!harness_case("a token of %zu bytes", size))
            continue;
        memset(text + head, 't', size);
        strcpy(text + head + size, "\"}");
        CHECK(credentials_parse(&set, text, strlen(text), why, sizeof why) ==
              (size < CREDENTIALS_TOKEN_BYTES ? 0 : -1));
    }
}

int main(int argc, char **argv)
{
    harness_init("test_store_parts", argc, argv);
    test_urls();
    test_long_urls();
    test_dates();
    test_bad_dates();
    test_retry();
    test_document();
    test_document_with_labels();
    test_placeholders();
    test_escaping();
    test_scores();
    test_answers();
    test_old_item();
    test_reply_headers();
    test_credentials_document();
    test_credentials_room();
    return harness_finish();
}
