/* SPDX-License-Identifier: Apache-2.0 */
/* The command distil: finds the subcommand and hands over to it. */
#include <stdio.h>
#include <string.h>

#include "runtime/distil.h"
#include "tools/command/cmd_external.h"
#include "tools/command/cmd_util.h"
#include "tools/command/commands.h"

typedef struct command {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *summary;
} command;

static int run_bench(int argc, char **argv)
{
    (void)argc;
    return cmd_run_external(argv, "bench-tools");
}

static int run_serve(int argc, char **argv)
{
    (void)argc;
    return cmd_run_external(argv, "all");
}

static const command commands[] = {
    {"classify", cmd_classify, "label texts: arguments, files, standard input"},
    {"tokenize", cmd_tokenize, "token ids of texts"},
    {"eval", cmd_eval, "accuracy on a TSV of sentences and labels"},
    {"convert", cmd_convert, "make a model file from a Hugging Face folder"},
    {"inspect", cmd_inspect, "what a model file contains"},
    {"verify", cmd_verify, "check a model file: checksums and overflow proof"},
    {"isa", cmd_isa, "what this CPU has, which code is chosen and why"},
    {"bench", run_bench, "speed budgets and comparisons that hold on noisy machines"},
    {"serve", run_serve, "run the Lambda function on this machine"},
};

enum { COMMAND_COUNT = sizeof commands / sizeof commands[0] };

static const command *find(const char *name)
{
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        if (strcmp(commands[i].name, name) == 0)
            return &commands[i];
    return NULL;
}

static void print_usage(FILE *out)
{
    (void)fputs("usage: distil COMMAND [options] [arguments]\n\n"
                "DistilBERT text classification, int8, the same answer on every x86-64 CPU.\n\n"
                "Commands:\n",
                out);
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        (void)fprintf(out, "  %-10s %s\n", commands[i].name, commands[i].summary);
    (void)fputs("  help       the same as COMMAND --help\n", out);
}

static int print_help(void)
{
    print_usage(stdout);
    (void)fputs(
        "\nOptions: -h, --help; -V, --version; `distil COMMAND --help` lists a command's.\n"
        "\nExamples:\n"
        "  distil classify \"A gorgeous, witty, seductive movie.\"\n"
        "  distil classify --jsonl < reviews.txt > answers.jsonl\n"
        "  distil convert my-model/ -o my.distil && distil classify -m my.distil \"So good.\"\n"
        "\nEnvironment:\n"
        "  DISTIL_MODEL  the model where -m is not given (else the shipped one)\n"
        "  DISTIL_ISA    use no instruction set above it: " CMD_ISA_NAMES "\n"
        "\nExit status:\n"
        "  0    everything asked for was done\n"
        "  1    an input, a file, the model or the output failed; the rest was done\n"
        "  2    wrong usage, or an unknown name in DISTIL_ISA; nothing was done\n"
        "  130  interrupted (SIGINT): what had been read was answered\n",
        stdout);
    return cmd_flush(stdout) == 0 ? CMD_OK : CMD_FAILED;
}

/* Number of leading characters that two names share. */
static size_t shared_prefix(const char *a, const char *b)
{
    size_t n = 0;

    while (a[n] != '\0' && a[n] == b[n])
        n++;
    return n;
}

static int unknown(const char *name)
{
    const command *nearest = NULL;
    size_t most = 1; /* a hint needs two letters in common */

    cmd_error("unknown command '%s'", name);
    for (size_t i = 0; i < COMMAND_COUNT; i++) {
        size_t n = shared_prefix(name, commands[i].name);

        if (n > most) {
            most = n;
            nearest = &commands[i];
        }
    }
    if (nearest != NULL)
        cmd_hint("did you mean `distil %s`?", nearest->name);
    cmd_hint("`distil --help` lists the commands; a text goes after `distil classify`");
    return CMD_USAGE;
}

static int help(int argc, char **argv)
{
    char flag[] = "--help";
    char *arguments[3];
    const command *c;

    if (argc < 2)
        return print_help();
    c = find(argv[1]);
    if (c == NULL)
        return unknown(argv[1]);
    arguments[0] = argv[1];
    arguments[1] = flag;
    arguments[2] = NULL;
    return c->run(2, arguments);
}

int main(int argc, char **argv)
{
    const command *c;

    if (argc < 2) {
        print_usage(stderr);
        return CMD_USAGE;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)
        return print_help();
    if (strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "-V") == 0) {
        (void)printf("distil %s\n", distil_version());
        return cmd_flush(stdout) == 0 ? CMD_OK : CMD_FAILED;
    }
    if (strcmp(argv[1], "help") == 0)
        return help(argc - 1, argv + 1);
    c = find(argv[1]);
    return c != NULL ? c->run(argc - 1, argv + 1) : unknown(argv[1]);
}
