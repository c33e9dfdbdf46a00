/* SPDX-License-Identifier: Apache-2.0 */
/* Splitting and parsing of fields; see cmd_tsv.h. */
#include "tools/command/cmd_tsv.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "runtime/base/strict_float.h"
#include "tools/command/cmd_number.h"

size_t cmd_tsv_split(cmd_field *fields, size_t capacity, const char *line, size_t size)
{
    const char *end = line + size;
    size_t n = 0;

    if (size > 0 && end[-1] == '\r')
        end--;
    for (;;) {
        const char *tab = line < end ? memchr(line, '\t', (size_t)(end - line)) : NULL;
        const char *stop = tab != NULL ? tab : end;

        if (n < capacity)
            fields[n] = (cmd_field){line, (size_t)(stop - line)};
        n++;
        if (tab == NULL)
            return n;
        line = tab + 1;
    }
}

int cmd_tsv_is(cmd_field field, const char *name)
{
    return strlen(name) == field.size && strncasecmp(field.bytes, name, field.size) == 0;
}

/* Copy a field and append the NUL that parsers of numbers need. Returns -1 if the field cannot be a
 * number: it is empty, has 64 bytes or more, or contains a NUL. */
static int copy_field(char out[64], cmd_field field)
{
    if (field.size == 0 || field.size >= 64 || memchr(field.bytes, '\0', field.size) != NULL)
        return -1;
    memcpy(out, field.bytes, field.size);
    out[field.size] = '\0';
    return 0;
}

int cmd_tsv_count(size_t *value, cmd_field field, size_t max)
{
    char text[64];

    return copy_field(text, field) != 0 ? -1 : cmd_parse_count(value, text, 0, max);
}

int cmd_tsv_float(float *value, cmd_field field)
{
    char text[64];
    char *end;
    float number;

    if (copy_field(text, field) != 0)
        return -1;
    number = strtof(text, &end);
    if (*end != '\0' || !isfinite(number))
        return -1;
    *value = number;
    return 0;
}
