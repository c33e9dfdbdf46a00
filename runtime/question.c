/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Question answering: the spans of a context that answer a question. A context that does not fit
 * beside the question is cut into windows, as Hugging Face tokenizers cuts the second text of a
 * pair. Each window gives some spans, and spans of the same text become one answer, as in the
 * question-answering pipeline of transformers 4.
 */
#include <string.h>

#include "runtime/base/utf8.h"
#include "runtime/context.h"
#include "runtime/failure.h"
#include "runtime/options.h"
#include "runtime/pairs.h"
#include "runtime/results.h"
#include "runtime/rounding.h"
#include "runtime/texts.h"
#include "runtime/unicode_tables.h"

/* The size that distil_answer_options has in version 0.2, and the defaults of the pipeline. */
enum {
    FIRST_ANSWER_OPTIONS = 48,
    DEFAULT_ANSWER_TOKENS = 15,
    DEFAULT_WINDOW = 384,
    DEFAULT_STRIDE = 128
};

/* The number of spans of a window for each answer that the caller wants, and some more: aligned to
 * words, several spans can be the same text. */
enum { SPANS_PER_ANSWER = 2, MORE_SPANS = 10 };

/* The logits of a token: that it is the first one of the answer, and that it is the last. */
enum { LABELS = 2 };

/* One call. */
typedef struct call {
    distil_context *c;
    const distil_text *text; /* the question, and the context as its pair */
    distil_answer *answers; /* (capacity) those so far, and behind them room for a window's spans */
    size_t count, capacity;
    size_t question; /* tokens of the question */
    size_t spans;    /* the most spans of a window */
    size_t answer_tokens;
    size_t windows;
    float no_answer; /* the least probability of no answer in any window so far */
    distil_status status;
} call;

/* ---- the spans of a window ------------------------------------------------------------------ */

/* Turns the logits of a window of n tokens, (n, 2), into the probabilities of the first and the
 * last token of the answer. Only [CLS] and the tokens of the context from `first` on have one.
 *
 * start, end  (n - first + 1) written: that of [CLS], then those of the context
 */
static void find_probabilities(const distil_context *c, float *start, float *end, size_t first,
                               size_t n)
{
    size_t count = n - first;

    for (size_t i = 0; i < count; i++) {
        size_t token = i == 0 ? 0 : first + i - 1;

        start[i] = c->logits[LABELS * token];
        end[i] = c->logits[LABELS * token + 1];
    }
    c->model->kernels.softmax(start, count);
    c->model->kernels.softmax(end, count);
}

/* Puts a span into a list that is sorted by descending score and has `count` of at most `most`
 * entries. Of equal scores the earlier span comes first. Returns the new count. */
static size_t insert_span(distil_answer *spans, size_t count, size_t most, distil_answer span)
{
    size_t at = count;

    if (count == most && !(span.score > spans[count - 1].score))
        return count;
    if (count == most)
        at--;
    for (; at > 0 && span.score > spans[at - 1].score; at--)
        spans[at] = spans[at - 1];
    spans[at] = span;
    return count < most ? count + 1 : count;
}

/* Finds the best spans of `count` tokens. The places of a span are the numbers of its first and
 * last token. Returns the number of spans. */
static size_t find_spans(distil_answer *spans, size_t most, const float *start, const float *end,
                         size_t count, size_t answer_tokens)
{
    size_t found = 0;

    for (size_t i = 0; i < count; i++)
        for (size_t k = i; k < count && k - i < answer_tokens; k++) {
            distil_answer span = {.score = start[i] * end[k]};

            span.where.begin = (uint32_t)i;
            span.where.end = (uint32_t)k;
            if (span.score > 0)
                found = insert_span(spans, found, most, span);
        }
    return found;
}

/* Returns 1 if a token continues the word of the token before it. */
static int continues_word(const distil_context *c, int32_t id)
{
    size_t bytes;
    const char *token = distil_vocab_token(&c->model->tokenizer.vocab, (uint32_t)id, &bytes);

    return bytes > 2 && memcmp(token, "##", 2) == 0;
}

/* Replaces the numbers of tokens of a span by its place in the context, which begins and ends with
 * whole words.
 *
 * ids, offsets  (count) of the tokens of the context
 */
static void align_to_words(const distil_context *c, distil_answer *span, const int32_t *ids,
                           const distil_offsets *offsets, size_t count)
{
    size_t first = span->where.begin, last = span->where.end;

    while (first > 0 && continues_word(c, ids[first]))
        first--;
    while (last + 1 < count && continues_word(c, ids[last + 1]))
        last++;
    span->where.begin = offsets[first].begin;
    span->where.end = offsets[last].end;
}

/* ---- answers -------------------------------------------------------------------------------- */

static uint32_t lowercase(uint32_t c)
{
    const distil_unicode_record *record = distil_unicode_lookup(c);

    return record->flags & DISTIL_UNICODE_LOWER ? c + (uint32_t)record->lower : c;
}

/* Returns 1 if two parts of a text are equal but for upper and lower case. */
static int is_same_text(const char *text, const distil_offsets *a, const distil_offsets *b)
{
    const uint8_t *x = (const uint8_t *)text + a->begin, *x_end = (const uint8_t *)text + a->end;
    const uint8_t *y = (const uint8_t *)text + b->begin, *y_end = (const uint8_t *)text + b->end;

    while (x < x_end && y < y_end)
        if (lowercase(distil_utf8_decode(&x, x_end)) != lowercase(distil_utf8_decode(&y, y_end)))
            return 0;
    return x == x_end && y == y_end;
}

/* Adds a span to the answers: to the score of the one that has the same text, or as a new one. */
static void add_answer(call *a, const distil_answer *span)
{
    for (size_t i = 0; i < a->count; i++)
        if (is_same_text(a->text->pair, &a->answers[i].where, &span->where)) {
            a->answers[i].score += span->score;
            return;
        }
    a->answers[a->count++] = *span;
}

/* Moves the best `most` answers to the front, the best first; of equal ones the earlier. Returns
 * how many there are. */
static size_t sort_answers(distil_answer *answers, size_t count, size_t most)
{
    size_t sorted = 0;

    for (; sorted < most && sorted < count; sorted++) {
        size_t best = sorted;
        distil_answer answer;

        for (size_t i = sorted + 1; i < count; i++)
            if (answers[i].score > answers[best].score)
                best = i;
        answer = answers[best];
        memmove(answers + sorted + 1, answers + sorted, (best - sorted) * sizeof *answers);
        answers[sorted] = answer;
    }
    return sorted;
}

/* ---- windows -------------------------------------------------------------------------------- */

/* Adds the answers of the window that a pass has run on; its context begins at token `first`. */
static void add_window(call *a, const distil_offsets *offsets, size_t first, size_t n)
{
    distil_context *c = a->c;
    float *start = c->scratch.residual, *end = start + n;
    distil_answer *spans = a->answers + a->count;
    size_t tokens = n - 1 - first, found;
    float no_answer;

    find_probabilities(c, start, end, first, n);
    no_answer = start[0] * end[0];
    a->no_answer = no_answer < a->no_answer ? no_answer : a->no_answer;
    found = find_spans(spans, a->spans, start + 1, end + 1, tokens, a->answer_tokens);
    for (size_t i = 0; i < found; i++) {
        distil_answer span = spans[i];

        align_to_words(c, &span, c->ids + first, offsets + 1, tokens);
        add_answer(a, &span);
    }
}

/* Runs a pass on a window of the context, which comes as [CLS], its tokens, [SEP]. In c->ids the
 * question is already in its place before it. */
static int run_window(void *user, const int32_t *ids, const distil_offsets *offsets, size_t count)
{
    call *a = user;
    distil_context *c = a->c;
    size_t first = a->question + 2, n = first + count - 1;
    unsigned callers;

    /* There may be one more answer than all spans: that there is none. */
    if (a->capacity - a->count < a->spans + 1) {
        a->status = distil_fail(&c->error, DISTIL_BAD_ARGUMENT,
                                "capacity is less than distil_answer_capacity says");
        return 1;
    }
    if (distil_results_cancelled(c)) {
        a->status = distil_results_fail(c, DISTIL_CANCELLED, 0);
        return 1;
    }
    memcpy(c->ids + first, ids + 1, (count - 1) * sizeof *ids);
    callers = distil_rounding_begin();
    distil_enc_run(&c->encoder, &c->scratch, c->logits, c->ids, &n, 1);
    if (distil_results_are_finite(c->logits, LABELS * n))
        add_window(a, offsets, first, n);
    else
        a->status = distil_results_fail(c, DISTIL_NOT_FINITE, 0);
    distil_rounding_end(callers);
    a->windows++;
    return a->status != DISTIL_OK;
}

/* ---- the plan of a call --------------------------------------------------------------------- */

/* How a question and its context become windows. */
typedef struct plan {
    distil_answer_options options; /* without zeros */
    size_t question, context;      /* their tokens, without special ones */
    size_t room;                   /* the most tokens of the context in a window */
    size_t windows;
} plan;

/* Fills the options from the caller's. Returns what is wrong, or NULL. */
static const char *complete_options(distil_answer_options *o, const distil_model *model,
                                    const distil_answer_options *given)
{
    size_t positions = model->weights.max_positions;
    const char *wrong = distil_options_copy(o, sizeof *o, FIRST_ANSWER_OPTIONS, given);

    _Static_assert(sizeof *o >= FIRST_ANSWER_OPTIONS, "members may be appended only");
    if (wrong)
        return wrong;
    o->top_k = o->top_k ? o->top_k : 1;
    o->max_answer_tokens = o->max_answer_tokens ? o->max_answer_tokens : DEFAULT_ANSWER_TOKENS;
    if (o->window == 0)
        o->window = positions < DEFAULT_WINDOW ? positions : DEFAULT_WINDOW;
    if (o->stride == 0)
        o->stride = o->window / 2 < DEFAULT_STRIDE ? o->window / 2 : DEFAULT_STRIDE;
    else if (o->stride == DISTIL_NO_STRIDE)
        o->stride = 0;
    if (o->top_k > UINT32_MAX)
        return "options: top_k is above 4294967295";
    if (o->window > positions)
        return "options: window is above max_positions";
    return NULL;
}

/* Plans the windows. Returns NULL, or what is wrong with status set. */
static const char *make_plan(plan *p, distil_status *status, const distil_model *model,
                             const distil_text *text, uint32_t flags,
                             const distil_answer_options *options)
{
    const distil_tokenizer *t = &model->tokenizer;
    int split = distil_splits_specials(t, flags);
    const char *wrong;
    size_t step;

    *status = DISTIL_BAD_ARGUMENT;
    if (model->weights.head->kind != DISTIL_HEAD_SPANS || model->weights.n_labels != LABELS)
        return "the model does not answer questions: distil_model_info.task says what it does";
    if ((flags & ~(uint32_t)DISTIL_SPECIALS_FLAGS) != 0 || flags == DISTIL_SPECIALS_FLAGS)
        return "flags: expected 0 or one of the flags of distil_tokenize";
    if (!text || !text->bytes || !text->pair || text->size == 0 || text->pair_size == 0)
        return "question or context is empty";
    if (text->size > UINT32_MAX || text->pair_size > UINT32_MAX)
        return "question or context has more than 4294967295 bytes";
    *p = (plan){.options = {.size = 0}};
    wrong = complete_options(&p->options, model, options);
    if (wrong)
        return wrong;
    p->question = distil_tok_encode(t, NULL, 0, SIZE_MAX, text->bytes, text->size, split) - 2;
    p->context = distil_tok_encode(t, NULL, 0, SIZE_MAX, text->pair, text->pair_size, split) - 2;
    *status = DISTIL_TOO_MANY_TOKENS;
    p->windows = 1;
    p->room = p->context;
    if (p->question + p->context + DISTIL_PAIR_SPECIALS <= p->options.window)
        return NULL;
    if (p->question + DISTIL_PAIR_SPECIALS + p->options.stride >= p->options.window)
        return "the question leaves no room for the context: shorten it, or set a greater window "
               "or a smaller stride";
    p->room = p->options.window - DISTIL_PAIR_SPECIALS - p->question;
    step = p->room - p->options.stride;
    p->windows += (p->context - p->room + step - 1) / step;
    return NULL;
}

/* The most spans of a window. */
static size_t spans_of(const plan *p)
{
    return SPANS_PER_ANSWER * p->options.top_k + MORE_SPANS;
}

distil_status distil_answer_capacity(const distil_model *model, size_t *capacity,
                                     const distil_text *text, uint32_t flags,
                                     const distil_answer_options *options)
{
    distil_status status;
    plan p;

    if (!model || !capacity)
        return DISTIL_BAD_ARGUMENT;
    if (make_plan(&p, &status, model, text, flags, options))
        return status;
    *capacity = p.windows * spans_of(&p) + 1;
    return DISTIL_OK;
}

/* Sets the places of the answers in characters. */
static void count_chars(call *a)
{
    for (size_t i = 0; i < a->count; i++)
        distil_tok_count_chars(&a->answers[i].where, 1, a->text->pair);
}

distil_status distil_answer_question(distil_context *c, distil_answer *answers, size_t capacity,
                                     size_t *count, const distil_text *text, uint32_t flags,
                                     const distil_answer_options *options)
{
    call a = {.c = c, .text = text, .answers = answers, .capacity = capacity, .no_answer = 1};
    const distil_tokenizer *t;
    distil_status status;
    const char *wrong;
    plan p;

    if (!c)
        return DISTIL_BAD_ARGUMENT;
    if (!count || (!answers && capacity > 0))
        return distil_fail(&c->error, DISTIL_BAD_ARGUMENT, "answers or count is NULL");
    wrong = make_plan(&p, &status, c->model, text, flags, options);
    if (wrong)
        return distil_fail(&c->error, status, wrong);
    t = &c->model->tokenizer;
    a.question = p.question;
    a.spans = spans_of(&p);
    a.answer_tokens = p.options.max_answer_tokens;
    distil_tok_encode(t, c->ids, p.question + 2, SIZE_MAX, text->bytes, text->size,
                      distil_splits_specials(t, flags));
    /* A window of the tokenizer has [CLS] and [SEP] beside the context. */
    distil_tok_windows(t, c->second_ids, c->window_offsets, p.room > 0 ? p.room + 2 : 3,
                       p.windows > 1 ? p.options.stride : 0, text->pair, text->pair_size,
                       distil_splits_specials(t, flags), run_window, &a);
    if (a.status != DISTIL_OK)
        return a.status;
    if (p.options.allow_none)
        a.answers[a.count++] = (distil_answer){.score = a.no_answer};
    a.count = sort_answers(a.answers, a.count, p.options.top_k);
    count_chars(&a);
    *count = a.count;
    return DISTIL_OK;
}
