/* SPDX-License-Identifier: Apache-2.0 */
/* The three answers of the function, and which of them a label of the model means. */
#ifndef DISTIL_LAMBDA_SENTIMENT_H
#define DISTIL_LAMBDA_SENTIMENT_H

#include <stddef.h>

typedef enum sentiment {
    SENTIMENT_NEGATIVE = 0,
    SENTIMENT_POSITIVE = 1,
    SENTIMENT_NEUTRAL = 2,
    SENTIMENT_NONE = 3 /* A label that means no sentiment. */
} sentiment;

enum { SENTIMENT_COUNT = 3 };

/* The sentiment as answers and the store spell it: "negative", "positive" or "neutral". `s` is not
 * SENTIMENT_NONE. */
const char *sentiment_name(sentiment s);

/*
 * Find the sentiment that a label of the model means, letter case ignored: POSITIVE, POS and
 * LABEL_1 are positive, NEGATIVE, NEG and LABEL_0 negative, NEUTRAL is neutral. Returns 0, or -1
 * with *out untouched for any other label. The label has `bytes` bytes and need not end with a NUL.
 */
int sentiment_from_label(sentiment *out, const char *label, size_t bytes);

#endif
