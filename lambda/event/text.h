/* SPDX-License-Identifier: Apache-2.0 */
/* How much of a text is classified. */
#ifndef DISTIL_LAMBDA_TEXT_H
#define DISTIL_LAMBDA_TEXT_H

#include <stddef.h>

/* Bytes of the first max_chars code points of well-formed UTF-8: all of it if it has fewer. */
size_t text_prefix(const char *text, size_t bytes, size_t max_chars);

#endif
