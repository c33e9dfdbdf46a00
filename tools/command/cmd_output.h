/* SPDX-License-Identifier: Apache-2.0 */
/* Pieces of the answers that commands write: JSON values, escaped text, the end of the output. */
#ifndef DISTIL_TOOLS_CMD_OUTPUT_H
#define DISTIL_TOOLS_CMD_OUTPUT_H

#include <stddef.h>
#include <stdio.h>

/* Write a JSON string with its quotes. Each ill-formed sequence of UTF-8 becomes U+FFFD. */
void cmd_json_string(FILE *out, const char *bytes, size_t size);

/* Write a finite float as a JSON number with nine significant digits, which are enough to read the
 * same float back. */
void cmd_json_float(FILE *out, float value);

/* Write text so that it stays on one line and in one column of tab-separated values: backslash,
 * tab, line feed and carriage return become two characters (such as \t), other control characters
 * become \xNN, and everything else is copied. */
void cmd_write_escaped(FILE *out, const char *bytes, size_t size);

/* Write text as cmd_write_escaped does, for a list whose items have ", " between them: a comma
 * becomes \x2c. */
void cmd_write_list_item(FILE *out, const char *bytes, size_t size);

/* Write text as cmd_write_escaped does, to the right of spaces that fill `width` columns where it
 * has fewer bytes. Returns the number of bytes of the escaped text; with out NULL it writes
 * nothing. */
size_t cmd_write_right(FILE *out, const char *bytes, size_t size, size_t width);

/*
 * Flush `out` and report a write that failed, now or earlier, such as one on a full disk. A reader
 * that closed its end of a pipe is not reported. Call this directly after writing, while errno
 * still holds the cause. Returns 0, or -1 if a write failed.
 */
int cmd_flush(FILE *out);

#endif
