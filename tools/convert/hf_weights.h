/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading the tensors of a DistilBertForSequenceClassification by their names, which may have the
 * prefix "distilbert.". Each must have the shape that follows from config.json.
 */
#ifndef DISTIL_TOOLS_CONVERT_HF_WEIGHTS_H
#define DISTIL_TOOLS_CONVERT_HF_WEIGHTS_H

#include <stddef.h>
#include <stdint.h>

#include "tools/convert/conv_error.h"
#include "tools/convert/conv_memory.h"
#include "tools/convert/forward.h"
#include "tools/convert/hf_config.h"
#include "tools/convert/checkpoint.h"

typedef struct hf_weights {
    conv_checkpoint checkpoint;
    const char *prefix; /* "distilbert." or "" */
    const hf_config *config;
} hf_weights;

/* Open a folder's weights, check that they have no more layers than config says, and set the
 * config's labels. Returns 0; or -1 with *error filled and nothing to close. */
int hf_weights_open(hf_weights *weights, const char *directory, hf_config *config,
                    conv_memory *memory, conv_error *error);
void hf_weights_close(hf_weights *weights);

/* Read a tensor whose name gets the prefix and whose shape is (rows, cols), or (rows) if cols is 0.
 * Returns 0, or -1 with *error filled. */
int hf_weights_read(const hf_weights *weights, float *out, const char *name, size_t rows,
                    size_t cols, conv_error *error);

/* Read the position embeddings (rows, cols). If config.json says that they are sinusoidal and the
 * checkpoint lacks them, compute them as transformers does. Returns 0, or -1 with *error filled. */
int hf_weights_read_positions(const hf_weights *weights, float *out, size_t rows, size_t cols,
                              conv_error *error);

/* Like hf_weights_read, but for a tensor of the classification head, whose names have no prefix. */
int hf_weights_read_head(const hf_weights *weights, float *out, const char *name, size_t rows,
                         size_t cols, conv_error *error);

/* Allocate one layer from memory. It is filled for each layer in turn. */
int hf_layer_init(conv_layer_weights *layer, const hf_config *config, conv_memory *memory,
                  conv_error *error);

/* Read layer `index` into the arrays of *layer, and gamma and beta of its two norms into norms (4,
 * dim), to which the layer's norms then point. Returns 0, or -1 with *error filled. */
int hf_layer_read(conv_layer_weights *layer, float *norms, const hf_weights *weights, size_t index,
                  conv_error *error);

#endif
