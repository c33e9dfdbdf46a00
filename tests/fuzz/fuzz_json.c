/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fuzz target: the JSON reader. A walk through a document that it accepts must reach every value
 * without leaving the document, and must find the same values with an index of any size as without
 * one. Every string must be the same after it is quoted and parsed again.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/json.h"
#include "tests/fuzz/fuzz.h"

static void require(int condition)
{
    if (!condition)
        abort();
}

static void check_string(json_value value)
{
    char *text = malloc(value.bytes + 1);
    char *quoted = malloc(6 * value.bytes + 3);
    char *again = malloc(value.bytes + 1);
    size_t n, quoted_bytes;
    json_value copy;

    require(text && quoted && again);
    n = json_string(value, text, value.bytes);
    require(n + 2 <= value.bytes);
    quoted_bytes = json_quote(quoted, 6 * value.bytes + 2, text, n);
    require(quoted_bytes <= 6 * n + 2);
    require(json_parse(&copy, quoted, quoted_bytes, NULL) == 0 && copy.type == JSON_STRING);
    require(json_string(copy, again, value.bytes) == n && memcmp(again, text, n) == 0);
    free(text);
    free(quoted);
    free(again);
}

static void check_scalar(json_value value)
{
    int64_t s;
    uint64_t u;
    double d;

    if (value.type == JSON_STRING)
        check_string(value);
    else if (json_int64(value, &s) == 0)
        require(json_double(value, &d) == 0);
    else if (json_uint64(value, &u) == 0)
        require(json_double(value, &d) == 0 && u > INT64_MAX);
}

/* Walk through all values of the document, with a stack of the containers that are open. Returns a
 * hash of what the walk found. */
static uint64_t walk(json_value root, const char *begin, const char *end)
{
    json_iter stack[JSON_MAX_DEPTH];
    uint64_t hash = 0;
    size_t depth = 0;

    check_scalar(root);
    json_iter_init(&stack[0], root);
    for (depth = 1; depth > 0;) {
        json_iter *top = &stack[depth - 1];

        if (!json_iter_next(top)) {
            depth--;
            continue;
        }
        require(top->value.text >= begin && top->value.text + top->value.bytes <= end);
        hash = 31 * hash + (uint64_t)(top->value.text - begin) + 7 * top->value.bytes +
               (uint64_t)top->value.type;
        if (top->container == JSON_OBJECT)
            check_string(top->key);
        check_scalar(top->value);
        if (top->value.type == JSON_ARRAY || top->value.type == JSON_OBJECT) {
            require(depth < JSON_MAX_DEPTH);
            json_iter_init(&stack[depth++], top->value);
        }
    }
    return hash;
}

/* Parse with an index whose capacity depends on the input, and compare with the plain parse. */
static void check_index(const char *text, size_t size, uint64_t hash, json_error plain)
{
    json_index_entry entries[16];
    json_index index;
    json_error error = {SIZE_MAX, NULL};
    json_value root;

    json_index_init(&index, entries, size % 17);
    if (json_parse_indexed(&root, &index, text, size, &error) != 0) {
        require(error.offset == plain.offset && error.what == plain.what);
        return;
    }
    require(plain.what == NULL && index.count <= size % 17);
    require(walk(root, text, text + size) == hash);
}

/* Looking up members together and one by one must give the same values. */
static void check_members(json_value root)
{
    json_value a, b, alone;
    const json_field fields[] = {{"a", &a}, {"b", &b}};

    json_members(root, fields, 2);
    if (json_get(root, "a", &alone))
        require(root.type == JSON_OBJECT && a.text == alone.text && a.bytes == alone.bytes);
    else
        require(a.type == JSON_ABSENT);
    require(json_get(root, "b", &alone) == (b.type != JSON_ABSENT));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1); /* a copy, so that a sanitizer sees reads past its end */
    json_error error = {SIZE_MAX, NULL};
    json_value root;
    uint64_t hash = 0;

    require(text != NULL);
    if (size > 0)
        memcpy(text, data, size);
    if (json_parse(&root, text, size, &error) == 0) {
        hash = walk(root, text, text + size);
        check_members(root);
    } else {
        require(error.offset <= size && error.what != NULL);
    }
    check_index(text, size, hash, error);
    free(text);
    return 0;
}
