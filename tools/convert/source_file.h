/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A file that the conversion reads. It is opened once and read by position, so all reads and the
 * hash are of the same file even if another takes its name meanwhile.
 */
#ifndef DISTIL_TOOLS_CONVERT_SOURCE_FILE_H
#define DISTIL_TOOLS_CONVERT_SOURCE_FILE_H

#include <stddef.h>
#include <stdint.h>

#include "tools/convert/conv_error.h"

typedef struct conv_source {
    char *path; /* the file's path, for messages */
    int fd;
    uint64_t bytes; /* size at the time of opening */
} conv_source;

/* Return "directory/name", or "name" if directory is NULL, in malloc'd memory; NULL without
 * memory. */
char *conv_join_path(const char *directory, const char *name);

/* 1 if a file of any kind has this name. */
int conv_source_exists(const char *directory, const char *name);

/* Open a regular file; directory may be NULL, as in conv_join_path. Returns 0, or -1 with *error
 * filled. */
int conv_source_open(conv_source *source, const char *directory, const char *name,
                     conv_error *error);
void conv_source_close(conv_source *source);

/* Read exactly `bytes` bytes from `offset` on. Returns 0; or -1 with *error filled, also if the
 * file has become shorter. */
int conv_source_read(const conv_source *source, uint64_t offset, void *out, size_t bytes,
                     conv_error *error);

/* Read the whole file, at most limit bytes, into malloc'd memory and append a NUL. Returns NULL
 * with *error filled if it cannot. */
char *conv_source_read_all(const conv_source *source, size_t limit, conv_error *error);

/* Write the SHA-256 of the whole file as 64 hexadecimal digits and a NUL. Returns 0, or -1 with
 * *error filled. */
int conv_source_sha256(const conv_source *source, char hex[65], conv_error *error);

#endif
