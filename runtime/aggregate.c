/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tokens become words where the aggregation asks for it, words of one kind that follow one another
 * become a group, and a group or a token whose label is not "O" is an entity. Nothing is allocated,
 * and the time is linear in the number of tokens, unless many windows share one token.
 */
#include "runtime/aggregate.h"

#include <string.h>

#include "runtime/base/strict_float.h"
#include "runtime/base/utf8.h"

/* A token, a word or a group with its label. */
typedef struct labelled {
    size_t label;
    float score;
    uint32_t begin, end; /* bytes of the text */
    uint32_t token;      /* the position of its first token in the window */
} labelled;

/* What is open while the tokens of a window are read. */
typedef struct window {
    distil_aggregator *a;
    size_t n_labels;
    labelled word; /* the word that is being read; its score is that of its label so far */
    size_t pieces; /* the tokens of the word so far; 0 if none is open */
    labelled group;
    size_t last_label; /* the label of the group's last word */
    size_t members;    /* the words of the group so far; 0 if none is open */
    float sum;         /* the sum of their scores */
} window;

size_t distil_aggregate_best(const float *x, size_t n)
{
    size_t best = 0;

    for (size_t i = 1; i < n; i++)
        if (x[i] > x[best])
            best = i;
    return best;
}

/* Returns the number of characters of the bytes begin .. end - 1 of the text. */
static uint32_t count_chars(const char *text, uint32_t begin, uint32_t end)
{
    const uint8_t *at = (const uint8_t *)text + begin, *stop = (const uint8_t *)text + end;
    uint32_t count = 0;

    for (; begin < end && at < stop; count++)
        if (*at < 0x80)
            at++;
        else
            (void)distil_utf8_decode(&at, stop);
    return count;
}

/* ---- entities ------------------------------------------------------------------------------- */

/* Adds an entity, unless its name says that it is none. */
static void add_entity(distil_aggregator *a, const labelled *l, const char *name)
{
    if (strcmp(name, "O") == 0)
        return;
    if (a->count < a->capacity)
        a->items[a->count] = (distil_entity){
            .label = l->label,
            .name = name,
            .score = l->score,
            .token = l->token,
            /* The number of characters waits in char_end until the text is finished. */
            .where = {l->begin, l->end, 0, count_chars(a->text->bytes, l->begin, l->end)},
        };
    a->count++;
}

/* The pipeline names a group by what follows the first hyphen of its first label. */
static const char *name_of_group(const char *label)
{
    const char *hyphen = strchr(label, '-');

    return hyphen ? hyphen + 1 : label;
}

/* Returns the kind of entity that a label stands for, and sets *begins to 1 if the label begins a
 * new one. Only the prefixes B- and I- count. */
static const char *kind_of(const char *label, int *begins)
{
    *begins = label[0] == 'B' && label[1] == '-';
    return *begins || (label[0] == 'I' && label[1] == '-') ? label + 2 : label;
}

static int continues_group(const window *w, size_t label)
{
    int begins, ignored;
    const char *kind = kind_of(w->a->model->labels[label], &begins);

    return w->members > 0 && !begins &&
           strcmp(kind, kind_of(w->a->model->labels[w->last_label], &ignored)) == 0;
}

static void end_group(window *w)
{
    if (w->members == 0)
        return;
    w->group.score = w->sum / (float)w->members;
    add_entity(w->a, &w->group, name_of_group(w->a->model->labels[w->group.label]));
    w->members = 0;
}

/* Adds a word, or a token where tokens are not joined to words, to the group that it belongs to. */
static void add_word(window *w, const labelled *l)
{
    if (w->a->how == DISTIL_AGGREGATION_NONE) {
        add_entity(w->a, l, w->a->model->labels[l->label]);
        return;
    }
    if (!continues_group(w, l->label)) {
        end_group(w);
        w->group = *l;
        w->sum = 0;
    }
    w->group.end = l->end;
    w->last_label = l->label;
    w->sum += l->score;
    w->members++;
}

/* ---- words ---------------------------------------------------------------------------------- */

/*
 * The pipeline takes a token for the continuation of a word if it has another number of characters
 * than its place in the text, as "##ing" has. So a letter with an accent of its own that the
 * tokenizer strips counts as a continuation, too. An unknown word never does.
 */
static int continues_word(const distil_aggregator *a, int32_t id, const distil_offsets *place)
{
    const distil_tokenizer *tokenizer = &a->model->tokenizer;
    size_t bytes;
    const char *token = distil_vocab_token(&tokenizer->vocab, (uint32_t)id, &bytes);

    return (uint32_t)id != tokenizer->unk_id &&
           count_chars(token, 0, (uint32_t)bytes) !=
               count_chars(a->text->bytes, place->begin, place->end);
}

static void end_word(window *w)
{
    float *average = w->a->average;

    if (w->pieces == 0)
        return;
    if (w->a->how == DISTIL_AGGREGATION_AVERAGE) {
        for (size_t i = 0; i < w->n_labels; i++)
            average[i] /= (float)w->pieces;
        w->word.label = distil_aggregate_best(average, w->n_labels);
        w->word.score = average[w->word.label];
    }
    add_word(w, &w->word);
    w->pieces = 0;
}

/* Adds another token with these probabilities to the word that is open. */
static void extend_word(window *w, const labelled *token, const float *probabilities)
{
    w->word.end = token->end;
    w->pieces++;
    if (w->a->how == DISTIL_AGGREGATION_AVERAGE)
        for (size_t i = 0; i < w->n_labels; i++)
            w->a->average[i] += probabilities[i];
    if (w->a->how == DISTIL_AGGREGATION_MAX && token->score > w->word.score) {
        w->word.label = token->label;
        w->word.score = token->score;
    }
}

static void begin_word(window *w, const labelled *token, const float *probabilities)
{
    end_word(w);
    w->word = *token;
    w->pieces = 1;
    if (w->a->how == DISTIL_AGGREGATION_AVERAGE)
        memcpy(w->a->average, probabilities, w->n_labels * sizeof(float));
}

void distil_aggregate_window(distil_aggregator *a, const int32_t *ids,
                             const distil_offsets *offsets, const float *probabilities,
                             size_t count)
{
    window w = {.a = a, .n_labels = a->model->weights.n_labels};

    for (size_t i = 1; i + 1 < count; i++) {
        const float *p = probabilities + i * w.n_labels;
        size_t label = distil_aggregate_best(p, w.n_labels);
        labelled token = {label, p[label], offsets[i].begin, offsets[i].end, (uint32_t)i};

        if (a->how == DISTIL_AGGREGATION_NONE || a->how == DISTIL_AGGREGATION_SIMPLE)
            add_word(&w, &token);
        else if (w.pieces > 0 && continues_word(a, ids[i], &offsets[i]))
            extend_word(&w, &token, p);
        else
            begin_word(&w, &token, p);
    }
    end_word(&w);
    end_group(&w);
}

/* ---- overlapping windows -------------------------------------------------------------------- */

/* Sorts the entities by where they begin; those that begin at one place keep their order. Each
 * window is nearly sorted, so an entity moves past those of the overlap only. */
static void sort_by_begin(distil_entity *items, size_t count)
{
    for (size_t i = 1; i < count; i++) {
        distil_entity moved = items[i];
        size_t at = i;

        for (; at > 0 && items[at - 1].where.begin > moved.where.begin; at--)
            items[at] = items[at - 1];
        items[at] = moved;
    }
}

/* Of entities that overlap, keeps the one with more characters, or of equally long ones the one
 * with the greater score. Returns how many are left. */
static size_t drop_overlapping(distil_entity *items, size_t count)
{
    size_t last = 0;

    for (size_t i = 1; i < count; i++) {
        distil_entity *kept = &items[last];

        if (items[i].where.begin >= kept->where.end) {
            items[++last] = items[i];
        } else if (items[i].where.char_end > kept->where.char_end ||
                   (items[i].where.char_end == kept->where.char_end &&
                    items[i].score > kept->score)) {
            *kept = items[i];
        }
    }
    return count > 0 ? last + 1 : 0;
}

void distil_aggregate_finish(distil_aggregator *a, size_t windows)
{
    uint32_t at = 0, chars = 0;

    if (a->count > a->capacity)
        return;
    if (windows > 1) {
        sort_by_begin(a->items, a->count);
        a->count = drop_overlapping(a->items, a->count);
    }
    for (size_t i = 0; i < a->count; i++) {
        distil_offsets *where = &a->items[i].where;

        if (where->begin < at)
            at = chars = 0;
        chars += count_chars(a->text->bytes, at, where->begin);
        at = where->begin;
        where->char_begin = chars;
        where->char_end += chars;
    }
}
