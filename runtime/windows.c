/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Windows of long texts. The tokenizer hands over one window after the other while it reads a text,
 * and a pass runs as soon as the next window does not fit into it. So memory does not depend on the
 * length of a text. Windows come in the order of the texts, so one array of logits is enough to
 * combine those of the text at hand.
 */
#include "runtime/windows.h"

#include <string.h>

#include "runtime/results.h"
#include "runtime/rounding.h"

/* A batch that is being classified. */
typedef struct batch {
    distil_context *c;
    distil_result *results;
    const distil_scores *scores;
    size_t pending, used; /* windows, and tokens of them, that wait for a pass */
    size_t text;          /* the text that is being tokenized */

    /* The text whose windows are being combined: its number, and what they have so far. */
    size_t combining, windows, tokens;
    distil_status status; /* not DISTIL_OK after a window whose logits are not finite */
} batch;

/* Writes the result of the text whose windows have been combined, if there is one. */
static void finish_text(batch *b)
{
    distil_context *c = b->c;
    distil_result result = {.token_count = b->tokens, .windows = b->windows};
    float count = (float)b->windows;

    if (b->windows == 0)
        return;
    if (c->windows.combine == DISTIL_COMBINE_MEAN)
        for (size_t i = 0; i < c->model->weights.n_labels; i++)
            c->combined[i] /= count;
    if (!distil_results_are_finite(c->combined, c->model->weights.n_labels)) {
        b->status = distil_results_fail(c, DISTIL_NOT_FINITE, b->combining);
        return;
    }
    distil_results_write(c, &result, b->scores ? &b->scores[b->combining] : NULL, c->combined);
    b->results[b->combining] = result;
    b->windows = b->tokens = 0;
}

/* Adds the logits (n) of a window to those of the windows before it in the same text. Where
 * truncation keeps the end of a text, DISTIL_COMBINE_FIRST means its last window. */
static void combine(float *combined, const float *logits, size_t n, distil_combine how,
                    int keeps_end)
{
    for (size_t i = 0; i < n; i++)
        if (how == DISTIL_COMBINE_MEAN)
            combined[i] += logits[i];
        else if (how == DISTIL_COMBINE_FIRST ? keeps_end : logits[i] > combined[i])
            combined[i] = logits[i];
}

/* Adds window i of the pass that has run. */
static void add_window(batch *b, size_t i)
{
    distil_context *c = b->c;
    size_t n = c->model->weights.n_labels;
    const float *logits = c->logits + i * n;

    if (b->windows > 0 && b->combining != c->window_text[i])
        finish_text(b);
    if (b->status == DISTIL_OK && !distil_results_are_finite(logits, n))
        b->status = distil_results_fail(c, DISTIL_NOT_FINITE, c->window_text[i]);
    if (b->status != DISTIL_OK)
        return;
    if (b->windows == 0)
        memcpy(c->combined, logits, n * sizeof(float));
    else
        combine(c->combined, logits, n, c->windows.combine,
                (c->model->tokenizer.flags & DISTIL_BLOB_TOK_TRUNCATE_LEFT) != 0);
    b->combining = c->window_text[i];
    b->windows++;
    b->tokens += c->lengths[i];
}

static void run_pass(batch *b)
{
    distil_context *c = b->c;
    unsigned callers;

    if (b->pending == 0)
        return;
    if (distil_results_cancelled(c)) {
        /* The text whose windows are being combined has no result yet. */
        b->status = distil_results_fail(c, DISTIL_CANCELLED,
                                        b->windows > 0 ? b->combining : c->window_text[0]);
        return;
    }
    callers = distil_rounding_begin();
    distil_enc_run(&c->encoder, &c->scratch, c->logits, c->ids, c->lengths, b->pending);
    for (size_t i = 0; i < b->pending && b->status == DISTIL_OK; i++)
        add_window(b, i);
    b->pending = b->used = 0;
    distil_rounding_end(callers);
}

/* Puts a window of the text that is being tokenized into the next pass. */
static int add_to_pass(void *user, const int32_t *ids, const distil_offsets *ranges, size_t count)
{
    batch *b = user;
    distil_context *c = b->c;

    (void)ranges;
    if (b->used + count > c->scratch.rows)
        run_pass(b);
    if (b->status != DISTIL_OK)
        return 1;
    memcpy(c->ids + b->used, ids, count * sizeof *ids);
    c->lengths[b->pending] = count;
    c->window_text[b->pending] = b->text;
    b->pending++;
    b->used += count;
    return 0;
}

distil_status distil_windows_classify(distil_context *c, distil_result *results,
                                      const distil_scores *scores, const distil_text *texts,
                                      size_t count, int split_special)
{
    batch b = {.c = c, .results = results, .scores = scores, .status = DISTIL_OK};
    unsigned callers;

    for (; b.text < count && b.status == DISTIL_OK; b.text++)
        distil_tok_windows(&c->model->tokenizer, c->second_ids, NULL, c->windows.size,
                           c->windows.stride, texts[b.text].bytes, texts[b.text].size,
                           split_special, add_to_pass, &b);
    if (b.status == DISTIL_OK)
        run_pass(&b);
    callers = distil_rounding_begin();
    if (b.status == DISTIL_OK)
        finish_text(&b);
    distil_rounding_end(callers);
    return b.status;
}
