/* SPDX-License-Identifier: Apache-2.0 */
/* The course of a command that does one thing with one model. */
#ifndef DISTIL_TOOLS_CMD_RUN_H
#define DISTIL_TOOLS_CMD_RUN_H

#include "tools/command/cmd_manuals.h"
#include "tools/command/cmd_model.h"
#include "tools/command/cmd_options.h"

/* Checks options before the model is opened. Returns CMD_OK, or CMD_USAGE after reporting what is
 * wrong. */
typedef int cmd_check_fn(const cmd_options *options);

/* Does the work of the command. Returns its exit status. */
typedef int cmd_work_fn(const cmd_options *options, const cmd_model *model);

/* Parse the arguments of the command that `which` names, check them, open the model that they
 * choose, and do the work. Returns the exit status. */
int cmd_run(cmd_command which, cmd_check_fn *check, cmd_work_fn *work, int argc, char **argv);

#endif
