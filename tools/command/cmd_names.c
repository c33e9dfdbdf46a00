/* SPDX-License-Identifier: Apache-2.0 */
/* Comparison of names of files, see cmd_names.h. */
#include "tools/command/cmd_names.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tools/command/cmd_message.h"
#include "tools/command/commands.h"

static int is_same(const struct stat *a, const struct stat *b)
{
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

/* Returns 1 if the file of this name, or standard input if it is "-", is the file `other`. */
static int is_file(const char *name, const struct stat *other)
{
    struct stat info;
    int failed = strcmp(name, "-") == 0 ? fstat(STDIN_FILENO, &info) : stat(name, &info);

    return failed == 0 && is_same(&info, other);
}

int cmd_names_check_output(const cmd_options *options)
{
    const char *found = NULL;
    struct stat output;

    if (options->output == NULL || stat(options->output, &output) != 0)
        return CMD_OK;
    for (size_t i = 0; i < options->file_count; i++)
        if (is_file(options->files[i], &output))
            found = options->files[i];
    if (options->file_count == 0 && options->word_count == 0 && is_file("-", &output))
        found = "standard input";
    if (options->model != NULL && is_file(options->model, &output))
        found = options->model;
    if (found == NULL)
        return CMD_OK;
    return cmd_usage_error("classify",
                           "-o %s: the answers would replace the input %s: name another file",
                           options->output, found);
}

/* The format of a table whose files usually have names like this one, or NULL. */
static const char *format_of(const char *name)
{
    static const char *const formats[] = {"csv", "tsv", "jsonl"};
    const char *dot = strrchr(name, '.');

    for (size_t i = 0; dot != NULL && i < sizeof formats / sizeof *formats; i++)
        if (strcmp(dot + 1, formats[i]) == 0)
            return formats[i];
    return NULL;
}

void cmd_names_hint(const cmd_options *options)
{
    struct stat info;

    if (options->word_count == 1 && stat(options->words[0], &info) == 0 && S_ISREG(info.st_mode))
        cmd_error("%s: is classified as a text; -f %s reads the file", options->words[0],
                  options->words[0]);
    for (size_t i = 0; options->table.input == NULL && i < options->file_count; i++) {
        const char *format = format_of(options->files[i]);

        if (format != NULL)
            cmd_error("%s: each line is classified as a text; --input %s reads a table, --input "
                      "lines asks for lines",
                      options->files[i], format);
    }
}
