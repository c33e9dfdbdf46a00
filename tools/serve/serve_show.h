/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Shows log lines, metrics and responses of the function.
 *
 * With raw = 0 they are formatted for people: a log line as time, level, message and fields; a line
 * of metrics as one line for each metric; a response as indented JSON. With raw = 1 they are copied
 * for programs, to the stream that the function wrote to.
 */
#ifndef DISTIL_TOOLS_SERVE_SHOW_H
#define DISTIL_TOOLS_SERVE_SHOW_H

#include <stddef.h>

/* Show a line that the function wrote to standard output or standard error. */
void serve_show_line(int raw, const char *line, size_t size, int from_stderr);

/* Show a response or an error document under the heading `what`, "RESPONSE" or "ERROR". With raw =
 * 1 there is no heading. */
void serve_show_answer(int raw, const char *what, const char *text, size_t size);

/* Write "serve: " and a message of this program to standard error. */
void serve_show_notice(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
