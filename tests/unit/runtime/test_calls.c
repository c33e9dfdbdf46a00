/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests what a context offers beside results: details of the last error with the index of the text,
 * cancellation between passes, threads of the caller by an executor, and a model that is not closed
 * while it has contexts.
 */
#include <fenv.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/distil.h"
#include "tests/support/harness.h"
#include "tests/support/support_model.h"

enum { LABELS = 2, TEXTS = 60 };

typedef float logits_row[LABELS];

static const char good[] = "good";

/* ---- closing -------------------------------------------------------------------------------- */

static void test_close(void)
{
    distil_model *model = support_model_open(DISTIL_ISA_BEST);
    distil_context *a, *b;
    distil_result result;

    if (harness_case("a model with contexts stays open")) {
        CHECK(distil_context_new(&a, model, NULL, NULL) == DISTIL_OK);
        CHECK(distil_context_new(&b, model, NULL, NULL) == DISTIL_OK);
        CHECK(distil_model_close(model) == DISTIL_IN_USE);
        distil_context_free(a);
        CHECK(distil_model_close(model) == DISTIL_IN_USE);
        CHECK(distil_classify(b, &result, NULL, good, 4, 0) == DISTIL_OK && result.label == 1);
        distil_context_free(b);
    }
    if (harness_case("a context that could not be made does not count")) {
        distil_context_options wrong = {.threads = 1000};

        CHECK(distil_context_new(&a, model, &wrong, NULL) == DISTIL_BAD_ARGUMENT);
    }
    CHECK(distil_model_close(model) == DISTIL_OK);
    CHECK(distil_model_close(NULL) == DISTIL_OK);
}

/* ---- details of errors ---------------------------------------------------------------------- */

static void expect_error(const distil_context *context, distil_status status, size_t text,
                         const char *words)
{
    const distil_error *error = distil_context_error(context);

    CHECKF(error->status == status && error->text == text && strstr(error->message, words),
           "status %d, text %zu, message '%s'", (int)error->status, error->text, error->message);
    CHECK(error->offset == 0 && error->system_errno == 0);
}

static void test_errors(const distil_model *model)
{
    distil_text texts[3] = {{good, 4, NULL, 0}, {NULL, 0, NULL, 0}, {NULL, 7, NULL, 0}};
    int32_t ids[3] = {101, 102, 30522};
    distil_context *context;
    distil_result results[3];

    if (!harness_case("a context tells what was wrong with its last call"))
        return;
    CHECK(distil_context_error(NULL) == NULL);
    CHECK(distil_context_new(&context, model, NULL, NULL) == DISTIL_OK);
    expect_error(context, DISTIL_OK, DISTIL_NO_TEXT, "");
    CHECK(distil_context_error(context)->message[0] == '\0');
    CHECK(distil_classify_batch(context, results, NULL, texts, 3, 0) == DISTIL_BAD_ARGUMENT);
    expect_error(context, DISTIL_BAD_ARGUMENT, 2, "text 2: bytes is NULL, and size is 7");
    CHECK(distil_classify_batch(context, results, NULL, texts, 2, 0) == DISTIL_OK);
    expect_error(context, DISTIL_BAD_ARGUMENT, 2, "text 2");
    CHECK(distil_classify_batch(context, NULL, NULL, texts, 2, 0) == DISTIL_BAD_ARGUMENT);
    expect_error(context, DISTIL_BAD_ARGUMENT, DISTIL_NO_TEXT, "NULL");
    CHECK(distil_classify_batch(context, results, NULL, texts, 2, 16) == DISTIL_BAD_ARGUMENT);
    expect_error(context, DISTIL_BAD_ARGUMENT, DISTIL_NO_TEXT, "flags");
    CHECK(distil_classify(context, NULL, NULL, good, 4, 0) == DISTIL_BAD_ARGUMENT);
    expect_error(context, DISTIL_BAD_ARGUMENT, DISTIL_NO_TEXT, "result");
    CHECK(distil_classify_ids(context, results, NULL, NULL, 3) == DISTIL_BAD_ARGUMENT);
    expect_error(context, DISTIL_BAD_ARGUMENT, DISTIL_NO_TEXT, "ids");
    CHECK(distil_classify_ids(context, results, NULL, ids, 513) == DISTIL_TOO_MANY_TOKENS);
    expect_error(context, DISTIL_TOO_MANY_TOKENS, 0, "513 token ids: expected 1 to 512");
    CHECK(distil_classify_ids(context, results, NULL, ids, 3) == DISTIL_BAD_TOKEN);
    expect_error(context, DISTIL_BAD_TOKEN, 0, "token 2 has the id 30522: expected 0 to 30521");
    ids[2] = -5;
    CHECK(distil_classify_ids(context, results, NULL, ids, 3) == DISTIL_BAD_TOKEN);
    expect_error(context, DISTIL_BAD_TOKEN, 0, "id -5");
    distil_context_free(context);
}

/* ---- cancellation --------------------------------------------------------------------------- */

/* An executor that runs each task at once and sets the flag in its call number `at`, so that the
 * batch is cancelled at the same place on each machine. */
typedef struct canceller {
    int flag;
    size_t calls, at;
} canceller;

static void run_and_cancel(void *user, void (*task)(void *job, size_t index), void *job,
                           size_t count)
{
    canceller *c = user;

    for (size_t i = 0; i < count; i++)
        task(job, i);
    if (++c->calls == c->at)
        __atomic_store_n(&c->flag, 1, __ATOMIC_RELAXED);
}

static void test_cancel(const distil_model *model, const support_sentences *sentences)
{
    canceller c = {0, 0, 0};
    distil_executor executor = {run_and_cancel, &c};
    distil_context_options options = {.cancel = &c.flag, .threads = 2, .executor = &executor};
    distil_result *results = calloc(sentences->count, sizeof *results), alone;
    distil_context *context;
    size_t first;

    CHECK(distil_context_new(&context, model, &options, NULL) == DISTIL_OK);
    if (harness_case("a flag that is set cancels each kind of call before its first pass")) {
        int32_t ids[2] = {101, 102};

        c.flag = 1;
        CHECK(distil_classify(context, &alone, NULL, good, 4, 0) == DISTIL_CANCELLED);
        expect_error(context, DISTIL_CANCELLED, 0, "cancelled");
        CHECK(distil_classify_ids(context, &alone, NULL, ids, 2) == DISTIL_CANCELLED);
        CHECK(distil_classify_batch(context, results, NULL, sentences->texts, sentences->count,
                                    0) == DISTIL_CANCELLED);
        expect_error(context, DISTIL_CANCELLED, 0, "before text 0");
        CHECK(results[0].token_count == 0 && c.flag == 1);
        CHECK(distil_classify_batch(context, results, NULL, NULL, 0, 0) == DISTIL_OK);
        c.flag = 0;
        CHECK(distil_classify(context, &alone, NULL, good, 4, 0) == DISTIL_OK);
    }
    if (harness_case("a batch cancelled between passes keeps the results before")) {
        /* Count the executor's calls for some texts, and set the flag after three times as many:
         * some passes have ended by then, and some are left. */
        c.calls = 0;
        CHECK(distil_classify_batch(context, results, NULL, sentences->texts, TEXTS, 0) ==
              DISTIL_OK);
        memset(results, 0, sentences->count * sizeof *results);
        c.at = 3 * c.calls;
        c.calls = 0;
        CHECK(distil_classify_batch(context, results, NULL, sentences->texts, sentences->count,
                                    0) == DISTIL_CANCELLED);
        first = distil_context_error(context)->text;
        CHECKF(first > 0 && first < sentences->count, "cancelled before text %zu of %zu", first,
               sentences->count);
        c.flag = 0;
        for (size_t i = 0; i < sentences->count; i += i + 1 < first ? 1 : 97) {
            if (i >= first) {
                CHECK(results[i].token_count == 0);
                continue;
            }
            CHECK(distil_classify(context, &alone, NULL, sentences->texts[i].bytes,
                                  sentences->texts[i].size, 0) == DISTIL_OK);
            CHECK(results[i].label == alone.label && results[i].score == alone.score);
        }
    }
    distil_context_free(context);
    free(results);
}

/* ---- executor ------------------------------------------------------------------------------- */

typedef void task_fn(void *job, size_t index);

/* How an executor of these tests runs its tasks. */
typedef enum order { FORWARD, BACKWARD, TWICE_TOO_FAR, NONE, THREADS } order;

typedef struct executor_state {
    order order;
    size_t calls;
    size_t most; /* the greatest number of tasks of a call */
} executor_state;

typedef struct task_call {
    task_fn *task;
    void *job;
    size_t index;
} task_call;

static void *run_one(void *argument)
{
    task_call *c = argument;

    fesetround(FE_DOWNWARD); /* the rounding mode of the caller's threads must not matter */
    c->task(c->job, c->index);
    return fegetround() == FE_DOWNWARD ? NULL : c;
}

static void run_on_threads(task_fn *task, void *job, size_t count)
{
    pthread_t threads[8];
    task_call calls[8];
    void *wrong;

    for (size_t i = 0; i < count; i++) {
        calls[i] = (task_call){task, job, i};
        if (pthread_create(&threads[i], NULL, run_one, &calls[i]) != 0)
            abort();
    }
    for (size_t i = 0; i < count; i++) {
        CHECK(pthread_join(threads[i], &wrong) == 0);
        CHECK(wrong == NULL);
    }
}

static void run_tasks(void *user, task_fn *task, void *job, size_t count)
{
    executor_state *s = user;

    s->calls++;
    s->most = s->most > count ? s->most : count;
    switch (s->order) {
    case FORWARD:
        for (size_t i = 0; i < count; i++)
            task(job, i);
        break;
    case BACKWARD:
        for (size_t i = count; i-- > 0;)
            task(job, i);
        break;
    case TWICE_TOO_FAR:
        for (size_t i = count; i < 2 * count; i++)
            task(job, i);
        break;
    case NONE:
        break;
    case THREADS:
        run_on_threads(task, job, count);
        break;
    }
}

static void classify_all(distil_context *context, const support_sentences *sentences,
                         logits_row *logits)
{
    distil_result results[TEXTS];
    distil_scores scores[TEXTS];

    for (size_t i = 0; i < TEXTS; i++)
        scores[i] = (distil_scores){logits[i], NULL};
    CHECK(distil_classify_batch(context, results, scores, sentences->texts, TEXTS, 0) == DISTIL_OK);
}

static void test_executor(const distil_model *model, const support_sentences *sentences)
{
    static const char *const names[] = {"one after the other", "backward", "wrong indices only",
                                        "left out", "on threads that live for a step"};
    logits_row expected[TEXTS], logits[TEXTS];
    executor_state state;
    distil_executor executor = {run_tasks, &state};
    distil_context *context;

    CHECK(distil_context_new(&context, model, NULL, NULL) == DISTIL_OK);
    classify_all(context, sentences, expected);
    distil_context_free(context);
    for (int o = FORWARD; o <= THREADS; o++) {
        if (!harness_case("executor: tasks %s", names[o]))
            continue;
        for (size_t threads = 2; threads <= 8; threads += 3) {
            distil_context_options options = {.threads = threads, .executor = &executor};
            /* Batches of 512 tokens are shared by columns or by blocks, depending on threads. */
            if (o == THREADS && threads > 2)
                break;
            state = (executor_state){.order = (order)o};
            CHECK(distil_context_new(&context, model, &options, NULL) == DISTIL_OK);
            memset(logits, 0, sizeof logits);
            classify_all(context, sentences, logits);
            CHECK(memcmp(logits, expected, sizeof logits) == 0);
            CHECKF(state.calls > 10 && state.most == threads, "%zu calls, at most %zu tasks",
                   state.calls, state.most);
            distil_context_free(context);
        }
    }
    if (harness_case("executor: one thread does not call it")) {
        distil_context_options options = {.executor = &executor};

        state = (executor_state){.order = FORWARD};
        CHECK(distil_context_new(&context, model, &options, NULL) == DISTIL_OK);
        classify_all(context, sentences, logits);
        CHECK(memcmp(logits, expected, sizeof logits) == 0 && state.calls == 0);
        distil_context_free(context);
    }
}

int main(int argc, char **argv)
{
    support_sentences sentences;
    distil_model *model;

    harness_init("test_calls", argc, argv);
    sentences = support_sentences_read();
    model = support_model_open(DISTIL_ISA_BEST);
    test_close();
    test_errors(model);
    test_cancel(model, &sentences);
    test_executor(model, &sentences);
    CHECK(distil_model_close(model) == DISTIL_OK);
    support_sentences_free(&sentences);
    return harness_finish();
}
