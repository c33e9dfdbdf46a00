/* SPDX-License-Identifier: Apache-2.0 */
/* distil help, and help texts on a terminal; see cmd_help.h. */
#include "tools/command/cmd_help.h"

#include <string.h>

#include "tools/command/cmd_message.h"
#include "tools/command/cmd_nearest.h"
#include "tools/command/cmd_model.h"
#include "tools/command/cmd_options.h"
#include "tools/command/cmd_output.h"
#include "tools/command/commands.h"

enum { WIDTH = 79, OPTION_COLUMN = 27 };

/* ---- wrapped text --------------------------------------------------------------------------- */

void cmd_print_wrapped(FILE *out, const char *text, size_t size, size_t column, size_t indent,
                       size_t width)
{
    const char *end = text + size;
    int first = 1;

    while (text < end) {
        size_t word = 0;

        while (text < end && *text == ' ')
            text++;
        while (text + word < end && text[word] != ' ')
            word++;
        if (word == 0)
            break;
        if (!first && column + 1 + word > width) {
            (void)fprintf(out, "\n%*s", (int)indent, "");
            column = indent;
        } else if (!first) {
            (void)putc(' ', out);
            column++;
        }
        (void)fwrite(text, 1, word, out);
        column += word;
        text += word;
        first = 0;
    }
}

size_t cmd_next_paragraph(const char **text, int *verbatim)
{
    const char *end = strstr(*text, "\n\n");
    size_t size = end != NULL ? (size_t)(end - *text) : strlen(*text);

    *verbatim = **text == ' ';
    *text += size;
    if (end != NULL)
        *text += 2;
    return size;
}

static void print_paragraphs(FILE *out, const char *text)
{
    int verbatim;
    size_t size;

    for (const char *next = text; (size = cmd_next_paragraph(&next, &verbatim)) > 0; text = next) {
        if (verbatim)
            (void)fwrite(text, 1, size, out);
        else
            cmd_print_wrapped(out, text, size, 0, 0, WIDTH);
        (void)fputs("\n\n", out);
    }
}

/* Write each line of `lines` after two spaces. */
static void print_indented(FILE *out, const char *lines)
{
    while (*lines != '\0') {
        size_t size = strcspn(lines, "\n");

        (void)fprintf(out, "  %.*s\n", (int)size, lines);
        lines += size + (lines[size] == '\n');
    }
}

/* ---- the program ---------------------------------------------------------------------------- */

void cmd_print_usage(FILE *out)
{
    (void)fputs("usage: distil COMMAND [options] [arguments]\n\n", out);
    cmd_print_wrapped(out, cmd_program_text, strlen(cmd_program_text), 0, 0, WIDTH);
    (void)fputs("\n\nCommands:\n", out);
    for (size_t i = 0; i < CMD_COMMANDS; i++)
        (void)fprintf(out, "  %-10s %s\n", cmd_manuals[i].name, cmd_manuals[i].summary);
}

void cmd_print_overview(FILE *out)
{
    cmd_print_usage(out);
    (void)fputs(
        "\nOptions:\n"
        "  -h, --help     Show this help. `distil COMMAND --help` shows that of a command.\n"
        "  -V, --version  Show the version of the program.\n"
        "\nExamples:\n"
        "  distil classify \"A gorgeous, witty, seductive movie.\"\n"
        "  distil classify --jsonl < reviews.txt > answers.jsonl\n"
        "  distil convert my-model/ -o my.distil\n"
        "  distil classify -m my.distil \"So good.\"\n"
        "\nEnvironment:\n"
        "  DISTIL_MODEL  The model that is used if -m is not given.\n"
        "  DISTIL_ISA    The highest instruction set that may be used:\n"
        "                " CMD_ISA_NAMES ".\n"
        "\nExit status:\n"
        "  0    Everything was done.\n"
        "  1    An input, a file, the model or the output failed; the rest was done.\n"
        "  2    The command line is wrong, or DISTIL_ISA is not a name; nothing was done.\n"
        "  130  SIGINT interrupted the command; texts that had been read were answered.\n",
        out);
}

int cmd_print_unknown(const char *name)
{
    cmd_nearest nearest = cmd_nearest_begin(name, strlen(name));

    cmd_error("unknown command '%s'", name);
    for (size_t i = 0; i < CMD_COMMANDS; i++)
        cmd_nearest_try(&nearest, cmd_manuals[i].name);
    if (nearest.name != NULL)
        cmd_hint("did you mean `distil %s`?", nearest.name);
    if (name[0] == '-')
        cmd_hint("options follow the command: `distil classify %s ...`", name);
    cmd_hint("`distil --help` lists the commands; a text goes after `distil classify`");
    return CMD_USAGE;
}

/* ---- a command ------------------------------------------------------------------------------ */

static void print_usage_lines(FILE *out, const cmd_manual *manual)
{
    const char *prefix = "usage:";

    for (const char *line = manual->usage; *line != '\0'; prefix = "      ") {
        size_t size = strcspn(line, "\n");

        (void)fprintf(out, "%s distil %s %.*s\n", prefix, manual->name, (int)size, line);
        line += size + (line[size] == '\n');
    }
    (void)putc('\n', out);
}

static void print_option(FILE *out, const cmd_option *o)
{
    char left[64];
    size_t n = 0;

    if (o->letter != 0 && o->name != NULL)
        n = (size_t)snprintf(left, sizeof left, "  -%c, --%s", o->letter, o->name);
    else if (o->letter != 0)
        n = (size_t)snprintf(left, sizeof left, "  -%c", o->letter);
    else
        n = (size_t)snprintf(left, sizeof left, "      --%s", o->name);
    if (o->argument != NULL)
        n += (size_t)snprintf(left + n, sizeof left - n, " %s", o->argument);
    /* A name that reaches into the column of the texts has a line for itself. */
    if (n + 1 < OPTION_COLUMN)
        (void)fprintf(out, "%-*s", OPTION_COLUMN, left);
    else
        (void)fprintf(out, "%s\n%*s", left, OPTION_COLUMN, "");
    cmd_print_wrapped(out, o->text, strlen(o->text), OPTION_COLUMN, OPTION_COLUMN, WIDTH);
    (void)putc('\n', out);
}

void cmd_print_manual(FILE *out, const cmd_manual *manual)
{
    static const char statuses[] =
        "0 if everything was done; 1 if an input, the model or the output failed, and the rest was "
        "done; 2 if the command line is wrong, and nothing was done; 130 after an interruption.";
    const char *status = manual->exit_status != NULL ? manual->exit_status : statuses;
    static const char heading[] = "Exit status: ";

    print_usage_lines(out, manual);
    print_paragraphs(out, manual->text);
    (void)fputs("Options:\n", out);
    for (size_t i = 0; i < manual->option_count; i++)
        print_option(out, &manual->options[i]);
    (void)fputs("\nExamples:\n", out);
    print_indented(out, manual->examples);
    (void)fprintf(out, "\n%s", heading);
    cmd_print_wrapped(out, status, strlen(status), sizeof heading - 1, 0, WIDTH);
    (void)putc('\n', out);
}

/* ---- distil help ---------------------------------------------------------------------------- */

int cmd_help(int argc, char **argv)
{
    cmd_options options;
    const cmd_manual *manual = NULL;
    int code = cmd_options_parse(&options, &cmd_manuals[CMD_HELP], argc, argv);

    if (code >= 0)
        return code;
    if (options.word_count > 0)
        manual = cmd_manual_find(options.words[0]);
    if (options.man)
        cmd_print_mdoc(stdout);
    else if (options.completion)
        cmd_print_completion(stdout);
    else if (manual != NULL)
        cmd_print_manual(stdout, manual);
    else if (options.word_count == 0)
        cmd_print_overview(stdout);
    else
        code = cmd_print_unknown(options.words[0]);
    cmd_options_free(&options);
    if (code < 0)
        code = cmd_flush(stdout) == 0 ? CMD_OK : CMD_FAILED;
    return code;
}
