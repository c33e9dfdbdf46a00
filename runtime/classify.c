/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Texts in, token ids and results out: distil_tokenize and the distil_classify functions. A batch
 * is packed into as few passes as its order allows: a pass ends where the next text does not fit.
 */
#include <string.h>

#include "runtime/context.h"
#include "runtime/failure.h"

/* Returns 1 for the flags of a text that the header allows. */
static int are_known_flags(uint32_t flags)
{
    return flags == 0 || flags == DISTIL_SPLIT_SPECIAL_TOKENS ||
           flags == DISTIL_MATCH_SPECIAL_TOKENS;
}

/* Returns 1 if special tokens in a text are plain text: the flags decide, else the model. */
static int splits_specials(const distil_tokenizer *tokenizer, uint32_t flags)
{
    return flags == DISTIL_SPLIT_SPECIAL_TOKENS ||
           (flags == 0 && (tokenizer->flags & DISTIL_BLOB_TOK_SPLIT_SPECIALS) != 0);
}

distil_status distil_tokenize(const distil_model *model, int32_t *ids, size_t capacity,
                              size_t *count, const char *text, size_t text_bytes, uint32_t flags)
{
    if (!model || !count || (!ids && capacity > 0) || (!text && text_bytes > 0) ||
        !are_known_flags(flags))
        return DISTIL_BAD_ARGUMENT;
    *count = distil_tok_encode(&model->tokenizer, ids, capacity, SIZE_MAX, text, text_bytes,
                               splits_specials(&model->tokenizer, flags));
    return DISTIL_OK;
}

/* Writes the tokens of a text to ids, at most max_positions of them with [SEP] last, and returns
 * their number. *truncated tells whether the text has more; the model's truncation side says which
 * of them are kept. */
static size_t tokenize_and_truncate(const distil_context *c, int32_t *ids, uint8_t *truncated,
                                    const distil_text *text, uint32_t flags)
{
    const distil_tokenizer *tokenizer = &c->model->tokenizer;
    size_t max = c->model->weights.max_positions;
    int split = splits_specials(tokenizer, flags);
    size_t n = tokenizer->flags & DISTIL_BLOB_TOK_TRUNCATE_LEFT
                   ? distil_tok_encode_end(tokenizer, ids, max, text->bytes, text->size, split)
                   : distil_tok_encode(tokenizer, ids, max, max, text->bytes, text->size, split);

    *truncated = n > max;
    if (n > max) {
        ids[max - 1] = (int32_t)tokenizer->sep_id;
        n = max;
    }
    return n;
}

/* The difference of an infinity or a NaN with itself is a NaN, which equals nothing. */
static int all_finite(const float *x, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!(x[i] - x[i] == 0.0f))
            return 0;
    return 1;
}

/* The sigmoid of each of n numbers, in place. It is the first element of the softmax of x and 0, so
 * it has the same bits at every level. */
static void apply_sigmoid(const distil_kernels *kernels, float *x, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        float pair[2] = {x[i], 0};

        kernels->softmax(pair, 2);
        x[i] = pair[0];
    }
}

/* Fills *result, and the arrays of *scores (may be NULL) that the caller asked for, from the logits
 * (n_labels) of one text. */
static void write_result(distil_context *c, distil_result *result, const distil_scores *scores,
                         const float *logits, size_t tokens, int truncated)
{
    size_t n = c->model->weights.n_labels, best = 0;
    /* The softmax can round two different logits to the same probability, so logits decide. */
    const float *order = c->function == DISTIL_FUNCTION_SOFTMAX ? logits : c->probabilities;

    memcpy(c->probabilities, logits, n * sizeof(float));
    if (c->function == DISTIL_FUNCTION_SOFTMAX)
        c->model->kernels.softmax(c->probabilities, n);
    else if (c->function == DISTIL_FUNCTION_SIGMOID)
        apply_sigmoid(&c->model->kernels, c->probabilities, n);
    for (size_t i = 1; i < n; i++)
        if (order[i] > order[best])
            best = i;
    *result = (distil_result){best, c->probabilities[best], tokens, truncated};
    if (scores && scores->logits)
        memcpy(scores->logits, logits, n * sizeof(float));
    if (scores && scores->probabilities)
        memcpy(scores->probabilities, c->probabilities, n * sizeof(float));
}

/* The control register of SSE arithmetic as a process starts with it: round to nearest even, all
 * exceptions masked, denormals kept. */
enum { MXCSR_DEFAULT = 0x1f80 };

/* Where the results of a call go; scores may be NULL. */
typedef struct outputs {
    distil_result *results;
    const distil_scores *scores;
} outputs;

/* Runs a pass over the first `texts` texts in c->ids and c->lengths, which are texts first ..
 * first + texts - 1 of the call, and writes their results, up to the first text whose logits are
 * not finite. */
static distil_status run_pass(distil_context *c, const outputs *out, size_t first, size_t texts)
{
    size_t n_labels = c->model->weights.n_labels;

    distil_enc_run(&c->encoder, &c->scratch, c->logits, c->ids, c->lengths, texts);
    for (size_t t = 0; t < texts; t++) {
        const float *logits = c->logits + t * n_labels;

        if (!all_finite(logits, n_labels))
            return distil_fail_text(&c->error, DISTIL_NOT_FINITE, first + t, "text %zu: %s",
                                    first + t, distil_status_str(DISTIL_NOT_FINITE));
        write_result(c, &out->results[first + t], out->scores ? &out->scores[first + t] : NULL,
                     logits, c->lengths[t], c->truncated[t]);
    }
    return DISTIL_OK;
}

/* Runs a pass as run_pass does, unless the caller has cancelled the call. The pass uses the default
 * arithmetic, and afterwards the rounding mode is again the one that the caller has set. */
static distil_status run_next_pass(distil_context *c, const outputs *out, size_t first,
                                   size_t texts)
{
    unsigned callers = __builtin_ia32_stmxcsr();
    distil_status status;

    if (c->cancel && __atomic_load_n(c->cancel, __ATOMIC_RELAXED) != 0)
        return distil_fail_text(&c->error, DISTIL_CANCELLED, first,
                                "the caller cancelled the call before text %zu", first);
    __builtin_ia32_ldmxcsr(MXCSR_DEFAULT);
    status = run_pass(c, out, first, texts);
    __builtin_ia32_ldmxcsr(callers);
    return status;
}

/* Checks the arguments of a batch. */
static distil_status check_batch(distil_context *c, const distil_result *results,
                                 const distil_text *texts, size_t count, uint32_t flags)
{
    if (count > 0 && (!results || !texts))
        return distil_fail(&c->error, DISTIL_BAD_ARGUMENT, "results or texts is NULL");
    if (!are_known_flags(flags))
        return distil_fail(&c->error, DISTIL_BAD_ARGUMENT,
                           "flags: expected 0 or one of the flags of distil_tokenize");
    for (size_t i = 0; i < count; i++)
        if (!texts[i].bytes && texts[i].size > 0)
            return distil_fail_text(&c->error, DISTIL_BAD_ARGUMENT, i,
                                    "text %zu: bytes is NULL, and size is %zu", i, texts[i].size);
    return DISTIL_OK;
}

distil_status distil_classify_batch(distil_context *c, distil_result *results,
                                    const distil_scores *scores, const distil_text *texts,
                                    size_t count, uint32_t flags)
{
    const outputs out = {results, scores};
    size_t pending = 0, used = 0; /* texts and tokens that wait for a pass */
    distil_status status;

    if (!c)
        return DISTIL_BAD_ARGUMENT;
    status = check_batch(c, results, texts, count, flags);
    if (status != DISTIL_OK)
        return status;

    for (size_t i = 0; i < count; i++) {
        int32_t *ids = c->ids + used;
        uint8_t truncated;
        size_t n = tokenize_and_truncate(c, ids, &truncated, &texts[i], flags);

        if (used + n > c->scratch.rows) {
            /* Text i does not fit: run a pass of those before it, and begin the next with i. */
            status = run_next_pass(c, &out, i - pending, pending);
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
    return run_next_pass(c, &out, count - pending, pending);
}

distil_status distil_classify(distil_context *context, distil_result *result,
                              const distil_scores *scores, const char *text, size_t text_bytes,
                              uint32_t flags)
{
    distil_text one = {text, text_bytes};

    if (context && !result)
        return distil_fail(&context->error, DISTIL_BAD_ARGUMENT, "result is NULL");
    return distil_classify_batch(context, result, scores, &one, 1, flags);
}

distil_status distil_classify_ids(distil_context *context, distil_result *result,
                                  const distil_scores *scores, const int32_t *ids, size_t count)
{
    const outputs out = {result, scores};
    distil_error *error;

    if (!context)
        return DISTIL_BAD_ARGUMENT;
    error = &context->error;
    if (!result || !ids)
        return distil_fail(error, DISTIL_BAD_ARGUMENT, "result or ids is NULL");
    if (count == 0 || count > context->model->weights.max_positions)
        return distil_fail_text(error, DISTIL_TOO_MANY_TOKENS, 0,
                                "%zu token ids: expected 1 to %zu", count,
                                (size_t)context->model->weights.max_positions);
    for (size_t i = 0; i < count; i++)
        if (ids[i] < 0 || (size_t)ids[i] >= context->model->weights.vocab_size)
            return distil_fail_text(error, DISTIL_BAD_TOKEN, 0,
                                    "token %zu has the id %ld: expected 0 to %zu", i, (long)ids[i],
                                    (size_t)context->model->weights.vocab_size - 1);
    memcpy(context->ids, ids, count * sizeof *ids);
    context->lengths[0] = count;
    context->truncated[0] = 0;
    return run_next_pass(context, &out, 0, 1);
}
