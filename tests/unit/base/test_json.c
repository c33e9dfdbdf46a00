/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The JSON reader must follow RFC 8259 and the decisions that runtime/base/json.h lists. Documents
 * end right before an unmapped page, so reading one byte too far is a crash. The tests also cover
 * look-ups, the index of long values, numbers and quoting.
 */
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "runtime/base/json.h"
#include "tests/support/harness.h"

/* Parse a copy of the text that ends right before an unmapped page. */
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
    size_t bytes; /* length of the text; 0 means up to its NUL */
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
    {"\"\\ud83d\"", 0}, /* half a surrogate pair is legal by the grammar */
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
    {"\xef\xbb\xbf{}", 0},       /* a byte order mark */
    {"\"\xff\"", 0},             /* a byte that UTF-8 never has */
    {"\"\xc0\xaf\"", 0},         /* an overlong form */
    {"\"\xed\xa0\x80\"", 0},     /* a surrogate */
    {"\"\xf4\x90\x80\x80\"", 0}, /* above U+10FFFF */
    {"\"\xe2\x82\"", 0},         /* the last byte is missing */
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

/* No proper prefix of this document is a document. */
static void test_prefixes(void)
{
    static const char text[] = "{\"k\":[1.5e3,\"\\u00e9\\ud83d\\ude00x\",true,null,{\"n\":-0}]}";

    if (!harness_case("every prefix is refused"))
        return;
    for (size_t n = 0; n < sizeof text - 1; n++)
        CHECKF(parse_guarded(text, n, NULL) == -1, "%zu bytes were accepted", n);
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
    CHECK(json_get(root, "k", &value) &&
          /* the name of this member is written with an escape in the text */
          value.type == JSON_TRUE);
    CHECK(!json_get(root, "none", &value) && !json_get(value, "a", &value));
    CHECK(json_get(root, "list", &value));
    for (json_iter_init(&iter, value); json_iter_next(&iter); n++)
        CHECK(iter.value.type == (n == 0 ? JSON_NUMBER : n == 1 ? JSON_STRING : JSON_OBJECT));
    CHECK(n == 3);
    json_iter_init(&iter,
                   iter.value); /* the iterator is exhausted: its value is the last element */
    CHECK(json_get(root, "s", &value));
    n = json_string(value, out, sizeof out);
    CHECK(n == 10 && memcmp(out, "q\0\xf0\x9f\x98\x80\xef\xbf\xbd!", 10) == 0);
    memset(out, 'z', sizeof out);
    CHECK(json_string(value, out, 3) == 10 && out[3] == 'z');
    CHECK(json_string_is(value, "q") == 0);
    CHECK(json_string(root, out, sizeof out) == 0);
}

/* ---- several members in one walk, and the index of long values ------------------------------ */

static void test_members(void)
{
    static const char text[] = "{\"b\":1,\"a\":2,\"\\u0062\":[3],\"n\":null,\"aa\":4}";
    json_value root, a, b, n, none;
    const json_field fields[] = {{"a", &a}, {"none", &none}, {"b", &b}, {"n", &n}};
    int64_t number = 0;

    if (!harness_case("several members in one walk"))
        return;
    CHECK(json_parse(&root, text, sizeof text - 1, NULL) == 0);
    json_members(root, fields, 4);
    CHECK(json_int64(a, &number) == 0 && number == 2);
    /* If two members have the same name, the last one counts. */
    CHECK(b.type == JSON_ARRAY && b.bytes == 3);
    CHECK(n.type == JSON_NULL);
    CHECK(none.type == JSON_ABSENT && strcmp(json_type_name(none.type), "absent") == 0);
    json_members(b, fields, 4); /* an array has no members */
    CHECK(a.type == JSON_ABSENT && b.type == JSON_ABSENT && n.type == JSON_ABSENT);
}

enum { PAGE = 4096, INDEXED_BYTES = 8 * PAGE };

/* {"long":V,"last":7} with a V that covers whole pages: a string, or an array of one string. */
static size_t write_long_member(char *out, int in_array)
{
    size_t size = (size_t)sprintf(out, "{\"long\":%s\"", in_array ? "[" : "");

    memset(out + size, 'x', 3 * PAGE);
    size += 3 * PAGE;
    return size + (size_t)sprintf(out + size, "\"%s,\"last\":7}", in_array ? "]" : "");
}

/* Walks jump over indexed values: they succeed although the bytes inside cannot be read. */
static void test_index_skips(void)
{
    char *text =
        mmap(NULL, INDEXED_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    for (int in_array = 0; in_array < 2; in_array++) {
        json_index_entry entries[4];
        json_index index;
        json_value root, last, value;
        json_iter iter;
        int64_t number = 0;
        size_t size;

        if (!harness_case("a walk does not read an indexed %s", in_array ? "array" : "string"))
            continue;
        size = write_long_member(text, in_array);
        json_index_init(&index, entries, 4);
        CHECK(json_parse_indexed(&root, &index, text, size, NULL) == 0);
        CHECK(index.count == (in_array ? 3 : 2)); /* the whole object has an entry too */
        CHECK(mprotect(text + PAGE, PAGE, PROT_NONE) == 0);
        CHECK(json_get(root, "last", &last) && json_int64(last, &number) == 0 && number == 7);
        CHECK(json_get(root, "long", &value) &&
              value.type == (in_array ? JSON_ARRAY : JSON_STRING));
        json_iter_init(&iter, value);
        CHECK(json_iter_next(&iter) == in_array && json_iter_next(&iter) == 0);
        CHECK(mprotect(text + PAGE, PAGE, PROT_READ | PROT_WRITE) == 0);
    }
    munmap(text, INDEXED_BYTES);
}

/* A random document of long and short values, nested up to four deep. */
static size_t write_random(char *out, int depth)
{
    size_t kind = harness_random() % (depth > 0 ? 4 : 2), size = 0, n = harness_random() % 6;

    if (kind == 0)
        return (size_t)sprintf(out, "%d", (int)(harness_random() % 1000));
    if (kind == 1) {
        n = harness_random() % 2 ? n : harness_random() % (2 * JSON_INDEX_MIN_BYTES);
        memset(out + 1, 'a', n);
        out[0] = out[n + 1] = '"';
        return n + 2;
    }
    out[size++] = kind == 2 ? '[' : '{';
    for (size_t i = 0; i < n; i++) {
        if (kind == 3)
            size += (size_t)sprintf(out + size, "\"%zu\" :", i % 3);
        size += write_random(out + size, depth - 1);
        out[size++] = i + 1 < n ? ',' : ' ';
    }
    out[size++] = kind == 2 ? ']' : '}';
    return size;
}

/* 1 if walks over both values give the same texts all the way down. */
static int same_walks(json_value a, json_value b)
{
    json_iter stack[2][JSON_MAX_DEPTH];
    size_t depth = 1;

    json_iter_init(&stack[0][0], a);
    json_iter_init(&stack[1][0], b);
    while (depth > 0) {
        json_iter *x = &stack[0][depth - 1], *y = &stack[1][depth - 1];
        int more = json_iter_next(x);

        if (json_iter_next(y) != more)
            return 0;
        if (!more) {
            depth--;
            continue;
        }
        if (x->value.text != y->value.text || x->value.bytes != y->value.bytes ||
            x->value.type != y->value.type || x->key.text != y->key.text)
            return 0;
        json_iter_init(&stack[0][depth], x->value);
        json_iter_init(&stack[1][depth], y->value);
        depth++;
    }
    return 1;
}

/* An index changes what a walk costs and never what it finds, however few entries there are. */
static void test_index_agrees(void)
{
    static char text[1 << 21];
    json_index_entry entries[64];

    if (!harness_case("walks with an index find what walks without one find"))
        return;
    for (int round = 0; round < 400; round++) {
        size_t size = write_random(text, 4), capacity = harness_random() % 64;
        json_value plain, indexed;
        json_index index;

        json_index_init(&index, entries, capacity);
        CHECK(json_parse(&plain, text, size, NULL) == 0);
        CHECK(json_parse_indexed(&indexed, &index, text, size, NULL) == 0);
        CHECK(index.count <= capacity);
        CHECKF(same_walks(plain, indexed), "round %d, %zu entries: %.200s", round, capacity, text);
        CHECK(json_parse_indexed(&indexed, &index, text, size - 1, NULL) == -1 || size == 1 ||
              plain.type == JSON_NUMBER);
    }
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
    test_members();
    test_index_skips();
    test_index_agrees();
    test_numbers();
    test_quote();
    return harness_finish();
}
