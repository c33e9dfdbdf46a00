/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tables as files: JSON Lines, CSV and TSV. Each record holds a text, and comes out again with the
 * answer to the text as further fields.
 *
 * A format is a row of `table_formats` in table.c: how a record ends, how a file begins, where the
 * text of a record is, and how a record is written. Everything is streaming: memory holds one
 * record, and a record is at most CMD_MAX_LINE_BYTES long. Fields that are kept come out with their
 * own bytes.
 *
 * A record that cannot be answered is bad. A bad record whose fields can be told apart keeps them.
 * A broken record cannot be taken apart (wrong quotes, a wrong number of fields, no JSON object),
 * so its fields come out empty and its bytes stand after the reason in the error field.
 */
#ifndef DISTIL_TOOLS_TABLE_H
#define DISTIL_TOOLS_TABLE_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "tools/command/cmd_input.h"

/* What the user wants. Strings live as long as the table. */
typedef struct table_options {
    const char *text_field;  /* the field that holds the text */
    const char *pair_field;  /* the field that holds the second text; NULL for single texts */
    const char *label_field; /* the names of the fields that are added */
    const char *score_field;
    const char *error_field; /* NULL if rows without an answer are not written */
    const char *keep;        /* "all", "none" or names with commas between them */
    const char *null_word; /* CSV and TSV: an unquoted field that is null; NULL if there is none */
    char delimiter;        /* CSV: the byte between fields */
    int escapes;           /* TSV: 1 if a backslash begins an escape, and \N is null */
    int strict;            /* 1 if a text that is not UTF-8 makes its record bad */
} table_options;

/* A field of a CSV or TSV record: the bytes between delimiters, with quotes and escapes. */
typedef struct table_field {
    const char *bytes;
    size_t size;
} table_field;

typedef struct table_format table_format;

typedef struct table {
    const table_format *format;
    table_options options;
    size_t file;   /* number of the file whose beginning has been read */
    int begun;     /* 1 if the beginning of the first file has been read */
    int bom, crlf; /* CSV and TSV: the first file has a byte order mark, ends lines with CRLF */
    table_field *fields; /* (field_capacity) the fields of one record */
    size_t field_capacity;
    size_t columns;     /* CSV and TSV: the number of fields of the header */
    size_t text_column; /* CSV and TSV: the index of the field that holds the text */
    size_t pair_column; /* that of the field that holds the second text, if there is one */
    char *kept;         /* (columns) 1 if the column is written to the output */
    size_t kept_count;
    char *header; /* CSV and TSV: the first file's header, as other files must have it */
    size_t header_size;
    char *scratch; /* a decoded text or name */
    size_t scratch_capacity;
    char no_text[160];  /* the reason of a record without a text */
    char no_pair[160];  /* the reason of a record without a second text */
    char no_kept[160];  /* the reason of a header without a field of --keep */
    char clash[3][160]; /* the reasons of records that have a field of an added one's name */
} table;

/* What a record is, in cmd_text.tag. */
typedef enum table_kind {
    TABLE_TEXT,  /* it has a text */
    TABLE_NULL,  /* its text is null, and so is its answer; cmd_text.refusal is not NULL */
    TABLE_BAD,   /* its fields are well-formed, but there is no text; refusal says why */
    TABLE_BROKEN /* its fields cannot be told apart; refusal says why */
} table_kind;

/* The answer to a record. label is NULL if there is none, and error is NULL if nothing failed. */
typedef struct table_answer {
    const char *label;
    float score;
    const char *error;
    int broken; /* 1 if the record is broken */
} table_answer;

struct table_format {
    const char *name;
    cmd_record_end *record_end;
    /* Reads the header from the first record of a file. Returns NULL, or why it is wrong. NULL if
     * the format has no header. */
    const char *(*read_header)(table *t, const char *row, size_t size);
    /* Writes the header of the output; NULL if the format has none. */
    void (*write_header)(table *t, FILE *out);
    /* Returns 1 if the record is a blank line, which is no row. */
    int (*is_blank)(const table *t, const char *row, size_t size);
    /* Finds the text or the pair of a record, and sets bytes, size, pair, pair_size, tag and
     * refusal of *text. */
    void (*read_row)(table *t, cmd_text *text, const char *row, size_t size);
    void (*write_row)(table *t, FILE *out, const char *row, size_t size, const table_answer *);
};

extern const table_format table_jsonl, table_csv, table_tsv;

/* Returns the format with this name, or NULL. */
const table_format *table_format_find(const char *name);

/* Begin a table. Ends with table_close. */
void table_open(table *t, const table_format *format, const table_options *options);
void table_close(table *t);

/* Make room for `size` bytes in t->scratch. Returns 0, or -1 if there is no memory. */
int table_reserve(table *t, size_t size);

/* Returns 1 if a field with this name comes out. */
int table_keeps(const table *t, const char *name, size_t size);

/* Returns the reason if a field with this name has the name of one that is added, else NULL. */
const char *table_clash(const table *t, const char *name, size_t size);

/* Return the next record of the input as a text with its row, in the way of cmd_input_next. A wrong
 * header is reported and sets input->failed: that of the first file ends the input, that of another
 * one leaves out this file. */
cmd_input_status table_next(table *t, cmd_input *input, cmd_text *text, int may_wait);

/* Write what stands before the first row. */
void table_write_header(table *t, FILE *out);

/* Write the row of a record with its answer. */
void table_write_row(table *t, FILE *out, const cmd_text *text, const table_answer *answer);

#endif
