/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Write a synthetic checkpoint of any shape, to test the converter and to time models whose weights
 * cannot be shipped. The weights are random. Their distribution is like that of trained weights:
 * nearly normal with a heavier tail, and a spread of its own for each output column.
 */
#ifndef DISTIL_TESTS_CHECKPOINT_WRITER_H
#define DISTIL_TESTS_CHECKPOINT_WRITER_H

#include <stddef.h>
#include <stdint.h>

#include "tools/convert/conv_error.h"

typedef enum checkpoint_dtype { CHECKPOINT_F32, CHECKPOINT_F16, CHECKPOINT_BF16 } checkpoint_dtype;

typedef struct checkpoint_spec {
    uint32_t dim, hidden_dim, n_layers, n_heads, max_positions, n_labels;
    checkpoint_dtype dtype;
    uint32_t shards;    /* files of tensors; with more than one an index is written too */
    int no_prefix;      /* 1 for tensor names without "distilbert." */
    int no_labels;      /* 1 for a config.json without id2label */
    int tokenizer_json; /* 1 for tokenizer.json instead of vocab.txt */
    /* the seed of the weights: the same seed and shape give the same weights in any form */
    uint64_t seed;
    const char *vocab;  /* path of a file with a token on each line */
    size_t vocab_limit; /* greatest number of tokens to use, or 0 for all */
} checkpoint_spec;

/* The shape of distilbert-base-uncased: dim 768, hidden 3072, 6 layers, 12 heads, 512 positions, 2
 * labels, in F32. */
extern const checkpoint_spec checkpoint_base;

/* Write the files of a checkpoint into a directory, which is created if it does not exist. Returns
 * 0, or -1 with *error filled. */
int checkpoint_write(const char *directory, const checkpoint_spec *spec, conv_error *error);

#endif
