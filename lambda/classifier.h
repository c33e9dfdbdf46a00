/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From texts to sentiments: which part of a text the model sees, what its labels mean, and whether
 * its output may be believed. A classifier belongs to one thread and allocates nothing.
 */
#ifndef DISTIL_LAMBDA_CLASSIFIER_H
#define DISTIL_LAMBDA_CLASSIFIER_H

#include <stddef.h>

#include "lambda/config.h"
#include "lambda/event/answer.h"
#include "lambda/event/event.h"
#include "lambda/event/sentiment.h"
#include "runtime/distil.h"

enum {
    CLASSIFY_MAX_LABELS = 8, /* The most labels of a model that the function serves. */
    CLASSIFY_MAX_ITEMS = 8   /* The most texts of one batch. */
};

typedef struct classifier {
    const config *config; /* max_chars and neutral_threshold are read here. */
    distil_context *context;
    size_t n_labels;
    sentiment of_label[CLASSIFY_MAX_LABELS]; /* The sentiment that each label of the model means. */
} classifier;

/*
 * Find out what the labels of the model mean. The configuration, the model and the context outlive
 * the classifier. Returns 0, or -1 and fills `why` if the model does not have 2 to
 * CLASSIFY_MAX_LABELS labels that sentiment_from_label knows.
 */
int classifier_init(classifier *c, const config *settings, const distil_model *model,
                    distil_context *context, char *why, size_t why_bytes);

/*
 * Classify the texts of up to CLASSIFY_MAX_ITEMS items in one batch. Items whose result has a
 * status other than ITEM_DONE are not classified. A text without characters is neutral with a score
 * of 0.5 and is not given to the model. Each other result gets its label, its score and its share
 * of the time, or the status ITEM_MODEL if inference failed or its output is no distribution.
 */
void classify_items(const classifier *c, const event_item *items, item_result *results,
                    size_t count);

/* Returns 1 if the n numbers are probabilities: each from 0 to 1, and their sum 1 within 1e-3. */
int classify_is_distribution(const float *p, size_t n);

/* The number of bytes that the first max_chars code points of a well-formed UTF-8 text take up: all
 * of its bytes if it has fewer code points. */
size_t classify_prefix_bytes(const char *text, size_t bytes, size_t max_chars);

#endif
