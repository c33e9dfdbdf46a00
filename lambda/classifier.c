/* SPDX-License-Identifier: Apache-2.0 */
/* A batch of texts through the model, and a judgement of each output. */
#include "lambda/classifier.h"

#include <math.h>
#include <stdio.h>

#include "runtime/base/clock.h"
#include "runtime/base/strict_float.h"

/* Probabilities are float: the sum of 8 of them is 1 within 1e-6 in a model that works. */
#define SUM_TOLERANCE 1e-3

int classifier_init(classifier *c, const config *settings, const distil_model *model,
                    distil_context *context, char *why, size_t why_bytes)
{
    distil_model_info info;

    if (distil_model_get_info(model, &info) != DISTIL_OK || info.n_labels < 2 ||
        info.n_labels > CLASSIFY_MAX_LABELS) {
        snprintf(why, why_bytes, "the model has not 2 to %d labels: it is no sentiment model",
                 CLASSIFY_MAX_LABELS);
        return -1;
    }
    if (info.function != DISTIL_FUNCTION_SOFTMAX) {
        snprintf(why, why_bytes,
                 "the model gives each label a score of its own (%s): it is no sentiment model",
                 info.function == DISTIL_FUNCTION_SIGMOID ? "sigmoid" : "no function");
        return -1;
    }
    for (size_t i = 0; i < info.n_labels; i++)
        if (sentiment_from_label(&c->of_label[i], distil_model_label(model, i)) != 0) {
            snprintf(why, why_bytes,
                     "the model's label %zu is \"%.60s\": expected POSITIVE, NEGATIVE, NEUTRAL, "
                     "LABEL_0 or LABEL_1",
                     i, distil_model_label(model, i));
            return -1;
        }
    c->config = settings;
    c->context = context;
    c->n_labels = info.n_labels;
    return 0;
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

/* Turn the model's output for one text into a label and a score. */
static void set_label(const classifier *c, item_result *r, const distil_result *d, const float *p)
{
    if (!classify_is_distribution(p, c->n_labels) || d->label >= c->n_labels) {
        item_fail(r, ITEM_MODEL, "the model's output is no distribution");
        return;
    }
    /* d->score is the same number, but only p has been checked. */
    r->score = p[d->label];
    r->label = r->score < c->config->neutral_threshold ? SENTIMENT_NEUTRAL : c->of_label[d->label];
}

/* The texts of one batch: the arrays run in parallel, n entries of each are filled. */
typedef struct batch {
    size_t n;
    size_t item[CLASSIFY_MAX_ITEMS]; /* The index of the item that the text belongs to. */
    distil_text texts[CLASSIFY_MAX_ITEMS];
    distil_result results[CLASSIFY_MAX_ITEMS];
    distil_scores scores[CLASSIFY_MAX_ITEMS];
    float probabilities[CLASSIFY_MAX_ITEMS][CLASSIFY_MAX_LABELS];
} batch;

/* Give every result its value for a text without characters, and collect the other texts. */
static void collect_texts(const classifier *c, batch *b, const event_item *items,
                          item_result *results, size_t count)
{
    b->n = 0;
    for (size_t i = 0; i < count; i++) {
        const event_item *item = &items[i];

        results[i].label = SENTIMENT_NEUTRAL;
        results[i].score = 0.5f;
        if (results[i].status != ITEM_DONE || item->text_bytes == 0)
            continue;
        b->texts[b->n] = (distil_text){
            item->text, classify_prefix_bytes(item->text, item->text_bytes, c->config->max_chars)};
        b->scores[b->n] = (distil_scores){NULL, b->probabilities[b->n]};
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

        result->inference_ms = each_ms;
        if (result->status == ITEM_DONE)
            set_label(c, result, &b.results[k], b.probabilities[k]);
    }
}
