/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Error messages of the converter. A message is one line for a person. It names the file and the
 * tensor or field, what was expected and what was found, and a remedy if there is one.
 */
#ifndef DISTIL_TOOLS_CONVERT_CONV_ERROR_H
#define DISTIL_TOOLS_CONVERT_CONV_ERROR_H

typedef struct conv_error {
    char message[512]; /* NUL-terminated, without a line end; empty if nothing failed */
} conv_error;

/* Set the message, which is cut if it is too long. error may be NULL. Returns -1, so that a
 * function can end with `return conv_fail(error, "...");`. */
int conv_fail(conv_error *error, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
