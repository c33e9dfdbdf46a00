/* SPDX-License-Identifier: Apache-2.0 */
/* Mistakes that only the names of files show, before `distil classify` reads or writes anything. */
#ifndef DISTIL_TOOLS_CMD_NAMES_H
#define DISTIL_TOOLS_CMD_NAMES_H

#include "tools/command/cmd_options.h"

/* Report an error if the output of -o is one of the inputs, which it would replace: a file of -f,
 * standard input, or the model. Links to the same file count. Returns CMD_OK or CMD_USAGE. */
int cmd_names_check_output(const cmd_options *options);

/* Write a hint where a name looks like a mistake: the only text is the name of a file, or a file
 * has the name of a table and no --input says so. */
void cmd_names_hint(const cmd_options *options);

#endif
