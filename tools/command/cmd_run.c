/* SPDX-License-Identifier: Apache-2.0 */
/* The course of a command that does one thing with one model. */
#include "tools/command/cmd_run.h"

#include "tools/command/commands.h"

int cmd_run(cmd_command which, cmd_check_fn *check, cmd_work_fn *work, int argc, char **argv)
{
    cmd_options options;
    cmd_model model;
    int code = cmd_options_parse(&options, &cmd_manuals[which], argc, argv);

    if (code >= 0)
        return code;
    code = check(&options);
    if (code == CMD_OK)
        code = cmd_model_open(&model, options.model, options.isa, options.verify);
    if (code == CMD_OK) {
        code = work(&options, &model);
        cmd_model_close(&model);
    }
    cmd_options_free(&options);
    return code;
}
