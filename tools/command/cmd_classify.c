/* SPDX-License-Identifier: Apache-2.0 */
/* distil classify: labels and scores of texts from arguments, files or standard input. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tools/command/cmd_input.h"
#include "tools/command/cmd_interrupt.h"
#include "tools/command/cmd_message.h"
#include "tools/command/cmd_model.h"
#include "tools/command/cmd_options.h"
#include "tools/command/cmd_output.h"
#include "tools/command/cmd_pipeline.h"
#include "tools/command/cmd_progress.h"
#include "tools/command/commands.h"

/* One run of the command, from the first text to the last answer. */
typedef struct job {
    const cmd_options *options;
    const cmd_model *model;
    cmd_input input;
    cmd_progress progress;
    uint64_t answered; /* texts whose answer has been written */
    int alone;         /* 1 if there is a single TEXT, whose answer does not repeat it */
    int failed;        /* 1 if a text could not be classified */
} job;

/* ---- one answer ----------------------------------------------------------------------------- */

static void write_json_error(const char *refusal, size_t size)
{
    (void)fputs("{\"error\":", stdout);
    cmd_json_string(stdout, refusal, size);
    (void)putchar('}');
}

static void write_json(const cmd_model *model, const cmd_answer *answer)
{
    const distil_result *result = &answer->result;
    const char *label = distil_model_label(model->model, result->label);

    (void)fputs("{\"label\":", stdout);
    cmd_json_string(stdout, label, strlen(label));
    (void)fputs(",\"score\":", stdout);
    cmd_json_float(stdout, result->score);
    (void)fputs(",\"probabilities\":{", stdout);
    for (size_t i = 0; i < model->info.n_labels; i++) {
        const char *name = distil_model_label(model->model, i);

        if (i > 0)
            (void)putchar(',');
        cmd_json_string(stdout, name, strlen(name));
        (void)putchar(':');
        cmd_json_float(stdout, answer->probabilities[i]);
    }
    (void)fputs("},\"logits\":[", stdout);
    for (size_t i = 0; i < model->info.n_labels; i++) {
        if (i > 0)
            (void)putchar(',');
        cmd_json_float(stdout, answer->logits[i]);
    }
    (void)printf("],\"tokens\":%zu,\"truncated\":%s}", result->token_count,
                 result->truncated ? "true" : "false");
}

static void write_plain(const job *j, const cmd_text *text, const cmd_answer *answer)
{
    const distil_result *result = &answer->result;

    if (answer->refusal != NULL)
        (void)fputs("ERROR", stdout);
    else
        (void)printf("%s %.4f", distil_model_label(j->model->model, result->label),
                     (double)result->score);
    if (!j->alone) {
        (void)putchar('\t');
        cmd_write_escaped(stdout, text->bytes, text->size);
    }
}

static void write_tsv(const job *j, const cmd_text *text, const cmd_answer *answer)
{
    const distil_result *result = &answer->result;

    if (answer->refusal != NULL) {
        (void)fputs("ERROR\t\t\t\t", stdout);
    } else {
        const char *label = distil_model_label(j->model->model, result->label);

        cmd_write_escaped(stdout, label, strlen(label));
        (void)putchar('\t');
        cmd_json_float(stdout, result->score);
        (void)printf("\t%zu\t%d\t", result->token_count, result->truncated);
    }
    cmd_write_escaped(stdout, text->bytes, text->size);
}

/* ---- callbacks of the pipeline -------------------------------------------------------------- */

static cmd_input_status read_text(void *user, cmd_text *text, int may_wait)
{
    job *j = user;

    return cmd_input_next(&j->input, text, may_wait);
}

static int write_answer(void *user, const cmd_text *text, const cmd_answer *answer)
{
    job *j = user;

    if (answer->refusal != NULL) {
        cmd_progress_clear(&j->progress);
        cmd_error("%s:%llu: %s", text->source, (unsigned long long)text->number, answer->refusal);
        j->failed = 1;
    }
    if (j->options->format == CMD_FORMAT_JSON)
        (void)fputs(j->answered == 0 ? "\n" : ",\n", stdout);
    if (j->options->format == CMD_FORMAT_TEXT)
        write_plain(j, text, answer);
    else if (j->options->format == CMD_FORMAT_TSV)
        write_tsv(j, text, answer);
    else if (answer->refusal != NULL)
        write_json_error(answer->refusal, strlen(answer->refusal));
    else
        write_json(j->model, answer);
    if (j->options->format != CMD_FORMAT_JSON)
        (void)putchar('\n');
    j->answered++;
    return ferror(stdout) ? -1 : 0;
}

static int flush_answers(void *user)
{
    job *j = user;

    cmd_progress_update(&j->progress, j->answered, cmd_input_done(&j->input), j->input.bytes_total);
    return cmd_flush(stdout);
}

static int classify_texts(job *j)
{
    const cmd_options *o = j->options;
    int one_by_one = o->stream || j->alone;
    const cmd_pipeline pipeline = {
        .model = j->model->model,
        .n_labels = j->model->info.n_labels,
        .batch = o->stream ? 1 : o->batch,
        .threads = one_by_one ? 1 : o->threads,
        .helpers = one_by_one ? o->threads : 1,
        .flags = o->flags,
        .user = j,
        .next = read_text,
        .answer = write_answer,
        .flush = flush_answers,
    };
    int failed;

    if (o->format == CMD_FORMAT_JSON)
        (void)putchar('[');
    failed = cmd_pipeline_run(&pipeline);
    cmd_progress_clear(&j->progress);
    if (failed)
        return CMD_FAILED;
    if (o->format == CMD_FORMAT_JSON)
        (void)fputs(j->answered > 0 ? "\n]\n" : "]\n", stdout);
    if (cmd_flush(stdout) != 0)
        return CMD_FAILED;
    if (cmd_interrupted())
        return CMD_INTERRUPTED;
    return j->failed || j->input.failed ? CMD_FAILED : CMD_OK;
}

int cmd_classify(int argc, char **argv)
{
    cmd_options options;
    cmd_model model;
    job j = {.options = &options, .model = &model};
    int code = cmd_options_parse(&options, &cmd_manuals[CMD_CLASSIFY], argc, argv);

    if (code >= 0)
        return code;
    if (options.word_count > 0 && options.file_count > 0) {
        cmd_options_free(&options);
        return cmd_usage_error("classify", "texts as arguments and files (-f) at once");
    }
    code = cmd_model_open(&model, options.model, options.isa, options.verify);
    if (code == CMD_OK) {
        j.alone = options.word_count == 1;
        cmd_input_choose(&j.input, &options);
        cmd_interrupt_install();
        cmd_progress_begin(&j.progress, !isatty(STDOUT_FILENO) && !options.stream);
        code = classify_texts(&j);
        cmd_input_close(&j.input);
        cmd_model_close(&model);
    }
    cmd_options_free(&options);
    return code;
}
