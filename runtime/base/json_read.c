/* SPDX-License-Identifier: Apache-2.0 */
/* Look-ups and conversions. They walk text that json_parse has checked, so they need no errors. */
#include "runtime/base/json.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/hex.h"
#include "runtime/base/json_chars.h"
#include "runtime/base/strict_float.h"
#include "runtime/base/utf8.h"

const char *json_type_name(json_type type)
{
    static const char *const names[] = {"absent", "null",   "boolean", "boolean",
                                        "number", "string", "array",   "object"};

    return names[type];
}

/* ---- containers ----------------------------------------------------------------------------- */

/* The byte after the string that begins at `at`. */
static const char *end_of_string(const char *at, const char *end)
{
    for (at++; at < end && *at != '"'; at++)
        if (*at == '\\')
            at++;
    return at + 1;
}

/* The byte after the value that begins at `at`. */
static const char *end_of_value(const char *at, const char *end)
{
    size_t depth = 0;

    do {
        if (*at == '"') {
            at = end_of_string(at, end);
        } else if (*at == '{' || *at == '[') {
            depth++;
            at++;
        } else if (*at == '}' || *at == ']') {
            depth--;
            at++;
        } else if (depth > 0) {
            at++;
        } else {
            while (at < end && !json_is_space(*at) && *at != ',' && *at != '}' && *at != ']')
                at++;
        }
    } while (depth > 0 && at < end);
    return at;
}

/* The index entry of the value at the iterator's position, or NULL if it has none. */
static const json_index_entry *entry_at(const json_iter *iter)
{
    const json_index *index = iter->index;

    if (!index || iter->entry == index->count ||
        index->text + index->entries[iter->entry].start != iter->at)
        return NULL;
    return &index->entries[iter->entry];
}

/* Read the value or the member's name that comes next, and move past it. */
static void read_next(json_iter *iter, json_value *value)
{
    const json_index_entry *entry;
    const char *start;

    while (iter->at < iter->end &&
           (json_is_space(*iter->at) || *iter->at == ',' || *iter->at == ':'))
        iter->at++;
    start = iter->at;
    value->first_entry = iter->entry;
    entry = entry_at(iter);
    if (entry) {
        value->first_entry++;
        iter->at = iter->index->text + entry->end;
        iter->entry = entry->next;
    } else {
        iter->at = end_of_value(start, iter->end);
    }
    value->type = json_type_of(*start);
    value->text = start;
    value->bytes = (size_t)(iter->at - start);
    value->index = iter->index;
}

void json_iter_init(json_iter *iter, json_value container)
{
    memset(iter, 0, sizeof *iter);
    iter->container = container.type;
    iter->index = container.index;
    iter->entry = container.first_entry;
    if (container.type == JSON_ARRAY || container.type == JSON_OBJECT) {
        iter->at = container.text + 1;
        iter->end = container.text + container.bytes - 1;
    }
}

int json_iter_next(json_iter *iter)
{
    while (iter->at < iter->end && (json_is_space(*iter->at) || *iter->at == ','))
        iter->at++;
    if (iter->at >= iter->end)
        return 0;
    if (iter->container == JSON_OBJECT)
        read_next(iter, &iter->key);
    read_next(iter, &iter->value);
    return 1;
}

void json_members(json_value object, const json_field *fields, size_t count)
{
    json_iter iter;

    for (size_t i = 0; i < count; i++)
        *fields[i].value = (json_value){.type = JSON_ABSENT};
    if (object.type != JSON_OBJECT)
        return;
    json_iter_init(&iter, object);
    while (json_iter_next(&iter))
        for (size_t i = 0; i < count; i++)
            if (json_string_is(iter.key, fields[i].name))
                *fields[i].value = iter.value;
}

int json_get(json_value object, const char *name, json_value *value)
{
    json_value found;

    json_members(object, &(json_field){name, &found}, 1);
    if (found.type == JSON_ABSENT)
        return 0;
    *value = found;
    return 1;
}

/* ---- strings -------------------------------------------------------------------------------- */

/* The number that four hexadecimal digits give. */
static uint32_t hex4(const char *at)
{
    uint32_t code = 0;

    for (int i = 0; i < 4; i++)
        code = code << 4 | (uint32_t)hex_digit_value((unsigned char)at[i]);
    return code;
}

/* Decode the escape that begins with the backslash at *at, and move *at past it. The two halves of
 * a surrogate pair are decoded together. Returns the number of bytes. */
static size_t decode_escape(uint8_t out[DISTIL_UTF8_MAX_BYTES], const char **at, const char *end)
{
    static const char from[] = "\"\\/bfnrt";
    static const char to[] = "\"\\/\b\f\n\r\t";
    const char *p = *at + 1;
    uint32_t code;

    if (*p != 'u') {
        out[0] = (uint8_t)to[strchr(from, *p) - from];
        *at = p + 1;
        return 1;
    }
    code = hex4(p + 1);
    p += 5;
    if (code >= 0xd800 && code <= 0xdfff) {
        uint32_t low = 0;

        if (code < 0xdc00 && end - p >= 6 && p[0] == '\\' && p[1] == 'u')
            low = hex4(p + 2);
        if (low >= 0xdc00 && low <= 0xdfff) {
            code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
            p += 6;
        } else {
            code = DISTIL_UTF8_REPLACEMENT;
        }
    }
    *at = p;
    return distil_utf8_encode(out, code);
}

size_t json_string(json_value value, char *out, size_t capacity)
{
    const char *at, *end;
    size_t length = 0;

    if (value.type != JSON_STRING)
        return 0;
    at = value.text + 1;
    end = value.text + value.bytes - 1;
    while (at < end) {
        uint8_t decoded[DISTIL_UTF8_MAX_BYTES];
        const void *piece = decoded;
        size_t bytes;

        if (*at == '\\') {
            bytes = decode_escape(decoded, &at, end);
        } else {
            const char *escape = memchr(at, '\\', (size_t)(end - at));

            piece = at;
            bytes = (size_t)((escape ? escape : end) - at);
            at += bytes;
        }
        if (length < capacity)
            memcpy(out + length, piece, bytes < capacity - length ? bytes : capacity - length);
        length += bytes;
    }
    return length;
}

int json_string_is(json_value value, const char *expected)
{
    const char *at, *end;

    if (value.type != JSON_STRING)
        return 0;
    at = value.text + 1;
    end = value.text + value.bytes - 1;
    while (at < end) {
        uint8_t decoded[DISTIL_UTF8_MAX_BYTES] = {(uint8_t)*at};
        size_t bytes = 1;

        if (*at == '\\')
            bytes = decode_escape(decoded, &at, end);
        else
            at++;
        for (size_t i = 0; i < bytes; i++, expected++)
            if (*expected == '\0' || (uint8_t)*expected != decoded[i])
                return 0;
    }
    return *expected == '\0';
}

/* ---- numbers -------------------------------------------------------------------------------- */

/* Split an integer into magnitude and sign. Returns -1 if value is no integer literal or if its
 * magnitude is above UINT64_MAX. */
static int parse_integer(json_value value, uint64_t *magnitude, int *negative)
{
    uint64_t sum = 0;
    size_t i = 0;

    if (value.type != JSON_NUMBER)
        return -1;
    *negative = value.text[0] == '-';
    for (i = (size_t)*negative; i < value.bytes; i++) {
        uint64_t digit = (uint64_t)(value.text[i] - '0');

        if (!json_is_digit(value.text[i]) || sum > (UINT64_MAX - digit) / 10)
            return -1;
        sum = sum * 10 + digit;
    }
    *magnitude = sum;
    return 0;
}

int json_int64(json_value value, int64_t *out)
{
    uint64_t magnitude;
    int negative;

    if (parse_integer(value, &magnitude, &negative) ||
        magnitude > (uint64_t)INT64_MAX + (uint64_t)negative)
        return -1;
    *out = magnitude > (uint64_t)INT64_MAX ? INT64_MIN
           : negative                      ? -(int64_t)magnitude
                                           : (int64_t)magnitude;
    return 0;
}

int json_uint64(json_value value, uint64_t *out)
{
    uint64_t magnitude;
    int negative;

    if (parse_integer(value, &magnitude, &negative) || (negative && magnitude > 0))
        return -1;
    *out = magnitude;
    return 0;
}

int json_double(json_value value, double *out)
{
    char text[JSON_MAX_NUMBER_BYTES + 1];
    double number;

    if (value.type != JSON_NUMBER || value.bytes > JSON_MAX_NUMBER_BYTES)
        return -1;
    memcpy(text, value.text, value.bytes);
    text[value.bytes] = '\0';
    /* No program of the project calls setlocale, so strtod expects the decimal point '.'. */
    number = strtod(text, NULL);
    if (!isfinite(number))
        return -1;
    *out = number;
    return 0;
}
