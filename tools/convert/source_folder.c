/* SPDX-License-Identifier: Apache-2.0 */
/* Recognising what somebody gave instead of a checkpoint's folder, from the names of files. */
#include "tools/convert/source_folder.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "model/format.h"
#include "tools/convert/source_file.h"

enum { MAX_REVISION = 128 };

/* ---- what was given instead ----------------------------------------------------------------- */

/* Returns nonzero if a text has the form of a model's name on the Hub: one or two words of letters,
 * digits and -_. with a slash between them. */
static int is_hub_name(const char *text)
{
    size_t slashes = 0;

    if (text[0] == '.' || text[0] == '/' || text[0] == '\0')
        return 0;
    for (const char *p = text; *p; p++) {
        unsigned char c = (unsigned char)*p;
        int letter = ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') || (c >= '0' && c <= '9');

        slashes += c == '/';
        if (!letter && !strchr("-_./", c))
            return 0;
    }
    return slashes < 2 && text[strlen(text) - 1] != '/';
}

static int refuse_missing(const char *directory, int reason, conv_error *error)
{
    if (reason == ENOENT && is_hub_name(directory))
        return conv_fail(error,
                         "%s: no such folder. If it is the name of a model on the Hugging Face "
                         "Hub, download it first: hf download %s --local-dir model",
                         directory, directory);
    return conv_fail(error, "%s: cannot open the folder: %s", directory, strerror(reason));
}

static int refuse_file(const char *path, conv_error *error)
{
    const char *slash = strrchr(path, '/');
    size_t bytes = slash == path ? 1 : slash ? (size_t)(slash - path) : 0;

    return conv_fail(error,
                     "%s: expected the folder of a model, found a file: give its folder, %.*s",
                     path, bytes ? (int)bytes : 1, bytes ? path : ".");
}

/* Find the subfolder "checkpoint-N" with the greatest N. Returns it, or 0 if there is none. */
static unsigned long last_checkpoint(const char *directory)
{
    static const char prefix[] = "checkpoint-";
    DIR *dir = opendir(directory);
    unsigned long last = 0;
    struct dirent *entry;

    if (!dir)
        return 0;
    while ((entry = readdir(dir)) != NULL) {
        const char *digits = entry->d_name + sizeof prefix - 1;
        char *end;
        unsigned long number;

        if (strncmp(entry->d_name, prefix, sizeof prefix - 1) != 0)
            continue;
        number = strtoul(digits, &end, 10);
        if (end != digits && *end == '\0' && number > last)
            last = number;
    }
    closedir(dir);
    return last;
}

/* Read the commit that the cache of the Hub has as the branch main. Returns 0 if it has none. */
static int read_main_revision(const char *directory, char revision[MAX_REVISION])
{
    char *path = conv_join_path(directory, "refs/main");
    FILE *file = path ? fopen(path, "rb") : NULL;
    size_t bytes = file ? fread(revision, 1, MAX_REVISION - 1, file) : 0;

    if (file)
        (void)fclose(file);
    free(path);
    revision[bytes] = '\0';
    revision[strcspn(revision, "\r\n")] = '\0';
    return revision[0] != '\0' && !strchr(revision, '/');
}

/* Set the error for a folder without a config.json. */
static int refuse_folder(const char *directory, conv_error *error)
{
    unsigned long checkpoint = last_checkpoint(directory);
    char revision[MAX_REVISION];

    if (checkpoint > 0)
        return conv_fail(error,
                         "%s: expected a folder with a config.json, found checkpoints of a "
                         "Trainer: give one of them, such as %s/checkpoint-%lu",
                         directory, directory, checkpoint);
    if (conv_source_exists(directory, "snapshots") && conv_source_exists(directory, "blobs"))
        return conv_fail(error,
                         "%s: expected a folder with a config.json, found a model's cache of the "
                         "Hugging Face Hub: give the snapshot in it, %s/snapshots/%s",
                         directory, directory,
                         read_main_revision(directory, revision) ? revision : "REVISION");
    if (conv_source_exists(directory, "adapter_config.json"))
        return conv_fail(error,
                         "%s: expected a folder with a config.json, found only "
                         "adapter_config.json, a PEFT adapter without its model. Merge it first, "
                         "in Python: AutoPeftModelForSequenceClassification.from_pretrained(dir)"
                         ".merge_and_unload().save_pretrained(out)",
                         directory);
    return conv_fail(error,
                     "%s: expected a Hugging Face folder with a config.json, found none: give "
                     "the folder that save_pretrained wrote",
                     directory);
}

int conv_folder_check(const char *directory, conv_error *error)
{
    struct stat status;

    if (stat(directory, &status))
        return refuse_missing(directory, errno, error);
    if (!S_ISDIR(status.st_mode))
        return refuse_file(directory, error);
    return conv_source_exists(directory, "config.json") ? 0 : refuse_folder(directory, error);
}

/* ---- output --------------------------------------------------------------------------------- */

static int is_same_file(const char *path, const struct stat *other)
{
    struct stat status;

    return stat(path, &status) == 0 && status.st_dev == other->st_dev &&
           status.st_ino == other->st_ino;
}

static int is_blob(const char *path)
{
    char magic[DISTIL_BLOB_MAGIC_BYTES];
    FILE *file = fopen(path, "rb");
    size_t bytes = file ? fread(magic, 1, sizeof magic, file) : 0;

    if (file)
        (void)fclose(file);
    return bytes == sizeof magic && memcmp(magic, DISTIL_BLOB_MAGIC, sizeof magic) == 0;
}

int conv_output_check(const char *directory, const char *output, const char *calibrate,
                      conv_error *error)
{
    struct stat status;
    struct dirent *entry;
    DIR *dir;
    int failed = 0;

    if (stat(output, &status) || !S_ISREG(status.st_mode))
        return 0;
    if (calibrate && is_same_file(calibrate, &status))
        return conv_fail(
            error, "%s: expected another file as output, found the texts of --calibrate", output);
    dir = opendir(directory);
    while (dir && !failed && (entry = readdir(dir)) != NULL) {
        char *path = conv_join_path(directory, entry->d_name);

        if (path && is_same_file(path, &status) && !is_blob(path))
            failed = conv_fail(error, "%s: expected another file as output, found %s of the model",
                               output, path);
        free(path);
    }
    if (dir)
        closedir(dir);
    return failed;
}
