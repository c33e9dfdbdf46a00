/* SPDX-License-Identifier: Apache-2.0 */
/*
 * distil bench: hands over to the program distil-bench, which `make bench-tools` builds. Measuring
 * code stays out of the command that users run.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tools/command/cmd_util.h"
#include "tools/command/commands.h"

enum { PATH_BYTES = 4096 };

/* Beside this program, or in the build directory under it. */
static const char *const places[] = {"distil-bench", "build/distil-bench"};

int cmd_bench(int argc, char **argv)
{
    char path[PATH_BYTES + 32];
    ssize_t n = readlink("/proc/self/exe", path, PATH_BYTES - 1);
    size_t directory;

    (void)argc;
    path[n > 0 ? n : 0] = '\0';
    directory = strrchr(path, '/') ? (size_t)(strrchr(path, '/') + 1 - path) : 0;
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        (void)snprintf(path + directory, sizeof path - directory, "%s", places[i]);
        if (access(path, X_OK) != 0)
            continue;
        (void)execv(path, argv);
        cmd_error("%s: %s", path, strerror(errno));
        return CMD_FAILED;
    }
    path[directory] = '\0';
    cmd_error("bench: no distil-bench in %s or %sbuild", path, path);
    cmd_hint("`make bench-tools` in the source tree builds it");
    return CMD_FAILED;
}
