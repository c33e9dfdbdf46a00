/* SPDX-License-Identifier: Apache-2.0 */
/* Reading of texts; see cmd_input.h. */
#include "tools/command/cmd_input.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/base/utf8.h"
#include "tools/command/cmd_interrupt.h"
#include "tools/command/cmd_message.h"

enum { READ_BYTES = 1 << 18 /* bytes that one call of read() asks for */ };

static const char line_too_long[] = "the line is longer than 64 MiB";
static const char record_too_long[] = "the record is longer than 64 MiB";

/* A record of a file of lines is a line. */
static size_t find_line_feed(cmd_scan *scan, const char *bytes, size_t size)
{
    const char *lf = size > 0 ? memchr(bytes, '\n', size) : NULL;

    (void)scan;
    return lf != NULL ? (size_t)(lf - bytes) : size;
}

static const char *too_long(const cmd_input *input)
{
    return input->record_end == find_line_feed ? line_too_long : record_too_long;
}

void cmd_input_arguments(cmd_input *input, char **arguments, size_t count, int strict)
{
    memset(input, 0, sizeof *input);
    input->arguments = arguments;
    input->count = count;
    input->strict = strict;
    input->fd = -1;
}

static int is_stdin(const char *file)
{
    return strcmp(file, "-") == 0;
}

void cmd_input_files(cmd_input *input, const char **files, size_t count, int strict)
{
    memset(input, 0, sizeof *input);
    input->files = files;
    input->count = count;
    input->strict = strict;
    input->fd = -1;
    input->record_end = find_line_feed;
    for (size_t i = 0; i < count; i++) {
        struct stat s;
        int known = is_stdin(files[i]) ? fstat(STDIN_FILENO, &s) : stat(files[i], &s);

        if (known != 0)
            continue; /* the error is reported when the file is opened */
        if (!S_ISREG(s.st_mode)) {
            input->bytes_total = 0;
            break;
        }
        input->bytes_total += (uint64_t)s.st_size;
    }
}

void cmd_input_choose(cmd_input *input, const cmd_options *options)
{
    static const char *standard_input[] = {"-"};

    if (options->word_count > 0) {
        cmd_input_arguments(input, options->words, options->word_count, options->strict);
    } else if (options->file_count > 0) {
        cmd_input_files(input, options->files, options->file_count, options->strict);
    } else {
        if (isatty(STDIN_FILENO))
            cmd_error("reading texts from the terminal, one a line; Ctrl-D ends");
        cmd_input_files(input, standard_input, 1, options->strict);
    }
}

void cmd_input_records(cmd_input *input, cmd_record_end *record_end, char delimiter)
{
    input->record_end = record_end;
    input->scan.delimiter = delimiter;
}

/* ---- files ---------------------------------------------------------------------------------- */

/* Open the next file that can be opened. Returns 0 if no file is left. */
static int open_next_file(cmd_input *input)
{
    while (input->next < input->count) {
        const char *file = input->files[input->next++];

        input->source = is_stdin(file) ? "standard input" : file;
        input->fd = is_stdin(file) ? STDIN_FILENO : open(file, O_RDONLY | O_CLOEXEC);
        if (input->fd >= 0) {
            input->at_end = 0;
            input->line = 0;
            input->begin = input->end = input->scanned = 0;
            input->skipping = NULL;
            input->scan.state = CMD_SCAN_FILE;
            input->scan.inner_lines = 0;
            return 1;
        }
        cmd_error("%s: cannot open: %s", file, strerror(errno));
        input->failed = 1;
    }
    return 0;
}

static void close_file(cmd_input *input)
{
    if (input->fd > STDIN_FILENO)
        (void)close(input->fd);
    input->fd = -1;
}

void cmd_input_skip_file(cmd_input *input)
{
    close_file(input);
}

/* Make room for READ_BYTES more in the buffer. Returns 0, or -1 if there is no memory. */
static int make_room(cmd_input *input)
{
    size_t unread = input->end - input->begin;
    size_t capacity = input->capacity;
    char *bigger;

    if (input->begin > 0) {
        memmove(input->buffer, input->buffer + input->begin, unread);
        input->scanned -= input->begin;
        input->end = unread;
        input->begin = 0;
    }
    if (capacity - unread >= READ_BYTES)
        return 0;
    /* Doubling keeps the cost of copying constant per byte. The buffer stays bounded, because it
     * never holds more unread bytes than one longest line and one read. */
    capacity = capacity == 0 ? 2 * (size_t)READ_BYTES : 2 * capacity;
    bigger = realloc(input->buffer, capacity);
    if (bigger == NULL)
        return -1;
    input->buffer = bigger;
    input->capacity = capacity;
    return 0;
}

/* Drop the line whose beginning is in the buffer, and remember why it is refused. */
static void skip_line(cmd_input *input, const char *why)
{
    input->skipping = why;
    input->begin = input->scanned = input->end = 0;
}

/* Read once from the open file. Returns 0 also at its end and on an error, both of which set
 * at_end. Returns -1 if reading has to stop: SIGINT came, or there is no memory at all. */
static int read_more(cmd_input *input)
{
    ssize_t n;

    if (make_room(input) != 0) {
        if (input->buffer == NULL) {
            cmd_error("out of memory");
            input->failed = 1;
            return -1;
        }
        skip_line(input, "no memory for a line as long as this");
    }
    do {
        if (cmd_wait_readable(input->fd) != 0)
            return -1;
        n = read(input->fd, input->buffer + input->end, READ_BYTES);
    } while (n < 0 && (errno == EINTR || errno == EAGAIN));
    if (n < 0) {
        cmd_error("%s: cannot read: %s", input->source, strerror(errno));
        input->failed = 1;
    }
    if (n <= 0) {
        input->at_end = 1;
        return 0;
    }
    input->end += (size_t)n;
    input->bytes_read += (uint64_t)n;
    return 0;
}

/* Return buffer[begin .. end) as the next line. The unread bytes then begin at `next`. */
static void return_line(cmd_input *input, cmd_text *text, size_t end, size_t next)
{
    text->bytes = input->buffer + input->begin;
    text->size = end - input->begin;
    text->source = input->source;
    text->number = input->line + 1;
    input->line = text->number + input->scan.inner_lines;
    input->scan.state = CMD_SCAN_RECORD;
    input->scan.inner_lines = 0;
    text->refusal = input->skipping;
    if (text->size > CMD_MAX_LINE_BYTES)
        text->refusal = too_long(input);
    if (text->refusal != NULL)
        text->size = 0;
    input->skipping = NULL;
    input->begin = input->scanned = next;
}

/* Find the next line in what has been read. Returns 0 if the buffer holds no whole line. */
static int find_line(cmd_input *input, cmd_text *text)
{
    size_t unscanned = input->end - input->scanned;
    size_t found = unscanned > 0
                       ? input->record_end(&input->scan, input->buffer + input->scanned, unscanned)
                       : 0;

    if (found < unscanned) {
        size_t end = input->scanned + found;

        return_line(input, text, end, end + 1);
        return 1;
    }
    if (input->at_end && (input->end > input->begin || input->skipping != NULL)) {
        return_line(input, text, input->end, input->end);
        return 1;
    }
    input->scanned = input->end;
    if (input->skipping != NULL)
        skip_line(input, input->skipping);
    else if (input->end - input->begin > CMD_MAX_LINE_BYTES)
        skip_line(input, too_long(input));
    return 0;
}

static cmd_input_status read_line(cmd_input *input, cmd_text *text, int may_wait)
{
    for (;;) {
        if (input->fd < 0 && !open_next_file(input))
            return CMD_INPUT_END;
        if (find_line(input, text))
            return CMD_INPUT_TEXT;
        if (input->at_end) {
            close_file(input);
            continue;
        }
        if (!may_wait && !cmd_is_readable(input->fd))
            return CMD_INPUT_WAIT;
        if (read_more(input) < 0)
            return CMD_INPUT_END;
    }
}

/* ---- all sources ---------------------------------------------------------------------------- */

cmd_input_status cmd_input_next(cmd_input *input, cmd_text *text, int may_wait)
{
    text->tag = 0;
    text->pair = text->row = NULL;
    text->pair_size = text->row_size = 0;
    if (cmd_interrupted())
        return CMD_INPUT_END;
    if (input->files == NULL) {
        if (input->next >= input->count)
            return CMD_INPUT_END;
        text->bytes = input->arguments[input->next++];
        text->size = strlen(text->bytes);
        text->source = "argument";
        text->number = input->next;
        text->refusal = NULL;
    } else {
        cmd_input_status status = read_line(input, text, may_wait);

        if (status != CMD_INPUT_TEXT)
            return status;
    }
    if (input->strict && text->refusal == NULL &&
        distil_utf8_valid_bytes(text->bytes, text->size) != text->size)
        text->refusal = "the text is not UTF-8";
    return CMD_INPUT_TEXT;
}

uint64_t cmd_input_done(const cmd_input *input)
{
    return input->bytes_read - (input->end - input->begin);
}

void cmd_input_close(cmd_input *input)
{
    close_file(input);
    free(input->buffer);
    input->buffer = NULL;
    input->capacity = 0;
}
