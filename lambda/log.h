/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Log lines: one JSON object a line on standard output, written with one write(2) each.
 *
 *     {"timestamp":"2026-01-15T12:34:56.789Z","level":"ERROR","message":"...","requestId":"..."}
 *
 * A line holds what this program says and identifiers it was given, never a user's text; every
 * string is escaped, so no value can begin a line of its own. A line longer than LOG_LINE_BYTES
 * loses its last fields and says so with "truncated":true; it stays one valid object.
 * Thread-safe: lines of several threads do not mix.
 */
#ifndef DISTIL_LAMBDA_LOG_H
#define DISTIL_LAMBDA_LOG_H

#include <stddef.h>
#include <stdint.h>

#include "runtime/base/buffer.h"

enum { LOG_LINE_BYTES = 4096 };

typedef enum log_level {
    LOG_TRACE = 0,
    LOG_DEBUG,
    LOG_INFO,
    LOG_WARN,
    LOG_ERROR,
    LOG_FATAL
} log_level;

/* Where lines go and which: one for the process, set once, then read only. */
typedef struct log_sink {
    int fd;
    log_level level; /* lines below it are dropped */
} log_sink;

/* "TRACE" .. "FATAL", letter case ignored: 0, or -1 with *level untouched. */
int log_level_parse(log_level *level, const char *name);

/* One line under construction. */
typedef struct log_line {
    const log_sink *sink; /* NULL: below the level, nothing is done */
    buffer text;
    char memory[LOG_LINE_BYTES];
} log_line;

/* Begin, add fields, write. request_id may be NULL. */
void log_begin(log_line *line, const log_sink *sink, log_level level, const char *request_id,
               const char *message);
void log_text(log_line *line, const char *name, const char *value);
void log_bytes(log_line *line, const char *name, const char *value, size_t size);
void log_number(log_line *line, const char *name, double value);
void log_integer(log_line *line, const char *name, int64_t value);
void log_end(log_line *line);

/* All of bytes to fd, in one write(2) where the system takes them so: for lines of other kinds. */
void log_write(int fd, const char *bytes, size_t size);

/* The three in one for a line without fields. */
void log_message(const log_sink *sink, log_level level, const char *request_id,
                 const char *message);

#endif
