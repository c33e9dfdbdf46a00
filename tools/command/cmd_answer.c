/* SPDX-License-Identifier: Apache-2.0 */
/* distil answer: answers a question by parts of a text. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/command/cmd_message.h"
#include "tools/command/cmd_model.h"
#include "tools/command/cmd_options.h"
#include "tools/command/cmd_run.h"
#include "tools/command/cmd_output.h"
#include "tools/command/commands.h"

/* The greatest context that is read, which UINT32_MAX bounds, too. */
enum { MAX_CONTEXT_BYTES = 256 << 20 };

/* A context: a file, or an argument. */
typedef struct passage {
    const char *name; /* the file as the user named it, or "argument" */
    char *bytes;
    size_t size;
} passage;

/* One run of the command. */
typedef struct job {
    const cmd_options *options;
    const cmd_model *model;
    distil_context *context;
    distil_answer_options answer;
} job;

/* ---- contexts ------------------------------------------------------------------------------- */

/* Read a stream to its end into p->bytes. Returns 0, or -1 after reporting the cause. */
static int read_stream(passage *p, FILE *file)
{
    size_t capacity = 0, n = 1;

    while (n > 0) {
        if (p->size == capacity) {
            char *bigger = realloc(p->bytes, capacity = 2 * capacity + 65536);

            if (bigger == NULL) {
                cmd_error("out of memory");
                return -1;
            }
            p->bytes = bigger;
        }
        n = fread(p->bytes + p->size, 1, capacity - p->size, file);
        p->size += n;
        if (p->size > MAX_CONTEXT_BYTES) {
            cmd_error("%s: expected a context of at most 256 MiB", p->name);
            return -1;
        }
    }
    if (!ferror(file))
        return 0;
    cmd_error("%s: cannot read: %s", p->name, strerror(errno));
    return -1;
}

/* Read a whole file; "-" is standard input. Returns 0, or -1 after reporting the cause. */
static int read_file(passage *p, const char *path)
{
    int is_stdin = strcmp(path, "-") == 0, code;
    FILE *file = is_stdin ? stdin : fopen(path, "rb");

    p->name = path;
    if (file == NULL) {
        cmd_error("%s: cannot open: %s", path, strerror(errno));
        return -1;
    }
    code = read_stream(p, file);
    if (!is_stdin)
        (void)fclose(file);
    return code;
}

/* ---- output --------------------------------------------------------------------------------- */

static void write_object(const passage *p, const distil_answer *a)
{
    const distil_offsets *w = &a->where;

    (void)fputs("{\"answer\":", stdout);
    cmd_json_string(stdout, p->bytes + w->begin, w->end - w->begin);
    (void)fputs(",\"score\":", stdout);
    cmd_json_float(stdout, a->score);
    (void)printf(",\"start\":%lu,\"end\":%lu,\"byte_start\":%lu,\"byte_end\":%lu}",
                 (unsigned long)w->char_begin, (unsigned long)w->char_end, (unsigned long)w->begin,
                 (unsigned long)w->end);
}

/* Write the answers of a context: a line for each, or an object for all. */
static void write_answers(const job *j, const passage *p, const distil_answer *answers,
                          size_t count)
{
    if (j->options->format == CMD_FORMAT_JSONL) {
        (void)fputs("{\"context\":", stdout);
        cmd_json_string(stdout, p->name, strlen(p->name));
        (void)fputs(",\"answers\":[", stdout);
    }
    for (size_t i = 0; i < count; i++) {
        const distil_answer *a = &answers[i];

        if (j->options->format == CMD_FORMAT_JSONL) {
            (void)fputs(i > 0 ? "," : "", stdout);
            write_object(p, a);
            continue;
        }
        (void)printf("%.4f\t%lu\t%lu\t", (double)a->score, (unsigned long)a->where.char_begin,
                     (unsigned long)a->where.char_end);
        cmd_write_escaped(stdout, p->bytes + a->where.begin, a->where.end - a->where.begin);
        (void)putchar('\n');
    }
    if (j->options->format == CMD_FORMAT_JSONL)
        (void)fputs("]}\n", stdout);
}

/* ---- the run -------------------------------------------------------------------------------- */

/* Answer the question by one context. Returns 0, or -1 after reporting why there is no answer. */
static int answer_passage(const job *j, const passage *p)
{
    const distil_text text = {j->options->question, strlen(j->options->question), p->bytes,
                              p->size};
    distil_answer *answers = NULL;
    size_t capacity = 0, count;
    distil_status status;

    if (p->size == 0) {
        cmd_error("%s: the context is empty", p->name);
        return -1;
    }
    status =
        distil_answer_capacity(j->model->model, &capacity, &text, j->options->flags, &j->answer);
    if (status == DISTIL_OK) {
        answers = calloc(capacity, sizeof *answers);
        if (answers == NULL) {
            cmd_error("out of memory");
            return -1;
        }
    }
    /* The call repeats what is wrong, with a message. */
    status = distil_answer_question(j->context, answers, capacity, &count, &text, j->options->flags,
                                    &j->answer);
    if (status == DISTIL_OK)
        write_answers(j, p, answers, count);
    else
        cmd_error("%s: %s", p->name, distil_context_error(j->context)->message);
    free(answers);
    return status == DISTIL_OK ? 0 : -1;
}

/* Answer by all contexts. Returns the exit status. */
static int answer_all(const job *j)
{
    static const char *const standard_input[] = {"-"};
    const cmd_options *o = j->options;
    const char *const *files = o->file_count > 0 ? o->files : standard_input;
    size_t count = o->file_count > 0 ? o->file_count : o->context == NULL;
    int failed = 0;

    if (o->context != NULL) {
        passage p = {"argument", (char *)(uintptr_t)o->context, strlen(o->context)};

        failed |= answer_passage(j, &p) != 0;
    }
    for (size_t i = 0; i < count; i++) {
        passage p = {NULL, NULL, 0};

        failed |= read_file(&p, files[i]) != 0 || answer_passage(j, &p) != 0;
        free(p.bytes);
    }
    return cmd_flush(stdout) != 0 || failed ? CMD_FAILED : CMD_OK;
}

static int check_options(const cmd_options *o)
{
    if (o->question == NULL || o->question[0] == '\0')
        return cmd_usage_error("answer", "--question TEXT is missing or empty");
    if (o->word_count > 0)
        return cmd_usage_error("answer", "'%s': name a file with -f, or a text with --context",
                               o->words[0]);
    if (o->context != NULL && o->file_count > 0)
        return cmd_usage_error("answer", "--context and files (-f) at once");
    return CMD_OK;
}

static int run(const cmd_options *o, const cmd_model *model)
{
    job j = {.options = o, .model = model};
    distil_context_options options = {.size = sizeof options, .threads = o->threads};
    distil_error error = {0};
    int code = cmd_model_check_task(model, "answer", DISTIL_TASK_SPANS);

    if (code != CMD_OK)
        return code;
    j.answer = (distil_answer_options){.size = sizeof j.answer,
                                       .top_k = o->top_k,
                                       .max_answer_tokens = o->answer_tokens,
                                       .window = o->window,
                                       .stride = o->stride,
                                       .allow_none = o->allow_none};
    if (o->has_stride && o->stride == 0)
        j.answer.stride = DISTIL_NO_STRIDE;
    if (distil_context_new(&j.context, model->model, &options, &error) != DISTIL_OK) {
        cmd_error("%s", error.message);
        return CMD_FAILED;
    }
    code = answer_all(&j);
    distil_context_free(j.context);
    return code;
}

int cmd_answer_question(int argc, char **argv)
{
    return cmd_run(CMD_ANSWER, check_options, run, argc, argv);
}
