/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Replace a file's content whole or not at all.
 */
#ifndef DISTIL_TOOLS_CONVERT_FILE_REPLACE_H
#define DISTIL_TOOLS_CONVERT_FILE_REPLACE_H

#include <stddef.h>

#include "tools/convert/conv_error.h"

/*
 * Write size bytes aside in the directory of path, sync them, and rename over path, so that at
 * every moment path is the old file or the new one, also after a crash. A symbolic link keeps its
 * name and its target is replaced; anything else that is not a regular file is refused. SIGINT,
 * SIGTERM and SIGHUP wait until it is over. 0, or -1 with *error filled, the old file kept and
 * nothing left behind.
 */
int conv_file_replace(const char *path, const void *bytes, size_t size, conv_error *error);

#endif
