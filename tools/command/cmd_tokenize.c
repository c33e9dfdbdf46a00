/* SPDX-License-Identifier: Apache-2.0 */
/* distil tokenize: writes the token ids of texts, with [CLS] and [SEP] and without truncation. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tools/command/cmd_input.h"
#include "tools/command/cmd_interrupt.h"
#include "tools/command/cmd_message.h"
#include "tools/command/cmd_model.h"
#include "tools/command/cmd_options.h"
#include "tools/command/cmd_output.h"
#include "tools/command/cmd_progress.h"
#include "tools/command/commands.h"

/* One run of the command, from the first text to the last line of ids. */
typedef struct job {
    const cmd_options *options;
    const cmd_model *model;
    cmd_input input;
    cmd_progress progress;
    int32_t *ids; /* ids of the current text; `capacity` of them fit */
    size_t capacity;
    uint64_t answered; /* texts whose line has been written */
    int failed;        /* 1 if a text could not be tokenized */
} job;

/* Tokenize a text into j->ids, which grows as needed. Returns NULL, or why there are no ids. */
static const char *tokenize_text(job *j, size_t *count, const cmd_text *text)
{
    distil_status status;

    if (text->refusal != NULL)
        return text->refusal;
    status = distil_tokenize(j->model->model, j->ids, j->capacity, count, text->bytes, text->size,
                             j->options->flags);
    if (status == DISTIL_OK && *count > j->capacity) {
        int32_t *bigger = realloc(j->ids, *count * sizeof *bigger);

        if (bigger == NULL)
            return "no memory for its tokens";
        j->ids = bigger;
        j->capacity = *count;
        status = distil_tokenize(j->model->model, j->ids, j->capacity, count, text->bytes,
                                 text->size, j->options->flags);
    }
    return status == DISTIL_OK ? NULL : distil_status_str(status);
}

/* Write ids with a separator between them. There are many ids, and writing their digits here costs
 * less than a call of printf for each. */
static void write_ids(const int32_t *ids, size_t count, char separator)
{
    char line[4096];
    size_t at = 0;

    for (size_t i = 0; i < count; i++) {
        char digits[12];
        size_t n = 0;
        uint32_t id = (uint32_t)ids[i];

        if (at > sizeof line - 16) {
            (void)fwrite(line, 1, at, stdout);
            at = 0;
        }
        if (i > 0)
            line[at++] = separator;
        do {
            digits[n++] = (char)('0' + id % 10);
            id /= 10;
        } while (id != 0);
        while (n > 0)
            line[at++] = digits[--n];
    }
    (void)fwrite(line, 1, at, stdout);
}

static void write_answer(job *j, const cmd_text *text)
{
    cmd_format format = j->options->format;
    size_t count = 0;
    const char *refusal = tokenize_text(j, &count, text);

    if (refusal != NULL) {
        cmd_progress_clear(&j->progress);
        cmd_error("%s:%llu: %s", text->source, (unsigned long long)text->number, refusal);
        j->failed = 1;
    }
    if (format == CMD_FORMAT_JSON)
        (void)fputs(j->answered == 0 ? "\n" : ",\n", stdout);
    if (format == CMD_FORMAT_TEXT) {
        if (refusal == NULL)
            write_ids(j->ids, count, ' ');
    } else if (refusal != NULL) {
        (void)fputs("null", stdout);
    } else {
        (void)putchar('[');
        write_ids(j->ids, count, ',');
        (void)putchar(']');
    }
    if (format != CMD_FORMAT_JSON)
        (void)putchar('\n');
    j->answered++;
}

static int tokenize_texts(job *j)
{
    int may_wait = 0;

    if (j->options->format == CMD_FORMAT_JSON)
        (void)putchar('[');
    for (;;) {
        cmd_text text;
        cmd_input_status status = cmd_input_next(&j->input, &text, may_wait);

        may_wait = 0;
        if (status == CMD_INPUT_END)
            break;
        if (status == CMD_INPUT_WAIT) {
            /* Texts that have been read are answered before the command waits for more. */
            if (cmd_flush(stdout) != 0)
                return CMD_FAILED;
            may_wait = 1;
            continue;
        }
        write_answer(j, &text);
        if (ferror(stdout))
            break;
        if (j->answered % 256 == 0)
            cmd_progress_update(&j->progress, j->answered, cmd_input_done(&j->input),
                                j->input.bytes_total);
    }
    cmd_progress_clear(&j->progress);
    if (j->options->format == CMD_FORMAT_JSON && !ferror(stdout))
        (void)fputs(j->answered > 0 ? "\n]\n" : "]\n", stdout);
    if (cmd_flush(stdout) != 0)
        return CMD_FAILED;
    if (cmd_interrupted())
        return CMD_INTERRUPTED;
    return j->failed || j->input.failed ? CMD_FAILED : CMD_OK;
}

int cmd_tokenize(int argc, char **argv)
{
    cmd_options options;
    cmd_model model;
    job j = {.options = &options, .model = &model};
    int code = cmd_options_parse(&options, &cmd_manuals[CMD_TOKENIZE], argc, argv);

    if (code >= 0)
        return code;
    if (options.word_count > 0 && options.file_count > 0) {
        cmd_options_free(&options);
        return cmd_usage_error("tokenize", "texts as arguments and files (-f) at once");
    }
    code = cmd_model_open(&model, options.model, NULL, DISTIL_VERIFY_NONE);
    if (code == CMD_OK) {
        cmd_input_choose(&j.input, &options);
        cmd_interrupt_install();
        cmd_progress_begin(&j.progress, !isatty(STDOUT_FILENO));
        code = tokenize_texts(&j);
        cmd_input_close(&j.input);
        cmd_model_close(&model);
        free(j.ids);
    }
    cmd_options_free(&options);
    return code;
}
