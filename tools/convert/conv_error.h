/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How a step of the conversion says why it refused: one line for a person, naming the file, the
 * tensor or field, what was expected, what was found and, where there is one, the remedy.
 */
#ifndef DISTIL_TOOLS_CONVERT_CONV_ERROR_H
#define DISTIL_TOOLS_CONVERT_CONV_ERROR_H

typedef struct conv_error {
    char message[512]; /* NUL-terminated, without a line end; empty where nothing failed */
} conv_error;

/* Set the message, cut to its room; error may be NULL. Returns -1, so that a refusal reads
 * `return conv_fail(error, "...");`. */
int conv_fail(conv_error *error, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
