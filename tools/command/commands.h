/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The subcommands of ./distil, one function each, and the exit codes they share.
 *
 * argv[0] is the subcommand's name and argv[argc] is NULL, as for main. The value returned is the
 * process's exit status, one of cmd_exit. A command writes its answers to stdout and everything
 * else to stderr, and does not call exit.
 */
#ifndef DISTIL_TOOLS_COMMANDS_H
#define DISTIL_TOOLS_COMMANDS_H

/* Documented in `distil --help` and docs/distil.1: scripts rely on them. */
typedef enum cmd_exit {
    CMD_OK = 0,           /* everything asked for was done */
    CMD_FAILED = 1,       /* an input, a file, the model or the output failed; the rest was done */
    CMD_USAGE = 2,        /* the command line or DISTIL_ISA is wrong; nothing was done */
    CMD_INTERRUPTED = 130 /* SIGINT: what was in flight was finished and written */
} cmd_exit;

int cmd_classify(int argc, char **argv);
int cmd_tokenize(int argc, char **argv);
int cmd_eval(int argc, char **argv);
int cmd_convert(int argc, char **argv);
int cmd_inspect(int argc, char **argv);
int cmd_verify(int argc, char **argv);
int cmd_isa(int argc, char **argv);

#endif
