/* SPDX-License-Identifier: Apache-2.0 */
/* distil entities: the named parts of texts, by a model of token classification. */
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
#include "tools/command/cmd_run.h"
#include "tools/command/commands.h"

/* One run of the command, from the first text to the last answer. The arrays have room for a
 * batch. */
typedef struct job {
    const cmd_options *options;
    const cmd_model *model;
    distil_context *context;
    cmd_input input;
    cmd_progress progress;
    cmd_text *read;         /* the texts of the batch; their bytes are in `copies` */
    char **copies;          /* the bytes of each text; NULL for a text that is refused */
    distil_text *texts;     /* those that are not refused */
    distil_entities *found; /* their entities */
    size_t count;           /* texts of the batch */
    uint64_t answered;      /* texts of earlier batches */
    int failed;             /* 1 if a text could not be answered */
} job;

/* ---- one answer ----------------------------------------------------------------------------- */

/* Returns the bytes of the text that an entity stands for. */
static const char *bytes_of(const distil_text *text, const distil_entity *e, size_t *size)
{
    *size = e->where.end > e->where.begin ? e->where.end - e->where.begin : 0;
    return text->bytes + e->where.begin;
}

static void write_json_entity(const job *j, const distil_text *text, const distil_entity *e)
{
    int single = j->options->aggregation == DISTIL_AGGREGATION_NONE;
    size_t size;
    const char *bytes = bytes_of(text, e, &size);

    (void)printf("{\"%s\":", single ? "entity" : "entity_group");
    cmd_json_string(stdout, e->name, strlen(e->name));
    (void)fputs(",\"score\":", stdout);
    cmd_json_float(stdout, e->score);
    if (single)
        (void)printf(",\"index\":%lu", (unsigned long)e->token);
    (void)printf(",\"start\":%lu,\"end\":%lu,\"byte_start\":%lu,\"byte_end\":%lu,\"text\":",
                 (unsigned long)e->where.char_begin, (unsigned long)e->where.char_end,
                 (unsigned long)e->where.begin, (unsigned long)e->where.end);
    cmd_json_string(stdout, bytes, size);
    (void)putchar('}');
}

static void write_json(const job *j, const distil_text *text, const distil_entities *found)
{
    (void)fputs("{\"entities\":[", stdout);
    for (size_t i = 0; i < found->count; i++) {
        (void)fputs(i > 0 ? "," : "", stdout);
        write_json_entity(j, text, &found->items[i]);
    }
    (void)printf("],\"tokens\":%zu,\"truncated\":%s", found->token_count,
                 found->truncated ? "true" : "false");
    if (j->options->window > 0)
        (void)printf(",\"windows\":%zu", found->windows);
    (void)putchar('}');
}

/* Write a line for each entity. `number` counts all texts from 1. */
static void write_tsv(const distil_text *text, const distil_entities *found, uint64_t number)
{
    for (size_t i = 0; i < found->count; i++) {
        const distil_entity *e = &found->items[i];
        size_t size;
        const char *bytes = bytes_of(text, e, &size);

        (void)printf("%llu\t", (unsigned long long)number);
        cmd_write_escaped(stdout, e->name, strlen(e->name));
        (void)putchar('\t');
        cmd_json_float(stdout, e->score);
        (void)printf("\t%lu\t%lu\t%lu\t%lu\t", (unsigned long)e->where.char_begin,
                     (unsigned long)e->where.char_end, (unsigned long)e->where.begin,
                     (unsigned long)e->where.end);
        cmd_write_escaped(stdout, bytes, size);
        (void)putchar('\n');
    }
}

/* Write the entities of a text with commas between them; a dash if there is none. */
static void write_plain(const distil_text *text, const distil_entities *found)
{
    if (found->count == 0)
        (void)putchar('-');
    for (size_t i = 0; i < found->count; i++) {
        const distil_entity *e = &found->items[i];
        size_t size;
        const char *bytes = bytes_of(text, e, &size);

        (void)fputs(i > 0 ? ", " : "", stdout);
        cmd_write_list_item(stdout, e->name, strlen(e->name));
        (void)printf(" %.4f ", (double)e->score);
        cmd_write_list_item(stdout, bytes, size);
    }
}

/* Write the answer to a text, or where found is NULL say that there is none. */
static void write_answer(const job *j, const cmd_text *read, const distil_text *text,
                         const distil_entities *found, uint64_t number)
{
    cmd_format format = j->options->format;

    if (format == CMD_FORMAT_TSV) {
        if (found != NULL)
            write_tsv(text, found, number);
        return;
    }
    if (format == CMD_FORMAT_JSON)
        (void)fputs(number == 1 ? "\n" : ",\n", stdout);
    if (format == CMD_FORMAT_TEXT) {
        if (found != NULL)
            write_plain(text, found);
        else
            (void)fputs("ERROR", stdout);
        if (j->options->word_count != 1) {
            (void)putchar('\t');
            if (text != NULL)
                cmd_write_escaped(stdout, text->bytes, text->size);
        }
    } else if (found != NULL) {
        write_json(j, text, found);
    } else {
        (void)fputs("{\"error\":", stdout);
        cmd_json_string(stdout, read->refusal, strlen(read->refusal));
        (void)putchar('}');
    }
    if (format != CMD_FORMAT_JSON)
        (void)putchar('\n');
}

/* ---- a batch -------------------------------------------------------------------------------- */

/* Read texts until the batch is full or no more have arrived, and wait for the first one only. */
static cmd_input_status read_batch(job *j)
{
    cmd_input_status status = CMD_INPUT_TEXT;

    for (j->count = 0; j->count < j->options->batch; j->count++) {
        cmd_text *read = &j->read[j->count];

        status = cmd_input_next(&j->input, read, j->count == 0);
        if (status != CMD_INPUT_TEXT)
            break;
        j->copies[j->count] = NULL;
        if (read->refusal != NULL)
            continue;
        j->copies[j->count] = malloc(read->size + 1);
        if (j->copies[j->count] == NULL)
            read->refusal = "no memory for the text";
        else if (read->size > 0)
            memcpy(j->copies[j->count], read->bytes, read->size);
    }
    return status;
}

static void free_batch(job *j)
{
    for (size_t i = 0; i < j->count; i++) {
        free(j->copies[i]);
        j->copies[i] = NULL;
    }
}

/* Make room for that many entities. Returns 0, or -1 after reporting that there is no memory. */
static int make_room(distil_entities *found, size_t capacity)
{
    distil_entity *items;

    if (capacity <= found->capacity)
        return 0;
    items = realloc(found->items, capacity * sizeof *items);
    if (items == NULL) {
        cmd_error("no memory for %zu entities of a text", capacity);
        return -1;
    }
    found->items = items;
    found->capacity = capacity;
    return 0;
}

/* Find the entities of `count` texts. Returns 0, or -1 after reporting why it is impossible. */
static int find_entities(job *j, size_t count)
{
    const cmd_options *o = j->options;
    size_t most = j->model->info.max_positions;
    distil_status status;

    /* Few texts have more tokens than bytes, or more than one window. */
    for (size_t i = 0; i < count; i++)
        if (make_room(&j->found[i], j->texts[i].size < most ? j->texts[i].size : most) != 0)
            return -1;
    status = distil_find_entities(j->context, j->found, j->texts, count, o->aggregation, o->flags);
    for (size_t i = 0; i < count && status == DISTIL_OK; i++) {
        distil_entities *found = &j->found[i];

        if (found->count <= found->capacity)
            continue;
        if (make_room(found, found->count) != 0)
            return -1;
        status = distil_find_entities(j->context, found, &j->texts[i], 1, o->aggregation, o->flags);
    }
    if (status == DISTIL_OK)
        return 0;
    cmd_error("%s", distil_context_error(j->context)->message);
    return -1;
}

/* Answer the texts of the batch. Returns 0, or -1 after reporting a failure. */
static int answer_batch(job *j)
{
    size_t count = 0, next = 0;

    for (size_t i = 0; i < j->count; i++)
        if (j->read[i].refusal == NULL)
            j->texts[count++] = (distil_text){.bytes = j->copies[i], .size = j->read[i].size};
    if (find_entities(j, count) != 0)
        return -1;
    for (size_t i = 0; i < j->count; i++) {
        const cmd_text *read = &j->read[i];

        j->answered++;
        if (read->refusal == NULL) {
            write_answer(j, read, &j->texts[next], &j->found[next], j->answered);
            next++;
            continue;
        }
        cmd_progress_clear(&j->progress);
        cmd_error("%s:%llu: %s", read->source, (unsigned long long)read->number, read->refusal);
        write_answer(j, read, NULL, NULL, j->answered);
        j->failed = 1;
    }
    cmd_progress_update(&j->progress, j->answered, cmd_input_done(&j->input), j->input.bytes_total);
    return cmd_flush(stdout);
}

static int answer_texts(job *j)
{
    int is_array = j->options->format == CMD_FORMAT_JSON, failed = 0;
    cmd_input_status status = CMD_INPUT_TEXT;

    if (is_array)
        (void)putchar('[');
    while (!failed && status != CMD_INPUT_END) {
        status = read_batch(j);
        failed = answer_batch(j) != 0;
        free_batch(j);
    }
    cmd_progress_clear(&j->progress);
    if (failed)
        return CMD_FAILED;
    if (is_array)
        (void)fputs(j->answered > 0 ? "\n]\n" : "]\n", stdout);
    if (cmd_flush(stdout) != 0)
        return CMD_FAILED;
    if (cmd_interrupted())
        return CMD_INTERRUPTED;
    return j->failed || j->input.failed ? CMD_FAILED : CMD_OK;
}

/* ---- the command ---------------------------------------------------------------------------- */

static int check_options(const cmd_options *o)
{
    if (o->word_count > 0 && o->file_count > 0)
        return cmd_usage_error("entities", "texts as arguments and files (-f) at once");
    if (o->window == 0 && o->stride > 0)
        return cmd_usage_error("entities", "--stride needs --window N");
    if (o->window > 0 && o->stride >= o->window - 2)
        return cmd_usage_error("entities",
                               "--stride: %zu is not below %zu, the tokens of a window without "
                               "[CLS] and [SEP]: give a greater --window or a smaller --stride",
                               o->stride, o->window - 2);
    if (o->window > 0 && o->aggregation == DISTIL_AGGREGATION_NONE)
        return cmd_usage_error("entities", "--window: windows overlap, so tokens would come twice: "
                                           "give another --aggregation than none");
    return CMD_OK;
}

/* Allocate the arrays of a batch and make the context. Returns 0, or -1 after reporting why it is
 * impossible. */
static int prepare(job *j)
{
    const cmd_options *o = j->options;
    const distil_context_options options = {
        .size = sizeof options, .threads = o->threads, .window = o->window, .stride = o->stride};
    distil_error error;

    j->read = calloc(o->batch, sizeof *j->read);
    j->copies = calloc(o->batch, sizeof *j->copies);
    j->texts = calloc(o->batch, sizeof *j->texts);
    j->found = calloc(o->batch, sizeof *j->found);
    if (j->read == NULL || j->copies == NULL || j->texts == NULL || j->found == NULL) {
        cmd_error("out of memory");
        return -1;
    }
    if (distil_context_new(&j->context, j->model->model, &options, &error) == DISTIL_OK)
        return 0;
    cmd_error("cannot make a context: %s", error.message);
    return -1;
}

static void release(job *j)
{
    for (size_t i = 0; j->found != NULL && i < j->options->batch; i++)
        free(j->found[i].items);
    free(j->read);
    free(j->copies);
    free(j->texts);
    free(j->found);
    distil_context_free(j->context);
}

/* Answer with a model that is open. Returns the exit status. */
static int run(const cmd_options *o, const cmd_model *model)
{
    job j = {.options = o, .model = model};
    int code = CMD_FAILED;

    if (cmd_model_check_task(model, "entities", DISTIL_TASK_TOKENS) != CMD_OK)
        return CMD_USAGE;
    if (o->window > model->info.max_positions)
        return cmd_usage_error("entities", "--window: the model takes %zu tokens, and %zu are more",
                               model->info.max_positions, o->window);
    if (prepare(&j) == 0) {
        cmd_input_choose(&j.input, o);
        cmd_interrupt_install();
        cmd_progress_begin(&j.progress, !isatty(STDOUT_FILENO));
        code = answer_texts(&j);
        cmd_input_close(&j.input);
    }
    release(&j);
    return code;
}

int cmd_entities(int argc, char **argv)
{
    return cmd_run(CMD_ENTITIES, check_options, run, argc, argv);
}
