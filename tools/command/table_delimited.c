/* SPDX-License-Identifier: Apache-2.0 */
/* Headers and records of CSV and TSV; see table_delimited.h. */
#include "tools/command/table_delimited.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Returns the size of a record without the carriage return of a line that ends with CRLF. */
static size_t without_cr(const char *row, size_t size)
{
    return size > 0 && row[size - 1] == '\r' ? size - 1 : size;
}

int table_delimited_is_blank(const table *t, const char *row, size_t size)
{
    /* In a table of one column an empty line is a row: PostgreSQL writes null so. */
    return (!t->begun || t->columns != 1) && without_cr(row, size) == 0;
}

/* ---- header --------------------------------------------------------------------------------- */

/* Make room for the fields of the header. Returns 0, or -1 if there is no memory. */
static int allocate_columns(table *t)
{
    t->fields = calloc(t->columns, sizeof *t->fields);
    t->kept = calloc(t->columns, 1);
    t->field_capacity = t->columns;
    return t->fields != NULL && t->kept != NULL ? 0 : -1;
}

/* Find those columns that come out. Returns NULL, or a reason. */
static const char *choose_columns(table *t, const table_dialect *dialect)
{
    for (size_t i = 0; i < t->columns; i++) {
        size_t n = dialect->decode(t, t->scratch, t->fields[i]);

        if (!table_keeps(t, t->scratch, n))
            continue;
        t->kept[i] = 1;
        t->kept_count++;
        if (table_clash(t, t->scratch, n) != NULL)
            return table_clash(t, t->scratch, n);
    }
    return NULL;
}

/* Find the one column of this name. Returns NULL with *column set, or a reason: `missing` or
 * `repeated`. */
static const char *find_column(size_t *column, table *t, const table_dialect *dialect,
                               const char *name, const char *missing, const char *repeated)
{
    int found = 0;

    for (size_t i = 0; i < t->columns; i++) {
        size_t n = dialect->decode(t, t->scratch, t->fields[i]);

        if (n != strlen(name) || memcmp(name, t->scratch, n) != 0)
            continue;
        if (found)
            return repeated;
        *column = i;
        found = 1;
    }
    return found ? NULL : missing;
}

/* Find the columns of the text, and of the second one if there are pairs. Returns NULL, or a
 * reason. */
static const char *find_text_columns(table *t, const table_dialect *dialect)
{
    const char *wrong = find_column(&t->text_column, t, dialect, t->options.text_field, t->no_text,
                                    "two columns have the name of --text-field");

    if (wrong != NULL || t->options.pair_field == NULL)
        return wrong;
    return find_column(&t->pair_column, t, dialect, t->options.pair_field, t->no_pair,
                       "two columns have the name of --pair-field");
}

/* Returns 1 if some column has the name of `size` bytes. */
static int has_column(table *t, const table_dialect *dialect, const char *name, size_t size)
{
    for (size_t i = 0; i < t->columns; i++)
        if (dialect->decode(t, t->scratch, t->fields[i]) == size &&
            memcmp(t->scratch, name, size) == 0)
            return 1;
    return 0;
}

/* Check that the columns of --keep exist. Returns NULL, or a reason. */
static const char *check_kept(table *t, const table_dialect *dialect)
{
    const char *at = t->options.keep;

    if (strcmp(at, "all") == 0 || strcmp(at, "none") == 0)
        return NULL;
    for (;; at++) {
        size_t n = strcspn(at, ",");

        if (!has_column(t, dialect, at, n)) {
            (void)snprintf(t->no_kept, sizeof t->no_kept, "--keep: there is no field \"%.*s\"",
                           (int)(n < 100 ? n : 100), at);
            return t->no_kept;
        }
        at += n;
        if (*at == '\0')
            return NULL;
    }
}

const char *table_delimited_read_header(table *t, const table_dialect *dialect, const char *row,
                                        size_t size)
{
    size_t bare = without_cr(row, size);
    const char *broken = NULL;

    if (t->begun)
        return bare == t->header_size && memcmp(row, t->header, bare) == 0
                   ? NULL
                   : "the header is not that of the first file, so this file is left out";
    t->crlf = bare != size;
    t->header = malloc(bare + 1);
    if (t->header == NULL || table_reserve(t, bare) != 0)
        return "no memory for a header as long as this";
    memcpy(t->header, row, bare);
    t->header_size = bare;
    t->columns = dialect->split(t, NULL, 0, t->header, bare, &broken);
    if (broken != NULL)
        return broken;
    if (allocate_columns(t) != 0)
        return "no memory for a header as long as this";
    (void)dialect->split(t, t->fields, t->columns, t->header, bare, &broken);
    broken = find_text_columns(t, dialect);
    if (broken == NULL)
        broken = choose_columns(t, dialect);
    return broken != NULL ? broken : check_kept(t, dialect);
}

/* ---- records -------------------------------------------------------------------------------- */

/* Decode the text of a record, and the second one if there are pairs. */
static void decode_texts(table *t, const table_dialect *dialect, cmd_text *text)
{
    table_field first = t->fields[t->text_column], second = {"", 0};
    int pairs = t->options.pair_field != NULL;

    if (pairs)
        second = t->fields[t->pair_column];
    if (dialect->is_null(t, first) || (pairs && dialect->is_null(t, second))) {
        text->tag = TABLE_NULL;
        text->refusal = "the text is null";
    } else if (table_reserve(t, first.size + second.size) != 0) {
        text->tag = TABLE_BAD;
        text->refusal = "no memory for a text as long as this";
    } else {
        text->tag = TABLE_TEXT;
        text->bytes = t->scratch;
        text->size = dialect->decode(t, t->scratch, first);
        if (!pairs)
            return;
        text->pair = t->scratch + text->size;
        text->pair_size = dialect->decode(t, t->scratch + text->size, second);
    }
}

void table_delimited_read_row(table *t, const table_dialect *dialect, cmd_text *text,
                              const char *row, size_t size)
{
    const char *broken = NULL;
    size_t n;

    text->row_size = size = without_cr(row, size);
    n = dialect->split(t, t->fields, t->field_capacity, row, size, &broken);
    text->tag = TABLE_BROKEN;
    if (broken != NULL) {
        text->refusal = broken;
    } else if (n != t->columns) {
        text->refusal = n < t->columns ? "the record has fewer fields than the header"
                                       : "the record has more fields than the header";
    } else {
        decode_texts(t, dialect, text);
    }
}

/* Write the fields that come out, with their own bytes and a delimiter after each. */
static void write_kept(table *t, const table_dialect *dialect, FILE *out, const char *row,
                       size_t size)
{
    char delimiter = dialect->delimiter(t);
    const char *broken = NULL;

    if (t->kept_count == t->columns) {
        (void)fwrite(row, 1, size, out);
        (void)putc(delimiter, out);
        return;
    }
    (void)dialect->split(t, t->fields, t->field_capacity, row, size, &broken);
    for (size_t i = 0; i < t->columns; i++) {
        if (!t->kept[i])
            continue;
        (void)fwrite(t->fields[i].bytes, 1, t->fields[i].size, out);
        (void)putc(delimiter, out);
    }
}

static void write_line_end(const table *t, FILE *out)
{
    (void)fputs(t->crlf ? "\r\n" : "\n", out);
}

void table_delimited_write_header(table *t, const table_dialect *dialect, FILE *out)
{
    const char *added[3];
    size_t count = t->options.error_field != NULL ? 3 : 2;

    added[0] = t->options.label_field;
    added[1] = t->options.score_field;
    added[2] = t->options.error_field;
    if (t->bom)
        (void)fputs("\xef\xbb\xbf", out);
    write_kept(t, dialect, out, t->header, t->header_size);
    for (size_t i = 0; i < count; i++) {
        if (i > 0)
            (void)putc(dialect->delimiter(t), out);
        dialect->write(t, out, added[i], strlen(added[i]));
    }
    write_line_end(t, out);
}

static void write_null(const table *t, FILE *out)
{
    if (t->options.null_word != NULL)
        (void)fputs(t->options.null_word, out);
    else if (t->options.escapes)
        (void)fputs("\\N", out);
}

/* Write the error field: the reason, and after it the bytes of a broken record. */
static void write_error(table *t, const table_dialect *dialect, FILE *out, const char *row,
                        size_t size, const table_answer *answer)
{
    size_t n = answer->error != NULL ? strlen(answer->error) : 0;

    if (answer->error == NULL) {
        write_null(t, out);
    } else if (!answer->broken || size == 0 || table_reserve(t, n + 2 + size) != 0) {
        dialect->write(t, out, answer->error, n);
    } else {
        memcpy(t->scratch, answer->error, n);
        memcpy(t->scratch + n, ": ", 2);
        memcpy(t->scratch + n + 2, row, size);
        dialect->write(t, out, t->scratch, n + 2 + size);
    }
}

void table_delimited_write_row(table *t, const table_dialect *dialect, FILE *out, const char *row,
                               size_t size, const table_answer *answer)
{
    char delimiter = dialect->delimiter(t);

    if (!answer->broken)
        write_kept(t, dialect, out, row, size);
    else
        for (size_t i = 0; i < t->kept_count; i++)
            (void)putc(delimiter, out);
    if (answer->label != NULL)
        dialect->write(t, out, answer->label, strlen(answer->label));
    else
        write_null(t, out);
    (void)putc(delimiter, out);
    if (answer->label != NULL)
        (void)fprintf(out, "%.9g", (double)answer->score);
    else
        write_null(t, out);
    if (t->options.error_field != NULL) {
        (void)putc(delimiter, out);
        write_error(t, dialect, out, row, size, answer);
    }
    write_line_end(t, out);
}
