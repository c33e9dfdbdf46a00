/* SPDX-License-Identifier: Apache-2.0 */
/* What the commands of distil-bench share; command.h describes it. */
#include "bench/harness/command.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int complain(const char *what, const char *value)
{
    fprintf(stderr, "distil bench: %s%s%s\n", what, value ? ": " : "", value ? value : "");
    return USAGE;
}

int complain_of_usage(const char *what, const char *value)
{
    complain(what, value);
    fputs("        `distil bench --help` lists what there is\n", stderr);
    return USAGE;
}

void own_directory(char out[PATH_BYTES])
{
    ssize_t n = readlink("/proc/self/exe", out, PATH_BYTES - 1);

    out[n > 0 ? n : 0] = '\0';
    if (strrchr(out, '/'))
        *strrchr(out, '/') = '\0';
}

char *find_file(const char *directory, const char *name)
{
    char path[PATH_BYTES + 64];

    snprintf(path, sizeof path, "%s/%s", directory, name);
    return access(path, R_OK) == 0 ? strdup(path) : NULL;
}

int output_open(output *out, const char *path)
{
    *out = (output){.path = path};
    if (!path)
        return 0;
    if ((size_t)snprintf(out->aside, sizeof out->aside, "%s.tmp", path) >= sizeof out->aside)
        return complain("-o: the path is too long", path);
    out->file = fopen(out->aside, "w");
    return out->file ? 0 : complain(path, strerror(errno));
}

void output_drop(output *out)
{
    if (out->file) {
        fclose(out->file);
        unlink(out->aside);
    }
}

int output_finish(output *out)
{
    int failed;

    if (!out->file)
        return 0;
    failed = fflush(out->file) != 0 || fsync(fileno(out->file)) != 0;
    if ((fclose(out->file) != 0) | failed || rename(out->aside, out->path) != 0) {
        complain(out->path, strerror(errno));
        unlink(out->aside);
        return USAGE;
    }
    return 0;
}
