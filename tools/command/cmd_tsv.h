/* SPDX-License-Identifier: Apache-2.0 */
/* Fields of a line of tab-separated values: no quoting, no escapes. */
#ifndef DISTIL_TOOLS_CMD_TSV_H
#define DISTIL_TOOLS_CMD_TSV_H

#include <stddef.h>

typedef struct cmd_field {
    const char *bytes; /* not NUL-terminated */
    size_t size;
} cmd_field;

/* Cut a line into fields: returns how many it has and sets the first min(number, capacity). A CR
 * before the line's end is no part of the last one. */
size_t cmd_tsv_split(cmd_field *fields, size_t capacity, const char *line, size_t size);

/* 1 if the field is this name, letters compared without case. */
int cmd_tsv_is(cmd_field field, const char *name);

/* 0 and *value set, or -1 with it untouched: not a decimal number up to max. */
int cmd_tsv_count(size_t *value, cmd_field field, size_t max);

/* The same for a finite floating-point number. */
int cmd_tsv_float(float *value, cmd_field field);

#endif
