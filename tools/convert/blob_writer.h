/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Write a quantised model as a blob (docs/blob-format.md). The blob is written to a temporary file
 * and renamed at the end, so that no reader ever sees half of it.
 */
#ifndef DISTIL_TOOLS_CONVERT_BLOB_WRITER_H
#define DISTIL_TOOLS_CONVERT_BLOB_WRITER_H

#include <stddef.h>
#include <stdint.h>

#include "model/format.h"
#include "model/heads.h"
#include "tools/convert/conv_error.h"

/* The quantised weights of one matrix product before packing: weight = int8 * scale[column]. */
typedef struct conv_matrix {
    size_t depth, cols;
    const int8_t *weights; /* (cols, depth) row-major */
    const uint16_t *order; /* (cols / 32, depth / 4) order table: the quads of each pair */
    const uint8_t *group;  /* (cols / 32) quads in a lane group, 4, 2 or 1, which fit 16 bits */
    const float *scale;    /* (cols) finite and above 0 */
    const float *bias;     /* (cols) finite */
} conv_matrix;

typedef struct conv_norm {
    const float *gamma, *beta; /* (dim) each */
} conv_norm;

/* An affine layer of the head, in float. */
typedef struct conv_dense {
    const float *weight; /* (dim, outputs) as [input][output], without padding */
    const float *bias;   /* (outputs) */
} conv_dense;

typedef struct conv_layer {
    conv_matrix qkv;           /* (dim, 3 * dim): columns of q, then k, then v */
    conv_matrix attention_out; /* (dim, dim) */
    conv_matrix ffn_in;        /* (dim, hidden_dim) */
    conv_matrix ffn_out;       /* (hidden_dim, dim) */
    conv_norm attention_norm, ffn_norm;
} conv_layer;

/* The content of a blob. The caller owns everything that the pointers refer to. */
typedef struct conv_model {
    uint32_t dim, hidden_dim, n_layers, n_heads;
    uint32_t vocab_size, max_positions, n_labels;
    float layer_norm_eps;
    uint32_t head_kind;       /* a distil_head_kind */
    uint32_t embedding;       /* DISTIL_BLOB_EMBEDDING_*, 0 for other heads */
    uint32_t function;        /* a distil_blob_function */
    uint32_t rank_function;   /* that of a cross-encoder; 0 if it is the same */
    uint32_t activation;      /* DISTIL_BLOB_ACTIVATION_GELU */
    uint32_t tokenizer_flags; /* DISTIL_BLOB_TOK_* */
    uint32_t max_word_chars;
    uint32_t max_tokens; /* the most tokens of a text: model_max_length, at most max_positions */
    uint32_t pad_id, unk_id, cls_id, sep_id, mask_id;

    const char *const *labels; /* (n_labels) NUL-terminated UTF-8 */

    /* (vocab_size) the token of each id. An id whose token has 0 bytes has no token, and no look-up
     * finds it. Of equal tokens the greatest id is found, as if a vocabulary file were read line by
     * line into a map. */
    const char *const *tokens;
    const size_t *token_bytes;
    /* (special_count) the tokens that are recognised in raw text, in ascending order of their
     * bytes, each once. */
    const distil_blob_special *specials;
    size_t special_count;

    const uint32_t *embed_row;   /* (vocab_size) the row of each id; a permutation */
    const float *embed_scale;    /* (vocab_size) scale of each row, finite and above 0 */
    const int8_t *embed_word;    /* (vocab_size, dim) in the order of rows */
    const float *embed_position; /* (max_positions, dim) */
    conv_norm embed_norm;

    conv_layer layers[DISTIL_BLOB_MAX_LAYERS];

    /* The affine layers of the head, in its order. An embedding without one has none here. */
    conv_dense head[DISTIL_HEAD_MAX_TENSORS];

    const char *provenance; /* lines "name value" in UTF-8 (docs/blob-format.md, 4.1) */
} conv_model;

/*
 * Write the blob to a temporary file in the directory of path, sync it and rename it to path. The
 * bytes depend only on the model. A model is refused if the library would refuse its blob, or if
 * its weights could overflow an int16 lane. Returns 0; or -1 with *error filled, in which case an
 * older file at path is unchanged and no temporary file is left.
 */
int conv_blob_write(const char *path, const conv_model *model, conv_error *error);

#endif
