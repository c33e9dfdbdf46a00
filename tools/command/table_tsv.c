/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tab-separated values. A field is what stands between tabs, and a record is a line, so neither can
 * contain a tab or a line feed. With escapes, as COPY of PostgreSQL and LOAD DATA of MySQL have
 * them, \N is null and a backslash before b, f, n, r, t or v stands for that control character,
 * before anything else for this byte itself.
 */
#include <string.h>

#include "tools/command/cmd_output.h"
#include "tools/command/table_delimited.h"

static size_t find_record_end(cmd_scan *scan, const char *bytes, size_t size)
{
    const char *lf = size > 0 ? memchr(bytes, '\n', size) : NULL;

    (void)scan;
    return lf != NULL ? (size_t)(lf - bytes) : size;
}

static size_t split(const table *t, table_field *fields, size_t capacity, const char *row,
                    size_t size, const char **broken)
{
    const char *end = row + size;
    size_t n = 0;

    (void)t;
    (void)broken;
    for (;;) {
        const char *tab = row < end ? memchr(row, '\t', (size_t)(end - row)) : NULL;
        const char *stop = tab != NULL ? tab : end;

        if (n < capacity)
            fields[n] = (table_field){row, (size_t)(stop - row)};
        n++;
        if (tab == NULL)
            return n;
        row = tab + 1;
    }
}

static int is_null(const table *t, table_field field)
{
    const char *word = t->options.null_word;

    if (word == NULL && t->options.escapes)
        word = "\\N";
    return word != NULL && field.size == strlen(word) && memcmp(field.bytes, word, field.size) == 0;
}

/* The byte that a backslash before c stands for. */
static char unescape(char c)
{
    static const char names[] = "bfnrtv";
    static const char values[] = "\b\f\n\r\t\v";
    const char *found = c != '\0' ? strchr(names, c) : NULL;

    return found != NULL ? values[found - names] : c;
}

static size_t decode(const table *t, char *out, table_field field)
{
    size_t n = 0;

    for (size_t i = 0; i < field.size; i++) {
        char c = field.bytes[i];

        if (t->options.escapes && c == '\\' && i + 1 < field.size)
            c = unescape(field.bytes[++i]);
        out[n++] = c;
    }
    return n;
}

static void write_field(const table *t, FILE *out, const char *bytes, size_t size)
{
    (void)t;
    cmd_write_escaped(out, bytes, size);
}

static char delimiter(const table *t)
{
    (void)t;
    return '\t';
}

static const table_dialect tsv = {split, is_null, decode, write_field, delimiter};

/* ---- format --------------------------------------------------------------------------------- */

static const char *read_header(table *t, const char *row, size_t size)
{
    return table_delimited_read_header(t, &tsv, row, size);
}

static void write_header(table *t, FILE *out)
{
    table_delimited_write_header(t, &tsv, out);
}

static void read_row(table *t, cmd_text *text, const char *row, size_t size)
{
    table_delimited_read_row(t, &tsv, text, row, size);
}

static void write_row(table *t, FILE *out, const char *row, size_t size, const table_answer *answer)
{
    table_delimited_write_row(t, &tsv, out, row, size, answer);
}

const table_format table_tsv = {
    .name = "tsv",
    .record_end = find_record_end,
    .read_header = read_header,
    .write_header = write_header,
    .is_blank = table_delimited_is_blank,
    .read_row = read_row,
    .write_row = write_row,
};
