/* SPDX-License-Identifier: Apache-2.0 */
/* Replace a file atomically. */
#ifndef DISTIL_TOOLS_CONVERT_FILE_REPLACE_H
#define DISTIL_TOOLS_CONVERT_FILE_REPLACE_H

#include <stddef.h>

#include "tools/convert/conv_error.h"

/*
 * Write size bytes to a temporary file in the directory of path, sync it and rename it to path. At
 * every moment, and after a crash too, path is the complete old file or the complete new one. If
 * path is a symbolic link, the file that it points to is replaced. Anything else but a regular file
 * is refused. SIGINT, SIGTERM and SIGHUP are blocked meanwhile. Returns 0; or -1 with *error
 * filled, in which case the old file is unchanged and no temporary file is left.
 */
int conv_file_replace(const char *path, const void *bytes, size_t size, conv_error *error);

#endif
