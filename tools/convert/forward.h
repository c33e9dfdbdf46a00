/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A forward pass of the checkpoint's float model over some texts, one layer at a time. It gathers
 * the inputs of each weight matrix for calibration, and it is the original that `distil eval`
 * compares a blob with.
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

/* The epsilon of layer normalisation. The reference implementation of DistilBERT has it as a
 * constant in its code, not in the configuration. */
#define CONV_LAYER_NORM_EPS 1e-12f

typedef struct conv_forward {
    const conv_machine *machine;
    const conv_texts *texts;
    size_t dim, hidden_dim, heads;
    int exact; /* 1: attention in float, as the original has it; 0: in integers, as the library */
    float eps;
    distil_kernels kernels;
    float *residual;         /* (tokens, dim) */
    float *attention_output; /* (tokens, dim) */
    float *panels; /* the packed weights of one attention matrix or of both feed-forward matrices */
    float *wide;   /* (rows at a time, max(3 * dim, hidden_dim)) scratch */
    float *narrow; /* (rows at a time, dim) scratch */
    unsigned char *scratch; /* (threads, scratch_bytes) memory for attention */
    size_t scratch_bytes;
} conv_forward;

/* Allocate the buffers from memory and set the residual to the normalised embeddings of the texts.
 * word (vocab_size, dim) has the checkpoint's word embeddings by id; position embeddings and norm
 * are the model's. The texts are at most model->max_positions tokens long. Returns 0, or -1 with
 * *error filled. */
int conv_forward_init(conv_forward *forward, const conv_machine *machine, const conv_texts *texts,
                      const conv_model *model, const float *word, conv_memory *memory,
                      conv_error *error);

/* Run one layer over all texts. inputs[i] is reset and then gets the inputs of the layer's matrix
 * i; inputs may be NULL. */
void conv_forward_run_layer(conv_forward *forward, const conv_layer_weights *layer,
                            conv_inputs inputs[CONV_LAYER_MATRICES]);

#endif
