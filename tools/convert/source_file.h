/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A file that the conversion reads: opened once, measured once, read by position, hashed for the
 * provenance record.
 */
#ifndef DISTIL_TOOLS_CONVERT_SOURCE_FILE_H
#define DISTIL_TOOLS_CONVERT_SOURCE_FILE_H

#include <stddef.h>
#include <stdint.h>

#include "tools/convert/conv_error.h"

typedef struct conv_source {
    char *path; /* as messages name it */
    int fd;
    uint64_t bytes; /* size when opened */
} conv_source;

/* directory "/" name, or name alone where directory is NULL; malloc'd, NULL without memory. */
char *conv_join_path(const char *directory, const char *name);

/* 1 if something is there under this name. */
int conv_source_exists(const char *directory, const char *name);

/* Open a regular file; directory as for conv_join_path. 0, or -1 with *error filled. */
int conv_source_open(conv_source *source, const char *directory, const char *name,
                     conv_error *error);
void conv_source_close(conv_source *source);

/* Read exactly [offset, offset + bytes); a file that has become shorter is an error. */
int conv_source_read(const conv_source *source, uint64_t offset, void *out, size_t bytes,
                     conv_error *error);

/* The whole file in malloc'd memory with a NUL after it; refused above limit bytes. */
char *conv_source_read_all(const conv_source *source, size_t limit, conv_error *error);

/* SHA-256 of the whole file as 64 hexadecimal digits and a NUL. */
int conv_source_sha256(const conv_source *source, char hex[65], conv_error *error);

#endif
