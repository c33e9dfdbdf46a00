/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The directory of the running program, and the programs that lie beside it. `distil bench` and
 * `distil serve` are programs of their own, distil-bench and distil-serve: their code stays out of
 * the command that users install.
 */
#ifndef DISTIL_TOOLS_CMD_PROGRAM_H
#define DISTIL_TOOLS_CMD_PROGRAM_H

#include <stddef.h>

/*
 * Write the absolute path of the directory that holds the running program, without a slash at its
 * end. The path comes from the kernel, because argv[0] is whatever the caller made it. Returns 0,
 * or -1 if /proc is not mounted or the path does not fit.
 */
int cmd_program_directory(char *out, size_t capacity);

/*
 * Replace this process with the program distil-NAME, where NAME is argv[0]. The program is looked
 * for in the directory of the running distil, then in the directory build/ below that one. It gets
 * argv unchanged, which ends with NULL, and it keeps the process id.
 *
 * Returns only if the program cannot be run: CMD_FAILED, after an error message that names
 * make_target, the target of the Makefile that builds the program.
 */
int cmd_program_run(char **argv, const char *make_target);

#endif
