/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The limits of a model's shape, and the sizes and the order of sections: sections 3 and 4 of
 * docs/blob-format.md.
 */
#include "model/blob_layout.h"

#include <math.h>
#include <string.h>

#include "kernels/kernels.h"
#include "runtime/base/strict_float.h"
#include "model/heads.h"

#define FIELD(name) offsetof(distil_blob_header, name)

/* The limits of one header field: low <= value <= high, and a multiple of `multiple`. */
typedef struct field_limit {
    size_t offset;
    uint32_t low, high, multiple;
    const char *what;
} field_limit;

static const field_limit shape_limits[] = {
    {FIELD(scheme), 1, 1, 1, "scheme: expected 1 (A8W8 lane16)"},
    {FIELD(dim), 32, DISTIL_BLOB_MAX_DIM, 32, "dim: expected a multiple of 32 up to 4096"},
    {FIELD(hidden_dim), 32, DISTIL_BLOB_MAX_HIDDEN, 32,
     "hidden_dim: expected a multiple of 32 up to 16384"},
    {FIELD(n_layers), 1, DISTIL_BLOB_MAX_LAYERS, 1, "n_layers: expected 1 .. 24"},
    {FIELD(vocab_size), 1, DISTIL_BLOB_MAX_VOCAB, 1, "vocab_size: expected 1 .. 1048576"},
    {FIELD(max_positions), 3, DISTIL_BLOB_MAX_POSITIONS, 1, "max_positions: expected 3 .. 4096"},
    {FIELD(n_labels), 1, DISTIL_BLOB_MAX_LABELS, 1, "n_labels: expected 1 .. 4096"},
    {FIELD(tokenizer_flags), 0, DISTIL_BLOB_TOK_FLAGS, 1,
     "tokenizer_flags: expected bits 0 .. 4 only"},
    {FIELD(max_word_chars), 1, DISTIL_BLOB_MAX_WORD_CHARS, 1, "max_word_chars: expected 1 .. 1000"},
    {FIELD(max_token_bytes), 1, DISTIL_BLOB_MAX_TOKEN_BYTES, 1,
     "max_token_bytes: expected 1 .. 4096"},
    {FIELD(special_count), 0, DISTIL_BLOB_MAX_SPECIALS, 1, "special_count: expected 0 .. 65536"},
    {FIELD(function), DISTIL_BLOB_FUNCTION_SOFTMAX, DISTIL_BLOB_FUNCTION_NONE, 1,
     "function: expected 1 (softmax), 2 (sigmoid) or 3 (none)"},
    {FIELD(rank_function), 0, DISTIL_BLOB_FUNCTION_NONE, 1,
     "rank_function: expected 0 .. 3, as function"},
    {FIELD(activation), DISTIL_BLOB_ACTIVATION_GELU, DISTIL_BLOB_ACTIVATION_GELU, 1,
     "activation: expected 1 (GELU)"},
};

/* The header fields that are token ids. */
static const struct {
    size_t offset;
    const char *what;
} id_fields[] = {
    {FIELD(pad_id), "pad_id: expected below vocab_size"},
    {FIELD(unk_id), "unk_id: expected below vocab_size"},
    {FIELD(cls_id), "cls_id: expected below vocab_size"},
    {FIELD(sep_id), "sep_id: expected below vocab_size"},
    {FIELD(mask_id), "mask_id: expected below vocab_size"},
};

static uint32_t field_u32(const distil_blob_header *header, size_t offset)
{
    uint32_t value;

    memcpy(&value, (const uint8_t *)header + offset, sizeof value);
    return value;
}

size_t distil_blob_section_count(uint32_t n_layers, uint32_t head_kind)
{
    size_t count = DISTIL_BLOB_COMMON_SECTIONS + DISTIL_BLOB_LAYER_SECTIONS * (size_t)n_layers;

    for (size_t i = 0; distil_head_tensor_at(head_kind, i) != NULL; i++)
        count++;
    return count;
}

/* Returns 1 if the field `embedding` fits the head and the other fields. */
static int embedding_fits(const distil_blob_header *h)
{
    uint32_t bits = h->embedding;

    if (h->head_kind != DISTIL_HEAD_EMBEDDING)
        return bits == 0;
    if (bits > DISTIL_BLOB_EMBEDDING_BITS || (bits & DISTIL_BLOB_EMBEDDING_POOLING) == 0)
        return 0;
    return (bits & DISTIL_BLOB_EMBEDDING_DENSE) != 0 ||
           (bits < DISTIL_BLOB_EMBEDDING_DENSE && h->n_labels == h->dim);
}

const char *distil_blob_check_shape(const distil_blob_header *header, uint64_t *offset)
{
    for (size_t i = 0; i < sizeof shape_limits / sizeof *shape_limits; i++) {
        const field_limit *limit = &shape_limits[i];
        uint32_t value = field_u32(header, limit->offset);

        *offset = limit->offset;
        if (value < limit->low || value > limit->high || value % limit->multiple != 0)
            return limit->what;
    }
    for (size_t i = 0; i < sizeof id_fields / sizeof *id_fields; i++) {
        *offset = id_fields[i].offset;
        if (field_u32(header, id_fields[i].offset) >= header->vocab_size)
            return id_fields[i].what;
    }
    *offset = FIELD(max_tokens);
    if (header->max_tokens < DISTIL_BLOB_MIN_TOKENS || header->max_tokens > header->max_positions)
        return "max_tokens: expected 2 .. max_positions";
    *offset = FIELD(head_kind);
    if (distil_head_of_kind(header->head_kind) == NULL)
        return "head_kind: expected 1 .. 4";
    *offset = FIELD(embedding);
    if (!embedding_fits(header))
        return "embedding: expected bits that fit the head";
    *offset = FIELD(n_heads);
    if (header->dim != (uint64_t)header->n_heads * 32 &&
        header->dim != (uint64_t)header->n_heads * 64)
        return "n_heads: expected dim / 32 or dim / 64";
    *offset = FIELD(layer_norm_eps);
    if (!isfinite(header->layer_norm_eps) || header->layer_norm_eps <= 0)
        return "layer_norm_eps: expected finite and above 0";
    *offset = FIELD(vocab_slots);
    if ((header->vocab_slots & (header->vocab_slots - 1)) != 0 ||
        header->vocab_slots < 2 * header->vocab_size ||
        header->vocab_slots > 8 * (uint32_t)DISTIL_BLOB_MAX_VOCAB)
        return "vocab_slots: expected a power of two from 2 * vocab_size to 8388608";
    *offset = FIELD(section_count);
    if (header->section_count != distil_blob_section_count(header->n_layers, header->head_kind))
        return "section_count: not that of n_layers and head_kind";
    return NULL;
}

/* Returns the size of a section from the shape or, where the shape does not determine it, from
 * texts. */
static uint64_t section_bytes(const distil_blob_header *h, const distil_blob_texts *texts,
                              uint32_t kind)
{
    uint64_t dim = h->dim;

    switch ((distil_section_kind)kind) {
    case DISTIL_SECTION_PROVENANCE:
        return texts->provenance_bytes;
    case DISTIL_SECTION_LABELS:
        return texts->labels_bytes;
    case DISTIL_SECTION_SPECIALS:
        return sizeof(distil_blob_special) * (uint64_t)h->special_count;
    case DISTIL_SECTION_VOCAB_SLOTS:
        return sizeof(distil_vocab_slot) * (uint64_t)h->vocab_slots;
    case DISTIL_SECTION_VOCAB_ENDS:
    case DISTIL_SECTION_EMBED_ROW:
    case DISTIL_SECTION_EMBED_SCALE:
        return 4 * (uint64_t)h->vocab_size;
    case DISTIL_SECTION_VOCAB_BYTES:
        return texts->vocab_bytes;
    case DISTIL_SECTION_QUAD_ORDER:
        return 2 * (uint64_t)distil_blob_quad_offset(h, DISTIL_SECTION_QKV, h->n_layers).order;
    case DISTIL_SECTION_QUAD_GROUP:
        return distil_blob_quad_offset(h, DISTIL_SECTION_QKV, h->n_layers).group;
    case DISTIL_SECTION_EMBED_WORD:
        return h->vocab_size * dim;
    case DISTIL_SECTION_EMBED_POSITION:
        return 4 * dim * h->max_positions;
    case DISTIL_SECTION_EMBED_NORM:
    case DISTIL_SECTION_ATTENTION_NORM:
    case DISTIL_SECTION_FFN_NORM:
        return 8 * dim;
    case DISTIL_SECTION_QKV:
        return distil_blob_matrix_bytes(dim, 3 * dim);
    case DISTIL_SECTION_ATTENTION_OUT:
        return distil_blob_matrix_bytes(dim, dim);
    case DISTIL_SECTION_FFN_IN:
        return distil_blob_matrix_bytes(dim, h->hidden_dim);
    case DISTIL_SECTION_FFN_OUT:
        return distil_blob_matrix_bytes(h->hidden_dim, dim);
    case DISTIL_SECTION_HEAD_DENSE:
        return 4 * (dim + 1) * dim;
    case DISTIL_SECTION_HEAD_OUT:
        if (h->head_kind == DISTIL_HEAD_EMBEDDING && !(h->embedding & DISTIL_BLOB_EMBEDDING_DENSE))
            return 0;
        return 4 * (dim + 1) * distil_head_columns(h->n_labels);
    case DISTIL_SECTION_KIND_END:
        break;
    }
    return 0;
}

/* Fills one entry of the section table and returns the offset of the next section. */
static uint64_t place_section(distil_blob_section *section, uint32_t kind, uint32_t layer,
                              uint64_t offset, uint64_t bytes)
{
    memset(section, 0, sizeof *section);
    section->kind = kind;
    section->layer = layer;
    section->offset = offset;
    section->bytes = bytes;
    return offset + distil_blob_align(bytes);
}

uint64_t distil_blob_layout(distil_blob_section sections[DISTIL_BLOB_MAX_SECTIONS],
                            const distil_blob_header *header, const distil_blob_texts *texts)
{
    uint64_t offset = distil_blob_align(
        DISTIL_BLOB_HEADER_BYTES + (uint64_t)DISTIL_BLOB_SECTION_BYTES * header->section_count);
    const distil_head_tensor *tensor;
    size_t n = 0;
    uint32_t kind;

    for (kind = DISTIL_SECTION_PROVENANCE; kind < DISTIL_SECTION_QKV; kind++)
        offset = place_section(&sections[n++], kind, 0, offset, section_bytes(header, texts, kind));
    for (uint32_t layer = 0; layer < header->n_layers; layer++)
        for (kind = DISTIL_SECTION_QKV; kind < DISTIL_SECTION_HEAD_DENSE; kind++)
            offset = place_section(&sections[n++], kind, layer, offset,
                                   section_bytes(header, texts, kind));
    for (size_t i = 0; (tensor = distil_head_tensor_at(header->head_kind, i)) != NULL; i++)
        offset = place_section(&sections[n++], tensor->section, 0, offset,
                               section_bytes(header, texts, tensor->section));
    return offset;
}

distil_blob_quads distil_blob_quad_offset(const distil_blob_header *header, uint32_t kind,
                                          uint32_t layer)
{
    size_t dim = header->dim;
    size_t hidden = header->hidden_dim;
    size_t dim_quads = dim / DISTIL_QUAD;
    size_t dim_pairs = dim / DISTIL_PAIR_COLS;
    size_t hidden_pairs = hidden / DISTIL_PAIR_COLS;
    const struct {
        uint32_t kind;
        size_t pairs, quads;
    } matrices[] = {
        {DISTIL_SECTION_QKV, 3 * dim_pairs, dim_quads},
        {DISTIL_SECTION_ATTENTION_OUT, dim_pairs, dim_quads},
        {DISTIL_SECTION_FFN_IN, hidden_pairs, dim_quads},
        {DISTIL_SECTION_FFN_OUT, dim_pairs, hidden / DISTIL_QUAD},
    };
    distil_blob_quads whole = {0, 0}, before = {0, 0};

    for (size_t i = 0; i < sizeof matrices / sizeof *matrices; i++) {
        size_t entries = matrices[i].pairs * matrices[i].quads;

        whole.order += entries;
        whole.group += matrices[i].pairs;
        if (matrices[i].kind < kind) {
            before.order += entries;
            before.group += matrices[i].pairs;
        }
    }
    before.order += layer * whole.order;
    before.group += layer * whole.group;
    return before;
}
