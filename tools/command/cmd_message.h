/* SPDX-License-Identifier: Apache-2.0 */
/* Messages of the command for people, on standard error. */
#ifndef DISTIL_TOOLS_CMD_MESSAGE_H
#define DISTIL_TOOLS_CMD_MESSAGE_H

/*
 * Write "distil: ", the message and a line feed in a single write, so that the lines of programs
 * that share a terminal do not mix. A message longer than 4 KiB is cut.
 */
void cmd_error(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Write a line that says what the user can do about the error above it. Eight spaces at its
 * beginning put it below the text of the error. */
void cmd_hint(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Report a mistake on the command line of `distil COMMAND`, and where its help is. Returns
 * CMD_USAGE, so that a caller can return the value at once. */
int cmd_usage_error(const char *command, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
