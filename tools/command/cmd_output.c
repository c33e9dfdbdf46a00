/* SPDX-License-Identifier: Apache-2.0 */
/* Writers of pieces of answers; see cmd_output.h. */
#include "tools/command/cmd_output.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/json.h"
#include "tools/command/cmd_message.h"

void cmd_json_string(FILE *out, const char *bytes, size_t size)
{
    char quoted[6 * 64 + 2];

    /* Label names and paths are short and fit on the stack, each byte escaped to at most six. */
    if (size <= 64) {
        (void)fwrite(quoted, 1, json_quote(quoted, sizeof quoted, bytes, size), out);
    } else {
        size_t length = json_quote(NULL, 0, bytes, size);
        char *copy = malloc(length);

        if (copy == NULL) {
            (void)fputs("\"\"", out);
            return;
        }
        (void)json_quote(copy, length, bytes, size);
        (void)fwrite(copy, 1, length, out);
        free(copy);
    }
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
