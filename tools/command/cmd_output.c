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

/* Fills `escape` with what stands for a byte in escaped text, and returns its length, or 0 if the
 * byte stands for itself. */
static size_t escape_byte(char escape[8], unsigned char c, char also)
{
    static const char names[] = "\\\\t\tn\nr\r"; /* pairs: the letter, the byte */

    if (c >= 0x20 && c != 0x7f && c != '\\' && c != (unsigned char)also)
        return 0;
    for (size_t i = 0; i + 1 < sizeof names; i += 2)
        if (c == (unsigned char)names[i + 1])
            return (size_t)snprintf(escape, 8, "\\%c", names[i]);
    return (size_t)snprintf(escape, 8, "\\x%02x", (unsigned)c);
}

/* Write escaped text, in which the character `also` is escaped too, and return the number of bytes
 * written. With out NULL the bytes are only counted. */
static size_t write_escaped(FILE *out, const char *bytes, size_t size, char also)
{
    size_t from = 0, total = 0; /* the bytes before `from` are in `out` */
    char escape[8];

    for (size_t i = 0; i < size; i++) {
        size_t length = escape_byte(escape, (unsigned char)bytes[i], also);

        if (length == 0)
            continue;
        if (out != NULL) {
            (void)fwrite(bytes + from, 1, i - from, out);
            (void)fwrite(escape, 1, length, out);
        }
        total += i - from + length;
        from = i + 1;
    }
    if (out != NULL && from < size)
        (void)fwrite(bytes + from, 1, size - from, out);
    return total + size - from;
}

void cmd_write_escaped(FILE *out, const char *bytes, size_t size)
{
    (void)write_escaped(out, bytes, size, '\\');
}

void cmd_write_list_item(FILE *out, const char *bytes, size_t size)
{
    (void)write_escaped(out, bytes, size, ',');
}

size_t cmd_write_right(FILE *out, const char *bytes, size_t size, size_t width)
{
    size_t length = write_escaped(NULL, bytes, size, '\\');

    if (out == NULL)
        return length;
    for (size_t i = length; i < width; i++)
        (void)putc(' ', out);
    return write_escaped(out, bytes, size, '\\');
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
