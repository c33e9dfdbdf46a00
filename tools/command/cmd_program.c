/* SPDX-License-Identifier: Apache-2.0 */
/* Finds and starts the programs that lie beside distil; see cmd_program.h. */
#include "tools/command/cmd_program.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tools/command/cmd_message.h"
#include "tools/command/commands.h"

enum { PATH_BYTES = 4096 };

int cmd_program_directory(char *out, size_t capacity)
{
    ssize_t n = readlink("/proc/self/exe", out, capacity);
    char *slash;

    if (n <= 0 || (size_t)n >= capacity)
        return -1;
    out[n] = '\0';
    slash = strrchr(out, '/');
    if (slash == NULL)
        return -1;
    *slash = '\0';
    return 0;
}

int cmd_program_run(char **argv, const char *make_target)
{
    static const char *const folders[] = {"", "build/"};
    char directory[PATH_BYTES], path[PATH_BYTES + 64];

    if (cmd_program_directory(directory, sizeof directory) != 0)
        (void)snprintf(directory, sizeof directory, ".");
    for (size_t i = 0; i < sizeof folders / sizeof folders[0]; i++) {
        (void)snprintf(path, sizeof path, "%s/%sdistil-%s", directory, folders[i], argv[0]);
        if (access(path, X_OK) != 0)
            continue;
        (void)execv(path, argv);
        cmd_error("%s: %s", path, strerror(errno));
        return CMD_FAILED;
    }
    cmd_error("%s: no distil-%s in %s/ or %s/build", argv[0], argv[0], directory, directory);
    cmd_hint("`make %s` in the source tree builds it", make_target);
    return CMD_FAILED;
}
