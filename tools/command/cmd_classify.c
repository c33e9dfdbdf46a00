/* SPDX-License-Identifier: Apache-2.0 */
/* distil classify: labels and scores of texts from arguments, files, tables or standard input. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runtime/base/checksum.h"
#include "tools/command/cmd_input.h"
#include "tools/command/cmd_interrupt.h"
#include "tools/command/cmd_message.h"
#include "tools/command/cmd_model.h"
#include "tools/command/cmd_names.h"
#include "tools/command/cmd_options.h"
#include "tools/command/cmd_output.h"
#include "tools/command/cmd_pipeline.h"
#include "tools/command/cmd_progress.h"
#include "tools/command/cmd_save.h"
#include "tools/command/cmd_zero_shot.h"
#include "tools/command/commands.h"
#include "tools/command/table.h"

/* What is done with a row of a table that cannot be classified. */
typedef enum on_error { ON_ERROR_KEEP, ON_ERROR_STOP, ON_ERROR_DROP } on_error;

/* One run of the command, from the first text to the last answer. */
typedef struct job {
    const cmd_options *options;
    const cmd_model *model;
    cmd_input input;
    cmd_progress progress;
    table table; /* its format is NULL if the input is no table */
    on_error on_error;
    cmd_save save;      /* its target is NULL if answers go to standard output */
    uint64_t read;      /* texts that have been read, with those of the run that is continued */
    uint64_t skipped;   /* bytes of the texts that the run that is continued has answered */
    uint64_t answered;  /* texts whose answer has been written, in both runs */
    uint64_t bad;       /* texts that could not be classified, in both runs */
    int header_written; /* 1 if the header of the table has been written */
    size_t *best;       /* (top_k) numbers of labels, the best first; NULL without --top-k */
    size_t top_k;       /* the most labels of an answer with --top-k or --threshold */
    int alone;          /* 1 if there is a single TEXT, whose answer does not repeat it */
    cmd_zero_shot zero; /* its count is 0 without --candidates */
    size_t n_labels;    /* labels of an answer: those of the model, or the candidates */
} job;

/* ---- one answer ----------------------------------------------------------------------------- */

static void write_json_error(const char *refusal, size_t size)
{
    (void)fputs("{\"error\":", stdout);
    cmd_json_string(stdout, refusal, size);
    (void)putchar('}');
}

/* The name of a label of an answer. */
static const char *label_name(const job *j, size_t label)
{
    return j->zero.count > 0 ? j->zero.names[label] : j->model->labels[label];
}

/* Fill j->best for an answer. Returns how many labels the options ask for. */
static size_t find_best(const job *j, const cmd_answer *answer)
{
    const cmd_options *o = j->options;
    size_t count = j->top_k;

    if (distil_top_labels(j->best, count, answer->probabilities, j->n_labels) != DISTIL_OK)
        return 0;
    while (o->has_threshold && count > 0 &&
           (double)answer->probabilities[j->best[count - 1]] < o->threshold)
        count--;
    return count;
}

/* Write the member "labels": the best labels with their scores. */
static void write_json_best(const job *j, const cmd_answer *answer)
{
    size_t count = find_best(j, answer);

    (void)fputs(",\"labels\":[", stdout);
    for (size_t i = 0; i < count; i++) {
        const char *name = label_name(j, j->best[i]);

        (void)fputs(i > 0 ? ",{\"label\":" : "{\"label\":", stdout);
        cmd_json_string(stdout, name, strlen(name));
        (void)fputs(",\"score\":", stdout);
        cmd_json_float(stdout, answer->probabilities[j->best[i]]);
        (void)putchar('}');
    }
    (void)putchar(']');
}

static void write_json(const job *j, const cmd_answer *answer)
{
    const distil_result *result = &answer->result;
    const char *label = label_name(j, result->label);

    (void)fputs("{\"label\":", stdout);
    cmd_json_string(stdout, label, strlen(label));
    (void)fputs(",\"score\":", stdout);
    cmd_json_float(stdout, result->score);
    (void)fputs(",\"probabilities\":{", stdout);
    for (size_t i = 0; i < j->n_labels; i++) {
        const char *name = label_name(j, i);

        if (i > 0)
            (void)putchar(',');
        cmd_json_string(stdout, name, strlen(name));
        (void)putchar(':');
        cmd_json_float(stdout, answer->probabilities[i]);
    }
    (void)fputs("},\"logits\":[", stdout);
    for (size_t i = 0; i < j->n_labels; i++) {
        if (i > 0)
            (void)putchar(',');
        cmd_json_float(stdout, answer->logits[i]);
    }
    (void)printf("],\"tokens\":%zu,\"truncated\":%s", result->token_count,
                 result->truncated ? "true" : "false");
    if (j->options->window > 0)
        (void)printf(",\"windows\":%zu", result->windows);
    if (j->best != NULL)
        write_json_best(j, answer);
    (void)putchar('}');
}

/* Write the best labels with their scores, with commas between them; a dash if there is none. */
static void write_plain_best(const job *j, const cmd_answer *answer)
{
    size_t count = find_best(j, answer);

    if (count == 0)
        (void)putchar('-');
    for (size_t i = 0; i < count; i++) {
        const char *label = label_name(j, j->best[i]);

        (void)fputs(i > 0 ? ", " : "", stdout);
        cmd_write_list_item(stdout, label, strlen(label));
        (void)printf(" %.4f", (double)answer->probabilities[j->best[i]]);
    }
}

static void write_plain_label(const job *j, const distil_result *result)
{
    const char *label = label_name(j, result->label);

    cmd_write_escaped(stdout, label, strlen(label));
    (void)printf(" %.4f", (double)result->score);
}

static void write_plain(const job *j, const cmd_text *text, const cmd_answer *answer)
{
    const distil_result *result = &answer->result;

    if (answer->refusal != NULL)
        (void)fputs("ERROR", stdout);
    else if (j->best != NULL)
        write_plain_best(j, answer);
    else
        write_plain_label(j, result);
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
        const char *label = label_name(j, result->label);

        cmd_write_escaped(stdout, label, strlen(label));
        (void)putchar('\t');
        cmd_json_float(stdout, result->score);
        (void)printf("\t%zu\t%d\t", result->token_count, result->truncated);
    }
    cmd_write_escaped(stdout, text->bytes, text->size);
}

/* ---- callbacks of the pipeline -------------------------------------------------------------- */

/* Write the header of the table as soon as it has been read. An interrupted run has written it
 * before its first answer. */
static void write_header_once(job *j)
{
    if (!j->table.begun || j->header_written)
        return;
    if (j->save.bytes == 0)
        table_write_header(&j->table, stdout);
    j->header_written = 1;
}

static cmd_input_status read_text(void *user, cmd_text *text, int may_wait)
{
    job *j = user;

    for (;;) {
        cmd_input_status status = j->table.format != NULL
                                      ? table_next(&j->table, &j->input, text, may_wait)
                                      : cmd_input_next(&j->input, text, may_wait);

        write_header_once(j);
        if (status == CMD_INPUT_TEXT && j->options->pair != NULL) {
            text->pair = j->options->pair;
            text->pair_size = strlen(text->pair);
        }
        /* The pipeline of transformers leaves an empty second text out, with its [SEP]. */
        if (status == CMD_INPUT_TEXT && text->pair_size == 0)
            text->pair = NULL;
        if (status != CMD_INPUT_TEXT || j->read++ >= j->save.texts)
            return status;
        j->skipped = cmd_input_done(&j->input);
    }
}

/* Write a row of a table. Returns 0, or -1 to stop. */
static int write_table_row(job *j, const cmd_text *text, const cmd_answer *answer)
{
    /* A row that there was no memory for has no bytes, whatever its tag says. */
    table_answer row = {.error = answer->refusal,
                        .broken = text->tag == TABLE_BROKEN || text->row_size == 0};

    if (text->tag == TABLE_NULL)
        row.error = NULL;
    if (answer->refusal == NULL) {
        row.label = label_name(j, answer->result.label);
        row.score = answer->result.score;
    }
    if (row.error != NULL && j->on_error == ON_ERROR_STOP)
        return -1;
    if (row.error == NULL || j->on_error == ON_ERROR_KEEP)
        table_write_row(&j->table, stdout, text, &row);
    return 0;
}

/* Write the answer to a text that is in no table. */
static void write_text_answer(const job *j, const cmd_text *text, const cmd_answer *answer)
{
    if (j->options->format == CMD_FORMAT_JSON)
        (void)fputs(j->answered == 0 ? "\n" : ",\n", stdout);
    if (j->options->format == CMD_FORMAT_TEXT)
        write_plain(j, text, answer);
    else if (j->options->format == CMD_FORMAT_TSV)
        write_tsv(j, text, answer);
    else if (answer->refusal != NULL)
        write_json_error(answer->refusal, strlen(answer->refusal));
    else
        write_json(j, answer);
    if (j->options->format != CMD_FORMAT_JSON)
        (void)putchar('\n');
}

static int write_answer(void *user, const cmd_text *text, const cmd_answer *given)
{
    job *j = user;
    int is_null = j->table.format != NULL && text->tag == TABLE_NULL;
    cmd_answer copy = *given;
    const cmd_answer *answer = &copy;

    if (j->zero.count > 0 && copy.refusal == NULL)
        cmd_zero_shot_answer(&j->zero, j->model, &copy);

    if (answer->refusal != NULL && !is_null) {
        cmd_progress_clear(&j->progress);
        cmd_error("%s:%llu: %s", text->source, (unsigned long long)text->number, answer->refusal);
    }
    if (j->table.format == NULL)
        write_text_answer(j, text, answer);
    else if (write_table_row(j, text, answer) != 0)
        return -1;
    j->bad += answer->refusal != NULL && !is_null;
    j->answered++;
    return ferror(stdout) ? -1 : 0;
}

/* Flush what has been written. Returns 0, or -1 after reporting a failure. */
static int flush_output(const job *j)
{
    if (j->save.target == NULL)
        return cmd_flush(stdout);
    if (!ferror(stdout) && fflush(stdout) == 0)
        return 0;
    cmd_error("%s: cannot write: %s", j->save.partial, strerror(errno));
    return -1;
}

static int flush_answers(void *user)
{
    job *j = user;
    uint64_t total = j->input.bytes_total;
    uint64_t skipped = total > 0 ? j->skipped : 0;

    cmd_progress_update(&j->progress, j->answered - j->save.texts,
                        cmd_input_done(&j->input) - skipped, total - skipped);
    if (flush_output(j) != 0)
        return -1;
    return j->save.target != NULL ? cmd_save_update(&j->save, j->answered, j->bad) : 0;
}

/* Write what follows the last answer, such as the end of a JSON document. Returns 0, or -1 after
 * reporting a failure. */
static int end_output(const job *j)
{
    if (j->options->format == CMD_FORMAT_JSON)
        (void)fputs(j->answered > 0 ? "\n]\n" : "]\n", stdout);
    return flush_output(j);
}

/* Make the file of answers appear, if there is one. Returns 0, or -1 after reporting a failure. */
static int finish_file(job *j)
{
    if (j->save.target == NULL)
        return 0;
    if (!j->input.failed)
        return cmd_save_finish(&j->save);
    cmd_save_forget(&j->save);
    cmd_error("%s: not written, because an input failed; %s has the other answers", j->save.target,
              j->save.partial);
    return -1;
}

/* The tokens of a pass: enough for several pairs of a text, each of the greatest length. */
static size_t count_pass_tokens(const job *j)
{
    enum { LONG_PAIRS = 8 };

    return (j->zero.count < LONG_PAIRS ? j->zero.count : LONG_PAIRS) * j->model->info.max_positions;
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
        .flags = o->flags | (j->zero.count > 0 ? DISTIL_TRUNCATE_FIRST : 0),
        .function = o->function,
        .pass_tokens = count_pass_tokens(j),
        .window = o->window,
        .stride = o->stride,
        .combine = o->combine,
        .hypotheses = j->zero.hypotheses,
        .hypothesis_count = j->zero.count,
        .user = j,
        .next = read_text,
        .answer = write_answer,
        .flush = flush_answers,
    };
    int failed;

    if (o->format == CMD_FORMAT_JSON && j->save.bytes == 0)
        (void)putchar('[');
    failed = cmd_pipeline_run(&pipeline);
    cmd_progress_clear(&j->progress);
    if (j->save.target != NULL && (failed || cmd_interrupted())) {
        cmd_error("%s: not whole; --resume continues it", j->save.partial);
        return failed ? CMD_FAILED : CMD_INTERRUPTED;
    }
    if (!failed && !cmd_interrupted() && j->read < j->save.texts) {
        cmd_error("%s: the input has fewer texts than the interrupted run has answered",
                  j->save.partial);
        return CMD_FAILED;
    }
    if (failed || end_output(j) != 0)
        return CMD_FAILED;
    if (cmd_interrupted())
        return CMD_INTERRUPTED;
    return finish_file(j) != 0 || j->bad > 0 || j->input.failed ? CMD_FAILED : CMD_OK;
}

/* ---- options -------------------------------------------------------------------------------- */

/* Returns the byte that --delimiter names, or 0 if the value is not one that can be used. */
static char parse_delimiter(const char *value)
{
    if (value == NULL)
        return ',';
    if (strcmp(value, "\\t") == 0)
        return '\t';
    if (value[0] <= 0 || value[1] != '\0' || strchr("\"\r\n", value[0]) != NULL)
        return '\0';
    return value[0];
}

static const char *or_default(const char *value, const char *otherwise)
{
    return value != NULL ? value : otherwise;
}

/* Find the table option that a file of lines cannot have. Returns NULL if there is none. */
static const char *find_table_option(const cmd_table_options *o)
{
    const char *const values[] = {o->text_field,  o->pair_field,  o->keep,
                                  o->label_field, o->score_field, o->on_error,
                                  o->error_field, o->null_word,   o->delimiter};
    static const char *const names[] = {"text-field",  "pair-field",  "keep",
                                        "label-field", "score-field", "on-error",
                                        "error-field", "null",        "delimiter"};

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (values[i] != NULL)
            return names[i];
    return o->escapes ? "escapes" : NULL;
}

/* Fill j->on_error. Returns 0, or -1 if the value is unknown. */
static int parse_on_error(job *j, const char *value)
{
    static const char *const names[] = {"keep", "stop", "drop"};

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (strcmp(value, names[i]) == 0) {
            j->on_error = (on_error)i;
            return 0;
        }
    return -1;
}

/* Returns 1 if two of the fields that the command adds to a table have the same name. */
static int have_equal_names(const table_options *t)
{
    return strcmp(t->label_field, t->score_field) == 0 ||
           (t->error_field != NULL && (strcmp(t->label_field, t->error_field) == 0 ||
                                       strcmp(t->score_field, t->error_field) == 0));
}

/* Prepare the table that the options describe. Returns CMD_OK, or CMD_USAGE after reporting a
 * mistake. */
static int open_table(job *j)
{
    const cmd_table_options *o = &j->options->table;
    const char *name = or_default(o->input, "lines");
    const char *option = find_table_option(o);
    const table_format *format = table_format_find(name);
    table_options t = {
        .text_field = or_default(o->text_field, "text"),
        .pair_field = o->pair_field,
        .label_field = or_default(o->label_field, "label"),
        .score_field = or_default(o->score_field, "score"),
        .error_field = or_default(o->error_field, "error"),
        .keep = or_default(o->keep, "all"),
        .null_word = o->null_word,
        .delimiter = parse_delimiter(o->delimiter),
        .escapes = o->escapes,
        .strict = j->options->strict,
    };

    if (format == NULL && strcmp(name, "lines") != 0)
        return cmd_usage_error("classify", "--input: expected lines, jsonl, csv or tsv, found '%s'",
                               name);
    if (format == NULL)
        return option == NULL
                   ? CMD_OK
                   : cmd_usage_error("classify", "--%s needs --input jsonl, csv or tsv", option);
    if (j->options->format != CMD_FORMAT_TEXT)
        return cmd_usage_error("classify",
                               "--input %s decides the format of the output, so "
                               "--tsv, --json and --jsonl cannot",
                               name);
    if (j->options->word_count > 0)
        return cmd_usage_error("classify",
                               "--input %s reads files (-f) or standard input, and no "
                               "texts as arguments",
                               name);
    if (parse_on_error(j, or_default(o->on_error, "keep")) != 0)
        return cmd_usage_error("classify", "--on-error: expected keep, stop or drop, found '%s'",
                               o->on_error);
    if (t.delimiter == '\0')
        return cmd_usage_error("classify",
                               "--delimiter: '%s' is not one ASCII character, or is a "
                               "quote or a line end",
                               o->delimiter);
    if ((o->delimiter != NULL && format != &table_csv) || (o->escapes && format != &table_tsv) ||
        (o->null_word != NULL && format == &table_jsonl))
        return cmd_usage_error("classify", "--%s has no meaning for --input %s",
                               o->delimiter != NULL ? "delimiter"
                               : o->escapes         ? "escapes"
                                                    : "null",
                               name);
    if (t.null_word != NULL && (strpbrk(t.null_word, "\"\r\n\t") != NULL ||
                                (format == &table_csv && strchr(t.null_word, t.delimiter))))
        return cmd_usage_error("classify", "--null: a delimiter, a quote or a line end is in it");
    if (j->on_error != ON_ERROR_KEEP)
        t.error_field = NULL;
    if (t.pair_field != NULL && strcmp(t.text_field, t.pair_field) == 0)
        return cmd_usage_error("classify", "--text-field and --pair-field name one field");
    if (have_equal_names(&t))
        return cmd_usage_error("classify", "two of the fields that are added have one name");
    table_open(&j->table, format, &t);
    return CMD_OK;
}

static uint32_t add_setting(uint32_t crc, const char *value)
{
    return value != NULL ? distil_crc32c(crc, value, strlen(value) + 1)
                         : distil_crc32c(crc, "\xff", 1);
}

/* A checksum of everything that the answers depend on: model, inputs by name, and options. */
static uint32_t checksum_settings(const job *j)
{
    const cmd_options *o = j->options;
    const cmd_table_options *t = &o->table;
    const char *const values[] = {t->input,       t->text_field,  t->keep,      t->label_field,
                                  t->score_field, t->error_field, t->null_word, t->delimiter,
                                  t->on_error,    t->pair_field,  o->pair,      o->candidates,
                                  o->template};
    const uint32_t numbers[] = {(uint32_t)o->format,   o->flags,
                                (uint32_t)o->strict,   (uint32_t)t->escapes,
                                (uint32_t)o->function, (uint32_t)o->has_top_k,
                                (uint32_t)o->top_k,    (uint32_t)o->has_threshold,
                                (uint32_t)o->multi,    (uint32_t)o->window,
                                (uint32_t)o->stride,   (uint32_t)o->combine};
    uint32_t crc = distil_crc32c(0, j->model->info.sha256, sizeof j->model->info.sha256);

    crc = distil_crc32c(crc, numbers, sizeof numbers);
    crc = distil_crc32c(crc, &o->threshold, sizeof o->threshold);
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++)
        crc = add_setting(crc, values[i]);
    for (size_t i = 0; i < o->file_count; i++)
        crc = add_setting(crc, o->files[i]);
    for (size_t i = 0; i < o->word_count; i++)
        crc = add_setting(crc, o->words[i]);
    return crc;
}

/* Check the options about pairs and windows. Returns CMD_OK or CMD_USAGE. */
static int check_pairs_and_windows(const cmd_options *o)
{
    int pairs = o->pair != NULL || o->table.pair_field != NULL || o->candidates != NULL;

    if (o->pair != NULL && o->word_count != 1)
        return cmd_usage_error("classify", "--pair needs one TEXT as an argument; for tables there "
                                           "is --pair-field");
    if (o->candidates != NULL && (o->pair != NULL || o->table.pair_field != NULL))
        return cmd_usage_error("classify", "--candidates makes the pairs, so there is no --%s",
                               o->pair != NULL ? "pair" : "pair-field");
    if (o->candidates != NULL && o->function != DISTIL_FUNCTION_MODEL)
        return cmd_usage_error("classify", "--candidates decides the function: --multi judges each "
                                           "label by itself, and there is no --function");
    if (o->window == 0 && (o->stride > 0 || o->combine_name != NULL))
        return cmd_usage_error("classify", "--%s needs --window N",
                               o->stride > 0 ? "stride" : "combine");
    if (o->window > 0 && pairs)
        return cmd_usage_error("classify", "--window cuts single texts, and no pairs");
    if (o->window > 0 && o->stride >= o->window - 2)
        return cmd_usage_error("classify",
                               "--stride: %zu is not below %zu, the tokens of a window without "
                               "[CLS] and [SEP]: give a greater --window or a smaller --stride",
                               o->stride, o->window - 2);
    return CMD_OK;
}

/* Check what the parser of options cannot. Returns CMD_OK or CMD_USAGE. */
static int check_options(job *j)
{
    const cmd_options *o = j->options;

    if (check_pairs_and_windows(o) != CMD_OK)
        return CMD_USAGE;
    if (o->word_count > 0 && o->file_count > 0)
        return cmd_usage_error("classify", "texts as arguments and files (-f) at once");
    if (o->resume && o->output == NULL)
        return cmd_usage_error("classify", "--resume needs -o FILE");
    if (cmd_names_check_output(o) != CMD_OK)
        return CMD_USAGE;
    if ((o->has_top_k || o->has_threshold) &&
        (o->format == CMD_FORMAT_TSV || o->table.input != NULL))
        return cmd_usage_error("classify",
                               "--top-k and --threshold need the text format, --json or --jsonl");
    return open_table(j);
}

/* Find the labels of the answers. Returns CMD_OK, or CMD_USAGE after reporting a mistake. */
static int choose_labels(job *j)
{
    if (cmd_model_check_task(j->model, "classify", DISTIL_TASK_SEQUENCE) != CMD_OK)
        return CMD_USAGE;
    if (j->options->window > j->model->info.max_positions)
        return cmd_usage_error("classify", "--window: the model takes %zu tokens, and %zu are more",
                               j->model->info.max_positions, j->options->window);
    j->n_labels = j->zero.count > 0 ? j->zero.count : j->model->info.n_labels;
    return j->zero.count > 0 ? cmd_zero_shot_choose(&j->zero, j->model) : CMD_OK;
}

/* Check the options about labels against the model, and allocate j->best if they ask for several.
 * Returns CMD_OK, or another exit status after reporting a mistake. */
static int prepare_best(job *j)
{
    const cmd_options *o = j->options;
    distil_function function =
        o->function != DISTIL_FUNCTION_MODEL ? o->function : j->model->info.function;

    if (o->has_threshold && j->zero.count > 0 && !j->zero.multi)
        return cmd_usage_error("classify", "--threshold with --candidates needs --multi");
    if (o->has_threshold && j->zero.count == 0 && function != DISTIL_FUNCTION_SIGMOID)
        return cmd_usage_error("classify",
                               "--threshold needs the function sigmoid, and the model has another: "
                               "give --function sigmoid");
    if (o->has_top_k && o->top_k > j->n_labels)
        return cmd_usage_error("classify", "--top-k: %s %zu label%s, fewer than %zu; 0 means all",
                               j->zero.count > 0 ? "--candidates has" : "the model has",
                               j->n_labels, j->n_labels == 1 ? "" : "s", o->top_k);
    if (!o->has_top_k && !o->has_threshold)
        return CMD_OK;
    j->top_k = o->top_k > 0 ? o->top_k : j->n_labels;
    j->best = calloc(j->top_k, sizeof *j->best);
    if (j->best != NULL)
        return CMD_OK;
    cmd_error("out of memory");
    return CMD_FAILED;
}

/* Classify with a model that is open. Returns the exit status. */
static int classify_with_model(job *j)
{
    const cmd_options *o = j->options;
    int code = CMD_FAILED;

    j->alone = o->word_count == 1;
    cmd_names_hint(o);
    cmd_input_choose(&j->input, o);
    if (j->table.format != NULL) {
        /* Only the text of a record must be UTF-8, so the table checks it and not the reader. */
        j->input.strict = 0;
        cmd_input_records(&j->input, j->table.format->record_end, j->table.options.delimiter);
    }
    cmd_interrupt_install();
    if (o->output == NULL ||
        cmd_save_open(&j->save, o->output, o->resume, checksum_settings(j)) == 0) {
        j->answered = j->save.texts;
        j->bad = j->save.bad;
        cmd_progress_begin(&j->progress, !isatty(STDOUT_FILENO) && !o->stream);
        code = classify_texts(j);
    }
    if (o->output != NULL)
        cmd_save_close(&j->save);
    cmd_input_close(&j->input);
    return code;
}

int cmd_classify(int argc, char **argv)
{
    cmd_options options;
    cmd_model model;
    job j = {.options = &options, .model = &model};
    int code = cmd_options_parse(&options, &cmd_manuals[CMD_CLASSIFY], argc, argv);

    if (code >= 0)
        return code;
    code = check_options(&j);
    if (code == CMD_OK)
        code = cmd_zero_shot_open(&j.zero, &options);
    if (code == CMD_OK)
        code = cmd_model_open(&model, options.model, options.isa, options.verify);
    if (code == CMD_OK) {
        code = choose_labels(&j);
        if (code == CMD_OK)
            code = prepare_best(&j);
        if (code == CMD_OK)
            code = classify_with_model(&j);
        free(j.best);
        cmd_model_close(&model);
    }
    cmd_zero_shot_close(&j.zero);
    table_close(&j.table);
    cmd_options_free(&options);
    return code;
}
