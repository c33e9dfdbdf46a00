/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How the labels of a model are answered and stored: under which names, and which of them. A model
 * whose labels all mean a sentiment is a sentiment model. Any other model's labels keep their own
 * names, or get those that DISTIL_LABEL_MAP gives them.
 */
#ifndef DISTIL_LAMBDA_LABELS_H
#define DISTIL_LAMBDA_LABELS_H

#include "runtime/base/buffer.h"
#include "lambda/event/sentiment.h"

/* A label's name is at most this long after DISTIL_LABEL_MAP. */
enum { LABELS_MAX_NAME_BYTES = 255 };

typedef struct event_label {
    const char *name; /* The name in answers and items. It does not end with a NUL. */
    size_t bytes;
    sentiment means; /* The metric that counts it, or SENTIMENT_NONE. */
} event_label;

typedef enum labels_kind {
    LABELS_SENTIMENTS, /* A text has one of the sentiments; a low score makes it neutral. */
    LABELS_ONE,        /* A text has one label, or the model has one score. */
    LABELS_SEVERAL,    /* Each label has a probability: a text has those of 0.5 or more. */
    LABELS_SCORES      /* Each label has a score that is no probability. */
} labels_kind;

typedef struct event_labels {
    labels_kind kind;
    size_t count;
    event_label *list;
} event_labels;

/*
 * Name the `count` labels of a model in *to. `kind` is LABELS_ONE, LABELS_SEVERAL or LABELS_SCORES;
 * with LABELS_ONE and two labels or more it becomes LABELS_SENTIMENTS if all names mean a
 * sentiment, and then the names are those of the sentiments. `own` returns a label's own name,
 * which outlives *to, as does `map`: the text of DISTIL_LABEL_MAP, or NULL. `list` has room for
 * `count` entries. Returns 0, or -1 and fills `why` if the map is malformed or names a label that
 * the model does not have, or if two labels whose scores are listed have the same name.
 */
int labels_init(event_labels *to, labels_kind kind, event_label *list, size_t count,
                const char *(*own)(const void *model, size_t index), const void *model,
                const char *map, char *why, size_t why_bytes);

/* Check a label map without a model. Returns 0, or -1 and fills `why`. */
int labels_check_map(const char *map, char *why, size_t why_bytes);

/* Returns 1 if the answers of this kind list the scores of several labels. */
int labels_are_listed(const event_labels *of);

/* Append an object with the name and the score of each label that a text has, in the order of the
 * model: {"joy":0.9134}; for DynamoDB {"joy":{"N":"0.9134"}}. */
void labels_add_scores(buffer *to, const event_labels *of, const float *scores, int for_dynamodb);

/* The most bytes that labels_add_scores can append for DynamoDB. */
size_t labels_max_bytes(const event_labels *of);

#endif
