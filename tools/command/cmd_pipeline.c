/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ring of batches between the main thread and its workers; see cmd_pipeline.h.
 *
 * Batches are numbered, and batch n lies in slot n % slots. At any time written <= claimed <=
 * submitted, and submitted - written is at most the number of slots. A slot belongs to the main
 * thread until its batch is submitted, then to one worker until the batch is done, then to the main
 * thread again.
 */
#include "tools/command/cmd_pipeline.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "tools/command/cmd_message.h"

enum {
    BATCH_BYTES = 1 << 20, /* a batch with this much text is full, which bounds memory */
    KEEP_BYTES = 4 << 20   /* a slot that one long line made larger frees its memory */
};

typedef struct entry {
    cmd_text text;
    size_t offset; /* where batch.bytes has copies of the text, of its pair and of its row */
    cmd_answer answer;
    size_t index; /* index of its first pair in batch.texts; unset if the text is refused */
} entry;

typedef struct batch {
    char *bytes; /* copies of the texts, one after the other */
    size_t used, capacity;
    entry *entries;
    size_t count;
    size_t fan;             /* elements of the arrays below for each text, at least 1 */
    distil_text *texts;     /* (batch, fan) the texts that are not refused, or their pairs */
    distil_result *results; /* (batch, fan) */
    distil_scores *scores;  /* (batch, fan) */
    float *values;          /* (2, batch, fan, n_labels) logits, then probabilities */
    int done;               /* 1 if it is classified; the lock of the ring protects it */
} batch;

typedef struct ring {
    const cmd_pipeline *pipeline;
    batch *batches;
    size_t slots;
    uint64_t submitted, claimed, written; /* numbers of batches so far */
    int closing;                          /* 1 asks the workers to end */
    pthread_mutex_t lock;
    pthread_cond_t work_ready; /* a batch was submitted, or closing is set */
    pthread_cond_t batch_done; /* a worker has finished a batch */
    distil_context *context;   /* the context of the main thread; NULL if there are workers */
    pthread_t *threads;
    distil_context **contexts;
    size_t started; /* workers that run */
} ring;

/* What a worker gets when it starts; it frees this memory. */
typedef struct worker {
    ring *ring;
    distil_context *context;
} worker;

/* ---- a batch -------------------------------------------------------------------------------- */

static int batch_init(batch *b, const cmd_pipeline *pipeline)
{
    size_t labels = pipeline->n_labels, n;

    b->fan = pipeline->hypothesis_count > 0 ? pipeline->hypothesis_count : 1;
    n = pipeline->batch * b->fan;
    b->entries = calloc(pipeline->batch, sizeof *b->entries);
    b->texts = calloc(n, sizeof *b->texts);
    b->results = calloc(n, sizeof *b->results);
    b->scores = calloc(n, sizeof *b->scores);
    b->values = calloc(n, 2 * labels * sizeof *b->values);
    if (b->entries == NULL || b->texts == NULL || b->results == NULL || b->scores == NULL ||
        b->values == NULL)
        return -1;
    for (size_t i = 0; i < n; i++) {
        b->scores[i].logits = b->values + i * labels;
        b->scores[i].probabilities = b->values + (n + i) * labels;
    }
    return 0;
}

static void batch_free(batch *b)
{
    free(b->bytes);
    free(b->entries);
    free(b->texts);
    free(b->results);
    free(b->scores);
    free(b->values);
}

static void batch_clear(batch *b)
{
    if (b->capacity > KEEP_BYTES) {
        free(b->bytes);
        b->bytes = NULL;
        b->capacity = 0;
    }
    b->used = 0;
    b->count = 0;
    b->done = 0;
}

/* Make room for `size` more bytes. Returns 0, or -1 if there is no memory. */
static int batch_reserve(batch *b, size_t size)
{
    size_t capacity = 2 * b->capacity;
    char *bigger;

    if (b->capacity - b->used >= size && b->bytes != NULL)
        return 0;
    if (capacity < b->used + size + 4096)
        capacity = b->used + size + 4096;
    bigger = realloc(b->bytes, capacity);
    if (bigger == NULL)
        return -1;
    b->bytes = bigger;
    b->capacity = capacity;
    return 0;
}

/* Append a copy of `size` bytes, for which there is room. */
static void append(batch *b, const char *bytes, size_t size)
{
    if (size > 0)
        memcpy(b->bytes + b->used, bytes, size);
    b->used += size;
}

/* Append a copy of a text, its pair and its row. If there is no memory for them, the text is
 * refused. */
static void batch_add(batch *b, const cmd_text *text)
{
    entry *it = &b->entries[b->count++];

    it->text = *text;
    it->offset = b->used;
    if (batch_reserve(b, text->size + text->pair_size + text->row_size) != 0) {
        it->text.refusal = "no memory for a text as long as this";
        it->text.size = it->text.pair_size = it->text.row_size = 0;
        return;
    }
    append(b, text->bytes, text->size);
    append(b, text->pair, text->pair_size);
    append(b, text->row, text->row_size);
}

/* Point the text of an entry to its copies, which no longer move. */
static void locate_copies(const batch *b, entry *it)
{
    const char *copy =
        it->text.size + it->text.pair_size + it->text.row_size > 0 ? b->bytes + it->offset : "";

    it->text.bytes = copy;
    if (it->text.pair != NULL)
        it->text.pair = copy + it->text.size;
    it->text.row = copy + it->text.size + it->text.pair_size;
}

/* Append an entry's text, or its pairs with all hypotheses, to the `count` texts to classify. */
static void add_texts(batch *b, size_t count, entry *it, const cmd_pipeline *p)
{
    const cmd_text *text = &it->text;

    it->index = count;
    if (p->hypothesis_count == 0)
        b->texts[count] = (distil_text){text->bytes, text->size, text->pair, text->pair_size};
    for (size_t i = 0; i < p->hypothesis_count; i++)
        b->texts[count + i] =
            (distil_text){text->bytes, text->size, p->hypotheses[i].bytes, p->hypotheses[i].size};
}

/* Classify the texts that are not refused. If the call for the whole batch fails, each text is
 * classified by itself, so that only those that cause the failure get no answer. */
static void batch_classify(batch *b, distil_context *context, const cmd_pipeline *p)
{
    uint32_t flags = p->flags;
    size_t count = 0;
    distil_status status;

    for (size_t i = 0; i < b->count; i++) {
        entry *it = &b->entries[i];

        locate_copies(b, it);
        it->answer.refusal = it->text.refusal;
        if (it->answer.refusal != NULL)
            continue;
        add_texts(b, count, it, p);
        count += b->fan;
    }
    if (count == 0)
        return;
    status = distil_classify_batch(context, b->results, b->scores, b->texts, count, flags);
    for (size_t i = 0; i < b->count; i++) {
        entry *it = &b->entries[i];
        size_t c = it->index;

        if (it->answer.refusal != NULL)
            continue;
        if (status != DISTIL_OK) {
            distil_status own = distil_classify_batch(context, &b->results[c], &b->scores[c],
                                                      &b->texts[c], b->fan, flags);

            if (own != DISTIL_OK)
                it->answer.refusal = distil_status_str(own);
        }
        it->answer.result = b->results[c];
        it->answer.logits = b->scores[c].logits;
        it->answer.probabilities = b->scores[c].probabilities;
        it->answer.pairs = p->hypothesis_count > 0 ? &b->results[c] : NULL;
    }
}

/* ---- workers -------------------------------------------------------------------------------- */

static void *run_worker(void *argument)
{
    worker *self = argument;
    ring *r = self->ring;
    distil_context *context = self->context;

    free(self);
    (void)pthread_mutex_lock(&r->lock);
    for (;;) {
        batch *b;

        while (r->claimed == r->submitted && !r->closing)
            (void)pthread_cond_wait(&r->work_ready, &r->lock);
        /* The ring closes when all is written, or when the output failed and nobody wants the
         * rest. */
        if (r->closing)
            break;
        b = &r->batches[r->claimed++ % r->slots];
        (void)pthread_mutex_unlock(&r->lock);
        batch_classify(b, context, r->pipeline);
        (void)pthread_mutex_lock(&r->lock);
        b->done = 1;
        (void)pthread_cond_signal(&r->batch_done);
    }
    (void)pthread_mutex_unlock(&r->lock);
    return NULL;
}

/* The options of every context, of one thread. */
static distil_context_options context_options(const cmd_pipeline *p)
{
    return (distil_context_options){
        .function = p->function,
        .max_batch_tokens = p->pass_tokens,
        .window = p->window,
        .stride = p->stride,
        .combine = p->combine,
    };
}

/* Start one more worker. Returns NULL, or why the system has no room for it. */
static const char *start_worker(ring *r)
{
    distil_context_options options = context_options(r->pipeline);
    worker *self = malloc(sizeof *self);
    distil_status status;
    int error;

    if (self == NULL)
        return strerror(ENOMEM);
    status = distil_context_new(&r->contexts[r->started], r->pipeline->model, &options, NULL);
    if (status != DISTIL_OK) {
        free(self);
        return distil_status_str(status);
    }
    self->ring = r;
    self->context = r->contexts[r->started];
    error = pthread_create(&r->threads[r->started], NULL, run_worker, self);
    if (error != 0) {
        distil_context_free(self->context);
        free(self);
        return strerror(error);
    }
    r->started++;
    return NULL;
}

/* Start all workers, or as many as the system has room for: the answers are the same with fewer.
 * Workers inherit a blocked SIGINT, so that the signal ends the wait of the main thread for
 * input. */
static int start_workers(ring *r)
{
    sigset_t interrupt, before;
    const char *refusal = NULL;

    r->threads = calloc(r->pipeline->threads, sizeof *r->threads);
    r->contexts = calloc(r->pipeline->threads, sizeof(distil_context *));
    if (r->threads == NULL || r->contexts == NULL) {
        cmd_error("out of memory");
        return -1;
    }
    (void)sigemptyset(&interrupt);
    (void)sigaddset(&interrupt, SIGINT);
    (void)pthread_sigmask(SIG_BLOCK, &interrupt, &before);
    for (size_t i = 0; i < r->pipeline->threads && refusal == NULL; i++)
        refusal = start_worker(r);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (refusal != NULL)
        cmd_error("cannot start thread %zu of %zu: %s; going on without it", r->started + 1,
                  r->pipeline->threads, refusal);
    return 0;
}

static void stop_workers(ring *r)
{
    (void)pthread_mutex_lock(&r->lock);
    r->closing = 1;
    (void)pthread_cond_broadcast(&r->work_ready);
    (void)pthread_mutex_unlock(&r->lock);
    for (size_t i = 0; i < r->started; i++) {
        (void)pthread_join(r->threads[i], NULL);
        distil_context_free(r->contexts[i]);
    }
    free(r->threads);
    free(r->contexts);
}

/* ---- the main thread ------------------------------------------------------------------------ */

static int ring_init(ring *r, const cmd_pipeline *pipeline)
{
    distil_context_options options = context_options(pipeline);
    distil_error error;

    memset(r, 0, sizeof *r);
    r->pipeline = pipeline;
    (void)pthread_mutex_init(&r->lock, NULL);
    (void)pthread_cond_init(&r->work_ready, NULL);
    (void)pthread_cond_init(&r->batch_done, NULL);
    r->slots = pipeline->threads > 1 ? 2 * pipeline->threads + 1 : 1;
    r->batches = calloc(r->slots, sizeof *r->batches);
    if (r->batches == NULL) {
        r->slots = 0;
        cmd_error("out of memory");
        return -1;
    }
    for (size_t i = 0; i < r->slots; i++) {
        if (batch_init(&r->batches[i], pipeline) != 0) {
            cmd_error("out of memory: try a smaller --batch or --threads");
            return -1;
        }
    }
    if (pipeline->threads > 1 && start_workers(r) != 0)
        return -1;
    if (r->started > 0)
        return 0;
    options.threads = pipeline->helpers;
    if (distil_context_new(&r->context, pipeline->model, &options, &error) == DISTIL_OK)
        return 0;
    cmd_error("cannot make a context: %s", error.message);
    return -1;
}

static void ring_free(ring *r)
{
    stop_workers(r);
    distil_context_free(r->context);
    for (size_t i = 0; i < r->slots; i++)
        batch_free(&r->batches[i]);
    free(r->batches);
    (void)pthread_cond_destroy(&r->batch_done);
    (void)pthread_cond_destroy(&r->work_ready);
    (void)pthread_mutex_destroy(&r->lock);
}

/* Give the batch that was filled last to a worker, or classify it here if there are none. */
static void submit_batch(ring *r)
{
    batch *b = &r->batches[r->submitted % r->slots];

    if (r->started == 0) {
        batch_classify(b, r->context, r->pipeline);
        b->done = 1;
        r->submitted++;
        return;
    }
    (void)pthread_mutex_lock(&r->lock);
    r->submitted++;
    (void)pthread_cond_signal(&r->work_ready);
    (void)pthread_mutex_unlock(&r->lock);
}

/* Wait for the oldest batch and pass on its answers. Returns 0, or -1 to stop. */
static int write_oldest(ring *r)
{
    const cmd_pipeline *p = r->pipeline;
    batch *b = &r->batches[r->written % r->slots];
    int failed = 0;

    (void)pthread_mutex_lock(&r->lock);
    while (!b->done)
        (void)pthread_cond_wait(&r->batch_done, &r->lock);
    (void)pthread_mutex_unlock(&r->lock);
    for (size_t i = 0; i < b->count && !failed; i++)
        failed = p->answer(p->user, &b->entries[i].text, &b->entries[i].answer);
    batch_clear(b);
    r->written++;
    return p->flush(p->user) != 0 || failed ? -1 : 0;
}

/* Write batches until at most `left` are unwritten. Returns 0, or -1 to stop. */
static int write_until(ring *r, uint64_t left)
{
    while (r->submitted - r->written > left)
        if (write_oldest(r) != 0)
            return -1;
    return 0;
}

/* Fill a batch with texts. Returns the status that ended it; CMD_INPUT_TEXT means that it is
 * full. */
static cmd_input_status fill_batch(const ring *r, batch *b)
{
    const cmd_pipeline *p = r->pipeline;

    while (b->count < p->batch && b->used < BATCH_BYTES) {
        int idle = b->count == 0 && r->submitted == r->written;
        cmd_text text;
        cmd_input_status status = p->next(p->user, &text, idle);

        if (status != CMD_INPUT_TEXT)
            return status;
        batch_add(b, &text);
    }
    return CMD_INPUT_TEXT;
}

int cmd_pipeline_run(const cmd_pipeline *pipeline)
{
    ring r;
    int failed = ring_init(&r, pipeline);

    while (!failed) {
        batch *b = &r.batches[r.submitted % r.slots];
        cmd_input_status status = fill_batch(&r, b);

        if (b->count > 0)
            submit_batch(&r);
        /* The next batch needs a free slot. Before a wait and at the end everything is written. */
        if (write_until(&r, status == CMD_INPUT_TEXT ? r.slots - 1 : 0) != 0)
            failed = -1;
        if (status == CMD_INPUT_END)
            break;
    }
    ring_free(&r);
    return failed;
}
