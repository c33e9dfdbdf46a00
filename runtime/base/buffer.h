/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A bounded text that is built piece by piece in the caller's memory: requests, answers, log lines.
 *
 * No function allocates. Each appends its piece whole or not at all. The first piece that does not
 * fit sets `overflow`, and all later pieces are ignored, so a writer needs one check at its end. A
 * text that has overflowed is incomplete and must not be sent. A caller can undo the last pieces by
 * restoring an earlier `size` and setting overflow to 0.
 */
#ifndef DISTIL_BASE_BUFFER_H
#define DISTIL_BASE_BUFFER_H

#include <stddef.h>
#include <stdint.h>

typedef struct buffer {
    char *data;
    size_t size; /* bytes written, at most capacity; no terminator follows them */
    size_t capacity;
    int overflow; /* 1 if a piece did not fit */
} buffer;

/* Start an empty text in `capacity` bytes of memory, which must outlive the buffer. */
void buffer_init(buffer *b, char *memory, size_t capacity);

/* Make the text empty and clear `overflow`. */
void buffer_clear(buffer *b);

/* Append bytes, a NUL-terminated text or one character. */
void buffer_add(buffer *b, const char *bytes, size_t size);
void buffer_text(buffer *b, const char *text);
void buffer_char(buffer *b, char c);

/* Append what printf would print. No program of the project sets a locale, so the decimal point is
 * '.'. A piece of 256 bytes or more needs one byte of room beyond its own length. */
void buffer_format(buffer *b, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Append bytes, or a NUL-terminated text, as a JSON string with its quotes (see json_quote). */
void buffer_json(buffer *b, const char *bytes, size_t size);
void buffer_json_text(buffer *b, const char *text);

/* Append bytes as lower-case hexadecimal digits. */
void buffer_hex(buffer *b, const uint8_t *bytes, size_t size);

#endif
