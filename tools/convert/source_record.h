/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The text of a blob's provenance section (docs/blob-format.md, 4.1). The conversion appends a line
 * for each file that it reads, and lines about its own version and options.
 */
#ifndef DISTIL_TOOLS_CONVERT_SOURCE_RECORD_H
#define DISTIL_TOOLS_CONVERT_SOURCE_RECORD_H

#include <stddef.h>

#include "tools/convert/conv_error.h"

enum { CONV_RECORD_BYTES = 65536 };

/* A zeroed structure is an empty text. */
typedef struct conv_record {
    char text[CONV_RECORD_BYTES + 1];
    size_t bytes;
} conv_record;

/* Append the line "name value". Returns 0, or -1 with *error filled if the record is full. */
int conv_record_line(conv_record *record, conv_error *error, const char *name, const char *format,
                     ...) __attribute__((format(printf, 4, 5)));

/* Append the line "source SHA-256 name" for a file with this content. Returns as
 * conv_record_line. */
int conv_record_source(conv_record *record, const char *content, size_t bytes, const char *name,
                       conv_error *error);

/* Write the SHA-256 of bytes as 64 hexadecimal digits and a NUL. */
void conv_sha256_hex(char hex[65], const void *bytes, size_t size);

#endif
