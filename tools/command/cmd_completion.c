/* SPDX-License-Identifier: Apache-2.0 */
/* Prints the completion script of bash; see cmd_help.h. */
#include <string.h>

#include "tools/command/cmd_help.h"

static const char head[] =
    "# SPDX-License-Identifier: Apache-2.0\n"
    "# Bash completion for distil. `distil help --completion` prints this script, and `make "
    "manual`\n"
    "# writes it to tools/command/distil.bash.\n"
    "\n"
    "# _distil_files [ENDING]: complete directories and files with this ending, or all files.\n"
    "_distil_files() {\n"
    "    local word\n"
    "    while IFS= read -r word; do\n"
    "        case $word in\n"
    "        *.\"${1-}\") COMPREPLY+=(\"$word\") ;;\n"
    "        *) if [ $# -eq 0 ] || [ -d \"$word\" ]; then COMPREPLY+=(\"$word\"); fi ;;\n"
    "        esac\n"
    "    done < <(compgen -f -- \"$current\")\n"
    "    compopt -o filenames 2>/dev/null\n"
    "}\n"
    "\n"
    "# _distil_words LIST: complete the words of LIST.\n"
    "_distil_words() {\n"
    "    COMPREPLY=($(compgen -W \"$1\" -- \"$current\"))\n"
    "}\n"
    "\n"
    "_distil() {\n"
    "    local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]}\n"
    "    local command=${COMP_WORDS[1]-} commands\n"
    "    COMPREPLY=()\n";

static const char first_word[] = "    if [ \"$COMP_CWORD\" -le 1 ]; then\n"
                                 "        _distil_words \"$commands -h --help -V --version\"\n"
                                 "        return\n"
                                 "    fi\n"
                                 "    # Bash splits --option=value into three words.\n"
                                 "    if [ \"$previous\" = = ]; then\n"
                                 "        previous=${COMP_WORDS[COMP_CWORD - 2]}\n"
                                 "    elif [ \"$current\" = = ]; then\n"
                                 "        previous=${COMP_WORDS[COMP_CWORD - 1]}\n"
                                 "        current=\n"
                                 "    fi\n";

/* Write the call that completes a value, or `return` if nothing does. */
static void print_values(FILE *out, cmd_values values)
{
    if (values == NULL)
        (void)fputs("return", out);
    else if (strcmp(values, "*") == 0)
        (void)fputs("_distil_files", out);
    else if (strncmp(values, "*.", 2) == 0)
        (void)fprintf(out, "_distil_files %s", values + 2);
    else if (strcmp(values, CMD_VALUES_COMMANDS) == 0)
        (void)fputs("_distil_words \"$commands\"", out);
    else
        (void)fprintf(out, "_distil_words \"%s\"", values);
}

/* Write a pattern that matches the short and the long form of an option. */
static void print_pattern(FILE *out, const char *command, const cmd_option *o)
{
    if (o->letter != 0)
        (void)fprintf(out, "%s:-%c", command, o->letter);
    if (o->letter != 0 && o->name != NULL)
        (void)fputs(" | ", out);
    if (o->name != NULL)
        (void)fprintf(out, "%s:--%s", command, o->name);
}

/* Write the branches for the values of a command's options. */
static void print_option_values(FILE *out, const cmd_manual *manual)
{
    for (size_t i = 0; i < manual->option_count; i++) {
        const cmd_option *o = &manual->options[i];

        if (o->argument == NULL)
            continue;
        (void)fputs("    ", out);
        print_pattern(out, manual->name, o);
        (void)fputs(") ", out);
        print_values(out, o->values);
        (void)fputs(o->values != NULL ? "; return ;;\n" : " ;;\n", out);
    }
}

/* Write the branches for the names of a command's options and for its other arguments. */
static void print_words(FILE *out, const cmd_manual *manual)
{
    char words[1024];
    size_t n = 0;

    for (size_t i = 0; i < manual->option_count && n < sizeof words; i++) {
        const cmd_option *o = &manual->options[i];

        if (o->letter != 0)
            n += (size_t)snprintf(words + n, sizeof words - n, "-%c ", o->letter);
        if (o->name != NULL && n < sizeof words)
            n += (size_t)snprintf(words + n, sizeof words - n, "--%s ", o->name);
    }
    (void)fprintf(out, "    %s:-*)\n        _distil_words \"", manual->name);
    cmd_print_wrapped(out, words, strlen(words), 23, 12, 96);
    (void)fputs("\"\n        ;;\n", out);
    if (manual->values != NULL) {
        (void)fprintf(out, "    %s:*) ", manual->name);
        print_values(out, manual->values);
        (void)fputs(" ;;\n", out);
    }
}

/* Print the names of all commands, on lines of at most 90 columns. */
static void print_commands(FILE *out)
{
    size_t column = strlen("    commands=\"");

    (void)fputs("    commands=\"", out);
    for (size_t i = 0; i < CMD_COMMANDS; i++) {
        size_t bytes = strlen(cmd_manuals[i].name) + 1;
        int wraps = column + bytes > 90;

        (void)fprintf(out, "%s%s", wraps ? "\n        " : i > 0 ? " " : "", cmd_manuals[i].name);
        column = wraps ? 8 + bytes : column + bytes;
    }
    (void)fputs("\"\n", out);
}

void cmd_print_completion(FILE *out)
{
    (void)fputs(head, out);
    print_commands(out);
    (void)fputs(first_word, out);
    (void)fputs("    # The value of an option.\n    case $command:$previous in\n", out);
    for (size_t i = 0; i < CMD_COMMANDS; i++)
        print_option_values(out, &cmd_manuals[i]);
    (void)fputs("    esac\n"
                "    # The name of an option, or another argument.\n"
                "    case $command:$current in\n",
                out);
    for (size_t i = 0; i < CMD_COMMANDS; i++)
        print_words(out, &cmd_manuals[i]);
    (void)fputs("    esac\n}\n\ncomplete -F _distil distil\n", out);
}
