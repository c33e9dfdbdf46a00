/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The model in fp32, as it was trained, layer by layer over the calibration sentences: what each
 * weight matrix gets to see.
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

/* One linear layer of the checkpoint: weights (cols, depth) row-major. */
typedef struct conv_linear {
    float *weights;
    float *bias; /* (cols) */
    size_t cols, depth;
} conv_linear;

/* The matrices of a layer, in the order of the blob. */
enum { CONV_QKV, CONV_ATTENTION_OUT, CONV_FFN_IN, CONV_FFN_OUT, CONV_LAYER_MATRICES };

/* One layer as the checkpoint has it. */
typedef struct conv_layer_weights {
    conv_linear matrix[CONV_LAYER_MATRICES];
    conv_norm attention_norm, ffn_norm;
} conv_layer_weights;

typedef struct conv_forward {
    const conv_texts *texts;
    size_t dim, hidden_dim, heads;
    float eps;
    distil_kernels kernels;
    float *hidden;  /* (tokens, dim) */
    float *panels;  /* matrices packed: of attention, or both of the feed-forward block */
    float *wide;    /* (chunk, max(3 dim, hidden_dim)) */
    float *narrow;  /* (chunk, dim) */
    void *scratch;  /* of attention */
    float *context; /* (tokens, dim) */
} conv_forward;

/* Prepare buffers, and set the hidden states to the embeddings: word (vocab, dim) and position
 * (positions, dim) rows as in the checkpoint. 0, or -1 with *error filled. */
int conv_forward_init(conv_forward *forward, const conv_texts *texts, const conv_model *model,
                      const float *word, conv_memory *memory, conv_error *error);

/* One layer over all texts. inputs[i], reset by this, gathers what matrix i gets. */
void conv_forward_layer(conv_forward *forward, const conv_layer_weights *layer,
                        conv_inputs inputs[CONV_LAYER_MATRICES]);

#endif
