/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Texts in, token ids and results out: the distil_tokenize and distil_classify functions. A batch
 * is packed into as few passes as its order allows: a pass ends where the next text does not fit.
 */
#include <string.h>

#include "runtime/context.h"
#include "runtime/failure.h"
#include "runtime/pairs.h"
#include "runtime/results.h"
#include "runtime/rounding.h"
#include "runtime/text_flags.h"
#include "runtime/texts.h"
#include "runtime/windows.h"

/* Returns 1 for the flags of texts that the header allows. */
static int are_known_flags(uint32_t flags)
{
    return (flags & ~(uint32_t)(DISTIL_SPECIALS_FLAGS | DISTIL_TRUNCATION_FLAGS)) == 0 &&
           (flags & DISTIL_SPECIALS_FLAGS) != DISTIL_SPECIALS_FLAGS &&
           (flags & DISTIL_TRUNCATION_FLAGS) != DISTIL_TRUNCATION_FLAGS;
}

distil_status distil_tokenize(const distil_model *model, int32_t *ids, size_t capacity,
                              size_t *count, const char *text, size_t text_bytes, uint32_t flags)
{
    if (!model || !count || (!ids && capacity > 0) || (!text && text_bytes > 0) ||
        !are_known_flags(flags) || (flags & DISTIL_TRUNCATION_FLAGS))
        return DISTIL_BAD_ARGUMENT;
    *count = distil_tok_encode(&model->tokenizer, ids, capacity, SIZE_MAX, text, text_bytes,
                               distil_splits_specials(&model->tokenizer, flags));
    return DISTIL_OK;
}

distil_status distil_tokenize_offsets(const distil_model *model, int32_t *ids,
                                      distil_offsets *offsets, size_t capacity, size_t *count,
                                      const char *text, size_t text_bytes, uint32_t flags)
{
    size_t n;

    if (!model || !count || ((!ids || !offsets) && capacity > 0) || (!text && text_bytes > 0) ||
        text_bytes > UINT32_MAX || !are_known_flags(flags) || (flags & DISTIL_TRUNCATION_FLAGS))
        return DISTIL_BAD_ARGUMENT;
    n = distil_tok_encode_ranges(&model->tokenizer, ids, offsets, capacity, text, text_bytes,
                                 distil_splits_specials(&model->tokenizer, flags));
    distil_tok_count_chars(offsets, n < capacity ? n : capacity, text);
    *count = n;
    return DISTIL_OK;
}

const char *distil_token_text(const distil_model *model, int32_t id, size_t *bytes)
{
    if (!model || !bytes || id < 0 || (size_t)id >= model->weights.vocab_size)
        return NULL;
    return distil_vocab_token(&model->tokenizer.vocab, (uint32_t)id, bytes);
}

static distil_truncation truncation_of(uint32_t flags)
{
    if (flags & DISTIL_TRUNCATE_FIRST)
        return DISTIL_TRUNCATION_FIRST;
    return flags & DISTIL_TRUNCATE_SECOND ? DISTIL_TRUNCATION_SECOND : DISTIL_TRUNCATION_LONGEST;
}

/* Writes the tokens of a text or a pair to ids, at most max_positions of them. Returns their
 * number, or 0 if the pair cannot be truncated to so few in the way that the flags ask for. */
static size_t encode_and_truncate(const distil_context *c, int32_t *ids, uint8_t *truncated,
                                  const distil_text *text, uint32_t flags)
{
    const distil_tokenizer *tokenizer = &c->model->tokenizer;
    int split = distil_splits_specials(tokenizer, flags);
    const distil_pair_text pair[2] = {{text->bytes, text->size}, {text->pair, text->pair_size}};

    if (!text->pair)
        return distil_encode_single(c, ids, truncated, text, split);
    if (c->model->weights.max_positions < DISTIL_PAIR_SPECIALS)
        return 0;
    return distil_pair_encode(tokenizer, ids, c->second_ids, truncated,
                              c->model->weights.max_positions, pair, truncation_of(flags), split);
}

/* Where the results of a call go; scores may be NULL. */
typedef struct outputs {
    distil_result *results;
    const distil_scores *scores;
} outputs;

/* Writes the results of the pass that has run, of texts first .. first + texts - 1 of the call, up
 * to the first one whose logits are not finite. */
static distil_status write_results(distil_context *c, const outputs *out, size_t first,
                                   size_t texts)
{
    size_t n_labels = c->model->weights.n_labels;

    for (size_t t = 0; t < texts; t++) {
        const float *logits = c->logits + t * n_labels;
        distil_result result = {
            .token_count = c->lengths[t], .truncated = c->truncated[t], .windows = 1};

        if (!distil_results_are_finite(logits, n_labels))
            return distil_results_fail(c, DISTIL_NOT_FINITE, first + t);
        distil_results_write(c, &result, out->scores ? &out->scores[first + t] : NULL, logits);
        out->results[first + t] = result;
    }
    return DISTIL_OK;
}

/* Runs a pass over the first `texts` texts in c->ids and c->lengths, which are texts first ..
 * first + texts - 1 of the call, and writes their results, unless the caller has cancelled the
 * call. The pass uses the default arithmetic. */
static distil_status run_pass(distil_context *c, const outputs *out, size_t first, size_t texts)
{
    unsigned callers;
    distil_status status;

    if (distil_results_cancelled(c))
        return distil_results_fail(c, DISTIL_CANCELLED, first);
    callers = distil_rounding_begin();
    distil_enc_run(&c->encoder, &c->scratch, c->logits, c->ids, c->lengths, texts);
    status = write_results(c, out, first, texts);
    distil_rounding_end(callers);
    return status;
}

/* Checks one text of a batch. */
static distil_status check_text(distil_context *c, const distil_text *text, size_t i)
{
    if (!text->bytes && text->size > 0)
        return distil_fail_text(&c->error, DISTIL_BAD_ARGUMENT, i,
                                "text %zu: bytes is NULL, and size is %zu", i, text->size);
    if (!text->pair && text->pair_size > 0)
        return distil_fail_text(&c->error, DISTIL_BAD_ARGUMENT, i,
                                "text %zu: pair is NULL, and pair_size is %zu", i, text->pair_size);
    if (text->pair && c->windows.size > 0)
        return distil_fail_text(&c->error, DISTIL_BAD_ARGUMENT, i,
                                "text %zu is a pair, and a context with windows takes none", i);
    return DISTIL_OK;
}

/* Refuses a model that gives no label to a text. */
static distil_status check_task(distil_context *c)
{
    if (c->model->weights.head->kind == DISTIL_HEAD_SEQUENCE)
        return DISTIL_OK;
    return distil_fail(&c->error, DISTIL_BAD_ARGUMENT,
                       "the model gives no label to a text: distil_model_info.task is its task");
}

/* Checks the arguments of a batch. */
static distil_status check_batch(distil_context *c, const distil_result *results,
                                 const distil_text *texts, size_t count, uint32_t flags)
{
    distil_status status = check_task(c);

    if (status != DISTIL_OK)
        return status;
    if (count > 0 && (!results || !texts))
        return distil_fail(&c->error, DISTIL_BAD_ARGUMENT, "results or texts is NULL");
    if (!are_known_flags(flags))
        return distil_fail(&c->error, DISTIL_BAD_ARGUMENT,
                           "flags: expected 0, one of the flags of distil_tokenize, and one of the "
                           "flags for pairs");
    for (size_t i = 0; i < count && status == DISTIL_OK; i++)
        status = check_text(c, &texts[i], i);
    return status;
}

/* Classifies the texts of a batch, none of which is cut into windows. */
static distil_status classify_texts(distil_context *c, const outputs *out, const distil_text *texts,
                                    size_t count, uint32_t flags)
{
    size_t pending = 0, used = 0, done = 0; /* texts and tokens that wait for a pass */
    distil_status status = DISTIL_OK;
    int no_room = 0;

    for (; done + pending < count; pending++) {
        int32_t *ids = c->ids + used;
        uint8_t truncated;
        size_t n = encode_and_truncate(c, ids, &truncated, &texts[done + pending], flags);

        if (n == 0) {
            no_room = 1;
            break;
        }
        if (used + n > c->scratch.rows) {
            /* This text does not fit: run a pass of those before it, and begin the next with it. */
            status = run_pass(c, out, done, pending);
            if (status != DISTIL_OK)
                return status;
            memmove(c->ids, ids, n * sizeof *ids);
            done += pending;
            pending = used = 0;
        }
        c->lengths[pending] = n;
        c->truncated[pending] = truncated;
        used += n;
    }
    if (pending > 0)
        status = run_pass(c, out, done, pending);
    if (status == DISTIL_OK && no_room)
        return distil_fail_text(&c->error, DISTIL_TOO_MANY_TOKENS, done + pending,
                                "text %zu: one text of the pair leaves no room for the other",
                                done + pending);
    return status;
}

distil_status distil_classify_batch(distil_context *c, distil_result *results,
                                    const distil_scores *scores, const distil_text *texts,
                                    size_t count, uint32_t flags)
{
    const outputs out = {results, scores};
    distil_status status;

    if (!c)
        return DISTIL_BAD_ARGUMENT;
    status = check_batch(c, results, texts, count, flags);
    if (status != DISTIL_OK)
        return status;
    if (c->windows.size > 0)
        return distil_windows_classify(c, results, scores, texts, count,
                                       distil_splits_specials(&c->model->tokenizer, flags));
    return classify_texts(c, &out, texts, count, flags);
}

distil_status distil_classify(distil_context *context, distil_result *result,
                              const distil_scores *scores, const char *text, size_t text_bytes,
                              uint32_t flags)
{
    distil_text one = {.bytes = text, .size = text_bytes};

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
    if (check_task(context) != DISTIL_OK)
        return DISTIL_BAD_ARGUMENT;
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
    return run_pass(context, &out, 0, 1);
}
