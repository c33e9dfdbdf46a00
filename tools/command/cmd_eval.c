/* SPDX-License-Identifier: Apache-2.0 */
/* distil eval: accuracy on labelled sentences, and agreement with the logits of another program or
 * of the checkpoint itself. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/base/strict_float.h"
#include "tools/command/cmd_input.h"
#include "tools/command/cmd_interrupt.h"
#include "tools/command/cmd_message.h"
#include "tools/command/cmd_model.h"
#include "tools/command/cmd_options.h"
#include "tools/command/cmd_original.h"
#include "tools/command/cmd_output.h"
#include "tools/command/cmd_pipeline.h"
#include "tools/command/cmd_progress.h"
#include "tools/command/cmd_reference.h"
#include "tools/command/cmd_tsv.h"
#include "tools/command/commands.h"

enum {
    MOST_LABELS_SHOWN = 16, /* the confusion matrix of more labels is printed as JSON only */
    MOST_COLUMNS = 64,      /* the most columns of a TSV file */
    MOST_SHOWN = 20         /* the most texts with another label that are printed for people */
};

/* The label of a row that has none, in cmd_text.tag. Indices of labels are smaller. */
#define NO_LABEL SIZE_MAX

/* The column of labels in a file that has none. */
#define NO_COLUMN SIZE_MAX

/* A text to which the model gives another label than the original. */
typedef struct disagreement {
    uint64_t line;
    char *text; /* (size) */
    size_t size, label, original_label;
    double margin, original_margin; /* between the labels that the original ranks first */
} disagreement;

/* One evaluation: the file, what has been counted so far, and the options. */
typedef struct job {
    const cmd_options *options;
    const cmd_model *model;
    const char *path;
    cmd_input input;
    cmd_progress progress;
    /* the number of columns, and the two columns that the header names `sentence` and `label`; with
     * --original a file without a header has one column */
    size_t columns, sentence_column, label_column;
    uint64_t rows;                                 /* rows after the header, bad ones included */
    uint64_t bad;                                  /* rows that could not be evaluated */
    uint64_t correct;                              /* rows whose label the model gave */
    uint64_t *confusion;                           /* (label of the file, label of the model) */
    const cmd_reference *reference;                /* NULL without --reference and --original */
    disagreement *disagreements;                   /* (compared - agreeing), only with --original */
    uint64_t compared, agreeing, token_mismatches; /* rows compared with the reference */
    uint64_t worst_line;                           /* line with the greatest margin error */
    double margin_sum, margin_max;                 /* sum and greatest value of the margin errors */
    double seconds; /* the time from the first row to the last answer */
} job;

/* ---- rows ----------------------------------------------------------------------------------- */

/* Find the two columns in the header. Returns 0, or -1 if there are not both. */
static int find_columns(job *j, const cmd_text *header)
{
    cmd_field fields[MOST_COLUMNS];

    j->sentence_column = NO_COLUMN;
    j->label_column = NO_COLUMN;
    j->columns = cmd_tsv_split(fields, MOST_COLUMNS, header->bytes, header->size);
    for (size_t i = 0; i < j->columns && i < MOST_COLUMNS; i++) {
        if (cmd_tsv_is(fields[i], "sentence"))
            j->sentence_column = i;
        else if (cmd_tsv_is(fields[i], "label"))
            j->label_column = i;
    }
    return j->columns <= MOST_COLUMNS && j->sentence_column != NO_COLUMN &&
                   j->label_column != NO_COLUMN
               ? 0
               : -1;
}

/* Read the first line and find the two columns. With --original a file needs no labels: it may have
 * the column `sentence` alone, or no header and a text on each line. Returns 0, or -1 after
 * reporting why not. */
static int parse_header(job *j)
{
    cmd_text text;

    if (cmd_input_next(&j->input, &text, 1) != CMD_INPUT_TEXT) {
        if (!j->input.failed && !cmd_interrupted())
            cmd_error("%s: empty", j->path);
        return -1;
    }
    if (find_columns(j, &text) == 0)
        return 0;
    if (j->options->original != NULL && j->columns <= MOST_COLUMNS) {
        if (j->sentence_column == NO_COLUMN) { /* The first line is a text: read it again. */
            j->columns = 1;
            j->sentence_column = 0;
            cmd_input_close(&j->input);
            cmd_input_files(&j->input, &j->path, 1, 0);
        }
        j->label_column = NO_COLUMN;
        return 0;
    }
    cmd_error("%s:1: expected a header with the columns sentence and label", text.source);
    cmd_hint("the file is: sentence, tab, label; the first line holds these names");
    return -1;
}

/* Returns the index of a label that the file gives as an index or a name, or NO_LABEL. */
static size_t find_label(const cmd_model *model, cmd_field field)
{
    size_t label;

    if (cmd_tsv_count(&label, field, model->info.n_labels - 1) == 0)
        return label;
    for (label = 0; label < model->info.n_labels; label++)
        if (cmd_tsv_is(field, model->labels[label]))
            return label;
    return NO_LABEL;
}

static cmd_input_status read_row(void *user, cmd_text *text, int may_wait)
{
    job *j = user;
    cmd_field fields[MOST_COLUMNS];
    cmd_input_status status = cmd_input_next(&j->input, text, may_wait);

    if (status != CMD_INPUT_TEXT)
        return status;
    text->tag = NO_LABEL;
    if (text->refusal != NULL)
        return status;
    if (j->columns == 1 && j->label_column == NO_COLUMN) { /* A tab is part of the text. */
        size_t size = text->size;

        if (size > 0 && text->bytes[size - 1] == '\r')
            text->size--;
        return status;
    }
    if (cmd_tsv_split(fields, MOST_COLUMNS, text->bytes, text->size) != j->columns) {
        text->refusal = "not as many columns as the header has";
        text->size = 0;
        return status;
    }
    if (j->label_column != NO_COLUMN) {
        text->tag = find_label(j->model, fields[j->label_column]);
        if (text->tag == NO_LABEL)
            text->refusal = "the label is neither an index nor a name of the model's labels";
    }
    text->bytes = fields[j->sentence_column].bytes;
    text->size = fields[j->sentence_column].size;
    return status;
}

/* ---- figures -------------------------------------------------------------------------------- */

/* Returns the index of the greatest of n floats, the first of equal ones. The index `except` is
 * left out; n leaves out none. */
static size_t index_of_greatest(const float *x, size_t n, size_t except)
{
    size_t best = except == 0 ? 1 : 0;

    for (size_t i = best + 1; i < n; i++)
        if (i != except && x[i] > x[best])
            best = i;
    return best;
}

/* Keep a text to which the original gives another label. Returns 0, or -1 after reporting that
 * there is no memory. */
static int keep_disagreement(job *j, const cmd_text *text, const cmd_answer *answer, size_t first,
                             size_t second, double original_margin)
{
    size_t count = (size_t)(j->compared - j->agreeing) - 1; /* this one is counted already */
    disagreement *grown = realloc(j->disagreements, (count + 1) * sizeof *grown);
    disagreement *d;

    if (grown == NULL) {
        cmd_error("out of memory");
        return -1;
    }
    j->disagreements = grown;
    d = &grown[count];
    *d = (disagreement){.line = text->number, .size = text->size, .text = malloc(text->size + 1)};
    if (d->text == NULL) {
        j->agreeing++; /* so that the list has as many elements as are counted */
        cmd_error("out of memory");
        return -1;
    }
    memcpy(d->text, text->bytes, text->size);
    d->label = answer->result.label;
    d->original_label = first;
    d->margin = (double)answer->logits[first] - (double)answer->logits[second];
    d->original_margin = original_margin;
    return 0;
}

static void free_disagreements(job *j)
{
    if (j->disagreements == NULL)
        return;
    for (uint64_t i = 0; i < j->compared - j->agreeing; i++)
        free(j->disagreements[i].text);
    free(j->disagreements);
}

/* Compare an answer with a row of the reference. Returns 0, or -1 if the reference belongs to
 * another file. */
static int compare_with_reference(job *j, const cmd_text *text, const cmd_answer *answer,
                                  uint64_t row)
{
    const cmd_reference *r = j->reference;
    size_t n = j->model->info.n_labels;
    const float *logits;
    size_t first, second;
    double error;

    if (row >= r->rows || r->labels[row] != text->tag) {
        cmd_error("%s: %s row %llu does not belong to %s:%llu", r->path,
                  row >= r->rows ? "missing" : "the label in", (unsigned long long)row,
                  text->source, (unsigned long long)text->number);
        cmd_hint("a reference has one row for each row of the file, in its order");
        return -1;
    }
    logits = r->logits + row * n;
    first = index_of_greatest(logits, n, n);
    second = index_of_greatest(logits, n, first);
    error = fabs(((double)answer->logits[first] - (double)answer->logits[second]) -
                 ((double)logits[first] - (double)logits[second]));
    j->compared++;
    j->agreeing += answer->result.label == first;
    j->token_mismatches += answer->result.token_count != r->tokens[row];
    j->margin_sum += error;
    if (error > j->margin_max) {
        j->margin_max = error;
        j->worst_line = text->number;
    }
    if (j->options->original != NULL && answer->result.label != first)
        return keep_disagreement(j, text, answer, first, second,
                                 (double)logits[first] - (double)logits[second]);
    return 0;
}

static int count_answer(void *user, const cmd_text *text, const cmd_answer *answer)
{
    job *j = user;
    uint64_t row = j->rows++;

    if (answer->refusal != NULL) {
        cmd_progress_clear(&j->progress);
        cmd_error("%s:%llu: %s", text->source, (unsigned long long)text->number, answer->refusal);
        j->bad++;
        return 0;
    }
    if (text->tag != NO_LABEL) {
        j->correct += answer->result.label == text->tag;
        j->confusion[text->tag * j->model->info.n_labels + answer->result.label]++;
    }
    return j->reference != NULL ? compare_with_reference(j, text, answer, row) : 0;
}

static int show_progress(void *user)
{
    job *j = user;

    cmd_progress_update(&j->progress, j->rows, cmd_input_done(&j->input), j->input.bytes_total);
    return 0;
}

/* ---- output --------------------------------------------------------------------------------- */

/* Returns part / whole, or 0 if there is nothing. */
static double share(uint64_t part, uint64_t whole)
{
    return whole > 0 ? (double)part / (double)whole : 0.0;
}

static void print_confusion(const job *j)
{
    const char **labels = j->model->labels;
    size_t n = j->model->info.n_labels, width = 8;

    if (n > MOST_LABELS_SHOWN) {
        (void)printf("confusion        %zu labels: --json prints the matrix\n", n);
        return;
    }
    for (size_t i = 0; i < n; i++) {
        size_t length = cmd_write_right(NULL, labels[i], strlen(labels[i]), 0);

        width = length > width ? length : width;
    }
    (void)printf("confusion        rows: label in the file; columns: label given\n");
    (void)printf("  %*s", (int)width, "");
    for (size_t i = 0; i < n; i++) {
        (void)fputs("  ", stdout);
        (void)cmd_write_right(stdout, labels[i], strlen(labels[i]), width);
    }
    (void)putchar('\n');
    for (size_t i = 0; i < n; i++) {
        (void)fputs("  ", stdout);
        (void)cmd_write_right(stdout, labels[i], strlen(labels[i]), width);
        for (size_t k = 0; k < n; k++)
            (void)printf("  %*llu", (int)width, (unsigned long long)j->confusion[i * n + k]);
        (void)putchar('\n');
    }
}

/* List the texts to which the original gives another label. */
static void print_disagreements(const job *j)
{
    uint64_t count = j->compared - j->agreeing;

    for (uint64_t i = 0; i < count && i < MOST_SHOWN; i++) {
        const disagreement *d = &j->disagreements[i];
        const char *label = j->model->labels[d->label];
        const char *original = j->model->labels[d->original_label];

        (void)printf("  line %llu: ", (unsigned long long)d->line);
        cmd_write_escaped(stdout, label, strlen(label));
        (void)fputs(", the original says ", stdout);
        cmd_write_escaped(stdout, original, strlen(original));
        (void)printf(" by %.4f: ", d->original_margin);
        cmd_write_escaped(stdout, d->text, d->size);
        (void)putchar('\n');
    }
    if (count > MOST_SHOWN)
        (void)printf("  and %llu more: --json lists all\n",
                     (unsigned long long)(count - MOST_SHOWN));
}

static void print_text(const job *j)
{
    uint64_t done = j->rows - j->bad;

    (void)printf("texts            %llu", (unsigned long long)done);
    if (j->bad > 0)
        (void)printf(" (%llu bad row%s left out)", (unsigned long long)j->bad,
                     j->bad == 1 ? "" : "s");
    (void)putchar('\n');
    if (j->label_column != NO_COLUMN) {
        (void)printf("accuracy         %.2f %% (%llu of %llu)\n", 100.0 * share(j->correct, done),
                     (unsigned long long)j->correct, (unsigned long long)done);
        print_confusion(j);
    }
    if (j->reference != NULL) {
        (void)printf("label agreement  %.2f %% (%llu of %llu)\n",
                     100.0 * share(j->agreeing, j->compared), (unsigned long long)j->agreeing,
                     (unsigned long long)j->compared);
        if (j->options->original != NULL)
            print_disagreements(j);
        (void)printf("margin error     mean %.4f, max %.4f",
                     j->compared > 0 ? j->margin_sum / (double)j->compared : 0.0, j->margin_max);
        if (j->worst_line > 0)
            (void)printf(" (line %llu)", (unsigned long long)j->worst_line);
        (void)printf("\ntoken counts     %llu differ\n", (unsigned long long)j->token_mismatches);
    }
    (void)printf("speed            %.1f texts/s (%.2f s, %s, threads %zu, batch %zu)\n",
                 j->seconds > 0 ? (double)done / j->seconds : 0.0, j->seconds,
                 distil_isa_name(j->model->info.isa), j->options->threads, j->options->batch);
}

static void print_json_confusion(const job *j)
{
    size_t n = j->model->info.n_labels;

    (void)fputs(",\"confusion\":[", stdout);
    for (size_t i = 0; i < n * n; i++)
        (void)printf("%s%llu%s",
                     i % n > 0 ? ","
                     : i > 0   ? ",["
                               : "[",
                     (unsigned long long)j->confusion[i], i % n == n - 1 ? "]" : "");
    (void)fputs("]", stdout);
}

static void print_json_disagreements(const job *j)
{
    (void)fputs(",\"original\":", stdout);
    cmd_json_string(stdout, j->options->original, strlen(j->options->original));
    (void)fputs(",\"disagreements\":[", stdout);
    for (uint64_t i = 0; i < j->compared - j->agreeing; i++) {
        const disagreement *d = &j->disagreements[i];
        const char *label = j->model->labels[d->label];
        const char *original = j->model->labels[d->original_label];

        (void)printf("%s{\"line\":%llu,\"text\":", i > 0 ? "," : "", (unsigned long long)d->line);
        cmd_json_string(stdout, d->text, d->size);
        (void)fputs(",\"label\":", stdout);
        cmd_json_string(stdout, label, strlen(label));
        (void)fputs(",\"original_label\":", stdout);
        cmd_json_string(stdout, original, strlen(original));
        (void)printf(",\"margin\":%.9g,\"original_margin\":%.9g}", d->margin, d->original_margin);
    }
    (void)fputs("]", stdout);
}

static void print_json(const job *j)
{
    uint64_t done = j->rows - j->bad;

    (void)fputs("{\"file\":", stdout);
    cmd_json_string(stdout, j->path, strlen(j->path));
    (void)printf(",\"texts\":%llu,\"bad_rows\":%llu", (unsigned long long)done,
                 (unsigned long long)j->bad);
    if (j->label_column != NO_COLUMN)
        (void)printf(",\"correct\":%llu,\"accuracy\":%.9g", (unsigned long long)j->correct,
                     share(j->correct, done));
    (void)fputs(",\"labels\":[", stdout);
    for (size_t i = 0; i < j->model->info.n_labels; i++) {
        const char *name = j->model->labels[i];

        (void)fputs(i > 0 ? "," : "", stdout);
        cmd_json_string(stdout, name, strlen(name));
    }
    (void)fputs("]", stdout);
    if (j->label_column != NO_COLUMN)
        print_json_confusion(j);
    if (j->reference != NULL)
        (void)printf(",\"agreeing\":%llu,\"agreement\":%.9g,\"margin_error_mean\":%.9g,"
                     "\"margin_error_max\":%.9g,\"token_mismatches\":%llu",
                     (unsigned long long)j->agreeing, share(j->agreeing, j->compared),
                     j->compared > 0 ? j->margin_sum / (double)j->compared : 0.0, j->margin_max,
                     (unsigned long long)j->token_mismatches);
    if (j->options->original != NULL)
        print_json_disagreements(j);
    (void)printf(",\"seconds\":%.6f,\"texts_per_second\":%.6g,\"isa\":\"%s\",\"threads\":%zu,"
                 "\"batch\":%zu}\n",
                 j->seconds, j->seconds > 0 ? (double)done / j->seconds : 0.0,
                 distil_isa_name(j->model->info.isa), j->options->threads, j->options->batch);
}

/* ---- command -------------------------------------------------------------------------------- */

static int evaluate_rows(job *j)
{
    const cmd_pipeline pipeline = {
        .model = j->model->model,
        .n_labels = j->model->info.n_labels,
        .batch = j->options->batch,
        .threads = j->options->threads,
        .helpers = 1,
        .flags = j->options->flags,
        .user = j,
        .next = read_row,
        .answer = count_answer,
        .flush = show_progress,
    };
    double start;
    int failed;

    if (parse_header(j) != 0)
        return cmd_interrupted() ? CMD_INTERRUPTED : CMD_FAILED;
    start = cmd_seconds();
    failed = cmd_pipeline_run(&pipeline);
    j->seconds = cmd_seconds() - start;
    cmd_progress_clear(&j->progress);
    if (failed)
        return CMD_FAILED;
    if (!cmd_interrupted() && j->reference != NULL && j->rows != j->reference->rows) {
        cmd_error("%s has %zu rows, %s has %llu: not the reference of this file",
                  j->reference->path, j->reference->rows, j->path, (unsigned long long)j->rows);
        return CMD_FAILED;
    }
    if (j->options->format == CMD_FORMAT_JSON)
        print_json(j);
    else
        print_text(j);
    if (cmd_flush(stdout) != 0)
        return CMD_FAILED;
    if (cmd_interrupted())
        return CMD_INTERRUPTED;
    return j->bad > 0 || j->input.failed ? CMD_FAILED : CMD_OK;
}

/* Run the original over the rows of the file, which is read again afterwards. Returns 0, or -1
 * after reporting why not. */
static int run_original(job *j, cmd_reference *reference)
{
    const cmd_rows rows = {&j->input, read_row, j};
    struct stat status;
    int failed;

    if (strcmp(j->path, "-") == 0 || (stat(j->path, &status) == 0 && !S_ISREG(status.st_mode))) {
        cmd_error("%s: --original reads the file twice, so it must be a regular file", j->path);
        return -1;
    }
    cmd_input_files(&j->input, &j->path, 1, 0);
    cmd_progress_begin(&j->progress, 1);
    failed = parse_header(j) || cmd_original_run(reference, j->options->original, j->model,
                                                 j->options->threads, &rows, &j->progress);
    cmd_input_close(&j->input);
    return failed ? -1 : 0;
}

static int evaluate_file(const cmd_options *options, const cmd_model *model)
{
    const char *path = options->words[0];
    cmd_reference reference = {0};
    job j = {.options = options, .model = model, .path = path};
    size_t n = model->info.n_labels;
    int code;

    if (n < 2) {
        cmd_error("the model has one label, so there is no best label to compare");
        return CMD_FAILED;
    }
    j.confusion = calloc(n * n, sizeof *j.confusion);
    if (j.confusion == NULL) {
        cmd_error("out of memory");
        return CMD_FAILED;
    }
    cmd_interrupt_install();
    if (options->reference != NULL) {
        if (cmd_reference_load(&reference, options->reference, n) != 0) {
            free(j.confusion);
            return CMD_FAILED;
        }
        j.reference = &reference;
    }
    if (options->original != NULL) {
        if (run_original(&j, &reference) != 0) {
            free(j.confusion);
            return cmd_interrupted() ? CMD_INTERRUPTED : CMD_FAILED;
        }
        j.reference = &reference;
    }
    cmd_input_files(&j.input, &path, 1, 0);
    cmd_progress_begin(&j.progress, 1);
    code = evaluate_rows(&j);
    cmd_input_close(&j.input);
    cmd_reference_free(&reference);
    free_disagreements(&j);
    free(j.confusion);
    return code;
}

int cmd_eval(int argc, char **argv)
{
    cmd_options options;
    cmd_model model;
    int code = cmd_options_parse(&options, &cmd_manuals[CMD_EVAL], argc, argv);

    if (code >= 0)
        return code;
    if (options.word_count != 1) {
        code = cmd_usage_error("eval", "one FILE.tsv is expected, not %zu", options.word_count);
    } else if (options.reference != NULL && options.original != NULL) {
        code = cmd_usage_error("eval", "--reference and --original exclude each other");
    } else {
        code = cmd_model_open(&model, options.model, options.isa, options.verify);
        if (code == CMD_OK) {
            code = cmd_model_check_task(&model, "eval", DISTIL_TASK_SEQUENCE);
            if (code == CMD_OK)
                code = evaluate_file(&options, &model);
            cmd_model_close(&model);
        }
    }
    cmd_options_free(&options);
    return code;
}
