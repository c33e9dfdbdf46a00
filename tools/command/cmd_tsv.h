/* SPDX-License-Identifier: Apache-2.0 */
/* Fields of a line of tab-separated values. There is no quoting and no escaping. */
#ifndef DISTIL_TOOLS_CMD_TSV_H
#define DISTIL_TOOLS_CMD_TSV_H

#include <stddef.h>

typedef struct cmd_field {
    const char *bytes; /* within the line, without a NUL at the end */
    size_t size;
} cmd_field;

/* Split a line into fields, and return their number. At most `capacity` fields are stored, however
 * many there are. A carriage return at the end of the line is not part of the last field. */
size_t cmd_tsv_split(cmd_field *fields, size_t capacity, const char *line, size_t size);

/* Returns 1 if the field is this name; upper and lower case are equal. */
int cmd_tsv_is(cmd_field field, const char *name);

/* Parse a field as a decimal number from 0 to max. Returns 0, or -1 with *value unchanged. */
int cmd_tsv_count(size_t *value, cmd_field field, size_t max);

/* Parse a field as a finite float. Returns 0, or -1 with *value unchanged. */
int cmd_tsv_float(float *value, cmd_field field);

#endif
