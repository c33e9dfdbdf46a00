/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Write a synthetic Hugging Face folder of any shape: for timing models whose weights cannot be
 * shipped, and for testing the converter. The weights say nothing; their distribution is like that
 * of trained ones (near normal with a heavier tail, each output column with a size of its own).
 */
#ifndef DISTIL_TOOLS_CONVERT_CHECKPOINT_WRITER_H
#define DISTIL_TOOLS_CONVERT_CHECKPOINT_WRITER_H

#include <stddef.h>
#include <stdint.h>

#include "tools/convert/conv_error.h"

typedef enum checkpoint_dtype { CHECKPOINT_F32, CHECKPOINT_F16, CHECKPOINT_BF16 } checkpoint_dtype;

typedef struct checkpoint_spec {
    uint32_t dim, hidden_dim, n_layers, n_heads, max_positions, n_labels;
    checkpoint_dtype dtype;
    uint32_t shards;    /* 1: model.safetensors; more: that many files and their index */
    int no_prefix;      /* tensor names without "distilbert." */
    int no_labels;      /* config.json without id2label */
    int tokenizer_json; /* tokenizer.json instead of vocab.txt */
    uint64_t seed;      /* same seed and shape, same weights in every dtype and form */
    const char *vocab;  /* file of tokens, one a line; its lines give vocab_size */
    size_t vocab_limit; /* use at most so many lines; 0: all */
} checkpoint_spec;

/* distilbert-base-uncased: 768, 3072, 6 layers, 12 heads, 512 positions, 2 labels, F32. */
extern const checkpoint_spec checkpoint_base;

/* Write the folder's files; the directory exists or is made. 0, or -1 with *error filled. */
int checkpoint_write(const char *directory, const checkpoint_spec *spec, conv_error *error);

#endif
