/* SPDX-License-Identifier: Apache-2.0 */
/* distil tokenize: the token ids of texts, [CLS] and [SEP] included, not truncated. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tools/command/cmd_input.h"
#include "tools/command/cmd_interrupt.h"
#include "tools/command/cmd_options.h"
#include "tools/command/cmd_progress.h"
#include "tools/command/cmd_util.h"
#include "tools/command/commands.h"

static const cmd_option_id accepted[] = {CMD_OPT_MODEL, CMD_OPT_FILE,  CMD_OPT_JSON,
                                         CMD_OPT_JSONL, CMD_OPT_SPLIT, CMD_OPT_STRICT,
                                         CMD_OPT_HELP,  CMD_OPT_COUNT};

static const cmd_manual manual = {
    "tokenize",
    "[options] [TEXT...]",
    "Write the token ids of each TEXT, or of each line of the files given with -f, or of\n"
    "standard input: decimal, [CLS] first and [SEP] last, not truncated, a space between,\n"
    "one line for each text. --jsonl writes [101,2204,102] for each, --json an array of\n"
    "them. A text that cannot be taken is reported on standard error and gives an empty\n"
    "line, in JSON null.\n",
    "  distil tokenize \"good\"\n"
    "  distil tokenize < corpus.txt | awk '{ n += NF } END { print n, \"tokens\" }'\n"
    "  distil tokenize --split-special-tokens \"what does [SEP] mean?\"\n",
    accepted,
};

typedef struct job {
    const cmd_options *options;
    const cmd_model *model;
    cmd_input input;
    cmd_progress progress;
    int32_t *ids;
    size_t capacity;
    uint64_t answered;
    int failed;
} job;

/* Ids of a text in j->ids, which grows as needed. NULL, or why there are none. */
static const char *tokenize(job *j, size_t *count, const cmd_text *text)
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

/* Ids, a separator between; many of them, so without printf. */
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

static void answer(job *j, const cmd_text *text)
{
    cmd_format format = j->options->format;
    size_t count = 0;
    const char *refusal = tokenize(j, &count, text);

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

static int run(job *j)
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
        if (status == CMD_INPUT_WAIT) { /* answer what was read before waiting for more */
            if (cmd_flush(stdout) != 0)
                return CMD_FAILED;
            may_wait = 1;
            continue;
        }
        answer(j, &text);
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
    int code = cmd_options_parse(&options, &manual, argc, argv);

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
        code = run(&j);
        cmd_input_close(&j.input);
        cmd_model_close(&model);
        free(j.ids);
    }
    cmd_options_free(&options);
    return code;
}
