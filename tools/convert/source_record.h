/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a blob was made from: the text of its provenance section (docs/blob-format.md, 4.1), grown
 * as files are read.
 */
#ifndef DISTIL_TOOLS_CONVERT_SOURCE_RECORD_H
#define DISTIL_TOOLS_CONVERT_SOURCE_RECORD_H

#include <stddef.h>

#include "tools/convert/conv_error.h"

enum { CONV_RECORD_BYTES = 65536 };

/* Zero-initialise. */
typedef struct conv_record {
    char text[CONV_RECORD_BYTES + 1];
    size_t bytes;
} conv_record;

/* "name value", a line. 0, or -1 with *error filled where the record is full. */
int conv_record_line(conv_record *record, conv_error *error, const char *name, const char *format,
                     ...) __attribute__((format(printf, 4, 5)));

/* "source SHA-256 name" of a file's content. */
int conv_record_source(conv_record *record, const char *content, size_t bytes, const char *name,
                       conv_error *error);

/* SHA-256 as 64 hexadecimal digits and a NUL. */
void conv_sha256_hex(char hex[65], const void *bytes, size_t size);

#endif
