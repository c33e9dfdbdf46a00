/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Making and freeing a context: its one allocation, and its threads.
 */
#include "runtime/context.h"

#include "runtime/carve.h"
#include "runtime/cpus.h"
#include "runtime/pool.h"

/* The greatest max_batch_tokens that the options may ask for. */
enum { MAX_BATCH_TOKENS = 65536 };

/* Resolves the options (NULL for the defaults) to the tokens of a pass and the number of
 * threads. */
static distil_status resolve_options(size_t *tokens, size_t *threads, const distil_model *model,
                                     const distil_context_options *options)
{
    size_t rows = options ? options->max_batch_tokens : 0;
    size_t asked = options ? options->threads : 0;

    if (rows == 0)
        rows = model->weights.max_positions;
    if (rows < model->weights.max_positions || rows > MAX_BATCH_TOKENS)
        return DISTIL_BAD_ARGUMENT;
    if (asked == DISTIL_THREADS_AUTO) {
        asked = distil_cpus_usable();
        asked = asked < DISTIL_POOL_MAX_THREADS ? asked : DISTIL_POOL_MAX_THREADS;
    }
    if (asked > DISTIL_POOL_MAX_THREADS ||
        (options && (unsigned)options->function > DISTIL_FUNCTION_NONE))
        return DISTIL_BAD_ARGUMENT;
    *tokens = rows;
    *threads = asked > 1 ? asked : 1;
    return DISTIL_OK;
}

/* Returns the bytes of the context's allocation. Where base is not NULL, it is that allocation, and
 * *context, which is its beginning, gets its pointers set. */
static size_t lay_out(distil_context *context, void *base, const distil_model *model, size_t tokens,
                      size_t threads)
{
    const distil_weights *w = &model->weights;
    distil_context c = {.max_texts = tokens / 2}; /* a text has at least [CLS] and [SEP] */
    size_t used = 0;

    distil_carve(base, &used, sizeof c);
    c.ids = distil_carve(base, &used, (tokens + w->max_positions) * sizeof(int32_t));
    c.lengths = distil_carve(base, &used, (c.max_texts + 1) * sizeof(size_t));
    c.truncated = distil_carve(base, &used, c.max_texts + 1);
    c.logits = distil_carve(base, &used, c.max_texts * w->n_labels * sizeof(float));
    c.probabilities = distil_carve(base, &used, w->n_labels * sizeof(float));
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
    size_t tokens, threads;
    distil_status status;

    if (!model || !bytes)
        return DISTIL_BAD_ARGUMENT;
    status = resolve_options(&tokens, &threads, model, options);
    if (status == DISTIL_OK)
        *bytes = lay_out(NULL, NULL, model, tokens, threads);
    return status;
}

distil_status distil_context_new(distil_context **context, const distil_model *model,
                                 const distil_context_options *options)
{
    const distil_allocator *allocator;
    distil_context *c;
    size_t tokens, threads;
    distil_status status;

    if (!context || !model)
        return DISTIL_BAD_ARGUMENT;
    status = resolve_options(&tokens, &threads, model, options);
    if (status != DISTIL_OK)
        return status;
    allocator = options && options->allocator ? options->allocator : &model->allocator;
    c = allocator->allocate(allocator->user, lay_out(NULL, NULL, model, tokens, threads));
    if (!c)
        return DISTIL_NO_MEMORY;
    if (!distil_carve_is_aligned(c)) {
        allocator->release(allocator->user, c);
        return DISTIL_BAD_ARGUMENT;
    }
    lay_out(c, c, model, tokens, threads);
    c->allocator = *allocator;
    c->model = model;
    c->function = options && options->function != DISTIL_FUNCTION_MODEL
                      ? options->function
                      : (distil_function)model->blob.header->function;
    c->encoder = (distil_encoder){.weights = &model->weights, .kernels = &model->kernels};
    if (threads > 1) {
        c->scratch.pool = distil_pool_start(c->pool_memory, threads);
        if (!c->scratch.pool) {
            allocator->release(allocator->user, c);
            return DISTIL_NO_THREAD;
        }
    }
    *context = c;
    return DISTIL_OK;
}

void distil_context_free(distil_context *context)
{
    distil_allocator allocator;

    if (!context)
        return;
    distil_pool_stop(context->scratch.pool);
    allocator = context->allocator;
    allocator.release(allocator.user, context);
}
