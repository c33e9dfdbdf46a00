/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A checked blob's sections as the typed operands that kernels take.
 */
#ifndef DISTIL_RUNTIME_WEIGHTS_H
#define DISTIL_RUNTIME_WEIGHTS_H

#include <stddef.h>
#include <stdint.h>

#include "kernels/kernels.h"
#include "model/blob.h"

typedef struct distil_norm {
    const float *gamma; /* (dim) */
    const float *beta;  /* (dim) */
} distil_norm;

typedef struct distil_layer {
    distil_qmatrix qkv;           /* (dim, 3 * dim) */
    distil_qmatrix attention_out; /* (dim, dim) */
    distil_norm attention_norm;
    distil_qmatrix ffn_in;  /* (dim, hidden_dim) */
    distil_qmatrix ffn_out; /* (hidden_dim, dim) */
    distil_norm ffn_norm;
} distil_layer;

typedef struct distil_weights {
    size_t dim, hidden_dim, n_layers, n_heads, head_dim;
    size_t vocab_size, max_positions, n_labels, label_cols;
    float layer_norm_eps;
    float attention_scale; /* 1 / sqrt(head_dim) */

    const uint32_t *embed_row;   /* (vocab_size) */
    const float *embed_scale;    /* (vocab_size), by row */
    const int8_t *embed_word;    /* (vocab_size, dim), by row */
    const float *embed_position; /* (max_positions, dim) */
    distil_norm embed_norm;

    distil_layer layers[DISTIL_BLOB_MAX_LAYERS];

    const float *dense_weight; /* (dim, dim) [in][out] */
    const float *dense_bias;   /* (dim) */
    const float *out_weight;   /* (dim, label_cols) [in][out] */
    const float *out_bias;     /* (label_cols) */
} distil_weights;

/* Views into the blob; live as long as it. */
void distil_weights_init(distil_weights *weights, const distil_blob *blob);

#endif
