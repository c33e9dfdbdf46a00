/* SPDX-License-Identifier: Apache-2.0 */
/* Reading of reference logits; see cmd_reference.h. */
#include "tools/command/cmd_reference.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "tools/command/cmd_input.h"
#include "tools/command/cmd_message.h"
#include "tools/command/cmd_tsv.h"

enum { FIXED_COLUMNS = 3 /* row, label, tokens */ };

/* Double the arrays. Returns 0, or -1 if there is no memory; the arrays are valid in either
 * case. */
static int grow_arrays(cmd_reference *r)
{
    size_t capacity = r->capacity == 0 ? 1024 : 2 * r->capacity;
    size_t *labels = realloc(r->labels, capacity * sizeof *labels);
    size_t *tokens;
    float *logits;

    if (labels == NULL)
        return -1;
    r->labels = labels;
    tokens = realloc(r->tokens, capacity * sizeof *tokens);
    if (tokens == NULL)
        return -1;
    r->tokens = tokens;
    logits = realloc(r->logits, capacity * r->n_labels * sizeof *logits);
    if (logits == NULL)
        return -1;
    r->logits = logits;
    r->capacity = capacity;
    return 0;
}

/* Report that a line is not what it should be. Returns -1. */
static int print_line_error(const cmd_text *text, const char *expected)
{
    cmd_error("%s:%llu: expected %s", text->source, (unsigned long long)text->number, expected);
    cmd_hint("reference rows are: row, label, tokens, then one logit for each label, tabs between");
    return -1;
}

static int check_header(const cmd_text *text, cmd_field *fields, size_t columns)
{
    size_t n = cmd_tsv_split(fields, columns, text->bytes, text->size);

    if (n != columns || !cmd_tsv_is(fields[0], "row") || !cmd_tsv_is(fields[1], "label") ||
        !cmd_tsv_is(fields[2], "tokens"))
        return print_line_error(text, "the header row, label, tokens and a column for each of the "
                                      "model's labels");
    return 0;
}

static int parse_row(cmd_reference *r, const cmd_text *text, cmd_field *fields, size_t columns)
{
    size_t row;
    float *logits;

    if (r->rows == r->capacity && grow_arrays(r) != 0) {
        cmd_error("out of memory");
        return -1;
    }
    if (cmd_tsv_split(fields, columns, text->bytes, text->size) != columns)
        return print_line_error(text, "as many columns as the header has");
    if (cmd_tsv_count(&row, fields[0], SIZE_MAX) != 0 || row != r->rows)
        return print_line_error(text, "rows numbered 0, 1, 2, ...");
    if (cmd_tsv_count(&r->labels[row], fields[1], r->n_labels - 1) != 0)
        return print_line_error(text, "a label's index");
    if (cmd_tsv_count(&r->tokens[row], fields[2], SIZE_MAX) != 0)
        return print_line_error(text, "a number of tokens");
    logits = r->logits + row * r->n_labels;
    for (size_t i = 0; i < r->n_labels; i++)
        if (cmd_tsv_float(&logits[i], fields[FIXED_COLUMNS + i]) != 0)
            return print_line_error(text, "finite logits");
    r->rows++;
    return 0;
}

int cmd_reference_load(cmd_reference *reference, const char *path, size_t n_labels)
{
    size_t columns = FIXED_COLUMNS + n_labels;
    cmd_field *fields = calloc(columns, sizeof *fields);
    cmd_input input;
    cmd_text text;
    int failed = 0;

    memset(reference, 0, sizeof *reference);
    reference->path = path;
    reference->n_labels = n_labels;
    if (fields == NULL) {
        cmd_error("out of memory");
        return -1;
    }
    cmd_input_files(&input, &path, 1, 0);
    for (size_t line = 0; !failed && cmd_input_next(&input, &text, 1) == CMD_INPUT_TEXT; line++) {
        if (text.refusal != NULL)
            failed = print_line_error(&text, "a shorter line");
        else if (line == 0)
            failed = check_header(&text, fields, columns);
        else
            failed = parse_row(reference, &text, fields, columns);
    }
    if (!failed && !input.failed && reference->rows == 0) {
        cmd_error("%s: no rows", path);
        failed = -1;
    }
    cmd_input_close(&input);
    free(fields);
    if (failed || input.failed) {
        cmd_reference_free(reference);
        return -1;
    }
    return 0;
}

void cmd_reference_free(cmd_reference *reference)
{
    free(reference->labels);
    free(reference->tokens);
    free(reference->logits);
    memset(reference, 0, sizeof *reference);
}
