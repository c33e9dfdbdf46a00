/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the function says, for eyes or for programs: its log lines and metrics, its answers.
 *
 * Pretty: a log line becomes time, level, message and fields; a line of metrics a line for each
 * metric; an answer indented JSON. Raw: every line as the function wrote it, on the same stream.
 * Notices of this program go to standard error.
 */
#ifndef DISTIL_TOOLS_SERVE_SHOW_H
#define DISTIL_TOOLS_SERVE_SHOW_H

#include <stddef.h>

void serve_show_line(int raw, const char *line, size_t size, int from_stderr);

/* "RESPONSE" or "ERROR" and the document, indented where it is JSON; raw: the document alone. */
void serve_show_answer(int raw, const char *what, const char *text, size_t size);

/* "serve: " and the message. */
void serve_show_notice(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
