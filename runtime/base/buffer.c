/* SPDX-License-Identifier: Apache-2.0 */
/* A bounded text: every function appends its whole piece or sets overflow. */
#include "runtime/base/buffer.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "runtime/base/hex.h"
#include "runtime/base/json.h"

void buffer_init(buffer *b, char *memory, size_t capacity)
{
    b->data = memory;
    b->capacity = capacity;
    buffer_clear(b);
}

void buffer_clear(buffer *b)
{
    b->size = 0;
    b->overflow = 0;
}

void buffer_add(buffer *b, const char *bytes, size_t size)
{
    if (b->overflow || size > b->capacity - b->size) {
        b->overflow = 1;
        return;
    }
    if (size > 0)
        memcpy(b->data + b->size, bytes, size);
    b->size += size;
}

void buffer_text(buffer *b, const char *text)
{
    buffer_add(b, text, strlen(text));
}

void buffer_char(buffer *b, char c)
{
    buffer_add(b, &c, 1);
}

void buffer_format(buffer *b, const char *format, ...)
{
    char
        piece[256]; /* room for the terminator that vsnprintf writes and the buffer does not keep */
    va_list arguments;
    int size;

    va_start(arguments, format);
    size = vsnprintf(piece, sizeof piece, format, arguments);
    va_end(arguments);
    if (size >= 0 && (size_t)size < sizeof piece) {
        buffer_add(b, piece, (size_t)size);
        return;
    }
    if (size < 0 || b->overflow || (size_t)size >= b->capacity - b->size) {
        b->overflow = 1;
        return;
    }
    va_start(arguments, format);
    vsnprintf(b->data + b->size, b->capacity - b->size, format, arguments);
    va_end(arguments);
    b->size += (size_t)size;
}

void buffer_json(buffer *b, const char *bytes, size_t size)
{
    size_t room = b->capacity - b->size, quoted;

    if (b->overflow)
        return;
    quoted = json_quote(b->data + b->size, room, bytes, size);
    if (quoted > room)
        b->overflow = 1;
    else
        b->size += quoted;
}

void buffer_json_text(buffer *b, const char *text)
{
    buffer_json(b, text, strlen(text));
}

void buffer_hex(buffer *b, const uint8_t *bytes, size_t size)
{
    if (b->overflow || size > (b->capacity - b->size) / 2) {
        b->overflow = 1;
        return;
    }
    hex_encode(b->data + b->size, bytes, size);
    b->size += 2 * size;
}
