/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From texts to labels: which part of a text the model sees, what its labels are called, and
 * whether its output may be believed. A classifier belongs to one thread and allocates nothing.
 */
#ifndef DISTIL_LAMBDA_CLASSIFIER_H
#define DISTIL_LAMBDA_CLASSIFIER_H

#include <stddef.h>

#include "lambda/config.h"
#include "lambda/event/answer.h"
#include "lambda/event/event.h"
#include "lambda/event/labels.h"
#include "runtime/distil.h"

enum {
    CLASSIFY_MAX_LABELS = 4096, /* The most labels that a blob can have. */
    CLASSIFY_MAX_ITEMS = 8,     /* The most texts of one batch. */
    /* The memory of a classifier, of which a model with fewer labels uses less. */
    CLASSIFY_MEMORY_BYTES =
        CLASSIFY_MAX_LABELS * (sizeof(event_label) + CLASSIFY_MAX_ITEMS * sizeof(float))
};

typedef struct classifier {
    const config *config; /* max_chars and neutral_threshold are read here. */
    distil_context *context;
    distil_function function; /* What the scores are. */
    event_labels labels;
    float *scores; /* (CLASSIFY_MAX_ITEMS, labels.count): the output for each text of the batch. */
} classifier;

/*
 * Find out how the labels of the model are answered. The configuration, the model and the context
 * outlive the classifier, and so does `memory`, which has CLASSIFY_MEMORY_BYTES and is aligned to
 * 8. Returns 0, or -1 and fills `why` if the configuration's label map does not fit the model.
 */
int classifier_init(classifier *c, const config *settings, const distil_model *model,
                    distil_context *context, char *memory, char *why, size_t why_bytes);

/*
 * Classify the texts of up to CLASSIFY_MAX_ITEMS items in one batch. Items whose result has a
 * status other than ITEM_DONE are not classified. For a sentiment model, a text without characters
 * is neutral with a score of 0.5 and is not given to the model. Each other result gets its label,
 * its score and its share of the time, or the status ITEM_MODEL if inference failed or its output
 * is not what the model's function gives. The scores of a result are valid until the next call.
 */
void classify_items(const classifier *c, const event_item *items, item_result *results,
                    size_t count);

/* Returns 1 if the n numbers are a distribution: each from 0 to 1, and their sum 1 within 1e-3. */
int classify_is_distribution(const float *p, size_t n);

/* The number of bytes that the first max_chars code points of a well-formed UTF-8 text take up: all
 * of its bytes if it has fewer code points. */
size_t classify_prefix_bytes(const char *text, size_t bytes, size_t max_chars);

#endif
