/* SPDX-License-Identifier: Apache-2.0 */
/* distil rank: passages in the order in which they answer a query. */
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
#include "tools/command/cmd_pipeline.h"
#include "tools/command/cmd_progress.h"
#include "tools/command/cmd_run.h"
#include "tools/command/commands.h"

/* A passage that has been scored. */
typedef struct passage {
    char *bytes; /* (size) a copy */
    size_t size;
    uint64_t index; /* the number of passages before it */
    float logit;
    distil_result result;
} passage;

/* One run of the command, from the first passage to the last line of the answer. */
typedef struct job {
    const cmd_options *options;
    const cmd_model *model;
    cmd_input input;
    cmd_progress progress;
    passage *passages; /* (count) in the order in which they were read, later sorted */
    size_t count, capacity;
    uint64_t answered; /* passages that have been scored or reported */
    int failed;        /* 1 if a passage could not be scored */
} job;

/* ---- callbacks of the pipeline -------------------------------------------------------------- */

static cmd_input_status read_pair(void *user, cmd_text *text, int may_wait)
{
    job *j = user;
    cmd_input_status status = cmd_input_next(&j->input, text, may_wait);

    if (status != CMD_INPUT_TEXT)
        return status;
    text->pair = text->bytes;
    text->pair_size = text->size;
    text->bytes = j->options->query;
    text->size = strlen(j->options->query);
    return status;
}

/* Keep a passage with its score. Returns 0, or -1 if there is no memory. */
static int keep_passage(job *j, const cmd_text *text, const cmd_answer *answer)
{
    passage p = {malloc(text->pair_size + 1), text->pair_size, j->answered, answer->logits[0],
                 answer->result};

    if (j->count == j->capacity) {
        size_t capacity = 2 * j->capacity + 64;
        passage *bigger = realloc(j->passages, capacity * sizeof *bigger);

        if (bigger == NULL) {
            free(p.bytes);
            return -1;
        }
        j->passages = bigger;
        j->capacity = capacity;
    }
    if (p.bytes == NULL)
        return -1;
    if (p.size > 0)
        memcpy(p.bytes, text->pair, p.size);
    j->passages[j->count++] = p;
    return 0;
}

static int collect_answer(void *user, const cmd_text *text, const cmd_answer *answer)
{
    job *j = user;

    if (answer->refusal != NULL) {
        cmd_progress_clear(&j->progress);
        cmd_error("%s:%llu: %s", text->source, (unsigned long long)text->number, answer->refusal);
        j->failed = 1;
    } else if (keep_passage(j, text, answer) != 0) {
        cmd_error("out of memory");
        return -1;
    }
    j->answered++;
    return 0;
}

static int show_progress(void *user)
{
    job *j = user;

    cmd_progress_update(&j->progress, j->answered, cmd_input_done(&j->input), j->input.bytes_total);
    return 0;
}

/* ---- the answer ----------------------------------------------------------------------------- */

/* The order of the answer: the greater logit first, and of equal ones the earlier passage. The
 * scores rise with the logits, but the sigmoid rounds different logits to the same score. */
static int compare_passages(const void *a, const void *b)
{
    const passage *x = a, *y = b;

    if (x->logit != y->logit)
        return x->logit < y->logit ? 1 : -1;
    return x->index < y->index ? -1 : x->index > y->index;
}

static void write_json(const passage *p)
{
    (void)printf("{\"index\":%llu,\"score\":", (unsigned long long)p->index);
    cmd_json_float(stdout, p->result.score);
    (void)fputs(",\"logit\":", stdout);
    cmd_json_float(stdout, p->logit);
    (void)printf(",\"tokens\":%zu,\"truncated\":%s,\"text\":", p->result.token_count,
                 p->result.truncated ? "true" : "false");
    cmd_json_string(stdout, p->bytes, p->size);
    (void)putchar('}');
}

static void write_line(const passage *p, cmd_format format)
{
    if (format == CMD_FORMAT_TEXT) {
        (void)printf("%.4f\t", (double)p->result.score);
        cmd_write_escaped(stdout, p->bytes, p->size);
    } else if (format == CMD_FORMAT_TSV) {
        (void)printf("%llu\t", (unsigned long long)p->index);
        cmd_json_float(stdout, p->result.score);
        (void)printf("\t%zu\t%d\t", p->result.token_count, p->result.truncated);
        cmd_write_escaped(stdout, p->bytes, p->size);
    } else {
        write_json(p);
    }
}

static int write_passages(job *j)
{
    const cmd_options *o = j->options;
    size_t count = o->top_k > 0 && o->top_k < j->count ? o->top_k : j->count;
    int is_array = o->format == CMD_FORMAT_JSON;

    if (j->count > 0)
        qsort(j->passages, j->count, sizeof *j->passages, compare_passages);
    if (is_array)
        (void)putchar('[');
    for (size_t i = 0; i < count && !ferror(stdout); i++) {
        if (is_array)
            (void)fputs(i == 0 ? "\n" : ",\n", stdout);
        write_line(&j->passages[i], o->format);
        if (!is_array)
            (void)putchar('\n');
    }
    if (is_array)
        (void)fputs(count > 0 ? "\n]\n" : "]\n", stdout);
    return cmd_flush(stdout);
}

/* Score all passages and write them in order. An interrupted run writes nothing, because the best
 * passage may be among those that were not read. */
static int rank_passages(job *j)
{
    const cmd_options *o = j->options;
    const cmd_pipeline pipeline = {
        .model = j->model->model,
        .n_labels = j->model->info.n_labels,
        .batch = o->batch,
        .threads = o->threads,
        .helpers = 1,
        .flags = o->flags,
        .function =
            o->function != DISTIL_FUNCTION_MODEL ? o->function : j->model->info.rank_function,
        .user = j,
        .next = read_pair,
        .answer = collect_answer,
        .flush = show_progress,
    };
    int failed = cmd_pipeline_run(&pipeline);

    cmd_progress_clear(&j->progress);
    if (failed)
        return CMD_FAILED;
    if (cmd_interrupted())
        return CMD_INTERRUPTED;
    if (write_passages(j) != 0)
        return CMD_FAILED;
    return j->failed || j->input.failed ? CMD_FAILED : CMD_OK;
}

/* ---- the command ---------------------------------------------------------------------------- */

static int check_options(const cmd_options *o)
{
    if (o->query == NULL)
        return cmd_usage_error("rank", "--query TEXT is missing");
    if (o->word_count > 0 && o->file_count > 0)
        return cmd_usage_error("rank", "texts as arguments and files (-f) at once");
    if (o->function == DISTIL_FUNCTION_SOFTMAX)
        return cmd_usage_error("rank", "--function: the softmax of one label is always 1; give "
                                       "sigmoid or none");
    return CMD_OK;
}

static int check_model(const cmd_model *model, const cmd_options *o)
{
    if (cmd_model_check_task(model, "rank", DISTIL_TASK_SEQUENCE) != CMD_OK)
        return CMD_USAGE;
    if (model->info.n_labels != 1)
        return cmd_usage_error("rank",
                               "the model has %zu labels, and one that ranks has one: give a "
                               "cross-encoder with -m",
                               model->info.n_labels);
    if (o->function == DISTIL_FUNCTION_MODEL &&
        model->info.rank_function == DISTIL_FUNCTION_SOFTMAX)
        return cmd_usage_error("rank", "the model's function is the softmax, which is always 1 for "
                                       "one label: give --function sigmoid or none");
    return CMD_OK;
}

static int run(const cmd_options *o, const cmd_model *model)
{
    job j = {.options = o, .model = model};
    int code = check_model(model, o);

    if (code != CMD_OK)
        return code;
    cmd_input_choose(&j.input, o);
    cmd_interrupt_install();
    cmd_progress_begin(&j.progress, !isatty(STDOUT_FILENO));
    code = rank_passages(&j);
    cmd_input_close(&j.input);
    for (size_t i = 0; i < j.count; i++)
        free(j.passages[i].bytes);
    free(j.passages);
    return code;
}

int cmd_rank(int argc, char **argv)
{
    return cmd_run(CMD_RANK, check_options, run, argc, argv);
}
