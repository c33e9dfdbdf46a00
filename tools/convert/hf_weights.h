/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tensors of a DistilBertForSequenceClassification by their Hugging Face names, with and
 * without the prefix "distilbert.", checked against the shapes that config.json promises.
 */
#ifndef DISTIL_TOOLS_CONVERT_HF_WEIGHTS_H
#define DISTIL_TOOLS_CONVERT_HF_WEIGHTS_H

#include <stddef.h>
#include <stdint.h>

#include "tools/convert/conv_error.h"
#include "tools/convert/conv_memory.h"
#include "tools/convert/forward.h"
#include "tools/convert/hf_config.h"
#include "tools/convert/safetensors.h"

typedef struct hf_weights {
    st_checkpoint checkpoint;
    const char *prefix; /* "distilbert." or "" */
    const hf_config *config;
} hf_weights;

/* Open a folder's weights, and check that they have as many layers as config says, no more. The
 * config's labels are settled. 0, or -1 with *error filled and nothing kept. */
int hf_weights_open(hf_weights *weights, const char *directory, hf_config *config,
                    conv_memory *memory, conv_error *error);
void hf_weights_close(hf_weights *weights);

/* Read a tensor below the prefix, (rows, cols) or (rows) where cols is 0. 0 or -1. */
int hf_weights_read(const hf_weights *weights, float *out, const char *name, size_t rows,
                    size_t cols, conv_error *error);

/* The same for a tensor of the head, which has no prefix. */
int hf_weights_read_head(const hf_weights *weights, float *out, const char *name, size_t rows,
                         size_t cols, conv_error *error);

/* Room for one layer, in memory; to be filled once for each layer, in turn. */
int hf_layer_init(conv_layer_weights *layer, const hf_config *config, conv_memory *memory,
                  conv_error *error);

/* Fill its matrices and biases with those of layer `index`; gamma and beta of both norms go to
 * norms (4, dim) and are set in the layer. */
int hf_layer_read(conv_layer_weights *layer, float *norms, const hf_weights *weights, size_t index,
                  conv_error *error);

#endif
