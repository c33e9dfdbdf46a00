/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The weights of a model, as the operands that kernels take: pointers into an opened blob.
 */
#ifndef DISTIL_RUNTIME_WEIGHTS_H
#define DISTIL_RUNTIME_WEIGHTS_H

#include <stddef.h>
#include <stdint.h>

#include "kernels/kernels.h"
#include "model/blob.h"
#include "model/heads.h"

/* The parameters of one layer normalisation. */
typedef struct distil_norm {
    const float *gamma; /* (dim) */
    const float *beta;  /* (dim) */
} distil_norm;

/* One transformer layer. Shapes are (inputs, outputs). */
typedef struct distil_layer {
    distil_qmatrix qkv;           /* (dim, 3 * dim): outputs of q, then of k, then of v */
    distil_qmatrix attention_out; /* (dim, dim) */
    distil_norm attention_norm;
    distil_qmatrix ffn_in;  /* (dim, hidden_dim) */
    distil_qmatrix ffn_out; /* (hidden_dim, dim) */
    distil_norm ffn_norm;
} distil_layer;

typedef struct distil_weights {
    size_t dim, hidden_dim, n_layers, n_heads, head_dim;
    size_t vocab_size, n_labels;
    size_t max_positions; /* the most tokens of a text: max_tokens of the blob */
    size_t label_cols;    /* n_labels rounded up to a multiple of 16 */
    float layer_norm_eps;
    float attention_scale; /* 1 / sqrt(head_dim) */

    const uint32_t *embed_row;   /* (vocab_size) the row of each token id in the two arrays below */
    const float *embed_scale;    /* (vocab_size) */
    const int8_t *embed_word;    /* (vocab_size, dim) row-major */
    const float *embed_position; /* (max_positions, dim) row-major */
    distil_norm embed_norm;

    distil_layer layers[DISTIL_BLOB_MAX_LAYERS]; /* the first n_layers are set */

    /* The classification head. `head` is its row of the table model/heads.inc. */
    const distil_head *head;
    const float *dense_weight; /* (dim, dim) row-major, a row for each input; NULL if it has none */
    const float *dense_bias;   /* (dim), or NULL */
    const float *out_weight;   /* (dim, label_cols) row-major, a row for each input */
    const float *out_bias;     /* (label_cols) */
} distil_weights;

/* Fills *weights with pointers into the blob, which must stay open as long as they are used. Reads
 * the blob's header and section table only. */
void distil_weights_init(distil_weights *weights, const distil_blob *blob);

/* Sets the prefetch hints of the matrices. This is the last step of distil_weights_init. */
void distil_weights_set_prefetch_hints(distil_weights *weights);

#endif
