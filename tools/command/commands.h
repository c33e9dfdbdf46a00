/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The commands of ./distil, one function each, and the exit statuses that they share.
 *
 * As for main, argv[0] is the name of the command and argv[argc] is NULL. A function returns the
 * exit status of the process, one of cmd_exit, and does not call exit. A command writes its answers
 * to standard output and everything else to standard error.
 */
#ifndef DISTIL_TOOLS_COMMANDS_H
#define DISTIL_TOOLS_COMMANDS_H

/* Scripts rely on these values, which `distil --help` and docs/distil.1 document. */
typedef enum cmd_exit {
    CMD_OK = 0,     /* everything was done */
    CMD_FAILED = 1, /* an input, a file, the model or the output failed; the rest was done */
    CMD_USAGE = 2,  /* the command line or DISTIL_ISA is wrong; nothing was done */
    /* `distil verify` found a blob that is not sound: the check that failed. Of several, the first
     * in the order CRC-32C, SHA-256, structure and so on. */
    CMD_BAD_STRUCTURE = 3,
    CMD_BAD_CRC = 4,
    CMD_BAD_SHA256 = 5,
    CMD_BAD_VOCABULARY = 6,
    CMD_BAD_NUMBERS = 7,
    CMD_BAD_PROOF = 8,
    CMD_BAD_SUMS = 9,
    CMD_INTERRUPTED = 130 /* SIGINT came; texts that had been read were answered */
} cmd_exit;

int cmd_classify(int argc, char **argv);
int cmd_rank(int argc, char **argv);
int cmd_entities(int argc, char **argv);
int cmd_answer_question(int argc, char **argv);
int cmd_embed(int argc, char **argv);
int cmd_tokenize(int argc, char **argv);
int cmd_eval(int argc, char **argv);
int cmd_convert(int argc, char **argv);
int cmd_inspect(int argc, char **argv);
int cmd_verify(int argc, char **argv);
int cmd_isa(int argc, char **argv);
int cmd_help(int argc, char **argv);

#endif
