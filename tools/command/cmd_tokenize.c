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
    int32_t *ids;            /* ids of the current text; `capacity` of them fit */
    distil_offsets *offsets; /* (capacity) their offsets; NULL without --offsets */
    size_t capacity;
    uint64_t answered; /* texts whose line has been written */
    int failed;        /* 1 if a text could not be tokenized */
} job;

/* Tokenize a text into what fits into the arrays. */
static distil_status tokenize_once(job *j, size_t *count, const cmd_text *text)
{
    if (j->options->offsets)
        return distil_tokenize_offsets(j->model->model, j->ids, j->offsets, j->capacity, count,
                                       text->bytes, text->size, j->options->flags);
    return distil_tokenize(j->model->model, j->ids, j->capacity, count, text->bytes, text->size,
                           j->options->flags);
}

/* Make room for `count` tokens. Returns 0, or -1 if there is no memory. */
static int grow(job *j, size_t count)
{
    int32_t *ids = realloc(j->ids, count * sizeof *ids);
    distil_offsets *offsets;

    if (ids == NULL)
        return -1;
    j->ids = ids;
    if (j->options->offsets) {
        offsets = realloc(j->offsets, count * sizeof *offsets);
        if (offsets == NULL)
            return -1;
        j->offsets = offsets;
    }
    j->capacity = count;
    return 0;
}

/* Tokenize a text into j->ids, which grows as needed. Returns NULL, or why there are no ids. */
static const char *tokenize_text(job *j, size_t *count, const cmd_text *text)
{
    distil_status status;

    if (text->refusal != NULL)
        return text->refusal;
    status = tokenize_once(j, count, text);
    if (status == DISTIL_OK && *count > j->capacity) {
        if (grow(j, *count) != 0)
            return "no memory for its tokens";
        status = tokenize_once(j, count, text);
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

/* Write a line for each token, and an empty one. */
static void write_token_lines(const job *j, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const distil_offsets *o = &j->offsets[i];
        size_t bytes;
        const char *token = distil_token_text(j->model->model, j->ids[i], &bytes);

        (void)printf("%ld\t%lu\t%lu\t%lu\t%lu\t", (long)j->ids[i], (unsigned long)o->char_begin,
                     (unsigned long)o->char_end, (unsigned long)o->begin, (unsigned long)o->end);
        cmd_write_escaped(stdout, token, bytes);
        (void)putchar('\n');
    }
}

/* Write an array with an object for each token. */
static void write_token_objects(const job *j, size_t count)
{
    (void)putchar('[');
    for (size_t i = 0; i < count; i++) {
        const distil_offsets *o = &j->offsets[i];
        size_t bytes;
        const char *token = distil_token_text(j->model->model, j->ids[i], &bytes);

        (void)printf("%s{\"id\":%ld,\"token\":", i > 0 ? "," : "", (long)j->ids[i]);
        cmd_json_string(stdout, token, bytes);
        (void)printf(",\"start\":%lu,\"end\":%lu,\"byte_start\":%lu,\"byte_end\":%lu}",
                     (unsigned long)o->char_begin, (unsigned long)o->char_end,
                     (unsigned long)o->begin, (unsigned long)o->end);
    }
    (void)putchar(']');
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
        if (refusal == NULL && j->options->offsets)
            write_token_lines(j, count);
        else if (refusal == NULL)
            write_ids(j->ids, count, ' ');
    } else if (refusal != NULL) {
        (void)fputs("null", stdout);
    } else if (j->options->offsets) {
        write_token_objects(j, count);
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
        free(j.offsets);
    }
    cmd_options_free(&options);
    return code;
}
