/* SPDX-License-Identifier: Apache-2.0 */
/* A check of UTF-8 for texts of users and tokens of blobs. */
#ifndef DISTIL_TOOLS_CMD_UTF8_H
#define DISTIL_TOOLS_CMD_UTF8_H

#include <stddef.h>

/* Returns 1 if the bytes are well-formed UTF-8: no surrogates, no overlong forms, nothing above
 * U+10FFFF. */
int cmd_utf8_valid(const char *bytes, size_t size);

#endif
