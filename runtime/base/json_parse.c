/* SPDX-License-Identifier: Apache-2.0 */
/* Checking a whole JSON text, so that no later function can meet a syntax error, and filling the
 * index of long values on the way. */
#include "runtime/base/json.h"

#include <string.h>

#include "runtime/base/hex.h"
#include "runtime/base/json_chars.h"
#include "runtime/base/utf8.h"

#define NO_ENTRY UINT32_MAX

typedef struct scanner {
    const unsigned char *text;
    size_t bytes;
    size_t at;
    json_index *index; /* NULL if no index is wanted */
    json_error error;
    size_t depth;                            /* containers that are open at `at` */
    unsigned char is_object[JSON_MAX_DEPTH]; /* for each open container: 1 object, 0 array */
    uint32_t entry[JSON_MAX_DEPTH]; /* for each open container: its index entry, or NO_ENTRY */
} scanner;

static int refuse(scanner *s, size_t offset, const char *what)
{
    s->error.offset = offset;
    s->error.what = what;
    return -1;
}

/* The byte at the position, or -1 at the end. */
static int peek(const scanner *s)
{
    return s->at < s->bytes ? s->text[s->at] : -1;
}

static void skip_space(scanner *s)
{
    while (json_is_space(peek(s)))
        s->at++;
}

/* ---- index ---------------------------------------------------------------------------------- */

/* Reserve the entry of a value that begins at `start`. Returns its number, or NO_ENTRY if there is
 * no index or no room. */
static uint32_t begin_entry(scanner *s, size_t start)
{
    json_index *index = s->index;

    if (!index || index->count == index->capacity)
        return NO_ENTRY;
    index->entries[index->count].start = (uint32_t)start;
    return (uint32_t)index->count++;
}

/* Complete the entry of a value that ends at the position. A short value gives its entry back: the
 * values inside it are short too and have given back theirs, so its entry is the last one. */
static void end_entry(scanner *s, uint32_t number)
{
    json_index_entry *entry;

    if (number == NO_ENTRY)
        return;
    entry = &s->index->entries[number];
    if (s->at - entry->start < JSON_INDEX_MIN_BYTES) {
        s->index->count = number;
        return;
    }
    entry->end = (uint32_t)s->at;
    entry->next = (uint32_t)s->index->count;
}

/* ---- scalars -------------------------------------------------------------------------------- */

static int scan_escape(scanner *s)
{
    int c;

    s->at++;
    c = peek(s);
    if (c == 'u') {
        for (size_t i = 1; i <= 4; i++)
            if (s->at + i >= s->bytes || hex_digit_value(s->text[s->at + i]) < 0)
                return refuse(s, s->at + i, "expected four hexadecimal digits after \\u");
        s->at += 5;
        return 0;
    }
    if (c <= 0 || !strchr("\"\\/bfnrt", c))
        return refuse(s, s->at, "unknown escape in a string");
    s->at++;
    return 0;
}

/* 1 if any of eight bytes is a control character, a quote, a backslash or not ASCII. Each of the
 * terms below sets the top bit of one kind of byte. For example, x = word ^ quotes has a zero byte
 * where the word has a quote, and (x - 0x01...01) & ~x sets the top bit of a zero byte. */
static int any_special(const unsigned char *bytes)
{
    const uint64_t ones = UINT64_C(0x0101010101010101), top_bits = 0x80 * ones;
    uint64_t word, quote, backslash;

    memcpy(&word, bytes, sizeof word);
    quote = word ^ '"' * ones;
    backslash = word ^ '\\' * ones;
    return ((word | (word - 0x20 * ones) | ((quote - ones) & ~quote) |
             ((backslash - ones) & ~backslash)) &
            top_bits) != 0;
}

/* The position is at the opening quote; move past the closing one. */
static int scan_characters(scanner *s)
{
    const unsigned char *end = s->text + s->bytes;
    size_t bad_bytes;

    s->at++;
    for (;;) {
        int c;

        while (s->bytes - s->at >= 8 && !any_special(s->text + s->at))
            s->at += 8;
        c = peek(s);
        if (c >= 0x80) {
            size_t length = distil_utf8_length(s->text + s->at, end, &bad_bytes);

            if (length == 0)
                return refuse(s, s->at, "ill-formed UTF-8");
            s->at += length;
        } else if (c == '\\') {
            if (scan_escape(s))
                return -1;
        } else if (c == '"') {
            s->at++;
            return 0;
        } else if (c >= 0x20) {
            s->at++;
        } else {
            return refuse(s, s->at,
                          c < 0 ? "the string is not closed"
                                : "a control character in a string must be escaped");
        }
    }
}

static int scan_string(scanner *s)
{
    uint32_t entry = begin_entry(s, s->at);

    if (scan_characters(s))
        return -1;
    end_entry(s, entry);
    return 0;
}

static int scan_digits(scanner *s)
{
    if (!json_is_digit(peek(s)))
        return refuse(s, s->at, "expected a digit");
    while (json_is_digit(peek(s)))
        s->at++;
    return 0;
}

static int scan_number(scanner *s)
{
    size_t start = s->at;

    if (peek(s) == '-')
        s->at++;
    if (peek(s) == '0') {
        s->at++;
        if (json_is_digit(peek(s)))
            return refuse(s, s->at, "a number must not begin with 0 and another digit");
    } else if (scan_digits(s)) {
        return -1;
    }
    if (peek(s) == '.') {
        s->at++;
        if (scan_digits(s))
            return -1;
    }
    if (peek(s) == 'e' || peek(s) == 'E') {
        s->at++;
        if (peek(s) == '+' || peek(s) == '-')
            s->at++;
        if (scan_digits(s))
            return -1;
    }
    if (s->at - start > JSON_MAX_NUMBER_BYTES)
        return refuse(s, start, "a number of more than 512 bytes");
    return 0;
}

static int scan_literal(scanner *s, const char *literal)
{
    size_t start = s->at;

    for (; *literal; literal++, s->at++)
        if (peek(s) != *literal)
            return refuse(s, start, "expected a value");
    return 0;
}

/* Scan any value but an array or object. */
static int scan_scalar(scanner *s)
{
    int c = peek(s);

    switch (c) {
    case '"':
        return scan_string(s);
    case 't':
        return scan_literal(s, "true");
    case 'f':
        return scan_literal(s, "false");
    case 'n':
        return scan_literal(s, "null");
    case -1:
        return refuse(s, s->at, "the text ends where a value was expected");
    default:
        if (c == '-' || json_is_digit(c))
            return scan_number(s);
        return refuse(s, s->at, "expected a value");
    }
}

/* ---- containers ----------------------------------------------------------------------------- */

/* Scan a member's name and its colon, so that the member's value comes next. */
static int scan_name(scanner *s)
{
    skip_space(s);
    if (peek(s) != '"')
        return refuse(s, s->at, "expected a member's name in quotes");
    if (scan_string(s))
        return -1;
    skip_space(s);
    if (peek(s) != ':')
        return refuse(s, s->at, "expected ':' after a member's name");
    s->at++;
    return 0;
}

/* The position is at the bracket c. *empty is 1 if the closing bracket comes next; otherwise move
 * to the first value inside. */
static int open_container(scanner *s, int c, int *empty)
{
    if (s->depth == JSON_MAX_DEPTH)
        return refuse(s, s->at, "more than 64 arrays and objects within one another");
    s->is_object[s->depth] = c == '{';
    s->entry[s->depth] = begin_entry(s, s->at);
    s->depth++;
    s->at++;
    skip_space(s);
    *empty = peek(s) == (c == '{' ? '}' : ']');
    return c == '{' && !*empty ? scan_name(s) : 0;
}

/* After a value: close the containers that end here, or move past a comma (and a name) to the next
 * value. *more is 1 if another value follows, 0 if the outermost value is complete. */
static int scan_after_value(scanner *s, int *more)
{
    while (s->depth > 0) {
        int in_object = s->is_object[s->depth - 1];

        skip_space(s);
        if (peek(s) == ',') {
            s->at++;
            *more = 1;
            return in_object ? scan_name(s) : 0;
        }
        if (peek(s) != (in_object ? '}' : ']'))
            return refuse(s, s->at,
                          in_object ? "expected ',' or '}' in an object"
                                    : "expected ',' or ']' in an array");
        s->at++;
        s->depth--;
        end_entry(s, s->entry[s->depth]);
    }
    *more = 0;
    return 0;
}

/* Scan one value with everything inside it. */
static int scan_value(scanner *s)
{
    int more = 1;

    while (more) {
        int c, empty = 1;

        skip_space(s);
        c = peek(s);
        if (c == '{' || c == '[') {
            if (open_container(s, c, &empty))
                return -1;
            if (!empty)
                continue;
        } else if (scan_scalar(s)) {
            return -1;
        }
        if (scan_after_value(s, &more))
            return -1;
    }
    return 0;
}

/* ---- documents ------------------------------------------------------------------------------ */

/* Scan one value with white space around it, and set *start and *end to the value's offsets. */
static int scan_document(scanner *s, size_t *start, size_t *end)
{
    if (s->bytes >= 3 && memcmp(s->text, "\xef\xbb\xbf", 3) == 0)
        return refuse(s, 0, "a byte order mark before the text");
    skip_space(s);
    *start = s->at;
    if (scan_value(s))
        return -1;
    *end = s->at;
    skip_space(s);
    return s->at < s->bytes ? refuse(s, s->at, "something follows after the value") : 0;
}

void json_index_init(json_index *index, json_index_entry *entries, size_t capacity)
{
    *index = (json_index){entries, capacity, 0, NULL};
}

int json_parse_indexed(json_value *root, json_index *index, const char *text, size_t bytes,
                       json_error *error)
{
    scanner s;
    size_t start, end;

    if (index)
        json_index_init(index, index->entries, index->capacity);
    s.text = (const unsigned char *)text;
    s.bytes = bytes;
    s.at = 0;
    s.index = bytes < UINT32_MAX ? index : NULL;
    s.depth = 0;
    if (scan_document(&s, &start, &end)) {
        if (index)
            index->count = 0;
        if (error)
            *error = s.error;
        return -1;
    }
    *root = (json_value){json_type_of(text[start]), text + start, end - start, s.index, 0};
    if (s.index) {
        index->text = text;
        root->first_entry = index->count > 0 && index->entries[0].start == start;
    }
    return 0;
}

int json_parse(json_value *root, const char *text, size_t bytes, json_error *error)
{
    return json_parse_indexed(root, NULL, text, bytes, error);
}
