/* SPDX-License-Identifier: Apache-2.0 */
/* The head of the man page in the language mdoc; see cmd_help.h. */
#include <ctype.h>
#include <string.h>

#include "tools/command/cmd_help.h"

/* Write the first `size` bytes of text so that mdoc shows each character as it is. `column` is 0 at
 * the beginning of a line, where a full stop would begin a macro. */
static void print_escaped(FILE *out, const char *text, size_t size, size_t column)
{
    for (size_t i = 0; i < size; i++) {
        if (text[i] == '\\')
            (void)fputs("\\e", out);
        else if (text[i] == '\'')
            (void)fputs("\\(aq", out);
        else if (text[i] == '`')
            (void)fputs("\\(ga", out);
        else if (text[i] == '-')
            (void)fputs("\\-", out);
        else if (text[i] == '.' && column + i == 0)
            (void)fputs("\\&.", out);
        else
            (void)putc(text[i], out);
    }
}

static int ends_sentence(const char *word, size_t size)
{
    return word[size - 1] == '.' || word[size - 1] == '?' || word[size - 1] == '!';
}

/* Write words on lines of at most 72 characters of text. Each sentence begins on a line of its own,
 * because formatters put more space after a sentence. */
static void print_text(FILE *out, const char *text, size_t size)
{
    const char *end = text + size;
    size_t column = 0;
    int new_sentence = 0;

    while (text < end) {
        size_t word = 0;

        while (text + word < end && text[word] != ' ')
            word++;
        if (column > 0 && (new_sentence || column + 1 + word > 72)) {
            (void)putc('\n', out);
            column = 0;
        } else if (column > 0) {
            (void)putc(' ', out);
            column++;
        }
        print_escaped(out, text, word, column);
        new_sentence = word > 0 && ends_sentence(text, word);
        column += word;
        text += word + (text + word < end);
    }
    (void)putc('\n', out);
}

/* Write the first `size` bytes of lines as a display that keeps line breaks, without the first
 * `margin` characters of each line. */
static void print_literal(FILE *out, const char *lines, size_t size, size_t margin)
{
    const char *end = lines + size;

    (void)fputs(".Bd -literal -offset indent\n", out);
    while (lines < end) {
        size_t n = strcspn(lines, "\n");

        print_escaped(out, lines + margin, n - margin, 0);
        (void)putc('\n', out);
        lines += n + 1;
    }
    (void)fputs(".Ed\n", out);
}

static void print_paragraphs(FILE *out, const char *text)
{
    int verbatim, first = 1;
    size_t size;

    for (const char *next = text; (size = cmd_next_paragraph(&next, &verbatim)) > 0; text = next) {
        if (!first && !verbatim)
            (void)fputs(".Pp\n", out);
        if (verbatim)
            print_literal(out, text, size, 2);
        else
            print_text(out, text, size);
        first = 0;
    }
}

/* Write one form of a command for the synopsis: every word becomes the macro for an option, for a
 * value of the user or for a word to be typed as it is. */
static void print_form(FILE *out, const char *name, const char *form, size_t size)
{
    const char *end = form + size;

    (void)fprintf(out, ".Nm\n.Cm %s\n", name);
    while (form < end) {
        size_t word = 0, bracket = *form == '[';

        while (form + word < end && (bracket ? form[word] != ']' : form[word] != ' '))
            word++;
        if (bracket)
            (void)fprintf(out, ".Op Ar %.*s\n", (int)word - 1, form + 1);
        else if (*form == '-')
            (void)fprintf(out, ".Fl %.*s\n", (int)word - 1, form + 1);
        else
            (void)fprintf(out, ".%s %.*s\n", isupper((unsigned char)*form) ? "Ar" : "Cm", (int)word,
                          form);
        form += word + bracket;
        form += form < end;
    }
}

static void print_synopsis(FILE *out)
{
    (void)fputs(".Sh SYNOPSIS\n", out);
    for (size_t i = 0; i < CMD_COMMANDS; i++) {
        const char *form = cmd_manuals[i].usage;

        while (*form != '\0') {
            size_t size = strcspn(form, "\n");

            print_form(out, cmd_manuals[i].name, form, size);
            form += size + (form[size] == '\n');
        }
    }
}

static void print_description(FILE *out)
{
    (void)fputs(".Sh DESCRIPTION\n", out);
    print_paragraphs(out, cmd_program_text);
    (void)fputs(".Pp\nThe commands are:\n.Bl -tag -width tokenize\n", out);
    for (size_t i = 0; i < CMD_COMMANDS; i++) {
        const char *summary = cmd_manuals[i].summary;

        (void)fprintf(out, ".It Cm %s\n%c%s.\n", cmd_manuals[i].name,
                      toupper((unsigned char)summary[0]), summary + 1);
    }
    (void)fputs(".El\n"
                ".Pp\n"
                "Options may stand before and after other arguments;\n"
                ".Fl -\n"
                "ends them.\n"
                "Without a command there are two options:\n"
                ".Bl -tag -width Ds\n"
                ".It Fl h , Fl -help\n"
                "List the commands.\n"
                ".It Fl V , Fl -version\n"
                "Show the version of the program.\n"
                ".El\n",
                out);
}

static void print_option(FILE *out, const cmd_option *o)
{
    (void)fputs(".It", out);
    if (o->letter != 0)
        (void)fprintf(out, " Fl %c", o->letter);
    if (o->letter != 0 && o->name != NULL)
        (void)fputs(" ,", out);
    if (o->name != NULL)
        (void)fprintf(out, " Fl -%s", o->name);
    if (o->argument != NULL)
        (void)fprintf(out, " Ar %s", o->argument);
    (void)putc('\n', out);
    print_text(out, o->text, strlen(o->text));
}

static void print_command(FILE *out, const cmd_manual *manual)
{
    (void)fprintf(out, ".Ss %s\n", manual->name);
    print_paragraphs(out, manual->text);
    (void)fputs(".Bl -tag -width Ds\n", out);
    for (size_t i = 0; i < manual->option_count; i++)
        print_option(out, &manual->options[i]);
    (void)fputs(".El\n.Pp\nExamples:\n", out);
    print_literal(out, manual->examples, strlen(manual->examples), 0);
    if (manual->exit_status != NULL) {
        (void)fputs(".Pp\nThe exit status is\n", out);
        print_text(out, manual->exit_status, strlen(manual->exit_status));
    }
}

void cmd_print_mdoc(FILE *out)
{
    (void)fprintf(out,
                  ".\\\" SPDX-License-Identifier: Apache-2.0\n"
                  ".\\\" `distil help --man` prints all that stands above the section INPUT, and\n"
                  ".\\\" `make manual` puts it here. The rest is written by hand.\n"
                  ".Dd November 29, 2026\n"
                  ".Dt DISTIL 1\n"
                  ".Os\n"
                  ".Sh NAME\n"
                  ".Nm distil\n"
                  ".Nd %s\n",
                  cmd_program_summary);
    print_synopsis(out);
    print_description(out);
    (void)fputs(".Sh COMMANDS\n", out);
    for (size_t i = 0; i < CMD_COMMANDS; i++)
        print_command(out, &cmd_manuals[i]);
}
