/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A quantised model in memory to a blob on disk (docs/blob-format.md): packing, checksums, and a
 * rename at the end, so that a reader never sees half a file.
 */
#ifndef DISTIL_TOOLS_CONVERT_BLOB_WRITER_H
#define DISTIL_TOOLS_CONVERT_BLOB_WRITER_H

#include <stddef.h>
#include <stdint.h>

#include "model/format.h"
#include "tools/convert/conv_error.h"

/* One linear layer, quantised and ordered, not yet packed: weight = int8 * scale[col]. */
typedef struct conv_matrix {
    size_t depth, cols;
    const int8_t *weights; /* (cols, depth) row-major */
    const uint16_t *order; /* (cols / 32, depth / 4) quads in the order they are packed */
    const uint8_t *group;  /* (cols / 32) 4, 2 or 1; the weights must satisfy it */
    const float *scale;    /* (cols) finite, > 0 */
    const float *bias;     /* (cols) finite */
} conv_matrix;

typedef struct conv_norm {
    const float *gamma, *beta; /* (dim) each */
} conv_norm;

typedef struct conv_layer {
    conv_matrix qkv;           /* (dim, 3 * dim): columns of q, then k, then v */
    conv_matrix attention_out; /* (dim, dim) */
    conv_matrix ffn_in;        /* (dim, hidden_dim) */
    conv_matrix ffn_out;       /* (hidden_dim, dim) */
    conv_norm attention_norm, ffn_norm;
} conv_layer;

/* Everything a blob holds, borrowed from the caller. */
typedef struct conv_model {
    uint32_t dim, hidden_dim, n_layers, n_heads;
    uint32_t vocab_size, max_positions, n_labels;
    float layer_norm_eps;
    uint32_t tokenizer_flags; /* DISTIL_BLOB_TOK_* */
    uint32_t max_word_chars;
    uint32_t pad_id, unk_id, cls_id, sep_id, mask_id;

    const char *const *labels; /* (n_labels) NUL-terminated UTF-8 */

    /* (vocab_size) by id. A token of 0 bytes is an id without a token: it is found by no lookup.
     * Of equal tokens the last id wins, as in a vocabulary read line by line into a map. */
    const char *const *tokens;
    const size_t *token_bytes;
    const uint32_t *specials; /* (special_count) ids recognised in raw text */
    size_t special_count;

    const uint32_t *embed_row;   /* (vocab_size) row of each id, a permutation */
    const float *embed_scale;    /* (vocab_size) by row; finite, > 0, also of a row of zeros */
    const int8_t *embed_word;    /* (vocab_size, dim) by row */
    const float *embed_position; /* (max_positions, dim) */
    conv_norm embed_norm;

    conv_layer layers[DISTIL_BLOB_MAX_LAYERS];

    const float *dense_weight; /* (dim, dim) [in][out] */
    const float *dense_bias;   /* (dim) */
    const float *out_weight;   /* (dim, n_labels) [in][out], unpadded */
    const float *out_bias;     /* (n_labels) */

    const char *provenance; /* UTF-8, "name value" a line: docs/blob-format.md, 4.1 */
} conv_model;

/*
 * Write the blob: aside in the directory of path, synced, then renamed over path. The bytes depend
 * on the model alone. 0, or -1 with *error filled; then an older file at path is as it was and
 * nothing is left behind. Refuses whatever a reader would refuse, and weights that break the
 * int16-lane bound of their group.
 */
int conv_blob_write(const char *path, const conv_model *model, conv_error *error);

#endif
