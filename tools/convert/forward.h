/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A forward pass of the checkpoint's float model over the calibration sentences, one layer at a
 * time, to gather the inputs of each weight matrix.
 */
#ifndef DISTIL_TOOLS_CONVERT_FORWARD_H
#define DISTIL_TOOLS_CONVERT_FORWARD_H

#include <stddef.h>
#include <stdint.h>

#include "kernels/kernels.h"
#include "tools/convert/blob_writer.h"
#include "tools/convert/calibration.h"
#include "tools/convert/compensate.h"
#include "tools/convert/conv_error.h"
#include "tools/convert/conv_memory.h"

/* The float weights of one matrix product. */
typedef struct conv_linear {
    float *weights; /* (cols, depth) row-major */
    float *bias;    /* (cols) */
    size_t cols, depth;
} conv_linear;

/* The weight matrices of a layer in the order of the blob. */
enum { CONV_QKV, CONV_ATTENTION_OUT, CONV_FFN_IN, CONV_FFN_OUT, CONV_LAYER_MATRICES };

/* The float weights of one layer. */
typedef struct conv_layer_weights {
    conv_linear matrix[CONV_LAYER_MATRICES];
    conv_norm attention_norm, ffn_norm;
} conv_layer_weights;

typedef struct conv_forward {
    const conv_texts *texts;
    size_t dim, hidden_dim, heads;
    float eps;
    distil_kernels kernels;
    float *residual;         /* (tokens, dim) */
    float *attention_output; /* (tokens, dim) */
    float *panels; /* the packed weights of one attention matrix or of both feed-forward matrices */
    float *wide;   /* (rows at a time, max(3 * dim, hidden_dim)) scratch */
    float *narrow; /* (rows at a time, dim) scratch */
    void *scratch; /* memory for the attention kernel */
} conv_forward;

/* Allocate the buffers from memory and set the residual to the normalised embeddings of the texts.
 * word (vocab_size, dim) has the checkpoint's word embeddings by id; position embeddings and norm
 * are the model's. Returns 0, or -1 with *error filled. */
int conv_forward_init(conv_forward *forward, const conv_texts *texts, const conv_model *model,
                      const float *word, conv_memory *memory, conv_error *error);

/* Run one layer over all texts. inputs[i] is reset and then gets the inputs of the layer's matrix
 * i. */
void conv_forward_run_layer(conv_forward *forward, const conv_layer_weights *layer,
                            conv_inputs inputs[CONV_LAYER_MATRICES]);

#endif
