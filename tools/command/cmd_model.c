/* SPDX-License-Identifier: Apache-2.0 */
/* Chooses and opens the model; see cmd_model.h. */
#include "tools/command/cmd_model.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tools/command/cmd_message.h"
#include "tools/command/cmd_program.h"
#include "tools/command/commands.h"

int cmd_choose_isa(distil_isa *isa, const char **source, const char *from_option)
{
    const char *from_environment = getenv("DISTIL_ISA");
    const char *name = from_option;
    const char *origin = "--isa";

    if (name == NULL && from_environment != NULL && from_environment[0] != '\0') {
        name = from_environment;
        origin = "DISTIL_ISA";
    }
    if (name == NULL) {
        name = "best";
        origin = NULL;
    }
    if (distil_isa_parse(isa, name) != DISTIL_OK) {
        cmd_error("%s: unknown instruction set '%s'", origin, name);
        cmd_hint("known: " CMD_ISA_NAMES "; `distil isa` shows what this CPU can run");
        return -1;
    }
    if (source != NULL)
        *source = origin;
    return 0;
}

/* Returns "directory/name", which the caller frees, or NULL if there is no memory. */
static char *join_path(const char *directory, const char *name)
{
    size_t bytes = strlen(directory) + strlen(name) + 2;
    char *path = malloc(bytes);

    if (path != NULL)
        (void)snprintf(path, bytes, "%s/%s", directory, name);
    return path;
}

/* Returns the path of the model that came with the program, which the caller frees, or NULL. */
static char *find_shipped_model(void)
{
    static const char *const places[] = {"build/sst2.distil", "sst2.distil",
                                         "../share/distil/sst2.distil"};
    char directory[4096];

    if (cmd_program_directory(directory, sizeof directory) != 0)
        return NULL;
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        char *path = join_path(directory, places[i]);

        if (path == NULL)
            return NULL;
        if (access(path, F_OK) == 0)
            return path;
        free(path);
    }
    return NULL;
}

int cmd_choose_model(char **path, const char *from_option)
{
    const char *name = from_option;

    if (name == NULL) {
        name = getenv("DISTIL_MODEL");
        if (name != NULL && name[0] == '\0')
            name = NULL;
    }
    *path = name != NULL ? strdup(name) : find_shipped_model();
    if (*path != NULL)
        return 0;
    if (name != NULL) {
        cmd_error("out of memory");
        return -1;
    }
    cmd_error("no model: from the program's directory, none of build/sst2.distil, sst2.distil and "
              "../share/distil/sst2.distil is there");
    cmd_hint("run `make` in the source tree to build the shipped one, or name a blob with -m FILE");
    cmd_hint("or DISTIL_MODEL; `distil convert DIR -o FILE` makes one from a Hugging Face folder");
    return -1;
}

/* Say what the user can do about a blob that cannot be opened. */
static void print_remedy(distil_status status)
{
    switch (status) {
    case DISTIL_FILE_OPEN:
    case DISTIL_FILE_READ:
        cmd_hint("the model is chosen by -m FILE, else DISTIL_MODEL, else the shipped one");
        break;
    case DISTIL_BAD_MAGIC:
        cmd_hint("make a blob from a Hugging Face folder with `distil convert DIR -o FILE`");
        break;
    case DISTIL_BAD_VERSION:
        cmd_hint("convert again with this version: `distil convert DIR -o FILE`");
        break;
    case DISTIL_UNSUPPORTED:
        cmd_hint("this version runs sequence classifiers; `distil inspect FILE` tells what it is");
        break;
    case DISTIL_TRUNCATED:
    case DISTIL_BAD_STRUCTURE:
    case DISTIL_BAD_CHECKSUM:
    case DISTIL_BAD_PROOF:
        cmd_hint("the file is damaged: copy it or convert the model again; `distil verify FILE` "
                 "tells more");
        break;
    default:
        break;
    }
}

static void print_open_error(const char *path, const distil_error *error)
{
    const char *why = error->message[0] != '\0' ? error->message : distil_status_str(error->status);

    if (error->system_errno != 0)
        cmd_error("%s: %s: %s", path, why, strerror(error->system_errno));
    else if (error->offset != 0)
        cmd_error("%s: byte %llu: %s", path, (unsigned long long)error->offset, why);
    else
        cmd_error("%s: %s", path, why);
    if (error->system_errno == EISDIR)
        cmd_hint("a folder is made into a blob by `distil convert %s -o FILE`", path);
    else
        print_remedy(error->status);
}

/* ---- names of labels ------------------------------------------------------------------------ */

static int by_name(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Returns how many of the n sorted names equal `name`, 2 for more than 2. */
static int count_equal(const char **sorted, size_t n, const char *name)
{
    const char **found = bsearch(&name, sorted, n, sizeof *sorted, by_name);

    if (found == NULL)
        return 0;
    return (found > sorted && strcmp(found[-1], name) == 0) ||
                   (found + 1 < sorted + n && strcmp(found[1], name) == 0)
               ? 2
               : 1;
}

/* The most bytes that are added to a name: # for each collision with another name, the number of a
 * label, a NUL. */
enum { NUMBER_BYTES = 24 };

/* Give a label a name that no other has. Returns the end of the name's memory. */
static char *make_name(char *memory, const char **sorted, size_t n, const char *name, size_t number)
{
    size_t length = strlen(name);

    memcpy(memory, name, length);
    do {
        memory[length++] = '#';
        (void)snprintf(memory + length, NUMBER_BYTES, "%zu", number);
    } while (count_equal(sorted, n, memory) > 0);
    return memory + strlen(memory) + 1;
}

/* Fill model->labels. Returns 0, or -1 if there is no memory. */
static int name_labels(cmd_model *model)
{
    size_t n = model->info.n_labels, bytes = 1;
    const char **sorted = calloc(n + 1, sizeof *sorted); /* one more, since n can be 0 */
    char *end;

    model->labels = calloc(n + 1, sizeof *model->labels);
    if (sorted == NULL || model->labels == NULL) {
        free(sorted);
        return -1;
    }
    for (size_t i = 0; i < n; i++)
        sorted[i] = model->labels[i] = distil_model_label(model->model, i);
    qsort(sorted, n, sizeof *sorted, by_name);
    /* A made name can collide with each other name once at most. */
    for (size_t i = 0; i < n; i++)
        if (count_equal(sorted, n, model->labels[i]) > 1)
            bytes += strlen(model->labels[i]) + n + NUMBER_BYTES;
    end = model->made_labels = malloc(bytes);
    for (size_t i = 0; i < n && end != NULL; i++) {
        const char *name = model->labels[i];

        if (count_equal(sorted, n, name) < 2)
            continue;
        model->labels[i] = end;
        end = make_name(end, sorted, n, name, i);
    }
    free(sorted);
    return end != NULL ? 0 : -1;
}

int cmd_model_open(cmd_model *model, const char *path_option, const char *isa_option,
                   distil_verify verify)
{
    distil_options options = DISTIL_OPTIONS_INIT;
    distil_error error = {0};
    distil_status status;

    memset(model, 0, sizeof *model);
    if (cmd_choose_isa(&options.max_isa, NULL, isa_option) != 0)
        return CMD_USAGE;
    options.verify = verify;
    if (cmd_choose_model(&model->path, path_option) != 0)
        return CMD_FAILED;
    status = distil_model_open(&model->model, model->path, &options, &error);
    if (status == DISTIL_OK)
        status = distil_model_get_info(model->model, &model->info);
    if (status != DISTIL_OK) {
        error.status = status;
        print_open_error(model->path, &error);
        cmd_model_close(model);
        return CMD_FAILED;
    }
    if (name_labels(model) != 0) {
        cmd_error("out of memory");
        cmd_model_close(model);
        return CMD_FAILED;
    }
    return CMD_OK;
}

void cmd_model_close(cmd_model *model)
{
    distil_model_close(model->model);
    free(model->path);
    free(model->labels);
    free(model->made_labels);
    memset(model, 0, sizeof *model);
}

int cmd_model_check_task(const cmd_model *model, const char *command, distil_task task)
{
    static const struct {
        const char *what, *command;
    } tasks[] = {
        [DISTIL_TASK_SEQUENCE] = {"sequence classification", "classify"},
        [DISTIL_TASK_TOKENS] = {"token classification", "entities"},
        [DISTIL_TASK_SPANS] = {"question answering", "answer"},
        [DISTIL_TASK_EMBEDDING] = {"embeddings", "embed"},
    };

    if (model->info.task == task)
        return CMD_OK;
    return cmd_usage_error(command, "%s: the model is one for %s, which is run by `distil %s`",
                           model->path, tasks[model->info.task].what,
                           tasks[model->info.task].command);
}
