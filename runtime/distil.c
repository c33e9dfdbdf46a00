/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The public functions: argument checks, ownership, and packing texts into passes of the encoder.
 */
#include "runtime/distil.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/kernels.h"
#include "model/blob.h"
#include "runtime/cpus.h"
#include "runtime/encoder.h"
#include "runtime/pool.h"
#include "runtime/tokenizer.h"
#include "runtime/weights.h"

struct distil_model {
    distil_allocator allocator;
    distil_blob blob;
    distil_weights weights;
    distil_tokenizer tokenizer;
    distil_kernels kernels;
    const char **labels; /* (n_labels), NUL-terminated, in the model's own allocation */
};

struct distil_context {
    distil_allocator allocator;
    const distil_model *model;
    distil_encoder encoder;
    distil_scratch scratch;
    size_t max_texts;   /* most texts of one pass */
    int32_t *ids;       /* (scratch.rows + max_positions): a pass and the text that overflows it */
    size_t *lengths;    /* (max_texts + 1) tokens of each text */
    uint8_t *truncated; /* (max_texts + 1) */
    float *logits;      /* (max_texts, n_labels) */
    float *probabilities; /* (n_labels) */
    void *pool_memory;    /* of scratch.pool, if there is one */
};

/* ---- memory --------------------------------------------------------------------------------- */

static void *default_allocate(void *user, size_t bytes)
{
    (void)user;
    return aligned_alloc(64, (bytes + 63) & ~(size_t)63);
}

static void default_release(void *user, void *memory)
{
    (void)user;
    free(memory);
}

static const distil_allocator default_allocator = {default_allocate, default_release, NULL};

static size_t align_up(size_t bytes)
{
    return (bytes + 63) & ~(size_t)63;
}

/* ---- model ---------------------------------------------------------------------------------- */

static distil_status fail(distil_error *error, distil_status status, const distil_blob_error *blob,
                          const char *what)
{
    if (error) {
        error->status = status;
        error->system_errno = blob ? blob->sys_errno : 0;
        error->offset = blob ? blob->offset : 0;
        snprintf(error->message, sizeof error->message, "%s",
                 what ? what : distil_status_str(status));
    }
    return status;
}

static distil_status fail_blob(distil_error *error, const distil_blob_error *blob)
{
    return fail(error, (distil_status)blob->code, blob, blob->what);
}

/* The level to use, or DISTIL_BAD_CPU / DISTIL_BAD_ARGUMENT. */
static distil_status choose_level(distil_level *level, const distil_options *options,
                                  distil_error *error)
{
    distil_isa cap = options->max_isa;
    distil_cpuid cpu;
    const char *missing;

    if (!distil_isa_name(cap) || (unsigned)options->verify > DISTIL_VERIFY_SHA256)
        return fail(error, DISTIL_BAD_ARGUMENT, NULL, "options: max_isa or verify out of range");
    if (cap == DISTIL_ISA_BEST)
        cap = DISTIL_ISA_AVX512VNNI;
    distil_cpuid_read(&cpu);
    if (options->exact_isa && options->max_isa != DISTIL_ISA_BEST &&
        !distil_cpuid_has(&cpu, (distil_level)cap, &missing)) {
        if (error) {
            fail(error, DISTIL_BAD_CPU, NULL, NULL);
            snprintf(error->message, sizeof error->message, "%s needs %s, which this CPU lacks",
                     distil_isa_name(cap), missing);
        }
        return DISTIL_BAD_CPU;
    }
    *level = distil_cpuid_best(&cpu, (distil_level)cap);
    return DISTIL_OK;
}

/* Copy the labels, with a NUL after each, behind their table of pointers. */
static void copy_labels(distil_model *model, char *text)
{
    for (uint32_t i = 0; i < model->weights.n_labels; i++) {
        size_t bytes;
        const char *label = distil_blob_label(&model->blob, i, &bytes);

        memcpy(text, label, bytes);
        text[bytes] = '\0';
        model->labels[i] = text;
        text += bytes + 1;
    }
}

/* Make the model around an opened blob, which it owns on success; closes it on failure. */
static distil_status adopt(distil_model **out, distil_blob *blob, const distil_options *options,
                           distil_level level, distil_error *error)
{
    const distil_allocator *allocator =
        options->allocator ? options->allocator : &default_allocator;
    size_t n_labels = blob->header->n_labels, text_bytes = 0;
    size_t labels_at = align_up(sizeof(distil_model));
    size_t text_at = labels_at + n_labels * sizeof(char *);
    distil_model *model;

    for (uint32_t i = 0; i < n_labels; i++) {
        size_t bytes;

        distil_blob_label(blob, i, &bytes);
        text_bytes += bytes + 1;
    }
    model = allocator->allocate(allocator->user, text_at + text_bytes);
    if (!model) {
        distil_blob_close(blob);
        return fail(error, DISTIL_NO_MEMORY, NULL, NULL);
    }
    model->allocator = *allocator;
    model->blob = *blob;
    distil_weights_init(&model->weights, &model->blob);
    distil_tok_init(&model->tokenizer, &model->blob);
    distil_kernels_fill(&model->kernels, level);
    model->labels = (const char **)(void *)((unsigned char *)model + labels_at);
    copy_labels(model, (char *)model + text_at);
    *out = model;
    return DISTIL_OK;
}

/* Where a model is opened from: a path, or a descriptor, or memory. */
typedef struct source {
    const char *path;
    int fd;
    const void *bytes;
    size_t size;
} source;

static distil_blob_code open_blob(distil_blob *blob, const source *from, distil_blob_verify verify,
                                  distil_blob_error *why)
{
    if (from->path)
        return distil_blob_open(blob, from->path, verify, why);
    if (from->bytes)
        return distil_blob_open_memory(blob, from->bytes, from->size, verify, why);
    return distil_blob_open_fd(blob, from->fd, verify, why);
}

static distil_status open_model(distil_model **model, const source *from,
                                const distil_options *options, distil_error *error)
{
    static const distil_options defaults = DISTIL_OPTIONS_INIT;
    const distil_options *o = options ? options : &defaults;
    distil_blob_error why;
    distil_blob blob;
    distil_level level = DISTIL_LEVEL_SCALAR;
    distil_status status = choose_level(&level, o, error);

    if (status != DISTIL_OK)
        return status;
    if (open_blob(&blob, from, (distil_blob_verify)o->verify, &why) != DISTIL_BLOB_OK)
        return fail_blob(error, &why);
    return adopt(model, &blob, o, level, error);
}

distil_status distil_model_open(distil_model **model, const char *path,
                                const distil_options *options, distil_error *error)
{
    if (!model || !path)
        return fail(error, DISTIL_BAD_ARGUMENT, NULL, "model or path is NULL");
    return open_model(model, &(source){.path = path}, options, error);
}

distil_status distil_model_open_fd(distil_model **model, int fd, const distil_options *options,
                                   distil_error *error)
{
    if (!model || fd < 0)
        return fail(error, DISTIL_BAD_ARGUMENT, NULL, "model is NULL or fd is negative");
    return open_model(model, &(source){.fd = fd}, options, error);
}

distil_status distil_model_open_memory(distil_model **model, const void *bytes, size_t size,
                                       const distil_options *options, distil_error *error)
{
    if (!model || !bytes)
        return fail(error, DISTIL_BAD_ARGUMENT, NULL, "model or bytes is NULL");
    return open_model(model, &(source){.bytes = bytes, .size = size}, options, error);
}

void distil_model_close(distil_model *model)
{
    distil_allocator allocator;

    if (!model)
        return;
    distil_blob_close(&model->blob);
    allocator = model->allocator;
    allocator.release(allocator.user, model);
}

distil_status distil_model_get_info(const distil_model *model, distil_model_info *info)
{
    const distil_weights *w;

    if (!model || !info)
        return DISTIL_BAD_ARGUMENT;
    w = &model->weights;
    *info = (distil_model_info){
        .dim = w->dim,
        .hidden_dim = w->hidden_dim,
        .n_layers = w->n_layers,
        .n_heads = w->n_heads,
        .vocab_size = w->vocab_size,
        .max_positions = w->max_positions,
        .n_labels = w->n_labels,
        .blob_bytes = model->blob.size,
        .isa = (distil_isa)model->kernels.level,
    };
    memcpy(info->sha256, model->blob.header->sha256, sizeof info->sha256);
    return DISTIL_OK;
}

const char *distil_model_label(const distil_model *model, size_t label)
{
    return model && label < model->weights.n_labels ? model->labels[label] : NULL;
}

distil_status distil_tokenize(const distil_model *model, int32_t *ids, size_t capacity,
                              size_t *count, const char *text, size_t text_bytes, uint32_t flags)
{
    if (!model || !count || (!ids && capacity > 0) || (!text && text_bytes > 0) ||
        (flags & ~DISTIL_SPLIT_SPECIAL_TOKENS))
        return DISTIL_BAD_ARGUMENT;
    *count = distil_tok_encode(&model->tokenizer, ids, capacity, SIZE_MAX, text, text_bytes,
                               (flags & DISTIL_SPLIT_SPECIAL_TOKENS) != 0);
    return DISTIL_OK;
}

/* ---- context -------------------------------------------------------------------------------- */

enum { MAX_BATCH_TOKENS = 65536 };

/* What the options come to: tokens of a pass and number of threads. */
static distil_status context_size(size_t *tokens, size_t *threads, const distil_model *model,
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
    if (asked > DISTIL_POOL_MAX_THREADS)
        return DISTIL_BAD_ARGUMENT;
    *tokens = rows;
    *threads = asked > 1 ? asked : 1;
    return DISTIL_OK;
}

/* Bytes of the context's one allocation; with base, which is that allocation, sets the pointers. */
static size_t lay_out(distil_context *c, unsigned char *base, const distil_model *model,
                      size_t tokens, size_t threads)
{
    const distil_weights *w = &model->weights;
    size_t max_texts = tokens / 2; /* a text has [CLS] and [SEP] at least */
    size_t at[7], used = align_up(sizeof(distil_context));

    at[0] = used;
    used = align_up(used + (tokens + w->max_positions) * sizeof(int32_t));
    at[1] = used;
    used = align_up(used + (max_texts + 1) * sizeof(size_t));
    at[2] = used;
    used = align_up(used + max_texts + 1);
    at[3] = used;
    used = align_up(used + max_texts * w->n_labels * sizeof(float));
    at[4] = used;
    used = align_up(used + w->n_labels * sizeof(float));
    at[5] = used;
    used = align_up(used + distil_pool_bytes(threads));
    at[6] = used;
    if (base) {
        c->max_texts = max_texts;
        c->ids = (int32_t *)(void *)(base + at[0]);
        c->lengths = (size_t *)(void *)(base + at[1]);
        c->truncated = base + at[2];
        c->logits = (float *)(void *)(base + at[3]);
        c->probabilities = (float *)(void *)(base + at[4]);
        c->pool_memory = base + at[5];
    }
    return used + distil_enc_layout(base ? &c->scratch : NULL, base ? base + at[6] : NULL, w,
                                    tokens, threads);
}

distil_status distil_context_bytes(const distil_model *model, size_t *bytes,
                                   const distil_context_options *options)
{
    size_t tokens, threads;
    distil_status status;

    if (!model || !bytes)
        return DISTIL_BAD_ARGUMENT;
    status = context_size(&tokens, &threads, model, options);
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
    status = context_size(&tokens, &threads, model, options);
    if (status != DISTIL_OK)
        return status;
    allocator = options && options->allocator ? options->allocator : &model->allocator;
    c = allocator->allocate(allocator->user, lay_out(NULL, NULL, model, tokens, threads));
    if (!c)
        return DISTIL_NO_MEMORY;
    c->allocator = *allocator;
    c->model = model;
    c->encoder = (distil_encoder){&model->weights, &model->kernels, NULL, NULL};
    lay_out(c, (unsigned char *)c, model, tokens, threads);
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

/* ---- classification ------------------------------------------------------------------------- */

/* Tokens of a text, cut to the model's positions with [SEP] kept, written at ids. */
static size_t encode_text(const distil_context *c, int32_t *ids, uint8_t *truncated,
                          const distil_text *text, uint32_t flags)
{
    const distil_tokenizer *tokenizer = &c->model->tokenizer;
    size_t max = c->model->weights.max_positions;
    size_t n = distil_tok_encode(tokenizer, ids, max, max, text->bytes, text->size,
                                 (flags & DISTIL_SPLIT_SPECIAL_TOKENS) != 0);

    *truncated = n > max;
    if (n > max) {
        ids[max - 1] = (int32_t)tokenizer->sep_id;
        n = max;
    }
    return n;
}

/* Finite: not infinite, not NaN. */
static int all_finite(const float *x, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!(x[i] - x[i] == 0.0f))
            return 0;
    return 1;
}

/* Label, score and the caller's arrays from one text's logits. */
static void report(distil_context *c, distil_result *result, const distil_scores *scores,
                   const float *logits, size_t tokens, int truncated)
{
    size_t n = c->model->weights.n_labels, best = 0;

    for (size_t i = 1; i < n; i++)
        if (logits[i] > logits[best])
            best = i;
    memcpy(c->probabilities, logits, n * sizeof(float));
    c->model->kernels.softmax(c->probabilities, n);
    *result = (distil_result){best, c->probabilities[best], tokens, truncated};
    if (scores && scores->logits)
        memcpy(scores->logits, logits, n * sizeof(float));
    if (scores && scores->probabilities)
        memcpy(scores->probabilities, c->probabilities, n * sizeof(float));
}

/* Rounding to nearest even, nothing traps, denormals are kept. */
enum { MXCSR_DEFAULT = 0x1f80 };

static distil_status run_pass_here(distil_context *c, distil_result *results,
                                   const distil_scores *scores, size_t texts)
{
    size_t n_labels = c->model->weights.n_labels;

    distil_enc_run(&c->encoder, &c->scratch, c->logits, c->ids, c->lengths, texts);
    if (!all_finite(c->logits, texts * n_labels))
        return DISTIL_NOT_FINITE;
    for (size_t t = 0; t < texts; t++)
        report(c, &results[t], scores ? &scores[t] : NULL, c->logits + t * n_labels, c->lengths[t],
               c->truncated[t]);
    return DISTIL_OK;
}

/* One pass over the first `texts` texts in c->ids and c->lengths, its arithmetic not what the
 * caller has set for its own. */
static distil_status run_pass(distil_context *c, distil_result *results,
                              const distil_scores *scores, size_t texts)
{
    unsigned callers = __builtin_ia32_stmxcsr();
    distil_status status;

    __builtin_ia32_ldmxcsr(MXCSR_DEFAULT);
    status = run_pass_here(c, results, scores, texts);
    __builtin_ia32_ldmxcsr(callers);
    return status;
}

distil_status distil_classify_batch(distil_context *c, distil_result *results,
                                    const distil_scores *scores, const distil_text *texts,
                                    size_t count, uint32_t flags)
{
    size_t pending = 0, used = 0; /* texts and tokens that wait for a pass */

    if (!c || (count > 0 && (!results || !texts)) || (flags & ~DISTIL_SPLIT_SPECIAL_TOKENS))
        return DISTIL_BAD_ARGUMENT;
    for (size_t i = 0; i < count; i++)
        if (!texts[i].bytes && texts[i].size > 0)
            return DISTIL_BAD_ARGUMENT;

    for (size_t i = 0; i < count; i++) {
        int32_t *ids = c->ids + used;
        uint8_t truncated;
        size_t n = encode_text(c, ids, &truncated, &texts[i], flags);

        if (used + n > c->scratch.rows) { /* does not fit: run the others, start anew with it */
            distil_status status =
                run_pass(c, results + i - pending, scores ? scores + i - pending : NULL, pending);

            if (status != DISTIL_OK)
                return status;
            memmove(c->ids, ids, n * sizeof *ids);
            pending = used = 0;
        }
        c->lengths[pending] = n;
        c->truncated[pending] = truncated;
        pending++;
        used += n;
    }
    if (pending == 0)
        return DISTIL_OK;
    return run_pass(c, results + count - pending, scores ? scores + count - pending : NULL,
                    pending);
}

distil_status distil_classify(distil_context *context, distil_result *result,
                              const distil_scores *scores, const char *text, size_t text_bytes,
                              uint32_t flags)
{
    distil_text one = {text, text_bytes};

    if (!result)
        return DISTIL_BAD_ARGUMENT;
    return distil_classify_batch(context, result, scores, &one, 1, flags);
}

distil_status distil_classify_ids(distil_context *context, distil_result *result,
                                  const distil_scores *scores, const int32_t *ids, size_t count)
{
    if (!context || !result || !ids)
        return DISTIL_BAD_ARGUMENT;
    if (count == 0 || count > context->model->weights.max_positions)
        return DISTIL_TOO_MANY_TOKENS;
    for (size_t i = 0; i < count; i++)
        if (ids[i] < 0 || (size_t)ids[i] >= context->model->weights.vocab_size)
            return DISTIL_BAD_TOKEN;
    memcpy(context->ids, ids, count * sizeof *ids);
    context->lengths[0] = count;
    context->truncated[0] = 0;
    return run_pass(context, result, scores, 1);
}
