/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The JSON reader: RFC 8259 to the letter, each document at the end of a page so that reading one
 * byte too far is a crash; decisions of runtime/base/json.h; values, look-ups, numbers, quoting.
 */
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/json.h"
#include "tests/support/harness.h"

/* Parse a copy that ends where readable memory ends. */
static int parse_guarded(const char *text, size_t bytes, json_error *error)
{
    harness_guard guard = harness_guard_new(bytes > 0 ? bytes : 1, 1, 1);
    const char *at = (const char *)guard.data + (bytes > 0 ? 0 : 1);
    json_value root;
    int status;

    if (bytes > 0)
        memcpy(guard.data, text, bytes);
    status = json_parse(&root, at, bytes, error);
    harness_guard_free(&guard);
    return status;
}

typedef struct document {
    const char *text;
    size_t bytes; /* 0: up to its NUL */
} document;

static const document valid[] = {
    {"0", 0},
    {"-0", 0},
    {"-0.0e-0", 0},
    {"1E+2", 0},
    {"123456789012345678901234567890", 0},
    {"\"\"", 0},
    {"\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\"", 0},
    {"\"\\ud83d\\ude00\"", 0},
    {"\"\\ud83d\"", 0}, /* half a pair is legal by the grammar */
    {"\"\\u0000\"", 0},
    {"\"\xc3\xa9\xf0\x9f\x98\x80\x7f\"", 0},
    {"true", 0},
    {"false", 0},
    {"null", 0},
    {" \t\r\n[ ] \n", 0},
    {"{}", 0},
    {"[1,[2,[3,{\"a\":[{}]}]]]", 0},
    {"{\"a\":1,\"a\":2,\"\":null}", 0},
};

static const document invalid[] = {
    {"", 0},
    {" ", 0},
    {"nul", 0},
    {"nulll", 0},
    {"True", 0},
    {"01", 0},
    {"-", 0},
    {"-a", 0},
    {"+1", 0},
    {".5", 0},
    {"1.", 0},
    {"1e", 0},
    {"1e+", 0},
    {"0x10", 0},
    {"NaN", 0},
    {"Infinity", 0},
    {"1 2", 0},
    {"[1,]", 0},
    {"[,1]", 0},
    {"[1 2]", 0},
    {"[", 0},
    {"]", 0},
    {"[1}", 0},
    {"{\"a\"}", 0},
    {"{\"a\":}", 0},
    {"{\"a\":1,}", 0},
    {"{a:1}", 0},
    {"{1:1}", 0},
    {"{\"a\" 1}", 0},
    {"{\"a\":1 \"b\":2}", 0},
    {"\"", 0},
    {"\"a", 0},
    {"\"\\\"", 0},
    {"\"\\x41\"", 0},
    {"\"\\u12\"", 0},
    {"\"\\u12G4\"", 0},
    {"\"\\U0041\"", 0},
    {"'a'", 0},
    {"\"a\nb\"", 0},
    {"\"a\tb\"", 0},
    {"\"\x01\"", 0},
    {"\"a\0b\"", 5},
    {"1\0", 2},
    {"\xef\xbb\xbf{}", 0},       /* byte order mark */
    {"\"\xff\"", 0},             /* no UTF-8 */
    {"\"\xc0\xaf\"", 0},         /* overlong */
    {"\"\xed\xa0\x80\"", 0},     /* surrogate */
    {"\"\xf4\x90\x80\x80\"", 0}, /* above U+10FFFF */
    {"\"\xe2\x82\"", 0},         /* cut */
    {"[1]//", 0},
    {"/**/1", 0},
    {"\v1", 0},
    {"\xc2\xa0"
     "1",
     0},
};

static void test_documents(void)
{
    json_error error;

    for (size_t i = 0; i < sizeof valid / sizeof valid[0]; i++) {
        size_t bytes = valid[i].bytes ? valid[i].bytes : strlen(valid[i].text);

        if (!harness_case("valid %zu: %s", i, valid[i].text))
            continue;
        CHECKF(parse_guarded(valid[i].text, bytes, &error) == 0, "byte %zu: %s", error.offset,
               error.what);
    }
    for (size_t i = 0; i < sizeof invalid / sizeof invalid[0]; i++) {
        size_t bytes = invalid[i].bytes ? invalid[i].bytes : strlen(invalid[i].text);

        if (!harness_case("invalid %zu: %s", i, invalid[i].text))
            continue;
        error = (json_error){SIZE_MAX, NULL};
        CHECK(parse_guarded(invalid[i].text, bytes, &error) == -1);
        CHECK(error.offset <= bytes && error.what != NULL);
        CHECK(parse_guarded(invalid[i].text, bytes, NULL) == -1);
    }
}

/* Every beginning of a document that is none itself is refused. */
static void test_prefixes(void)
{
    static const char text[] = "{\"k\":[1.5e3,\"\\u00e9\\ud83d\\ude00x\",true,null,{\"n\":-0}]}";

    if (!harness_case("every prefix is refused"))
        return;
    for (size_t n = 0; n < sizeof text - 1; n++)
        CHECKF(parse_guarded(text, n, NULL) == -1, "%zu bytes were taken", n);
    CHECK(parse_guarded(text, sizeof text - 1, NULL) == 0);
}

static void test_depth(void)
{
    enum { MANY = 1000000 };
    char *text = malloc(2 * MANY);
    json_error error;
    json_value root;

    if (harness_case("depth is bounded")) {
        for (int depth = JSON_MAX_DEPTH; depth <= JSON_MAX_DEPTH + 1; depth++) {
            memset(text, '[', (size_t)depth);
            memset(text + depth, ']', (size_t)depth);
            CHECK(json_parse(&root, text, 2 * (size_t)depth, &error) ==
                  (depth <= JSON_MAX_DEPTH ? 0 : -1));
        }
        memset(text, '[', MANY);
        CHECK(json_parse(&root, text, MANY, &error) == -1 && error.offset == JSON_MAX_DEPTH);
    }
    free(text);
}

static void test_values(void)
{
    static const char text[] = "{\"a\":1,\"list\":[10,\"x\",{\"y\":[]}],\"a\":2,"
                               "\"s\":\"q\\u0000\\ud83d\\ude00\\ud83d!\",\"\\u006b\":true}";
    json_value root, value;
    json_iter iter;
    int64_t number = 0;
    char out[32];
    size_t n = 0;

    if (!harness_case("look-ups, iteration, strings"))
        return;
    CHECK(json_parse(&root, text, sizeof text - 1, NULL) == 0 && root.type == JSON_OBJECT);
    CHECK(json_get(root, "a", &value) && json_int64(value, &number) == 0 && number == 2);
    CHECK(json_get(root, "k", &value) && value.type == JSON_TRUE); /* the key was escaped */
    CHECK(!json_get(root, "none", &value) && !json_get(value, "a", &value));
    CHECK(json_get(root, "list", &value));
    for (json_iter_init(&iter, value); json_iter_next(&iter); n++)
        CHECK(iter.value.type == (n == 0 ? JSON_NUMBER : n == 1 ? JSON_STRING : JSON_OBJECT));
    CHECK(n == 3);
    json_iter_init(&iter, iter.value); /* exhausted iterators and scalars have no elements */
    CHECK(json_get(root, "s", &value));
    n = json_string(value, out, sizeof out);
    CHECK(n == 10 && memcmp(out, "q\0\xf0\x9f\x98\x80\xef\xbf\xbd!", 10) == 0);
    memset(out, 'z', sizeof out);
    CHECK(json_string(value, out, 3) == 10 && out[3] == 'z');
    CHECK(json_string_is(value, "q") == 0);
    CHECK(json_string(root, out, sizeof out) == 0);
}

static void test_numbers(void)
{
    static const struct {
        const char *text;
        int is_int64, is_uint64, is_double;
    } cases[] = {
        {"9223372036854775807", 1, 1, 1},
        {"9223372036854775808", 0, 1, 1},
        {"-9223372036854775808", 1, 0, 1},
        {"-9223372036854775809", 0, 0, 1},
        {"18446744073709551615", 0, 1, 1},
        {"18446744073709551616", 0, 0, 1},
        {"1.0", 0, 0, 1},
        {"1e2", 0, 0, 1},
        {"1e308", 0, 0, 1},
        {"1e309", 0, 0, 0},
        {"-1e400", 0, 0, 0},
        {"0", 1, 1, 1},
        {"\"1\"", 0, 0, 0},
        {"null", 0, 0, 0},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        json_value value;
        int64_t s = 77;
        uint64_t u = 77;
        double d = 77;

        if (!harness_case("number %s", cases[i].text))
            continue;
        CHECK(json_parse(&value, cases[i].text, strlen(cases[i].text), NULL) == 0);
        CHECK((json_int64(value, &s) == 0) == cases[i].is_int64);
        CHECK((json_uint64(value, &u) == 0) == cases[i].is_uint64);
        CHECK((json_double(value, &d) == 0) == cases[i].is_double);
        CHECK(cases[i].is_int64 ? s == strtoll(cases[i].text, NULL, 10) : s == 77);
        CHECK(cases[i].is_uint64 ? u == strtoull(cases[i].text, NULL, 10) : u == 77);
        CHECK(cases[i].is_double ? fabs(d - strtod(cases[i].text, NULL)) <= 0 : fabs(d - 77) <= 0);
    }
}

static void test_quote(void)
{
    static const char text[] = "a\"\\\n\x01\x7f\xc3\xa9\xff\xe2\x82";
    static const char quoted[] = "\"a\\\"\\\\\\n\\u0001\\u007f\xc3\xa9\xef\xbf\xbd\xef\xbf\xbd\"";
    char out[128], back[128];
    json_value value;
    size_t n;

    if (!harness_case("quoting, and reading what was quoted"))
        return;
    n = json_quote(out, sizeof out, text, sizeof text - 1);
    CHECKF(n == sizeof quoted - 1 && memcmp(out, quoted, n) == 0, "%.*s", (int)n, out);
    CHECK(json_quote(NULL, 0, text, sizeof text - 1) == n);
    CHECK(json_quote(out, sizeof out, NULL, 0) == 2 && memcmp(out, "\"\"", 2) == 0);
    for (int round = 0; round < 2000; round++) {
        size_t size = (size_t)(harness_random() % 20);
        char bytes[20];

        for (size_t i = 0; i < size; i++)
            bytes[i] = (char)(harness_random() % 3 ? harness_random() % 128 : harness_random());
        n = json_quote(out, sizeof out, bytes, size);
        CHECK(n <= 6 * size + 2);
        CHECK(json_parse(&value, out, n, NULL) == 0 && value.type == JSON_STRING);
        n = json_string(value, back, sizeof back);
        for (size_t i = 0, ascii = 1; i < size && ascii; i++) {
            ascii = (unsigned char)bytes[i] < 128;
            CHECK(!ascii || (i < n && back[i] == bytes[i]));
        }
    }
}

int main(int argc, char **argv)
{
    harness_init("test_json", argc, argv);
    test_documents();
    test_prefixes();
    test_depth();
    test_values();
    test_numbers();
    test_quote();
    return harness_finish();
}
