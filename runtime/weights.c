/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sections of a checked blob as kernel operands, and the proof that blob and kernels agree on
 * geometry.
 */
#include <math.h>

#include "runtime/distil.h"
#include "runtime/weights.h"

_Static_assert((int)DISTIL_FILE_OPEN == (int)DISTIL_BLOB_FILE_OPEN, "status");
_Static_assert((int)DISTIL_FILE_READ == (int)DISTIL_BLOB_FILE_READ, "status");
_Static_assert((int)DISTIL_BAD_MAGIC == (int)DISTIL_BLOB_BAD_MAGIC, "status");
_Static_assert((int)DISTIL_BAD_VERSION == (int)DISTIL_BLOB_BAD_VERSION, "status");
_Static_assert((int)DISTIL_TRUNCATED == (int)DISTIL_BLOB_TRUNCATED, "status");
_Static_assert((int)DISTIL_BAD_STRUCTURE == (int)DISTIL_BLOB_BAD_STRUCTURE, "status");
_Static_assert((int)DISTIL_BAD_CHECKSUM == (int)DISTIL_BLOB_BAD_CHECKSUM, "status");
_Static_assert((int)DISTIL_BAD_PROOF == (int)DISTIL_BLOB_BAD_PROOF, "status");
_Static_assert((int)DISTIL_NO_MEMORY == (int)DISTIL_BLOB_NO_MEMORY, "status");

_Static_assert((int)DISTIL_VERIFY_NONE == (int)DISTIL_BLOB_VERIFY_NONE, "verify");
_Static_assert((int)DISTIL_VERIFY_CRC == (int)DISTIL_BLOB_VERIFY_CRC, "verify");
_Static_assert((int)DISTIL_VERIFY_SHA256 == (int)DISTIL_BLOB_VERIFY_SHA256, "verify");

_Static_assert((int)DISTIL_ISA_SCALAR == (int)DISTIL_LEVEL_SCALAR, "level");
_Static_assert((int)DISTIL_ISA_AVX2 == (int)DISTIL_LEVEL_AVX2, "level");
_Static_assert((int)DISTIL_ISA_AVXVNNI == (int)DISTIL_LEVEL_AVXVNNI, "level");
_Static_assert((int)DISTIL_ISA_AVX512 == (int)DISTIL_LEVEL_AVX512, "level");
_Static_assert((int)DISTIL_ISA_AVX512VNNI == (int)DISTIL_LEVEL_AVX512VNNI, "level");

static distil_norm norm(const distil_blob *blob, distil_section_kind kind, uint32_t layer)
{
    const float *values = distil_blob_section_data(blob, kind, layer, NULL);

    return (distil_norm){values, values + blob->header->dim};
}

static const void *section(const distil_blob *blob, distil_section_kind kind)
{
    return distil_blob_section_data(blob, kind, 0, NULL);
}

/*
 * The end of a pass, from the last layer's output projection to the head's dense layer, has one row
 * for each text and waits for memory. The layers before, from about 8 rows on, wait for arithmetic:
 * the last LATER_LAYERS of them are given the end's bytes to fetch, so that it finds them in the
 * third cache (Zen 4, base size: passes of 8 / 16 tokens 0.95 / 0.98 as long). At most half as many
 * bytes as their own weights, or they would wait for memory themselves.
 */
enum { LATER_LAYERS = 3 };
_Static_assert(DISTIL_SECTION_ATTENTION_OUT < DISTIL_SECTION_FFN_IN &&
                   DISTIL_SECTION_FFN_IN < DISTIL_SECTION_FFN_OUT &&
                   DISTIL_SECTION_FFN_OUT < DISTIL_SECTION_HEAD_DENSE,
               "a blob's sections lie in the order in which a pass reads them");

static void share_out_later(distil_weights *w)
{
    size_t full = w->n_layers - 1; /* layers that are computed for all rows */
    size_t first = full > LATER_LAYERS ? full - LATER_LAYERS : 0;
    size_t own = 4 * w->dim * w->dim + 2 * w->dim * w->hidden_dim; /* bytes of a layer */
    const int8_t *begin = w->layers[full].attention_out.panels;
    size_t bytes = (size_t)((const int8_t *)w->dense_bias - begin);
    size_t most = (full - first) * own / 2;

    bytes = bytes < most ? bytes : most;
    for (size_t l = first; l < full; l++) {
        distil_layer *layer = &w->layers[l];
        distil_qmatrix *matrices[] = {&layer->qkv, &layer->attention_out, &layer->ffn_in,
                                      &layer->ffn_out};

        for (size_t i = 0; i < sizeof matrices / sizeof matrices[0]; i++) {
            distil_qmatrix *m = matrices[i];

            m->prefetch_hint =
                (distil_prefetch_hint){begin, bytes * m->depth * m->cols / ((full - first) * own)};
            begin += m->prefetch_hint.bytes;
        }
    }
}

void distil_weights_init(distil_weights *weights, const distil_blob *blob)
{
    const distil_blob_header *h = blob->header;
    size_t label_cols = (h->n_labels + DISTIL_BLOB_LABEL_COLS - 1) / DISTIL_BLOB_LABEL_COLS *
                        DISTIL_BLOB_LABEL_COLS;

    *weights = (distil_weights){
        .dim = h->dim,
        .hidden_dim = h->hidden_dim,
        .n_layers = h->n_layers,
        .n_heads = h->n_heads,
        .head_dim = h->dim / h->n_heads,
        .vocab_size = h->vocab_size,
        .max_positions = h->max_positions,
        .n_labels = h->n_labels,
        .label_cols = label_cols,
        .layer_norm_eps = h->layer_norm_eps,
        .embed_row = section(blob, DISTIL_SECTION_EMBED_ROW),
        .embed_scale = section(blob, DISTIL_SECTION_EMBED_SCALE),
        .embed_word = section(blob, DISTIL_SECTION_EMBED_WORD),
        .embed_position = section(blob, DISTIL_SECTION_EMBED_POSITION),
        .embed_norm = norm(blob, DISTIL_SECTION_EMBED_NORM, 0),
        .dense_weight = section(blob, DISTIL_SECTION_HEAD_DENSE),
        .out_weight = section(blob, DISTIL_SECTION_HEAD_OUT),
    };
    weights->attention_scale = 1.0f / sqrtf((float)weights->head_dim);
    weights->dense_bias = weights->dense_weight + weights->dim * weights->dim;
    weights->out_bias = weights->out_weight + weights->dim * label_cols;
    for (uint32_t l = 0; l < h->n_layers; l++)
        weights->layers[l] = (distil_layer){
            .qkv = distil_blob_get_matrix(blob, DISTIL_SECTION_QKV, l),
            .attention_out = distil_blob_get_matrix(blob, DISTIL_SECTION_ATTENTION_OUT, l),
            .attention_norm = norm(blob, DISTIL_SECTION_ATTENTION_NORM, l),
            .ffn_in = distil_blob_get_matrix(blob, DISTIL_SECTION_FFN_IN, l),
            .ffn_out = distil_blob_get_matrix(blob, DISTIL_SECTION_FFN_OUT, l),
            .ffn_norm = norm(blob, DISTIL_SECTION_FFN_NORM, l),
        };
    share_out_later(weights);
}
