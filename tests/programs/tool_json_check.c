/* SPDX-License-Identifier: Apache-2.0 */
/* json_check FILE...: check that each file is a JSON document, with the reader that also reads the
 * function's events. The exit status is 0 if all are, 1 with a line on standard error for each that
 * is not, and 2 if a file cannot be read. */
#include <stdio.h>
#include <stdlib.h>

#include "runtime/base/json.h"
#include "tests/support/harness.h"

int main(int argc, char **argv)
{
    int status = argc > 1 ? 0 : 2;

    if (argc < 2)
        fputs("usage: json_check FILE...\n", stderr);
    for (int i = 1; i < argc; i++) {
        size_t bytes;
        char *text = harness_read_file(argv[i], &bytes);
        json_value root;
        json_error error;

        if (!text) {
            perror(argv[i]);
            return 2;
        }
        if (json_parse(&root, text, bytes, &error) != 0) {
            fprintf(stderr, "%s: byte %zu: %s\n", argv[i], error.offset, error.what);
            status = 1;
        }
        free(text);
    }
    return status;
}
