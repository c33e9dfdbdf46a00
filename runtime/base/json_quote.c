/* SPDX-License-Identifier: Apache-2.0 */
/* Writing text as a JSON string. */
#include "runtime/base/json.h"

#include <string.h>

#include "runtime/base/utf8.h"

/* Output that counts every byte and keeps those that fit. */
typedef struct sink {
    char *out;
    size_t capacity;
    size_t length;
} sink;

static void put(sink *s, const void *bytes, size_t count)
{
    if (s->length < s->capacity)
        memcpy(s->out + s->length, bytes,
               count < s->capacity - s->length ? count : s->capacity - s->length);
    s->length += count;
}

static void put_control(sink *s, unsigned char c)
{
    static const char digits[] = "0123456789abcdef";
    static const char names[] = "btn\0fr"; /* the short escapes of 8 to 13; 11 has none */
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
    const uint8_t *at = (const uint8_t *)text;
    sink s = {out, capacity, 0};

    put(&s, "\"", 1);
    for (size_t left = bytes; left > 0;) {
        size_t bad_bytes;
        size_t length = distil_utf8_length(at, at + left, &bad_bytes);

        if (length == 0) {
            put(&s, "\xef\xbf\xbd", 3);
            length = bad_bytes;
        } else if (*at < 0x20 || *at == 0x7f) {
            put_control(&s, *at);
        } else {
            if (*at == '"' || *at == '\\')
                put(&s, "\\", 1);
            put(&s, at, length);
        }
        at += length;
        left -= length;
    }
    put(&s, "\"", 1);
    return s.length;
}
