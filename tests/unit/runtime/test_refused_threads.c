/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests that a thread which the system refuses means less help and never a failure: the first, the
 * second or a later thread of a context cannot be started, and the results keep their bits. This
 * program has a pthread_create of its own, which fails as the system's does.
 */
#define _GNU_SOURCE /* declares RTLD_NEXT */
#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/distil.h"
#include "runtime/pool.h"
#include "tests/support/harness.h"
#include "tests/support/sanitized.h"
#include "tests/support/support_blob.h"

enum { THREADS = 5, LABELS = 3, TEXTS = 3, PARTS = 64 };

typedef int create_fn(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);

static create_fn *real_create; /* NULL if the linker finds none */
static size_t asked, refused_from, started;

int pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*run)(void *),
                   void *argument)
{
    int error;

    if (++asked >= refused_from || real_create == NULL)
        return EAGAIN;
    error = real_create(thread, attributes, run, argument);
    started += error == 0;
    return error;
}

/* From now on, thread `number` and all after it are refused. */
static void refuse_from(size_t number)
{
    asked = started = 0;
    refused_from = number;
}

/* ---- the pool -------------------------------------------------------------------------------- */

static void add_ones(void *job, size_t thread, size_t begin, size_t end)
{
    unsigned char *count = job;

    (void)thread;
    for (size_t i = begin; i < end; i++)
        count[i]++;
}

static void check_pool(size_t number)
{
    void *memory = aligned_alloc(64, (distil_pool_bytes(THREADS) + 63) / 64 * 64);
    unsigned char count[PARTS] = {0};
    distil_pool *pool;
    int wrong = 0;

    refuse_from(number);
    pool = distil_pool_start(memory, THREADS);
    CHECK((pool == NULL) == (number == 1) && distil_pool_threads(pool) == number);
    CHECK(started == number - 1);
    distil_pool_wake(pool);
    distil_pool_run(pool, add_ones, count, PARTS, PARTS);
    distil_pool_rest(pool);
    for (size_t i = 0; i < PARTS; i++)
        wrong += count[i] != 1;
    CHECKF(wrong == 0, "%d of %d items were not computed once", wrong, (int)PARTS);
    distil_pool_stop(pool);
    free(memory);
}

/* ---- a context ------------------------------------------------------------------------------- */

static const distil_text texts[TEXTS] = {{.bytes = "the movie", .size = 9},
                                         {.bytes = "a b c d e f g h i j k l", .size = 23},
                                         {.bytes = "", .size = 0}};

/* Classifies the texts with a new context. */
static void classify(const distil_model *model, size_t threads, float logits[TEXTS][LABELS])
{
    distil_context_options options = {.threads = threads, .max_batch_tokens = 256};
    distil_result results[TEXTS];
    distil_scores scores[TEXTS];
    distil_context *context;

    for (size_t t = 0; t < TEXTS; t++)
        scores[t] = (distil_scores){logits[t], NULL};
    memset(logits, 0, sizeof(float[TEXTS][LABELS]));
    if (distil_context_new(&context, model, &options, NULL) != DISTIL_OK) {
        CHECKF(0, "no context");
        return;
    }
    CHECK(distil_classify_batch(context, results, scores, texts, TEXTS, 0) == DISTIL_OK);
    distil_context_free(context);
}

static void check_context(const distil_model *model, size_t number)
{
    float expected[TEXTS][LABELS], logits[TEXTS][LABELS];

    refuse_from(SIZE_MAX);
    classify(model, 1, expected);
    refuse_from(number);
    classify(model, THREADS, logits);
    CHECKF(started == number - 1, "%zu threads were started", started);
    CHECK(memcmp(logits, expected, sizeof logits) == 0);
}

int main(int argc, char **argv)
{
    support_blob made;
    distil_model *model;
    uint8_t *bytes;
    size_t size;

    harness_init("test_refused_threads", argc, argv);
    /* The assignment through memory avoids a conversion between pointers to objects and to
     * functions. */
    *(void **)(void *)&real_create = dlsym(RTLD_NEXT, "pthread_create");
    if (SANITIZED || real_create == NULL) {
        (void)harness_case("refused threads");
        harness_skip(SANITIZED ? "sanitizers have a pthread_create of their own"
                               : "this C library has no other pthread_create");
        return harness_finish();
    }
    made = support_blob_make(11, &support_blob_small);
    bytes = support_blob_image(&size, &made.model);
    if (distil_model_open_memory(&model, bytes, size, NULL, NULL) != DISTIL_OK)
        return 1;
    for (size_t number = 1; number <= THREADS; number++) {
        if (harness_case("pool: thread %zu of %d is refused", number, (int)THREADS))
            check_pool(number);
        if (harness_case("context: thread %zu of %d is refused", number, (int)THREADS))
            check_context(model, number);
    }
    distil_model_close(model);
    free(bytes);
    support_blob_free(&made);
    return harness_finish();
}
