/* SPDX-License-Identifier: Apache-2.0 */
/* Formatting the lines of the provenance section. */
#include "tools/convert/source_record.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>

#include "runtime/base/checksum.h"
#include "runtime/base/hex.h"

int conv_record_line(conv_record *record, conv_error *error, const char *name, const char *format,
                     ...)
{
    char value[512];
    va_list args;
    int length;

    va_start(args, format);
    length = vsnprintf(value, sizeof value, format, args);
    va_end(args);
    if (length < 0 || (size_t)length >= sizeof value)
        return conv_fail(error, "provenance: %s: expected at most %zu bytes", name, sizeof value);
    length = snprintf(record->text + record->bytes, sizeof record->text - record->bytes, "%s %s\n",
                      name, value);
    if (length < 0 || (size_t)length >= sizeof record->text - record->bytes)
        return conv_fail(error, "provenance: expected at most %d bytes; too many source files",
                         CONV_RECORD_BYTES);
    record->bytes += (size_t)length;
    return 0;
}

void conv_sha256_hex(char hex[65], const void *bytes, size_t size)
{
    unsigned char digest[32];
    distil_sha256 sha;

    distil_sha256_init(&sha);
    distil_sha256_update(&sha, bytes, size);
    distil_sha256_final(&sha, digest);
    hex_string(hex, digest, sizeof digest);
}

int conv_record_source(conv_record *record, const char *content, size_t bytes, const char *name,
                       conv_error *error)
{
    char hex[65];

    conv_sha256_hex(hex, content, bytes);
    return conv_record_line(record, error, "source", "%s %s", hex, name);
}
