/* SPDX-License-Identifier: Apache-2.0 */
/* The table of formats, and what all formats share; see table.h. */
#include "tools/command/table.h"

#include <stdlib.h>
#include <string.h>

#include "runtime/base/utf8.h"
#include "tools/command/cmd_message.h"

static const table_format *const table_formats[] = {&table_jsonl, &table_csv, &table_tsv};

const table_format *table_format_find(const char *name)
{
    for (size_t i = 0; i < sizeof table_formats / sizeof table_formats[0]; i++)
        if (strcmp(table_formats[i]->name, name) == 0)
            return table_formats[i];
    return NULL;
}

/* ---- names ---------------------------------------------------------------------------------- */

static int is_name(const char *wanted, const char *name, size_t size)
{
    return wanted != NULL && strlen(wanted) == size && memcmp(wanted, name, size) == 0;
}

int table_keeps(const table *t, const char *name, size_t size)
{
    const char *at = t->options.keep;

    if (strcmp(at, "all") == 0 || strcmp(at, "none") == 0)
        return at[0] == 'a';
    for (;;) {
        size_t n = strcspn(at, ",");

        if (n == size && memcmp(at, name, n) == 0)
            return 1;
        if (at[n] == '\0')
            return 0;
        at += n + 1;
    }
}

const char *table_clash(const table *t, const char *name, size_t size)
{
    if (is_name(t->options.label_field, name, size))
        return t->clash[0];
    if (is_name(t->options.score_field, name, size))
        return t->clash[1];
    if (is_name(t->options.error_field, name, size))
        return t->clash[2];
    return NULL;
}

/* ---- life ----------------------------------------------------------------------------------- */

void table_open(table *t, const table_format *format, const table_options *options)
{
    static const char *const names[3] = {"label", "score", "error"};
    const char *const added[3] = {options->label_field, options->score_field, options->error_field};

    memset(t, 0, sizeof *t);
    t->format = format;
    t->options = *options;
    (void)snprintf(t->no_text, sizeof t->no_text, "there is no field \"%s\"", options->text_field);
    if (options->pair_field != NULL)
        (void)snprintf(t->no_pair, sizeof t->no_pair, "there is no field \"%s\"",
                       options->pair_field);
    for (size_t i = 0; i < 3; i++)
        (void)snprintf(t->clash[i], sizeof t->clash[i],
                       "there is a field \"%s\" already; --%s-field names another",
                       added[i] != NULL ? added[i] : "", names[i]);
}

void table_close(table *t)
{
    free(t->fields);
    free(t->kept);
    free(t->header);
    free(t->scratch);
}

int table_reserve(table *t, size_t size)
{
    char *bigger;

    if (t->scratch != NULL && size <= t->scratch_capacity)
        return 0;
    bigger = realloc(t->scratch, size + 256);
    if (bigger == NULL)
        return -1;
    t->scratch = bigger;
    t->scratch_capacity = size + 256;
    return 0;
}

/* ---- reading -------------------------------------------------------------------------------- */

/* Read the header of a file. Returns 0, or -1 after reporting that it is wrong. */
static int read_header(table *t, cmd_input *input, const cmd_text *text, const char *row,
                       size_t size)
{
    const char *wrong = text->refusal;
    int first = !t->begun;

    if (wrong == NULL)
        wrong = t->format->read_header(t, row, size);
    if (wrong == NULL)
        return 0;
    cmd_error("%s:%llu: %s", text->source, (unsigned long long)text->number, wrong);
    if (wrong == t->no_text)
        cmd_hint("the header is \"%.*s\": --text-field NAME chooses a field of it, and --delimiter "
                 "says what divides the fields",
                 (int)(size < 200 ? size : 200), row);
    cmd_input_skip_file(input);
    if (first)
        input->next = input->count;
    input->failed = 1;
    return -1;
}

/* Find the text of a record, which is in *text as cmd_input_next returned it. */
static void read_row(table *t, cmd_text *text, const char *row, size_t size)
{
    text->tag = TABLE_BROKEN;
    if (text->refusal != NULL)
        return;
    text->row = row;
    text->row_size = size;
    text->bytes = "";
    text->size = 0;
    t->format->read_row(t, text, row, size);
    if (text->tag == TABLE_TEXT && t->options.strict &&
        (distil_utf8_valid_bytes(text->bytes, text->size) != text->size ||
         (text->pair != NULL &&
          distil_utf8_valid_bytes(text->pair, text->pair_size) != text->pair_size))) {
        text->tag = TABLE_BAD;
        text->refusal = "the text is not UTF-8";
    }
    if (text->tag != TABLE_TEXT) {
        text->size = text->pair_size = 0;
        text->pair = NULL;
    }
}

cmd_input_status table_next(table *t, cmd_input *input, cmd_text *text, int may_wait)
{
    for (;;) {
        cmd_input_status status = cmd_input_next(input, text, may_wait);
        const char *row = text->bytes;
        size_t size = text->size;
        int begins;

        if (status != CMD_INPUT_TEXT)
            return status;
        begins = t->file != input->next;
        if (begins && text->number == 1 && size >= 3 && memcmp(row, "\xef\xbb\xbf", 3) == 0) {
            t->bom |= !t->begun;
            row += 3;
            size -= 3;
        }
        if (text->refusal == NULL && t->format->is_blank(t, row, size))
            continue;
        t->file = input->next;
        if (!begins || t->format->read_header == NULL) {
            t->begun = 1;
            read_row(t, text, row, size);
            return CMD_INPUT_TEXT;
        }
        if (read_header(t, input, text, row, size) == 0)
            t->begun = 1;
    }
}

/* ---- writing -------------------------------------------------------------------------------- */

void table_write_header(table *t, FILE *out)
{
    if (t->format->write_header != NULL)
        t->format->write_header(t, out);
}

void table_write_row(table *t, FILE *out, const cmd_text *text, const table_answer *answer)
{
    t->format->write_row(t, out, text->row, text->row_size, answer);
}
