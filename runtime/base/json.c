/* SPDX-License-Identifier: Apache-2.0 */
/* JSON by RFC 8259: one strict pass over the text, then walks over what it has accepted. */
#include "runtime/base/json.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* One bit of the container stack per level: 1 for an object, 0 for an array. */
_Static_assert(JSON_MAX_DEPTH <= 64, "the container stack is one 64-bit word");

typedef struct scanner {
    const unsigned char *text;
    size_t bytes;
    size_t at;
    json_error error;
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

static int is_digit(int c)
{
    return c >= '0' && c <= '9';
}

static int is_space(int c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static void skip_space(scanner *s)
{
    while (s->at < s->bytes && is_space(s->text[s->at]))
        s->at++;
}

/* Value of a hexadecimal digit, -1 for another byte. */
static int hex_digit(int c)
{
    if (is_digit(c))
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

/*
 * Length of the well-formed UTF-8 sequence at text (Unicode table 3-7), 1 to 4; or 0 with *bad, the
 * number of bytes (1 to 3) that one U+FFFD replaces: the longest start of a well-formed sequence,
 * or one byte.
 */
static size_t utf8_sequence(const unsigned char *text, size_t bytes, size_t *bad)
{
    unsigned lead = text[0];
    unsigned low = 0x80, high = 0xbf; /* bounds of the second byte */
    size_t length = lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;

    *bad = 1;
    if (lead < 0x80)
        return 1;
    if (lead < 0xc2 || lead > 0xf4)
        return 0;
    if (lead == 0xe0)
        low = 0xa0;
    else if (lead == 0xed)
        high = 0x9f;
    else if (lead == 0xf0)
        low = 0x90;
    else if (lead == 0xf4)
        high = 0x8f;
    for (size_t i = 1; i < length; i++) {
        if (i >= bytes || text[i] < low || text[i] > high) {
            *bad = i;
            return 0;
        }
        low = 0x80;
        high = 0xbf;
    }
    return length;
}

/* At '"': past the closing one, everything between checked. */
static int scan_string(scanner *s)
{
    size_t bad;

    s->at++;
    for (;;) {
        int c = peek(s);

        if (c < 0)
            return refuse(s, s->at, "the string is not closed");
        if (c == '"') {
            s->at++;
            return 0;
        }
        if (c < 0x20)
            return refuse(s, s->at, "a control character in a string must be escaped");
        if (c == '\\') {
            s->at++;
            c = peek(s);
            if (c == 'u') {
                for (size_t i = 1; i <= 4; i++)
                    if (s->at + i >= s->bytes || hex_digit(s->text[s->at + i]) < 0)
                        return refuse(s, s->at + i, "expected four hexadecimal digits after \\u");
                s->at += 5;
            } else if (c > 0 && strchr("\"\\/bfnrt", c)) {
                s->at++;
            } else {
                return refuse(s, s->at, "unknown escape in a string");
            }
        } else {
            size_t length = utf8_sequence(s->text + s->at, s->bytes - s->at, &bad);

            if (length == 0)
                return refuse(s, s->at, "ill-formed UTF-8");
            s->at += length;
        }
    }
}

static int scan_digits(scanner *s)
{
    if (!is_digit(peek(s)))
        return refuse(s, s->at, "expected a digit");
    while (is_digit(peek(s)))
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
        if (is_digit(peek(s)))
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

/* Any value but an array or object. */
static int scan_scalar(scanner *s)
{
    switch (peek(s)) {
    case '"':
        return scan_string(s);
    case 't':
        return scan_literal(s, "true");
    case 'f':
        return scan_literal(s, "false");
    case 'n':
        return scan_literal(s, "null");
    case '-':
    case '0':
    case '1':
    case '2':
    case '3':
    case '4':
    case '5':
    case '6':
    case '7':
    case '8':
    case '9':
        return scan_number(s);
    case -1:
        return refuse(s, s->at, "the text ends where a value was expected");
    default:
        return refuse(s, s->at, "expected a value");
    }
}

/* A member's name and its colon; the value comes next. */
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

/*
 * After a value: close containers, or pass a comma (and a name). *more is 1 where another value
 * follows, 0 where the outermost one is complete.
 */
static int scan_after_value(scanner *s, uint64_t *objects, unsigned *depth, int *more)
{
    while (*depth > 0) {
        int in_object = (int)(*objects & 1);

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
        *objects >>= 1;
        (*depth)--;
    }
    *more = 0;
    return 0;
}

/* One value with all that is in it. */
static int scan_value(scanner *s)
{
    uint64_t objects = 0;
    unsigned depth = 0;
    int more = 1;

    while (more) {
        int c;

        skip_space(s);
        c = peek(s);
        if (c == '{' || c == '[') {
            if (depth == JSON_MAX_DEPTH)
                return refuse(s, s->at, "more than 64 arrays and objects within one another");
            objects = objects << 1 | (uint64_t)(c == '{');
            depth++;
            s->at++;
            skip_space(s);
            if (peek(s) != (c == '{' ? '}' : ']')) {
                if (c == '{' && scan_name(s))
                    return -1;
                continue;
            }
        } else if (scan_scalar(s)) {
            return -1;
        }
        if (scan_after_value(s, &objects, &depth, &more))
            return -1;
    }
    return 0;
}

static json_type type_of(char first)
{
    switch (first) {
    case '{':
        return JSON_OBJECT;
    case '[':
        return JSON_ARRAY;
    case '"':
        return JSON_STRING;
    case 't':
        return JSON_TRUE;
    case 'f':
        return JSON_FALSE;
    case 'n':
        return JSON_NULL;
    default:
        return JSON_NUMBER;
    }
}

int json_parse(json_value *root, const char *text, size_t bytes, json_error *error)
{
    scanner s = {(const unsigned char *)text, bytes, 0, {0, NULL}};
    size_t start = 0;
    size_t end = 0;
    int failed;

    if (bytes >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) {
        failed = refuse(&s, 0, "a byte order mark before the text");
    } else {
        skip_space(&s);
        start = s.at;
        failed = scan_value(&s);
        end = s.at;
        if (!failed) {
            skip_space(&s);
            if (s.at < bytes)
                failed = refuse(&s, s.at, "something follows after the value");
        }
    }
    if (failed) {
        if (error)
            *error = s.error;
        return -1;
    }
    root->type = type_of(text[start]);
    root->text = text + start;
    root->bytes = end - start;
    return 0;
}

const char *json_type_name(json_type type)
{
    static const char *const names[] = {"null",   "boolean", "boolean", "number",
                                        "string", "array",   "object"};

    return names[type];
}

/* ---- walks over checked text ---------------------------------------------------------------- */

/* Past the string at `at`, which begins with a quote. */
static const char *pass_string(const char *at, const char *end)
{
    for (at++; at < end && *at != '"'; at++)
        if (*at == '\\')
            at++;
    return at + 1;
}

/* Past the value at `at`. */
static const char *pass_value(const char *at, const char *end)
{
    size_t depth = 0;

    do {
        if (*at == '"') {
            at = pass_string(at, end);
        } else if (*at == '{' || *at == '[') {
            depth++;
            at++;
        } else if (*at == '}' || *at == ']') {
            depth--;
            at++;
        } else if (depth > 0) {
            at++;
        } else {
            while (at < end && !is_space(*at) && *at != ',' && *at != '}' && *at != ']')
                at++;
        }
    } while (depth > 0 && at < end);
    return at;
}

/* The next value at or after `at`, past white space and the separators before it. */
static const char *take_value(json_value *value, const char *at, const char *end)
{
    const char *start;

    while (at < end && (is_space(*at) || *at == ',' || *at == ':'))
        at++;
    start = at;
    at = pass_value(at, end);
    value->type = type_of(*start);
    value->text = start;
    value->bytes = (size_t)(at - start);
    return at;
}

void json_iter_init(json_iter *iter, json_value container)
{
    memset(iter, 0, sizeof *iter);
    iter->container = container.type;
    if (container.type == JSON_ARRAY || container.type == JSON_OBJECT) {
        iter->at = container.text + 1;
        iter->end = container.text + container.bytes - 1;
    }
}

int json_iter_next(json_iter *iter)
{
    while (iter->at < iter->end && (is_space(*iter->at) || *iter->at == ','))
        iter->at++;
    if (iter->at >= iter->end)
        return 0;
    if (iter->container == JSON_OBJECT)
        iter->at = take_value(&iter->key, iter->at, iter->end);
    iter->at = take_value(&iter->value, iter->at, iter->end);
    return 1;
}

int json_get(json_value object, const char *name, json_value *value)
{
    json_iter iter;
    int found = 0;

    if (object.type != JSON_OBJECT)
        return 0;
    json_iter_init(&iter, object);
    while (json_iter_next(&iter)) {
        if (json_string_is(iter.key, name)) {
            *value = iter.value;
            found = 1;
        }
    }
    return found;
}

/* ---- strings -------------------------------------------------------------------------------- */

static uint32_t hex4(const char *at)
{
    uint32_t code = 0;

    for (int i = 0; i < 4; i++)
        code = code << 4 | (uint32_t)hex_digit(at[i]);
    return code;
}

/* UTF-8 of a code point that is no surrogate. */
static size_t encode_utf8(char out[4], uint32_t code)
{
    if (code < 0x80) {
        out[0] = (char)code;
        return 1;
    }
    if (code < 0x800) {
        out[0] = (char)(0xc0 | code >> 6);
        out[1] = (char)(0x80 | (code & 0x3f));
        return 2;
    }
    if (code < 0x10000) {
        out[0] = (char)(0xe0 | code >> 12);
        out[1] = (char)(0x80 | (code >> 6 & 0x3f));
        out[2] = (char)(0x80 | (code & 0x3f));
        return 3;
    }
    out[0] = (char)(0xf0 | code >> 18);
    out[1] = (char)(0x80 | (code >> 12 & 0x3f));
    out[2] = (char)(0x80 | (code >> 6 & 0x3f));
    out[3] = (char)(0x80 | (code & 0x3f));
    return 4;
}

/* Decode the escape at *at (a backslash), moving *at past it. */
static size_t decode_escape(char out[4], const char **at, const char *end)
{
    static const char from[] = "\"\\/bfnrt";
    static const char to[] = "\"\\/\b\f\n\r\t";
    const char *p = *at + 1;
    uint32_t code;

    if (*p != 'u') {
        out[0] = to[strchr(from, *p) - from];
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
            code = 0xfffd;
        }
    }
    *at = p;
    return encode_utf8(out, code);
}

/* What a string says, piece by piece: a byte as it stands, or the UTF-8 of an escape. */
typedef struct text_reader {
    const char *at, *end;
} text_reader;

static text_reader text_of(json_value string)
{
    return (text_reader){string.text + 1, string.text + string.bytes - 1};
}

/* The bytes of the next piece, 0 at the end. */
static size_t next_piece(text_reader *text, char piece[4])
{
    if (text->at == text->end)
        return 0;
    if (*text->at == '\\')
        return decode_escape(piece, &text->at, text->end);
    piece[0] = *text->at++;
    return 1;
}

size_t json_string(json_value value, char *out, size_t capacity)
{
    size_t length = 0, bytes;
    text_reader text;
    char piece[4];

    if (value.type != JSON_STRING)
        return 0;
    text = text_of(value);
    while ((bytes = next_piece(&text, piece)) > 0)
        for (size_t i = 0; i < bytes; i++, length++)
            if (length < capacity)
                out[length] = piece[i];
    return length;
}

int json_string_is(json_value value, const char *expected)
{
    text_reader text;
    char piece[4];
    size_t bytes;

    if (value.type != JSON_STRING)
        return 0;
    text = text_of(value);
    while ((bytes = next_piece(&text, piece)) > 0)
        for (size_t i = 0; i < bytes; i++, expected++)
            if (*expected == '\0' || *expected != piece[i])
                return 0;
    return *expected == '\0';
}

/* ---- numbers -------------------------------------------------------------------------------- */

/* Magnitude of an integer literal, and whether a minus precedes it. -1: no integer, or too big. */
static int parse_integer(json_value value, uint64_t *magnitude, int *negative)
{
    uint64_t sum = 0;
    size_t i = 0;

    if (value.type != JSON_NUMBER)
        return -1;
    *negative = value.text[0] == '-';
    for (i = (size_t)*negative; i < value.bytes; i++) {
        uint64_t digit = (uint64_t)(value.text[i] - '0');

        if (!is_digit(value.text[i]) || sum > (UINT64_MAX - digit) / 10)
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
    /* Programs here never call setlocale, so that the decimal point is '.'. */
    number = strtod(text, NULL);
    if (!isfinite(number))
        return -1;
    *out = number;
    return 0;
}

/* ---- writing -------------------------------------------------------------------------------- */

typedef struct sink {
    char *out;
    size_t capacity;
    size_t length;
} sink;

static void put(sink *s, const char *bytes, size_t count)
{
    for (size_t i = 0; i < count; i++, s->length++)
        if (s->length < s->capacity)
            s->out[s->length] = bytes[i];
}

static void put_control(sink *s, unsigned char c)
{
    static const char digits[] = "0123456789abcdef";
    static const char names[] = "btn\0fr"; /* of 8 to 13; 11 has none */
    char escape[6] = {'\\', 'u', '0', '0', digits[c >> 4], digits[c & 15]};

    if (c >= 8 && c <= 13 && names[c - 8]) {
        escape[1] = names[c - 8];
        put(s, escape, 2);
    } else {
        put(s, escape, 6);
    }
}

size_t json_quote(char *out, size_t capacity, const char *text, size_t bytes)
{
    const unsigned char *at = (const unsigned char *)text;
    sink s = {out, capacity, 0};

    put(&s, "\"", 1);
    while (bytes > 0) {
        size_t bad;
        size_t length = utf8_sequence(at, bytes, &bad);

        if (length == 0) {
            put(&s, "\xef\xbf\xbd", 3);
            length = bad;
        } else if (*at < 0x20 || *at == 0x7f) {
            put_control(&s, *at);
        } else {
            if (*at == '"' || *at == '\\')
                put(&s, "\\", 1);
            put(&s, (const char *)at, length);
        }
        at += length;
        bytes -= length;
    }
    put(&s, "\"", 1);
    return s.length;
}
