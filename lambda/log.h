/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Log lines: each is one JSON object on standard output, written by one call of write(2).
 *
 *     {"timestamp":"2026-01-15T12:34:56.789Z","level":"ERROR","message":"...","requestId":"..."}
 *
 * A line holds texts of this program and identifiers that it was given, but never a user's text.
 * Every string is escaped, so that no value can begin a line of its own. A line longer than
 * LOG_LINE_BYTES loses its last fields and gets "truncated":true; it is still a valid object.
 * Several threads may log at the same time: their lines do not mix.
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

/* The file descriptor that log lines go to, and the least level that is written. There is one sink
 * for the process; it is set at the start and only read afterwards. */
typedef struct log_sink {
    int fd;
    log_level level; /* Lines of a lower level are dropped. */
} log_sink;

/* Parse "TRACE", "DEBUG", "INFO", "WARN", "ERROR" or "FATAL", letter case ignored. Returns 0, or -1
 * with *level untouched. */
int log_level_parse(log_level *level, const char *name);

/* A line that is being built. */
typedef struct log_line {
    const log_sink *sink; /* NULL: the line's level is too low, and all calls do nothing. */
    buffer text;
    char memory[LOG_LINE_BYTES];
} log_line;

/* log_begin begins a line, the next four functions add fields to it, and log_end writes it.
 * request_id may be NULL. */
void log_begin(log_line *line, const log_sink *sink, log_level level, const char *request_id,
               const char *message);
void log_text(log_line *line, const char *name, const char *value);
void log_bytes(log_line *line, const char *name, const char *value, size_t size);
void log_number(log_line *line, const char *name, double value);
void log_integer(log_line *line, const char *name, int64_t value);
void log_end(log_line *line);

/* Write all of the bytes to fd, in one call of write(2) if the system accepts them at once. Lines
 * of metrics are written by this, too. */
void log_write(int fd, const char *bytes, size_t size);

/* Begin and write a line without fields of its own. */
void log_message(const log_sink *sink, log_level level, const char *request_id,
                 const char *message);

#endif
