/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Computes the offset and size of every section from the shape of the model. The converter writes
 * by this layout, and the reader compares the section table with it.
 */
#ifndef DISTIL_MODEL_BLOB_LAYOUT_H
#define DISTIL_MODEL_BLOB_LAYOUT_H

#include <stddef.h>
#include <stdint.h>

#include "model/format.h"

/* The sizes that do not follow from the shape. */
typedef struct distil_blob_texts {
    uint64_t provenance_bytes;
    uint64_t labels_bytes; /* the size of the section: 4 * n_labels and the names */
    uint64_t vocab_bytes;  /* the bytes of all tokens */
} distil_blob_texts;

/* Compares every field of the header that describes the model with its limits. Returns NULL if all
 * are within them. Otherwise returns a static text that says what was expected, and sets *offset to
 * the offset of the field in the header. */
const char *distil_blob_check_shape(const distil_blob_header *header, uint64_t *offset);

/* Fills kind, layer, offset and bytes of all sections and sets their other fields to zero. The
 * header must have passed distil_blob_check_shape. Returns the size of the file. */
uint64_t distil_blob_layout(distil_blob_section sections[DISTIL_BLOB_MAX_SECTIONS],
                            const distil_blob_header *header, const distil_blob_texts *texts);

/* Returns the number of sections of a model with that many layers and that head. */
size_t distil_blob_section_count(uint32_t n_layers, uint32_t head_kind);

/* Returns the index of a section in the section table, for a head that has a section of each kind.
 * For a kind that does not repeat for each layer, `layer` is 0. */
static inline size_t distil_blob_section_index(uint32_t n_layers, uint32_t kind, uint32_t layer)
{
    size_t index = kind - DISTIL_SECTION_PROVENANCE;

    if (kind >= DISTIL_SECTION_HEAD_DENSE)
        return index + (size_t)DISTIL_BLOB_LAYER_SECTIONS * (n_layers - 1);
    return index + (size_t)DISTIL_BLOB_LAYER_SECTIONS * layer;
}

/* Returns the index of a section in a table of `count` entries, whatever the head is. Where the
 * head has no section of that kind, the entry at the index has another kind. */
static inline size_t distil_blob_table_index(const distil_blob_section *sections, size_t count,
                                             uint32_t n_layers, uint32_t kind, uint32_t layer)
{
    size_t index = distil_blob_section_index(n_layers, kind, layer);

    /* The sections of the head come last, in ascending order of their kinds. */
    while (index >= count || sections[index].kind > kind)
        index--;
    return index;
}

/* Where the tables of a matrix begin. */
typedef struct distil_blob_quads {
    size_t order; /* the index of its first entry in the section QUAD_ORDER */
    size_t group; /* the index of its first entry in the section QUAD_GROUP */
} distil_blob_quads;

/* `kind` is one of QKV, ATTENTION_OUT, FFN_IN and FFN_OUT, or HEAD_DENSE for the end of the layer's
 * tables. */
distil_blob_quads distil_blob_quad_offset(const distil_blob_header *header, uint32_t kind,
                                          uint32_t layer);

#endif
