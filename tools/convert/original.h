/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A checkpoint as it is, in float: it tokenises texts and computes their logits, so that `distil
 * eval` can show what quantisation cost. It is not fast. The logits are within 1e-4 of those of
 * Hugging Face transformers.
 */
#ifndef DISTIL_TOOLS_CONVERT_ORIGINAL_H
#define DISTIL_TOOLS_CONVERT_ORIGINAL_H

#include <stddef.h>
#include <stdint.h>

#include "tools/convert/conv_error.h"

typedef struct conv_original conv_original;

/* Open a folder that `distil convert` can convert. threads is at least 1 and changes no result.
 * Returns NULL with *error filled, or an object for conv_original_close. */
conv_original *conv_original_open(const char *directory, size_t threads, conv_error *error);
void conv_original_close(conv_original *original);

/* Returns the number of labels, and their names if names is not NULL. */
size_t conv_original_labels(const conv_original *original, const char *const **names);

/* The numbers of layers, of elements in the residual and in the feed-forward network, of tokens and
 * of positions. */
typedef struct conv_shape {
    size_t layers, dim, hidden_dim, vocab_size, max_positions;
} conv_shape;

conv_shape conv_original_shape(const conv_original *original);

/* Append a text. Every few hundred texts the model runs over those that were appended. Returns 0,
 * or -1 with *error filled. */
int conv_original_add(conv_original *original, const char *text, size_t bytes, conv_error *error);

/* Run the model over the remaining texts. Returns 0, or -1 with *error filled. */
int conv_original_finish(conv_original *original, conv_error *error);

/* The texts appended so far and finished. */
size_t conv_original_texts(const conv_original *original);
const float *conv_original_logits(const conv_original *original);  /* (texts, labels) */
const size_t *conv_original_tokens(const conv_original *original); /* (texts) */

#endif
