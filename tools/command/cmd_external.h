/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Subcommands that are programs of their own: `distil bench` runs distil-bench and `distil serve`
 * runs distil-serve. Their code stays out of the command that users install, and the user does not
 * have to know where these programs are.
 */
#ifndef DISTIL_TOOLS_CMD_EXTERNAL_H
#define DISTIL_TOOLS_CMD_EXTERNAL_H

/*
 * Replace this process with the program distil-NAME, where NAME is argv[0]. The program is looked
 * for in the directory of the running distil, then in the directory build/ below that one. argv is
 * passed on as it is and ends with NULL; the process id stays the same.
 *
 * Returns only when the program cannot be run: CMD_FAILED, after an error message that names
 * make_target, the target of the Makefile that builds the program.
 */
int cmd_run_external(char **argv, const char *make_target);

#endif
