/* SPDX-License-Identifier: Apache-2.0 */
/* The program distil: it finds the command that the first argument names and hands over to it. */
#include <stdio.h>
#include <string.h>

#include "runtime/distil.h"
#include "tools/command/cmd_help.h"
#include "tools/command/cmd_output.h"
#include "tools/command/cmd_program.h"
#include "tools/command/commands.h"

static int is_option(const char *word, const char *letter, const char *name)
{
    return strcmp(word, letter) == 0 || strcmp(word, name) == 0;
}

static int print_version(void)
{
    (void)printf("distil %s\n", distil_version());
    return cmd_flush(stdout) == 0 ? CMD_OK : CMD_FAILED;
}

static int print_overview(void)
{
    cmd_print_overview(stdout);
    return cmd_flush(stdout) == 0 ? CMD_OK : CMD_FAILED;
}

/* Run a command that is a program of its own. Its help comes from the table of this program, so
 * that it can be read where the other program has not been built. */
static int run_program(const cmd_manual *manual, int argc, char **argv, const char *make_target)
{
    if (argc < 2 || !is_option(argv[1], "-h", "--help"))
        return cmd_program_run(argv, make_target);
    cmd_print_manual(stdout, manual);
    return cmd_flush(stdout) == 0 ? CMD_OK : CMD_FAILED;
}

static int run_bench(int argc, char **argv)
{
    return run_program(&cmd_manuals[CMD_BENCH], argc, argv, "bench-tools");
}

static int run_serve(int argc, char **argv)
{
    return run_program(&cmd_manuals[CMD_SERVE], argc, argv, "all");
}

static int (*const functions[CMD_COMMANDS])(int argc, char **argv) = {
    [CMD_CLASSIFY] = cmd_classify, [CMD_RANK] = cmd_rank,
    [CMD_ENTITIES] = cmd_entities, [CMD_ANSWER] = cmd_answer_question,
    [CMD_EMBED] = cmd_embed,       [CMD_TOKENIZE] = cmd_tokenize,
    [CMD_EVAL] = cmd_eval,         [CMD_CONVERT] = cmd_convert,
    [CMD_INSPECT] = cmd_inspect,   [CMD_VERIFY] = cmd_verify,
    [CMD_ISA] = cmd_isa,           [CMD_BENCH] = run_bench,
    [CMD_SERVE] = run_serve,       [CMD_HELP] = cmd_help,
};

int main(int argc, char **argv)
{
    const cmd_manual *manual;

    if (argc < 2) {
        cmd_print_usage(stderr);
        return CMD_USAGE;
    }
    if (is_option(argv[1], "-h", "--help"))
        return print_overview();
    if (is_option(argv[1], "-V", "--version"))
        return print_version();
    manual = cmd_manual_find(argv[1]);
    if (manual == NULL)
        return cmd_print_unknown(argv[1]);
    return functions[manual - cmd_manuals](argc - 1, argv + 1);
}
