/* SPDX-License-Identifier: Apache-2.0 */
/* Parsers of numbers; see cmd_number.h. */
#include "tools/command/cmd_number.h"

#include <stdlib.h>

int cmd_parse_count(size_t *value, const char *text, size_t min, size_t max)
{
    size_t n = 0;

    if (text[0] == '\0')
        return -1;
    for (const char *p = text; *p != '\0'; p++) {
        size_t digit = (size_t)(unsigned char)*p - '0';

        if (digit > 9 || n > (max - digit) / 10)
            return -1;
        n = n * 10 + digit;
    }
    if (n < min || n > max)
        return -1;
    *value = n;
    return 0;
}

int cmd_parse_share(double *value, const char *text)
{
    char *end;
    double share = strtod(text, &end);

    /* The first character must be a digit, because strtod also reads spaces, signs, "inf". */
    if (text[0] < '0' || text[0] > '9' || *end != '\0' || share < 0 || share > 1)
        return -1;
    *value = share;
    return 0;
}
