/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Making and freeing a context: its one allocation, and its threads.
 */
#include "runtime/context.h"

#include "runtime/carve.h"
#include "runtime/cpus.h"
#include "runtime/failure.h"
#include "runtime/options.h"
#include "runtime/pool.h"

/* The greatest max_batch_tokens that the options may ask for. */
enum { MAX_BATCH_TOKENS = 65536 };

/* What the options of a context ask for, with defaults filled in. */
typedef struct settings {
    distil_context_options options;
    size_t tokens;  /* the most of a pass */
    size_t threads; /* at least 1 */
} settings;

/* Returns what is wrong with the windows that the options ask for, or NULL. */
static const char *check_windows(const distil_model *model, const distil_context_options *o)
{
    if ((unsigned)o->combine > DISTIL_COMBINE_FIRST)
        return "options: combine is none of distil_combine";
    if (o->window == 0)
        return o->stride == 0 ? NULL : "options: stride needs a window";
    if (o->window < 3 || o->window > model->weights.max_positions)
        return "options: window is neither 0 nor from 3 to max_positions";
    if (o->stride >= o->window - 2)
        return "options: stride is not below window - 2, so windows would not go on";
    return NULL;
}

/* Fills *s from the caller's options. Returns NULL, or what is wrong with them. */
static const char *resolve_options(settings *s, const distil_model *model,
                                   const distil_context_options *given)
{
    distil_context_options *o = &s->options;
    const char *wrong = distil_options_copy_context(o, given);

    if (wrong)
        return wrong;
    s->tokens = o->max_batch_tokens ? o->max_batch_tokens : model->weights.max_positions;
    if (s->tokens < model->weights.max_positions || s->tokens > MAX_BATCH_TOKENS)
        return "options: max_batch_tokens is neither 0 nor from max_positions to 65536";
    s->threads = o->threads;
    if (s->threads == DISTIL_THREADS_AUTO) {
        s->threads = distil_cpus_usable();
        s->threads = s->threads < DISTIL_POOL_MAX_THREADS ? s->threads : DISTIL_POOL_MAX_THREADS;
    }
    if (s->threads > DISTIL_POOL_MAX_THREADS)
        return "options: threads is neither DISTIL_THREADS_AUTO nor at most 256";
    s->threads = s->threads > 1 ? s->threads : 1;
    if ((unsigned)o->function > DISTIL_FUNCTION_NONE)
        return "options: function is none of distil_function";
    if (o->executor && !o->executor->run)
        return "options: the executor has no function run";
    return check_windows(model, o);
}

/* Returns the bytes of the context's allocation. Where base is not NULL, it is that allocation, and
 * *context, which is its beginning, gets its pointers set. */
static size_t lay_out(distil_context *context, void *base, const distil_model *model, size_t tokens,
                      size_t threads)
{
    const distil_weights *w = &model->weights;
    distil_context c = {.max_texts = tokens / 2}; /* a text has at least [CLS] and [SEP] */
    size_t outputs = w->head->rows == DISTIL_HEAD_ROWS_ALL ? tokens : c.max_texts;
    size_t used = 0;

    distil_carve(base, &used, sizeof c);
    c.ids = distil_carve(base, &used, (tokens + w->max_positions) * sizeof(int32_t));
    c.second_ids = distil_carve(base, &used, w->max_positions * sizeof(int32_t));
    c.lengths = distil_carve(base, &used, (c.max_texts + 1) * sizeof(size_t));
    c.truncated = distil_carve(base, &used, c.max_texts + 1);
    c.logits = distil_carve(base, &used, outputs * w->n_labels * sizeof(float));
    c.probabilities = distil_carve(base, &used, w->n_labels * sizeof(float));
    c.combined = distil_carve(base, &used, w->n_labels * sizeof(float));
    c.window_text = distil_carve(base, &used, c.max_texts * sizeof(size_t));
    if (w->head->rows == DISTIL_HEAD_ROWS_ALL) {
        c.offsets = distil_carve(base, &used, tokens * sizeof(distil_offsets));
        c.window_offsets = distil_carve(base, &used, w->max_positions * sizeof(distil_offsets));
    }
    c.pool_memory = distil_carve(base, &used, distil_pool_bytes(threads));
    used += distil_enc_layout(&c.scratch, base ? (unsigned char *)base + used : NULL, w, tokens,
                              threads);
    if (base)
        *context = c;
    return used;
}

distil_status distil_context_bytes(const distil_model *model, size_t *bytes,
                                   const distil_context_options *options)
{
    settings s;

    if (!model || !bytes || resolve_options(&s, model, options))
        return DISTIL_BAD_ARGUMENT;
    *bytes = lay_out(NULL, NULL, model, s.tokens, s.threads);
    return DISTIL_OK;
}

/* Gives the context the threads that the settings ask for, or as many as the system grants. */
static void start_pool(distil_context *c, const settings *s)
{
    if (s->threads == 1)
        return;
    c->scratch.pool = s->options.executor
                          ? distil_pool_on_executor(c->pool_memory, s->threads, s->options.executor)
                          : distil_pool_start(c->pool_memory, s->threads);
    c->scratch.threads = distil_pool_threads(c->scratch.pool);
}

distil_status distil_context_new(distil_context **context, const distil_model *model,
                                 const distil_context_options *options, distil_error *error)
{
    const distil_allocator *allocator;
    const char *wrong;
    distil_context *c;
    settings s;

    if (!context || !model)
        return distil_fail(error, DISTIL_BAD_ARGUMENT, "context or model is NULL");
    wrong = resolve_options(&s, model, options);
    if (wrong)
        return distil_fail(error, DISTIL_BAD_ARGUMENT, wrong);
    allocator = s.options.allocator ? s.options.allocator : &model->allocator;
    c = allocator->allocate(allocator->user, lay_out(NULL, NULL, model, s.tokens, s.threads));
    if (!c)
        return distil_fail(error, DISTIL_NO_MEMORY, NULL);
    if (!distil_carve_is_aligned(c)) {
        allocator->release(allocator->user, c);
        return distil_fail(error, DISTIL_BAD_ARGUMENT, "allocator: expected memory aligned to 64");
    }
    lay_out(c, c, model, s.tokens, s.threads);
    c->allocator = *allocator;
    c->model = model;
    c->function = s.options.function != DISTIL_FUNCTION_MODEL
                      ? s.options.function
                      : (distil_function)model->blob.header->function;
    c->windows = (distil_window_plan){s.options.window, s.options.stride, s.options.combine};
    c->cancel = s.options.cancel;
    c->error.text = DISTIL_NO_TEXT;
    c->encoder = (distil_encoder){.weights = &model->weights, .kernels = &model->kernels};
    start_pool(c, &s);
    atomic_fetch_add(model->contexts, 1);
    *context = c;
    return DISTIL_OK;
}

const distil_error *distil_context_error(const distil_context *context)
{
    return context ? &context->error : NULL;
}

void distil_context_free(distil_context *context)
{
    distil_allocator allocator;

    if (!context)
        return;
    distil_pool_stop(context->scratch.pool);
    atomic_fetch_sub(context->model->contexts, 1);
    allocator = context->allocator;
    allocator.release(allocator.user, context);
}
