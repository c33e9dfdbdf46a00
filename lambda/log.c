/* SPDX-License-Identifier: Apache-2.0 */
/* A line is built in its own memory and written in one piece. */
#include "lambda/log.h"

#include <errno.h>
#include <math.h>
#include <string.h>
#include <unistd.h>

#include "runtime/base/ascii.h"
#include "runtime/base/clock.h"
#include "lambda/aws/dates.h"
#include "runtime/base/strict_float.h"

/* The two texts that can end a line. Room for both is kept, so that a full line can be closed. */
#define TRUNCATED ",\"truncated\":true"
#define END "}\n"

enum { ROOM_BYTES = LOG_LINE_BYTES - (sizeof TRUNCATED - 1) - (sizeof END - 1) };

static const char *const level_names[] = {"TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"};

int log_level_parse(log_level *level, const char *name)
{
    for (size_t i = 0; i < sizeof level_names / sizeof *level_names; i++)
        if (ascii_same_text(name, level_names[i])) {
            *level = (log_level)i;
            return 0;
        }
    return -1;
}

/* Append a comma, the field's name and a colon. Returns the size of the line before, to which
 * end_field can go back. */
static size_t begin_field(log_line *line, const char *name)
{
    size_t before = line->text.size;

    buffer_char(&line->text, ',');
    buffer_json_text(&line->text, name);
    buffer_char(&line->text, ':');
    return before;
}

/* Remove a field that did not fit completely. The overflow flag stays set, so that no later field
 * is added and log_end marks the line as truncated. */
static void end_field(log_line *line, size_t before)
{
    if (line->text.overflow)
        line->text.size = before;
}

void log_begin(log_line *line, const log_sink *sink, log_level level, const char *request_id,
               const char *message)
{
    char timestamp[DATES_ISO_BYTES];

    line->sink = level < sink->level ? NULL : sink;
    if (line->sink == NULL)
        return;
    dates_iso(timestamp, clock_unix_ms());
    buffer_init(&line->text, line->memory, ROOM_BYTES);
    buffer_format(&line->text, "{\"timestamp\":\"%s\",\"level\":\"%s\"", timestamp,
                  level_names[level]);
    log_text(line, "message", message);
    if (request_id != NULL)
        log_text(line, "requestId", request_id);
}

void log_text(log_line *line, const char *name, const char *value)
{
    log_bytes(line, name, value, strlen(value));
}

void log_bytes(log_line *line, const char *name, const char *value, size_t size)
{
    size_t before;

    if (line->sink == NULL)
        return;
    before = begin_field(line, name);
    buffer_json(&line->text, value, size);
    end_field(line, before);
}

void log_number(log_line *line, const char *name, double value)
{
    size_t before;

    if (line->sink == NULL)
        return;
    before = begin_field(line, name);
    if (isfinite(value))
        buffer_format(&line->text, "%.6g", value);
    /* JSON has neither infinity nor NaN. */
    else
        buffer_text(&line->text, "null");
    end_field(line, before);
}

void log_integer(log_line *line, const char *name, int64_t value)
{
    size_t before;

    if (line->sink == NULL)
        return;
    before = begin_field(line, name);
    buffer_format(&line->text, "%lld", (long long)value);
    end_field(line, before);
}

/* Usually one call of write(2) writes the whole line. A pipe that is nearly full may take only a
 * part of it; the rest follows. */
void log_write(int fd, const char *bytes, size_t size)
{
    while (size > 0) {
        ssize_t n = write(fd, bytes, size);

        /* The reader has gone, and there is no other place to report that. */
        if (n < 0 && errno != EINTR)
            return;
        bytes += n > 0 ? n : 0;
        size -= n > 0 ? (size_t)n : 0;
    }
}

void log_end(log_line *line)
{
    buffer *text = &line->text;
    int truncated = text->overflow;

    if (line->sink == NULL)
        return;
    text->capacity = sizeof line->memory;
    text->overflow = 0;
    if (truncated)
        buffer_text(text, TRUNCATED);
    buffer_text(text, END);
    log_write(line->sink->fd, text->data, text->size);
    line->sink = NULL;
}

void log_message(const log_sink *sink, log_level level, const char *request_id, const char *message)
{
    log_line line;

    log_begin(&line, sink, level, request_id, message);
    log_end(&line);
}
