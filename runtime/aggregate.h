/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From the labels of tokens to entities, exactly as the token-classification pipeline of Hugging
 * Face transformers 5 makes them.
 */
#ifndef DISTIL_RUNTIME_AGGREGATE_H
#define DISTIL_RUNTIME_AGGREGATE_H

#include <stddef.h>
#include <stdint.h>

#include "runtime/distil.h"
#include "runtime/model.h"

/* The entities of one text. The caller sets all fields, count to 0, before the first window. */
typedef struct distil_aggregator {
    const distil_model *model;
    distil_aggregation how;
    const distil_text *text; /* at most UINT32_MAX bytes */
    float *average;          /* (n_labels) scratch */
    distil_entity *items;    /* (capacity) */
    size_t capacity;
    size_t count; /* the entities so far, of which the first `capacity` are in items */
} distil_aggregator;

/*
 * Adds the entities of one window of the text.
 *
 * ids            (count) the window's tokens, the first and the last of which are [CLS] and [SEP]
 * offsets        (count) where they come from in the text, in bytes
 * probabilities  (count, n_labels) those of each token's labels
 */
void distil_aggregate_window(distil_aggregator *aggregator, const int32_t *ids,
                             const distil_offsets *offsets, const float *probabilities,
                             size_t count);

/* Ends a text of that many windows, 1 or more: keeps one of the entities that overlap because
 * windows do, and fills the offsets in characters. Does nothing if count is above capacity. */
void distil_aggregate_finish(distil_aggregator *aggregator, size_t windows);

/* Returns the index of the greatest of n >= 1 numbers; of equal ones the lowest. */
size_t distil_aggregate_best(const float *x, size_t n);

#endif
