/* SPDX-License-Identifier: Apache-2.0 */
/* A batch of texts through the model, and a judgement of each output. */
#include "lambda/classifier.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "runtime/base/clock.h"
#include "lambda/aws/store_item.h"
#include "runtime/base/strict_float.h"

/* Probabilities are float: the sum of 4,096 of them is 1 within 3e-4 in a model that works. */
#define SUM_TOLERANCE 1e-3

static const char *own_name(const void *model, size_t index)
{
    return distil_model_label(model, index);
}

/* A model with one label has one score, whatever its function is. */
static labels_kind kind_of(const distil_model_info *info)
{
    if (info->n_labels == 1 || info->function == DISTIL_FUNCTION_SOFTMAX)
        return LABELS_ONE;
    return info->function == DISTIL_FUNCTION_SIGMOID ? LABELS_SEVERAL : LABELS_SCORES;
}

/* Where scores are listed in items, an update must have room for all of them. */
static int check_room(const classifier *c, char *why, size_t why_bytes)
{
    if (c->config->table == NULL || !labels_are_listed(&c->labels) ||
        labels_max_bytes(&c->labels) <= STORE_MAX_LABELS_BYTES)
        return 0;
    snprintf(why, why_bytes,
             "the scores of %zu labels can need %zu bytes, and an item has room for %d: shorten "
             "names by DISTIL_LABEL_MAP, or set DISTIL_STORE=none",
             c->labels.count, labels_max_bytes(&c->labels), STORE_MAX_LABELS_BYTES);
    return -1;
}

int classifier_init(classifier *c, const config *settings, const distil_model *model,
                    distil_context *context, char *memory, char *why, size_t why_bytes)
{
    event_label *list = (event_label *)(void *)memory;
    distil_model_info info;

    if (distil_model_get_info(model, &info) != DISTIL_OK || info.n_labels > CLASSIFY_MAX_LABELS) {
        snprintf(why, why_bytes, "the model has more than %d labels", CLASSIFY_MAX_LABELS);
        return -1;
    }
    c->config = settings;
    c->context = context;
    c->function = info.function;
    c->scores = (float *)(void *)(list + info.n_labels);
    if (labels_init(&c->labels, kind_of(&info), list, info.n_labels, own_name, model,
                    settings->label_map, why, why_bytes) != 0)
        return -1;
    return check_room(c, why, why_bytes);
}

/* In UTF-8 every byte of a code point but the first is 10xxxxxx. */
static int begins_code_point(char byte)
{
    return ((unsigned char)byte & 0xc0) != 0x80;
}

size_t classify_prefix_bytes(const char *text, size_t bytes, size_t max_chars)
{
    size_t chars = 0, i = 0;

    for (; i < bytes; i++)
        if (begins_code_point(text[i]) && chars++ == max_chars)
            break;
    return i;
}

int classify_is_distribution(const float *p, size_t n)
{
    double sum = 0;

    for (size_t i = 0; i < n; i++) {
        if (!(p[i] >= 0 && p[i] <= 1))
            return 0;
        sum += (double)p[i];
    }
    return fabs(sum - 1) <= SUM_TOLERANCE;
}

/* Returns 1 if the scores are what the model's function gives. */
static int are_sound(const classifier *c, const float *scores)
{
    size_t n = c->labels.count;

    if (c->function == DISTIL_FUNCTION_SOFTMAX)
        return classify_is_distribution(scores, n);
    for (size_t i = 0; i < n; i++)
        if (!isfinite(scores[i]) ||
            (c->function == DISTIL_FUNCTION_SIGMOID && !(scores[i] >= 0 && scores[i] <= 1)))
            return 0;
    return 1;
}

static void set_label(item_result *r, const event_label *l)
{
    r->label = l->name;
    r->label_bytes = l->bytes;
    r->means = l->means;
}

static void set_neutral(item_result *r)
{
    r->means = SENTIMENT_NEUTRAL;
    r->label = sentiment_name(r->means);
    r->label_bytes = strlen(r->label);
}

/* Turn the model's output for one text into a label and a score. */
static void set_answer(const classifier *c, item_result *r, const distil_result *d,
                       const float *scores)
{
    if (!are_sound(c, scores) || d->label >= c->labels.count) {
        item_fail(r, ITEM_MODEL,
                  c->function == DISTIL_FUNCTION_SOFTMAX ? "the model's output is no distribution"
                                                         : "the model's output is no number");
        return;
    }
    /* d->score is the same number, but only the scores have been checked. */
    r->score = scores[d->label];
    r->scores = scores;
    r->labels = &c->labels;
    set_label(r, &c->labels.list[d->label]);
    if (c->labels.kind == LABELS_SENTIMENTS && r->score < c->config->neutral_threshold)
        set_neutral(r);
}

/* The texts of one batch: the arrays run in parallel, n entries of each are filled. */
typedef struct batch {
    size_t n;
    size_t item[CLASSIFY_MAX_ITEMS]; /* The index of the item that the text belongs to. */
    distil_text texts[CLASSIFY_MAX_ITEMS];
    distil_result results[CLASSIFY_MAX_ITEMS];
    distil_scores scores[CLASSIFY_MAX_ITEMS];
} batch;

/* Give every result its value for a text without characters, and collect the other texts. */
static void collect_texts(const classifier *c, batch *b, const event_item *items,
                          item_result *results, size_t count)
{
    b->n = 0;
    for (size_t i = 0; i < count; i++) {
        const event_item *item = &items[i];

        set_neutral(&results[i]);
        results[i].score = 0.5f;
        if (results[i].status != ITEM_DONE ||
            (item->text_bytes == 0 && c->labels.kind == LABELS_SENTIMENTS))
            continue;
        b->texts[b->n] = (distil_text){
            .bytes = item->text,
            .size = classify_prefix_bytes(item->text, item->text_bytes, c->config->max_chars)};
        b->scores[b->n] = (distil_scores){NULL, c->scores + b->n * c->labels.count};
        b->item[b->n++] = i;
    }
}

/* Classify the batch. If that fails, classify text by text to find out which of them fail. */
static void run_batch(const classifier *c, batch *b, item_result *results)
{
    const uint32_t flags = c->config->split_special_tokens ? DISTIL_SPLIT_SPECIAL_TOKENS : 0;

    if (distil_classify_batch(c->context, b->results, b->scores, b->texts, b->n, flags) ==
        DISTIL_OK)
        return;
    for (size_t k = 0; k < b->n; k++)
        if (distil_classify_batch(c->context, &b->results[k], &b->scores[k], &b->texts[k], 1,
                                  flags) != DISTIL_OK)
            item_fail(&results[b->item[k]], ITEM_MODEL, "inference failed");
}

void classify_items(const classifier *c, const event_item *items, item_result *results,
                    size_t count)
{
    int64_t start = clock_now_ns();
    double each_ms;
    batch b;

    collect_texts(c, &b, items, results, count);
    if (b.n == 0)
        return;
    run_batch(c, &b, results);
    each_ms = (double)(clock_now_ns() - start) * 1e-6 / (double)b.n;
    for (size_t k = 0; k < b.n; k++) {
        item_result *result = &results[b.item[k]];

        result->inferred = 1;
        result->inference_ms = each_ms;
        if (result->status == ITEM_DONE)
            set_answer(c, result, &b.results[k], b.scores[k].probabilities);
    }
}
