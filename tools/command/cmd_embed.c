/* SPDX-License-Identifier: Apache-2.0 */
/* distil embed: a vector for each text, as JSON lines or as an array of numpy. */
#include <errno.h>
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
#include "tools/command/cmd_save.h"
#include "tools/command/commands.h"

enum {
    BATCH_BYTES = 1 << 20, /* a batch with this much text is full, which bounds memory */
    NPY_HEADER_BYTES = 128 /* a fixed size, so that the number of rows can be written last */
};

/* A text that waits for its vector. */
typedef struct waiting {
    size_t offset, size; /* where job.bytes has a copy of it */
    const char *source, *refusal;
    uint64_t number;
} waiting;

/* One run of the command, from the first text to the last vector. */
typedef struct job {
    const cmd_options *options;
    const cmd_model *model;
    cmd_input input;
    cmd_progress progress;
    cmd_save save; /* its target is NULL if answers go to standard output */
    int is_npy;    /* 1 if the output is an array of numpy */
    distil_context *context;
    char *bytes; /* copies of the texts of the batch, one after the other */
    size_t used, capacity;
    waiting *texts; /* (batch) */
    size_t count;
    distil_text *good;           /* (batch) the texts that are not refused */
    distil_embedding *embedding; /* (batch) */
    float *vectors;              /* (batch, vector_size) */
    uint64_t answered;           /* texts that have a line or a row */
    int failed;                  /* 1 if a text has no vector */
} job;

/* ---- output --------------------------------------------------------------------------------- */

/* Write the header of a .npy file of format version 1.0 for an array of that many rows. Its text is
 * a dictionary of Python, which spaces and a line feed fill up to a fixed size. */
static void make_npy_header(char header[NPY_HEADER_BYTES], uint64_t rows, size_t size)
{
    static const char magic[10] = {'\x93', 'N', 'U', 'M', 'P', 'Y', 1, 0, NPY_HEADER_BYTES - 10, 0};
    char text[NPY_HEADER_BYTES];
    int length = snprintf(text, sizeof text,
                          "{'descr': '<f4', 'fortran_order': False, 'shape': (%llu, %zu), }",
                          (unsigned long long)rows, size);

    memset(header, ' ', NPY_HEADER_BYTES);
    memcpy(header, magic, sizeof magic);
    memcpy(header + sizeof magic, text, (size_t)length);
    header[NPY_HEADER_BYTES - 1] = '\n';
}

static void write_json(const job *j, const float *vector, const distil_embedding *embedding)
{
    (void)fputs("{\"embedding\":[", stdout);
    for (size_t i = 0; i < j->model->info.vector_size; i++) {
        if (i > 0)
            (void)putchar(',');
        cmd_json_float(stdout, vector[i]);
    }
    (void)printf("],\"tokens\":%zu,\"truncated\":%s}\n", embedding->token_count,
                 embedding->truncated ? "true" : "false");
}

/* Report a text without a vector. Returns 0; or -1 to stop, since an array has no place for it. */
static int report_refusal(job *j, const waiting *w)
{
    cmd_progress_clear(&j->progress);
    cmd_error("%s:%llu: %s", w->source, (unsigned long long)w->number, w->refusal);
    j->failed = 1;
    if (j->is_npy) {
        cmd_hint("an array has a row for each text: leave this one out, or write JSON lines");
        return -1;
    }
    (void)fputs("{\"error\":", stdout);
    cmd_json_string(stdout, w->refusal, strlen(w->refusal));
    (void)fputs("}\n", stdout);
    return 0;
}

/* Write the answers of the batch. Returns 0, or -1 to stop. */
static int write_batch(job *j)
{
    size_t size = j->model->info.vector_size, good = 0;

    for (size_t i = 0; i < j->count; i++) {
        const float *vector = j->vectors + good * size;

        if (j->texts[i].refusal != NULL) {
            if (report_refusal(j, &j->texts[i]) != 0)
                return -1;
            continue;
        }
        if (j->is_npy)
            (void)fwrite(vector, sizeof *vector, size, stdout);
        else
            write_json(j, vector, &j->embedding[good]);
        good++;
    }
    j->answered += j->count;
    return cmd_flush(stdout);
}

/* ---- a batch -------------------------------------------------------------------------------- */

/* Compute the vectors of the batch. Returns 0, or -1 after reporting why there are none. */
static int embed_batch(job *j)
{
    const distil_embed_options options = {.size = sizeof options,
                                          .pooling = j->options->pooling,
                                          .normalization = j->options->normalize
                                                               ? DISTIL_NORMALIZATION_ON
                                                               : DISTIL_NORMALIZATION_MODEL};
    size_t good = 0;

    for (size_t i = 0; i < j->count; i++)
        if (j->texts[i].refusal == NULL)
            j->good[good++] =
                (distil_text){.bytes = j->bytes + j->texts[i].offset, .size = j->texts[i].size};
    if (distil_embed(j->context, j->vectors, j->embedding, j->good, good, j->options->flags,
                     &options) == DISTIL_OK)
        return 0;
    cmd_progress_clear(&j->progress);
    cmd_error("%s: %s", j->model->path, distil_context_error(j->context)->message);
    return -1;
}

/* Answer the texts of the batch and empty it. Returns 0, or -1 to stop. */
static int finish_batch(job *j)
{
    int code = j->count > 0 && embed_batch(j) != 0 ? -1 : write_batch(j);

    j->count = j->used = 0;
    cmd_progress_update(&j->progress, j->answered, cmd_input_done(&j->input), j->input.bytes_total);
    return code;
}

/* Copy a text into the batch. Returns 0, or -1 if there is no memory. */
static int add_text(job *j, const cmd_text *text)
{
    if (j->capacity - j->used < text->size + 1) {
        size_t capacity = 2 * j->capacity + text->size + 4096;
        char *bigger = realloc(j->bytes, capacity);

        if (bigger == NULL) {
            cmd_error("out of memory");
            return -1;
        }
        j->bytes = bigger;
        j->capacity = capacity;
    }
    if (text->size > 0)
        memcpy(j->bytes + j->used, text->bytes, text->size);
    j->texts[j->count++] = (waiting){.offset = j->used,
                                     .size = text->size,
                                     .source = text->source,
                                     .refusal = text->refusal,
                                     .number = text->number};
    j->used += text->size;
    return 0;
}

/* Read all texts and write their vectors. Returns 0, or -1 if it had to stop. */
static int embed_texts(job *j)
{
    int may_wait = 0;

    for (;;) {
        cmd_text text;
        cmd_input_status status = cmd_input_next(&j->input, &text, may_wait);

        may_wait = 0;
        if (status == CMD_INPUT_END)
            return finish_batch(j);
        if (status == CMD_INPUT_WAIT) {
            /* Texts that have been read are answered before the command waits for more. */
            if (finish_batch(j) != 0)
                return -1;
            may_wait = 1;
            continue;
        }
        if (add_text(j, &text) != 0)
            return -1;
        if ((j->count == j->options->batch || j->used >= BATCH_BYTES) && finish_batch(j) != 0)
            return -1;
    }
}

/* ---- the run -------------------------------------------------------------------------------- */

/* Allocate the batch and make the context. A pass has more tokens where threads share it. Returns
 * 0, or -1 after reporting the cause. */
static int prepare(job *j)
{
    size_t batch = j->options->batch, positions = j->model->info.max_positions;
    distil_context_options options = {.size = sizeof options, .threads = j->options->threads};
    distil_error error = {0};

    if (options.threads > 1)
        options.max_batch_tokens = 4 * positions;
    j->texts = calloc(batch, sizeof *j->texts);
    j->good = calloc(batch, sizeof *j->good);
    j->embedding = calloc(batch, sizeof *j->embedding);
    j->vectors = calloc(batch, j->model->info.vector_size * sizeof *j->vectors);
    if (j->texts == NULL || j->good == NULL || j->embedding == NULL || j->vectors == NULL) {
        cmd_error("out of memory");
        return -1;
    }
    if (distil_context_new(&j->context, j->model->model, &options, &error) == DISTIL_OK)
        return 0;
    cmd_error("%s", error.message);
    return -1;
}

static void release(job *j)
{
    distil_context_free(j->context);
    free(j->bytes);
    free(j->texts);
    free(j->good);
    free(j->embedding);
    free(j->vectors);
}

/* Begin the output file, if there is one, and an array. Returns 0, or -1 after reporting why it
 * cannot be written. */
static int begin_output(job *j)
{
    char header[NPY_HEADER_BYTES];

    if (j->options->output == NULL)
        return 0;
    if (cmd_save_open(&j->save, j->options->output, 0, 0) != 0)
        return -1;
    make_npy_header(header, 0, j->model->info.vector_size);
    if (j->is_npy)
        (void)fwrite(header, sizeof header, 1, stdout);
    return 0;
}

/* Make the output file appear, or remove what has been written of it. Returns 0, or -1 after
 * reporting a failure. */
static int end_output(job *j, int is_whole)
{
    char header[NPY_HEADER_BYTES];

    if (j->save.target == NULL)
        return 0;
    if (!is_whole) {
        cmd_save_forget(&j->save);
        (void)unlink(j->save.partial);
        return 0;
    }
    make_npy_header(header, j->answered, j->model->info.vector_size);
    if (j->is_npy && pwrite(STDOUT_FILENO, header, sizeof header, 0) != (ssize_t)sizeof header) {
        cmd_error("%s: cannot write: %s", j->save.partial, strerror(errno));
        return -1;
    }
    return cmd_save_finish(&j->save);
}

static int run_job(job *j)
{
    int stopped, is_whole;

    if (prepare(j) != 0 || begin_output(j) != 0)
        return CMD_FAILED;
    cmd_input_choose(&j->input, j->options);
    cmd_interrupt_install();
    cmd_progress_begin(&j->progress, !isatty(STDOUT_FILENO));
    stopped = embed_texts(j) != 0;
    cmd_progress_clear(&j->progress);
    is_whole = !stopped && !j->input.failed && !cmd_interrupted();
    if (end_output(j, is_whole) != 0)
        stopped = 1;
    cmd_input_close(&j->input);
    if (!stopped && cmd_interrupted())
        return CMD_INTERRUPTED;
    return stopped || j->failed || j->input.failed ? CMD_FAILED : CMD_OK;
}

/* ---- the command ---------------------------------------------------------------------------- */

/* Returns 1 if the output is an array of numpy. */
static int writes_array(const cmd_options *o)
{
    static const char ending[] = ".npy";
    size_t bytes = o->output != NULL ? strlen(o->output) : 0, length = strlen(ending);

    return bytes > length && strcmp(o->output + bytes - length, ending) == 0;
}

static int check_options(const cmd_options *o)
{
    if (o->word_count > 0 && o->file_count > 0)
        return cmd_usage_error("embed", "texts as arguments and files (-f) at once");
    if (writes_array(o) && o->format == CMD_FORMAT_JSONL)
        return cmd_usage_error("embed", "--jsonl and -o %s, which is an array", o->output);
    return CMD_OK;
}

/* A dense layer was trained on vectors of one pooling. */
static int check_model(const cmd_model *model, const cmd_options *o)
{
    if (model->info.vector_size != model->info.dim && o->pooling != DISTIL_POOLING_MODEL &&
        o->pooling != model->info.pooling)
        return cmd_usage_error("embed", "--pooling: the model's dense layer was trained on its own "
                                        "pooling: leave the option out");
    return CMD_OK;
}

static int run(const cmd_options *o, const cmd_model *model)
{
    job j = {.options = o, .model = model, .is_npy = writes_array(o), .save = {.state_fd = -1}};
    int code = check_model(model, o);

    if (code == CMD_OK)
        code = run_job(&j);
    release(&j);
    cmd_save_close(&j.save);
    return code;
}

int cmd_embed(int argc, char **argv)
{
    return cmd_run(CMD_EMBED, check_options, run, argc, argv);
}
