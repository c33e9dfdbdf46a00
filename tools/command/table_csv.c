/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Comma-separated values as RFC 4180 defines them and as pandas, Excel, DuckDB and PostgreSQL write
 * them. A field that begins with a quote ends at the next quote that is not doubled, and may
 * contain delimiters and line ends. A quote elsewhere in a field is a plain byte. A record ends
 * with LF or CRLF; a carriage return elsewhere is a plain byte. A file may begin with a byte order
 * mark.
 */
#include <string.h>

#include "tools/command/table_delimited.h"

/* ---- ends of records ------------------------------------------------------------------------ */

/* States of the search after CMD_SCAN_FILE and CMD_SCAN_RECORD, which mean a field's beginning. */
enum {
    IN_BOM_1 = 2, /* after the first byte of a byte order mark */
    IN_BOM_2,     /* after the second one */
    IN_PLAIN,     /* in a field without quotes, or after its closing quote */
    IN_QUOTES,    /* between the quotes of a field */
    AFTER_QUOTE   /* after a quote within quotes, which closes the field or is the first of two */
};

/* The state after one byte that is no line feed. */
static int next_state(int state, char c, char delimiter)
{
    switch (state) {
    case CMD_SCAN_FILE:
        if (c == '\xef')
            return IN_BOM_1;
        break;
    case IN_BOM_1:
        return c == '\xbb' ? IN_BOM_2 : c == delimiter ? CMD_SCAN_RECORD : IN_PLAIN;
    case IN_BOM_2:
        return c == '\xbf' || c == delimiter ? CMD_SCAN_RECORD : IN_PLAIN;
    case IN_PLAIN:
        return c == delimiter ? CMD_SCAN_RECORD : IN_PLAIN;
    case IN_QUOTES:
        return c == '"' ? AFTER_QUOTE : IN_QUOTES;
    case AFTER_QUOTE:
        return c == '"' ? IN_QUOTES : c == delimiter ? CMD_SCAN_RECORD : IN_PLAIN;
    default:
        break;
    }
    return c == '"' ? IN_QUOTES : c == delimiter ? CMD_SCAN_RECORD : IN_PLAIN;
}

static size_t find_record_end(cmd_scan *scan, const char *bytes, size_t size)
{
    int state = scan->state;
    size_t i;

    for (i = 0; i < size; i++) {
        if (bytes[i] != '\n')
            state = next_state(state, bytes[i], scan->delimiter);
        else if (state == IN_QUOTES)
            scan->inner_lines++;
        else
            break;
    }
    scan->state = state;
    return i;
}

/* ---- fields --------------------------------------------------------------------------------- */

static size_t split(const table *t, table_field *fields, size_t capacity, const char *row,
                    size_t size, const char **broken)
{
    const char *end = row + size;
    size_t n = 0;

    for (;;) {
        const char *begin = row;

        if (row < end && *row == '"') {
            for (row++; row < end; row++) {
                if (*row != '"')
                    continue;
                if (row + 1 == end || row[1] != '"')
                    break;
                row++;
            }
            if (row == end)
                *broken = "the closing quote of a field is missing";
            else if (++row < end && *row != t->options.delimiter)
                *broken = "there are bytes between a closing quote and the delimiter";
        }
        if (row < end) {
            const char *stop = memchr(row, t->options.delimiter, (size_t)(end - row));

            row = stop != NULL ? stop : end;
        }
        if (n < capacity)
            fields[n] = (table_field){begin, (size_t)(row - begin)};
        n++;
        if (row == end)
            return n;
        row++;
    }
}

static int is_null(const table *t, table_field field)
{
    const char *word = t->options.null_word != NULL ? t->options.null_word : "";

    return field.size == strlen(word) && memcmp(field.bytes, word, field.size) == 0;
}

static size_t decode(const table *t, char *out, table_field field)
{
    size_t n = 0;

    (void)t;
    if (field.size < 2 || field.bytes[0] != '"') {
        if (field.size > 0)
            memcpy(out, field.bytes, field.size);
        return field.size;
    }
    for (size_t i = 1; i + 1 < field.size; i++) {
        out[n++] = field.bytes[i];
        i += field.bytes[i] == '"';
    }
    return n;
}

/* Returns 1 if the bytes need quotes: they hold a special byte, begin or end with a space, or would
 * be read as null. */
static int needs_quotes(const table *t, const char *bytes, size_t size)
{
    if (is_null(t, (table_field){bytes, size}) || size == 0)
        return 1;
    if (bytes[0] == ' ' || bytes[size - 1] == ' ')
        return 1;
    for (size_t i = 0; i < size; i++)
        if (bytes[i] == '"' || bytes[i] == t->options.delimiter || bytes[i] == '\n' ||
            bytes[i] == '\r')
            return 1;
    return 0;
}

static void write_field(const table *t, FILE *out, const char *bytes, size_t size)
{
    size_t written = 0;

    if (!needs_quotes(t, bytes, size)) {
        (void)fwrite(bytes, 1, size, out);
        return;
    }
    (void)putc('"', out);
    for (size_t i = 0; i < size; i++) {
        if (bytes[i] != '"')
            continue;
        (void)fwrite(bytes + written, 1, i + 1 - written, out);
        written = i; /* the quote is written again before what follows it */
    }
    (void)fwrite(bytes + written, 1, size - written, out);
    (void)putc('"', out);
}

static char delimiter(const table *t)
{
    return t->options.delimiter;
}

static const table_dialect csv = {split, is_null, decode, write_field, delimiter};

/* ---- format --------------------------------------------------------------------------------- */

static const char *read_header(table *t, const char *row, size_t size)
{
    return table_delimited_read_header(t, &csv, row, size);
}

static void write_header(table *t, FILE *out)
{
    table_delimited_write_header(t, &csv, out);
}

static void read_row(table *t, cmd_text *text, const char *row, size_t size)
{
    table_delimited_read_row(t, &csv, text, row, size);
}

static void write_row(table *t, FILE *out, const char *row, size_t size, const table_answer *answer)
{
    table_delimited_write_row(t, &csv, out, row, size, answer);
}

const table_format table_csv = {
    .name = "csv",
    .record_end = find_record_end,
    .read_header = read_header,
    .write_header = write_header,
    .is_blank = table_delimited_is_blank,
    .read_row = read_row,
    .write_row = write_row,
};
