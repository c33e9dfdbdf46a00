/* SPDX-License-Identifier: Apache-2.0 */
/* Writers of pieces of answers; see cmd_output.h. */
#include "tools/command/cmd_output.h"

#include <errno.h>
#include <string.h>

#include "runtime/base/json.h"
#include "tools/command/cmd_message.h"

enum { CHUNK = 64 };

/* The number of leading bytes to quote next: at most CHUNK, and no UTF-8 character is divided. A
 * character has at most three continuation bytes, so where four of them follow each other, the last
 * one belongs to no character and the division before it is safe. */
static size_t chunk_bytes(const char *bytes, size_t size)
{
    if (size <= CHUNK)
        return size;
    for (size_t n = CHUNK; n > CHUNK - 4; n--)
        if (((unsigned char)bytes[n] & 0xc0) != 0x80)
            return n;
    return CHUNK;
}

void cmd_json_string(FILE *out, const char *bytes, size_t size)
{
    char quoted[6 * CHUNK + 2]; /* Each byte is escaped to six at most. */

    (void)putc('"', out);
    while (size > 0) {
        size_t n = chunk_bytes(bytes, size);
        size_t length = json_quote(quoted, sizeof quoted, bytes, n);

        (void)fwrite(quoted + 1, 1, length - 2, out);
        bytes += n;
        size -= n;
    }
    (void)putc('"', out);
}

void cmd_json_float(FILE *out, float value)
{
    (void)fprintf(out, "%.9g", (double)value);
}

void cmd_write_escaped(FILE *out, const char *bytes, size_t size)
{
    size_t written = 0; /* the first bytes of the text that are already in `out` */

    for (size_t i = 0; i < size; i++) {
        unsigned char c = (unsigned char)bytes[i];

        if (c >= 0x20 && c != 0x7f && c != '\\')
            continue;
        (void)fwrite(bytes + written, 1, i - written, out);
        written = i + 1;
        if (c == '\\')
            (void)fputs("\\\\", out);
        else if (c == '\t')
            (void)fputs("\\t", out);
        else if (c == '\n')
            (void)fputs("\\n", out);
        else if (c == '\r')
            (void)fputs("\\r", out);
        else
            (void)fprintf(out, "\\x%02x", (unsigned)c);
    }
    if (written < size)
        (void)fwrite(bytes + written, 1, size - written, out);
}

int cmd_flush(FILE *out)
{
    int failed = ferror(out); /* an earlier write failed, and errno still holds its cause */

    if (!failed)
        errno = 0;
    if (fflush(out) == 0 && !failed)
        return 0;
    if (errno == EPIPE) /* the reader is gone, as after `distil classify ... | head` */
        return -1;
    if (errno != 0)
        cmd_error("cannot write standard output: %s", strerror(errno));
    else
        cmd_error("cannot write standard output");
    return -1;
}
