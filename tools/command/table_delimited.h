/* SPDX-License-Identifier: Apache-2.0 */
/* What CSV and TSV share: a header with names of columns, and records with a field for each. The
 * two formats differ in how a field is written. */
#ifndef DISTIL_TOOLS_TABLE_DELIMITED_H
#define DISTIL_TOOLS_TABLE_DELIMITED_H

#include <stddef.h>
#include <stdio.h>

#include "tools/command/table.h"

typedef struct table_dialect {
    /* Splits a record into fields, stores the first `capacity` of them and returns their number.
     * Sets *broken to a reason if a field is not well-formed. */
    size_t (*split)(const table *t, table_field *fields, size_t capacity, const char *row,
                    size_t size, const char **broken);
    /* Returns 1 if a field is null. */
    int (*is_null)(const table *t, table_field field);
    /* Decodes a field to `out`, which has room for field.size bytes, and returns its length. */
    size_t (*decode)(const table *t, char *out, table_field field);
    /* Writes bytes as a field that reads back to them. */
    void (*write)(const table *t, FILE *out, const char *bytes, size_t size);
    char (*delimiter)(const table *t);
} table_dialect;

const char *table_delimited_read_header(table *t, const table_dialect *dialect, const char *row,
                                        size_t size);
void table_delimited_write_header(table *t, const table_dialect *dialect, FILE *out);
int table_delimited_is_blank(const table *t, const char *row, size_t size);
void table_delimited_read_row(table *t, const table_dialect *dialect, cmd_text *text,
                              const char *row, size_t size);
void table_delimited_write_row(table *t, const table_dialect *dialect, FILE *out, const char *row,
                               size_t size, const table_answer *answer);

#endif
