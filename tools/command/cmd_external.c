/* SPDX-License-Identifier: Apache-2.0 */
/* Finds and starts the programs that do the work of some subcommands; see cmd_external.h. */
#include "tools/command/cmd_external.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tools/command/cmd_util.h"
#include "tools/command/commands.h"

enum { PATH_BYTES = 4096 };

int cmd_run_external(char **argv, const char *make_target)
{
    static const char *const folders[] = {"", "build/"};
    char directory[PATH_BYTES], path[PATH_BYTES + 64];

    if (cmd_program_directory(directory, sizeof directory) != 0)
        directory[0] = '\0';
    for (size_t i = 0; i < sizeof folders / sizeof folders[0]; i++) {
        (void)snprintf(path, sizeof path, "%s/%sdistil-%s", directory, folders[i], argv[0]);
        if (access(path, X_OK) != 0)
            continue;
        (void)execv(path, argv);
        cmd_error("%s: %s", path, strerror(errno));
        return CMD_FAILED;
    }
    cmd_error("%s: there is no distil-%s in %s or %s/build", argv[0], argv[0], directory,
              directory);
    cmd_hint("`make %s` in the source tree builds it", make_target);
    return CMD_FAILED;
}
