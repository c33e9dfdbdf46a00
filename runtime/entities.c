/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Token classification: texts become windows, the windows of a batch are packed into passes, and
 * the labels of their tokens become entities (runtime/aggregate.c). A text that is not to be cut
 * into windows is one window of the most tokens that the model takes, without the others. Windows
 * come in the order of the texts, so one aggregator is enough.
 */
#include <string.h>

#include "runtime/aggregate.h"
#include "runtime/context.h"
#include "runtime/failure.h"
#include "runtime/results.h"
#include "runtime/rounding.h"
#include "runtime/text_flags.h"

/* The fewest tokens of a window: [CLS], [SEP] and one between them. */
enum { LEAST_WINDOW = 3 };

/* A call that is running. */
typedef struct batch {
    distil_context *c;
    distil_entities *results;
    const distil_text *texts;
    size_t pending, used; /* windows, and tokens of them, that wait for a pass */
    size_t text;          /* the text that is being tokenized */
    size_t text_windows;  /* its windows so far */

    /* The text whose windows are being aggregated: its number, and what they have so far. */
    size_t aggregating, windows, tokens;
    int truncated;
    distil_aggregator aggregator; /* its `how` holds for all texts */
    distil_status status;
} batch;

/* ---- from passes to results ----------------------------------------------------------------- */

/* Writes the result of the text whose windows have been aggregated, if there is one. */
static void finish_text(batch *b)
{
    distil_entities *result;

    if (b->windows == 0)
        return;
    result = &b->results[b->aggregating];
    distil_aggregate_finish(&b->aggregator, b->windows);
    result->count = b->aggregator.count;
    result->token_count = b->tokens;
    result->truncated = b->truncated;
    result->windows = b->windows;
    b->windows = b->tokens = 0;
}

static void begin_text(batch *b, size_t text)
{
    b->aggregating = text;
    b->aggregator.text = &b->texts[text];
    b->aggregator.items = b->results[text].items;
    b->aggregator.capacity = b->results[text].capacity;
    b->aggregator.count = 0;
}

/* Turns logits (rows, n_labels) into probabilities, row by row. */
static void apply_softmax(const distil_context *c, float *logits, size_t rows)
{
    size_t n = c->model->weights.n_labels;

    for (size_t row = 0; row < rows; row++)
        c->model->kernels.softmax(logits + row * n, n);
}

/* Adds window i of the pass that has run, whose first token is in `row`. */
static void add_window(batch *b, size_t i, size_t row)
{
    distil_context *c = b->c;
    size_t n = c->model->weights.n_labels;
    float *logits = c->logits + row * n;

    if (b->windows > 0 && b->aggregating != c->window_text[i])
        finish_text(b);
    if (!distil_results_are_finite(logits, c->lengths[i] * n)) {
        b->status = distil_results_fail(c, DISTIL_NOT_FINITE, c->window_text[i]);
        return;
    }
    if (b->windows == 0)
        begin_text(b, c->window_text[i]);
    apply_softmax(c, logits, c->lengths[i]);
    distil_aggregate_window(&b->aggregator, c->ids + row, c->offsets + row, logits, c->lengths[i]);
    b->windows++;
    b->tokens += c->lengths[i];
    b->truncated = c->truncated[i];
}

static void run_pass(batch *b)
{
    distil_context *c = b->c;
    unsigned callers;
    size_t row = 0;

    if (b->pending == 0)
        return;
    if (b->windows > 0 && b->aggregating != c->window_text[0])
        finish_text(b);
    if (distil_results_cancelled(c)) {
        b->status = distil_results_fail(c, DISTIL_CANCELLED, c->window_text[0]);
        return;
    }
    callers = distil_rounding_begin();
    distil_enc_run(&c->encoder, &c->scratch, c->logits, c->ids, c->lengths, b->pending);
    for (size_t i = 0; i < b->pending && b->status == DISTIL_OK; i++) {
        add_window(b, i, row);
        row += c->lengths[i];
    }
    b->pending = b->used = 0;
    distil_rounding_end(callers);
}

/* ---- from texts to passes ------------------------------------------------------------------- */

/* Puts a window of the text that is being tokenized into the next pass. Where texts are truncated,
 * only one window of each stays: the first one, or the last one where the end of a text is kept. */
static int add_to_pass(void *user, const int32_t *ids, const distil_offsets *offsets, size_t count)
{
    batch *b = user;
    distil_context *c = b->c;
    int truncated = c->windows.size == 0 && b->text_windows++ > 0;

    if (truncated && (c->model->tokenizer.flags & DISTIL_BLOB_TOK_TRUNCATE_LEFT) == 0) {
        c->truncated[b->pending - 1] = 1;
        return 1;
    }
    if (truncated) {
        b->pending--;
        b->used -= c->lengths[b->pending];
    }
    if (b->used + count > c->scratch.rows)
        run_pass(b);
    if (b->status != DISTIL_OK)
        return 1;
    memcpy(c->ids + b->used, ids, count * sizeof *ids);
    memcpy(c->offsets + b->used, offsets, count * sizeof *offsets);
    c->lengths[b->pending] = count;
    c->truncated[b->pending] = (uint8_t)truncated;
    c->window_text[b->pending] = b->text;
    b->pending++;
    b->used += count;
    return 0;
}

/* Tokenizes all texts, and runs each pass as soon as it is full. */
static void tokenize_texts(batch *b, size_t count, int split_special)
{
    distil_context *c = b->c;
    size_t window = c->windows.size > 0 ? c->windows.size : c->model->weights.max_positions;

    for (; b->text < count && b->status == DISTIL_OK; b->text++) {
        b->text_windows = 0;
        distil_tok_windows(&c->model->tokenizer, c->second_ids, c->window_offsets, window,
                           c->windows.stride, b->texts[b->text].bytes, b->texts[b->text].size,
                           split_special, add_to_pass, b);
    }
    if (b->status == DISTIL_OK)
        run_pass(b);
}

/* ---- arguments ------------------------------------------------------------------------------ */

static distil_status check_model(distil_context *c, uint32_t flags)
{
    if (c->model->weights.head->kind != DISTIL_HEAD_TOKENS)
        return distil_fail(
            &c->error, DISTIL_BAD_ARGUMENT,
            "the model does not classify tokens: distil_model_info.task says what it "
            "does");
    if (c->model->weights.max_positions < LEAST_WINDOW)
        return distil_fail(&c->error, DISTIL_BAD_ARGUMENT,
                           "the model takes [CLS] and [SEP] only, so it can label no token");
    if ((flags & ~(uint32_t)DISTIL_SPECIALS_FLAGS) != 0 ||
        (flags & DISTIL_SPECIALS_FLAGS) == DISTIL_SPECIALS_FLAGS)
        return distil_fail(&c->error, DISTIL_BAD_ARGUMENT,
                           "flags: expected 0 or one of the flags of distil_tokenize");
    return DISTIL_OK;
}

static distil_status check_text(distil_context *c, const distil_text *text, size_t i)
{
    if (!text->bytes && text->size > 0)
        return distil_fail_text(&c->error, DISTIL_BAD_ARGUMENT, i,
                                "text %zu: bytes is NULL, and size is %zu", i, text->size);
    if (text->size > UINT32_MAX)
        return distil_fail_text(&c->error, DISTIL_BAD_ARGUMENT, i,
                                "text %zu has %zu bytes: expected at most 4294967295", i,
                                text->size);
    if (text->pair)
        return distil_fail_text(&c->error, DISTIL_BAD_ARGUMENT, i,
                                "text %zu is a pair: entities are found in single texts", i);
    return DISTIL_OK;
}

static distil_status check_batch(distil_context *c, const distil_entities *results,
                                 const distil_text *texts, size_t count,
                                 distil_aggregation aggregation, uint32_t flags)
{
    distil_status status = check_model(c, flags);

    if (status != DISTIL_OK)
        return status;
    if (count > 0 && (!results || !texts))
        return distil_fail(&c->error, DISTIL_BAD_ARGUMENT, "results or texts is NULL");
    if ((unsigned)aggregation > DISTIL_AGGREGATION_MAX)
        return distil_fail(&c->error, DISTIL_BAD_ARGUMENT,
                           "aggregation is none of distil_aggregation");
    if (aggregation == DISTIL_AGGREGATION_NONE && c->windows.size > 0)
        return distil_fail(&c->error, DISTIL_BAD_ARGUMENT,
                           "windows overlap, so without an aggregation tokens would come twice");
    for (size_t i = 0; i < count && status == DISTIL_OK; i++) {
        status = check_text(c, &texts[i], i);
        if (status == DISTIL_OK && !results[i].items && results[i].capacity > 0)
            status = distil_fail_text(&c->error, DISTIL_BAD_ARGUMENT, i,
                                      "text %zu: items is NULL, and capacity is %zu", i,
                                      results[i].capacity);
    }
    return status;
}

/* ---- the calls ------------------------------------------------------------------------------ */

distil_status distil_find_entities(distil_context *c, distil_entities *results,
                                   const distil_text *texts, size_t count,
                                   distil_aggregation aggregation, uint32_t flags)
{
    batch b = {.c = c, .results = results, .texts = texts, .status = DISTIL_OK};
    unsigned callers;

    if (!c)
        return DISTIL_BAD_ARGUMENT;
    b.status = check_batch(c, results, texts, count, aggregation, flags);
    if (b.status != DISTIL_OK)
        return b.status;
    b.aggregator.model = c->model;
    b.aggregator.how = aggregation;
    b.aggregator.average = c->combined;
    tokenize_texts(&b, count, distil_splits_specials(&c->model->tokenizer, flags));
    callers = distil_rounding_begin();
    if (b.status == DISTIL_OK)
        finish_text(&b);
    distil_rounding_end(callers);
    return b.status;
}

/* Writes what the pass says of the tokens of its only text. */
static void write_tokens(const distil_context *c, distil_token *tokens, float *logits,
                         size_t capacity)
{
    size_t n = c->model->weights.n_labels;
    size_t count = c->lengths[0] < capacity ? c->lengths[0] : capacity;

    if (logits)
        memcpy(logits, c->logits, count * n * sizeof(float));
    apply_softmax(c, c->logits, count);
    for (size_t i = 0; i < count; i++) {
        const float *p = c->logits + i * n;
        size_t label = distil_aggregate_best(p, n);

        tokens[i] = (distil_token){c->ids[i], label, p[label], c->offsets[i]};
    }
}

distil_status distil_label_tokens(distil_context *c, distil_token *tokens, float *logits,
                                  size_t capacity, size_t *count, const distil_text *text,
                                  uint32_t flags)
{
    batch b = {.c = c, .texts = text, .status = DISTIL_OK};
    distil_status status;
    unsigned callers;

    if (!c)
        return DISTIL_BAD_ARGUMENT;
    status = check_model(c, flags);
    if (status != DISTIL_OK)
        return status;
    if (!count || !text || (!tokens && capacity > 0))
        return distil_fail(&c->error, DISTIL_BAD_ARGUMENT, "tokens, count or text is NULL");
    if (c->windows.size > 0)
        return distil_fail(&c->error, DISTIL_BAD_ARGUMENT,
                           "a context with windows labels no single tokens: make one without them");
    status = check_text(c, text, 0);
    if (status != DISTIL_OK)
        return status;
    distil_tok_windows(&c->model->tokenizer, c->second_ids, c->window_offsets,
                       c->model->weights.max_positions, 0, text->bytes, text->size,
                       distil_splits_specials(&c->model->tokenizer, flags), add_to_pass, &b);
    if (distil_results_cancelled(c))
        return distil_results_fail(c, DISTIL_CANCELLED, 0);
    distil_tok_count_chars(c->offsets, c->lengths[0], text->bytes);
    callers = distil_rounding_begin();
    distil_enc_run(&c->encoder, &c->scratch, c->logits, c->ids, c->lengths, 1);
    if (distil_results_are_finite(c->logits, c->lengths[0] * c->model->weights.n_labels))
        write_tokens(c, tokens, logits, capacity);
    else
        status = distil_results_fail(c, DISTIL_NOT_FINITE, 0);
    distil_rounding_end(callers);
    if (status == DISTIL_OK)
        *count = c->lengths[0];
    return status;
}
