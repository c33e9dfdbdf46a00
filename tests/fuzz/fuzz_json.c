/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fuzz target: the JSON reader. What it takes must be walkable to its last value without leaving
 * the document, and every string must survive being quoted and read again.
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

/* Every value, containers by a stack as deep as documents may be. */
static void walk(json_value root, const char *begin, const char *end)
{
    json_iter stack[JSON_MAX_DEPTH];
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
        if (top->container == JSON_OBJECT)
            check_string(top->key);
        check_scalar(top->value);
        if (top->value.type == JSON_ARRAY || top->value.type == JSON_OBJECT) {
            require(depth < JSON_MAX_DEPTH);
            json_iter_init(&stack[depth++], top->value);
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1); /* of its own, so that a sanitizer sees its end */
    json_error error = {SIZE_MAX, NULL};
    json_value root, member;

    require(text != NULL);
    if (size > 0)
        memcpy(text, data, size);
    if (json_parse(&root, text, size, &error) == 0) {
        walk(root, text, text + size);
        if (json_get(root, "a", &member))
            require(root.type == JSON_OBJECT);
    } else {
        require(error.offset <= size && error.what != NULL);
    }
    free(text);
    return 0;
}
