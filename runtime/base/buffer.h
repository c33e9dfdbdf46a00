/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A text under construction in memory that somebody else owns: requests, answers, log lines.
 *
 * Nothing is allocated. A piece is written whole or not at all: the first that does not fit sets
 * `overflow`, and nothing is added from then on, so that a writer checks once, at the end. A buffer
 * that has overflowed must not be sent; putting an earlier `size` and overflow = 0 back undoes it.
 */
#ifndef DISTIL_LAMBDA_BUFFER_H
#define DISTIL_LAMBDA_BUFFER_H

#include <stddef.h>
#include <stdint.h>

typedef struct buffer {
    char *data;
    size_t size; /* bytes written, at most capacity; no NUL is kept after them */
    size_t capacity;
    int overflow; /* 1: something did not fit */
} buffer;

/* Empty, over `capacity` bytes that outlive it. */
void buffer_init(buffer *b, char *memory, size_t capacity);

/* Empty again, overflow forgotten. */
void buffer_clear(buffer *b);

void buffer_add(buffer *b, const char *bytes, size_t size);
void buffer_text(buffer *b, const char *text); /* NUL-terminated */
void buffer_char(buffer *b, char c);

/* printf into the buffer. No locale is ever set in these programs, so numbers have a point. A piece
 * of 256 bytes or more needs room for one byte more than it is. */
void buffer_format(buffer *b, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* A JSON string with its quotes, by the rules of json_quote. */
void buffer_json(buffer *b, const char *bytes, size_t size);
void buffer_json_text(buffer *b, const char *text); /* NUL-terminated */

/* Bytes as lower-case hexadecimal digits. */
void buffer_hex(buffer *b, const uint8_t *bytes, size_t size);

#endif
