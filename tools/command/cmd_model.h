/* SPDX-License-Identifier: Apache-2.0 */
/* The model and the instruction-set level that the user chose, by an option or the environment. */
#ifndef DISTIL_TOOLS_CMD_MODEL_H
#define DISTIL_TOOLS_CMD_MODEL_H

#include "kernels/cpu.h"
#include "runtime/distil.h"

/* The names that distil_isa_parse knows, for messages and help: "scalar, avx2, ..., or best". */
#define CMD_LEVEL_COMMA(name, NAME, rows) #name ", "
#define CMD_ISA_NAMES DISTIL_LEVELS(CMD_LEVEL_COMMA) "or best"

/*
 * Choose the highest level that may be used: from_option, the value of --isa, unless it is NULL;
 * then the environment variable DISTIL_ISA; then the best level. *source, if source is not NULL,
 * becomes "--isa", "DISTIL_ISA" or NULL accordingly. Returns 0, or -1 after reporting a name that
 * no level has.
 */
int cmd_choose_isa(distil_isa *isa, const char **source, const char *from_option);

/*
 * Choose the path of the model: from_option, the value of -m, unless it is NULL; then the
 * environment variable DISTIL_MODEL; then the shipped model. The last is looked for from the
 * directory of the running program, in this order: build/sst2.distil (a source tree),
 * sst2.distil (a build directory), ../share/distil/sst2.distil (an installation).
 *
 * Returns 0 with *path for the caller to free, or -1 after reporting that there is no model.
 */
int cmd_choose_model(char **path, const char *from_option);

/* An opened model with its path. */
typedef struct cmd_model {
    distil_model *model;
    distil_model_info info;
    char *path;
    /* (info.n_labels) names that are all different, for output. A name that several labels have is
     * followed by # and the label's number, such as "other#3"; all others are the model's own. */
    const char **labels;
    char *made_labels; /* the memory of the names that are not the model's */
} cmd_model;

/*
 * Choose a model and a level by the values of -m and --isa, either of which may be NULL, and open
 * the model. Returns CMD_OK, or another exit status after reporting the cause and a remedy. After
 * CMD_OK the caller ends with cmd_model_close.
 */
int cmd_model_open(cmd_model *model, const char *path_option, const char *isa_option,
                   distil_verify verify);
void cmd_model_close(cmd_model *model);

/* Check that the model has the task that `distil COMMAND` is for. Returns CMD_OK; or CMD_USAGE
 * after reporting which command runs the model. */
int cmd_model_check_task(const cmd_model *model, const char *command, distil_task task);

#endif
