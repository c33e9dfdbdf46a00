/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writers of the table in cmd_manuals.h: --help for a terminal, the man page, the completion of
 * bash. What they write is in the order of the table.
 */
#ifndef DISTIL_TOOLS_CMD_HELP_H
#define DISTIL_TOOLS_CMD_HELP_H

#include <stddef.h>
#include <stdio.h>

#include "tools/command/cmd_manuals.h"

/* Write the usage of the program and the list of commands. */
void cmd_print_usage(FILE *out);

/* Write what `distil --help` shows: cmd_print_usage, examples, environment and exit statuses. */
void cmd_print_overview(FILE *out);

/* Write what `distil COMMAND --help` shows. */
void cmd_print_manual(FILE *out, const cmd_manual *manual);

/* Write the head of the man page as mdoc source: everything up to and including the section
 * COMMANDS. The rest of docs/distil.1 is written by hand. */
void cmd_print_mdoc(FILE *out);

/* Write the completion script of bash. */
void cmd_print_completion(FILE *out);

/* Print an error about a command that does not exist, with the most similar one that does. Returns
 * CMD_USAGE. */
int cmd_print_unknown(const char *name);

/*
 * Write the words of the first `size` bytes of text, separated by single spaces, on lines of at
 * most `width` columns. The first word begins at `column`, and later lines are indented by `indent`
 * columns. There is no line feed after the last word.
 */
void cmd_print_wrapped(FILE *out, const char *text, size_t size, size_t column, size_t indent,
                       size_t width);

/* Returns the length of the paragraph at *text and sets *text behind it, or returns 0 at the end of
 * the text. *verbatim becomes 1 if the lines of the paragraph are to be copied as they are. */
size_t cmd_next_paragraph(const char **text, int *verbatim);

#endif
