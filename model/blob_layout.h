/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where everything lies in a blob, as a function of the model's shape: used by the reader to
 * compare and by the converter to write.
 */
#ifndef DISTIL_MODEL_BLOB_LAYOUT_H
#define DISTIL_MODEL_BLOB_LAYOUT_H

#include <stddef.h>
#include <stdint.h>

#include "model/format.h"

/* Sizes that the shape does not give. */
typedef struct distil_blob_texts {
    uint64_t provenance_bytes;
    uint64_t labels_bytes; /* of the section: 4 * n_labels and the names */
    uint64_t vocab_bytes;
} distil_blob_texts;

/* Every field of the header that describes the model, against its limits. NULL if all is well, else
 * a static text saying what was expected, and *offset is the field's. */
const char *distil_blob_check_shape(const distil_blob_header *header, uint64_t *offset);

/* Fill kind, layer, offset, bytes of all sections (their number is section_count of a checked
 * header), other fields zero. Returns the size of the file. */
uint64_t distil_blob_layout(distil_blob_section sections[DISTIL_BLOB_MAX_SECTIONS],
                            const distil_blob_header *header, const distil_blob_texts *texts);

/* Index in the section table; kind and layer as in distil_blob_section_data. */
static inline size_t distil_blob_section_index(uint32_t n_layers, uint32_t kind, uint32_t layer)
{
    size_t index = kind - DISTIL_SECTION_PROVENANCE;

    if (kind >= DISTIL_SECTION_HEAD_DENSE)
        return index + (size_t)DISTIL_BLOB_LAYER_SECTIONS * (n_layers - 1);
    return index + (size_t)DISTIL_BLOB_LAYER_SECTIONS * layer;
}

/* Offset in quads of a matrix's first table in QUAD_ORDER, and in pairs in QUAD_GROUP. kind is one
 * of QKV, ATTENTION_OUT, FFN_IN, FFN_OUT, or HEAD_DENSE for the end of the layer's tables. */
typedef struct distil_blob_quads {
    size_t order;
    size_t group;
} distil_blob_quads;

distil_blob_quads distil_blob_quad_offset(const distil_blob_header *header, uint32_t kind,
                                          uint32_t layer);

#endif
