/* SPDX-License-Identifier: Apache-2.0 */
/* Parse numbers that a user wrote on the command line or in a file. */
#ifndef DISTIL_TOOLS_CMD_NUMBER_H
#define DISTIL_TOOLS_CMD_NUMBER_H

#include <stddef.h>

/* Parse a whole number of decimal digits from min to max; signs, spaces and other notations are
 * errors. Returns 0, or -1 with *value unchanged. */
int cmd_parse_count(size_t *value, const char *text, size_t min, size_t max);

/* Parse a decimal number from 0 to 1, such as 0.01. Returns 0, or -1 with *value unchanged. */
int cmd_parse_share(double *value, const char *text);

#endif
