/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Finds the weights of a model in a blob.
 */
#include "runtime/weights.h"

#include <math.h>

#include "runtime/base/strict_float.h"

static distil_norm find_norm(const distil_blob *blob, distil_section_kind kind, uint32_t layer)
{
    const float *values = distil_blob_section_data(blob, kind, layer, NULL);

    return (distil_norm){values, values + blob->header->dim};
}

static distil_layer find_layer(const distil_blob *blob, uint32_t layer)
{
    return (distil_layer){
        .qkv = distil_blob_get_matrix(blob, DISTIL_SECTION_QKV, layer),
        .attention_out = distil_blob_get_matrix(blob, DISTIL_SECTION_ATTENTION_OUT, layer),
        .attention_norm = find_norm(blob, DISTIL_SECTION_ATTENTION_NORM, layer),
        .ffn_in = distil_blob_get_matrix(blob, DISTIL_SECTION_FFN_IN, layer),
        .ffn_out = distil_blob_get_matrix(blob, DISTIL_SECTION_FFN_OUT, layer),
        .ffn_norm = find_norm(blob, DISTIL_SECTION_FFN_NORM, layer),
    };
}

/* The data of a section that is not repeated for each layer. */
static const void *find_section(const distil_blob *blob, distil_section_kind kind)
{
    return distil_blob_section_data(blob, kind, 0, NULL);
}

void distil_weights_init(distil_weights *weights, const distil_blob *blob)
{
    const distil_blob_header *h = blob->header;
    size_t label_cols = distil_head_columns(h->n_labels);

    *weights = (distil_weights){
        .dim = h->dim,
        .hidden_dim = h->hidden_dim,
        .n_layers = h->n_layers,
        .n_heads = h->n_heads,
        .head_dim = h->dim / h->n_heads,
        .vocab_size = h->vocab_size,
        .max_positions = h->max_tokens,
        .n_labels = h->n_labels,
        .label_cols = label_cols,
        .layer_norm_eps = h->layer_norm_eps,
        .embed_row = find_section(blob, DISTIL_SECTION_EMBED_ROW),
        .embed_scale = find_section(blob, DISTIL_SECTION_EMBED_SCALE),
        .embed_word = find_section(blob, DISTIL_SECTION_EMBED_WORD),
        .embed_position = find_section(blob, DISTIL_SECTION_EMBED_POSITION),
        .embed_norm = find_norm(blob, DISTIL_SECTION_EMBED_NORM, 0),
        .head = distil_head_of_kind(h->head_kind),
        .dense_weight = find_section(blob, DISTIL_SECTION_HEAD_DENSE),
        .out_weight = find_section(blob, DISTIL_SECTION_HEAD_OUT),
    };
    weights->attention_scale = 1.0f / sqrtf((float)weights->head_dim);
    if (weights->dense_weight != NULL)
        weights->dense_bias = weights->dense_weight + weights->dim * weights->dim;
    weights->out_bias = weights->out_weight + weights->dim * label_cols;
    for (uint32_t l = 0; l < h->n_layers; l++)
        weights->layers[l] = find_layer(blob, l);
    distil_weights_set_prefetch_hints(weights);
}
