/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The blob, byte by byte: what docs/blob-format.md says, as C. Little-endian throughout.
 *
 *   [header 256 bytes][section table, 32 bytes an entry][sections, each 64-byte aligned]
 *
 * Sections follow one another in the order of distil_section_kind (the six per-layer kinds repeat
 * for each layer), without gaps beyond the zero bytes that round a size up to 64. A section's CRC
 * covers those zero bytes too, and the header's CRC covers header, table and the zero bytes after
 * it, so that every byte of the file is under one checksum.
 */
#ifndef DISTIL_MODEL_FORMAT_H
#define DISTIL_MODEL_FORMAT_H

#include <stddef.h>
#include <stdint.h>

/* First byte not ASCII and a CR LF pair: a text-mode transfer or a 7-bit channel breaks it. */
#define DISTIL_BLOB_MAGIC                                                                          \
    "\x89"                                                                                         \
    "DBLOB\r\n"

enum {
    DISTIL_BLOB_MAGIC_BYTES = 8,
    DISTIL_BLOB_VERSION = 1,
    DISTIL_BLOB_HEADER_BYTES = 256,
    DISTIL_BLOB_SECTION_BYTES = 32,
    DISTIL_BLOB_ALIGN = 64,
    DISTIL_BLOB_SHA256_OFFSET = 128,
    DISTIL_BLOB_HEADER_CRC_OFFSET = 252
};

/* Limits of a model that a blob can hold; a reader refuses what is beyond them. */
enum {
    DISTIL_BLOB_MAX_DIM = 4096,     /* multiple of 32 */
    DISTIL_BLOB_MAX_HIDDEN = 16384, /* multiple of 32 */
    DISTIL_BLOB_MAX_LAYERS = 12,
    DISTIL_BLOB_MAX_POSITIONS = 512, /* at least 3 */
    DISTIL_BLOB_MAX_VOCAB = 1 << 20, /* at least 1 */
    DISTIL_BLOB_MAX_LABELS = 4096,   /* at least 2 */
    DISTIL_BLOB_MAX_SPECIALS = 64,
    DISTIL_BLOB_MAX_TOKEN_BYTES = 4096,
    DISTIL_BLOB_MAX_WORD_CHARS = 1000, /* at least 1 */
    DISTIL_BLOB_MAX_PROVENANCE_BYTES = 65536,
    DISTIL_BLOB_MAX_LABEL_BYTES = 1 << 20, /* all names together */
    DISTIL_BLOB_LABEL_COLS = 16 /* the classifier's columns are padded to a multiple of it */
};

/* Quantisation scheme 1: activations u8 per row with zero point, weights int8 per column with the
 * int16-lane proof, embeddings int8 per row, everything else fp32. */
enum { DISTIL_BLOB_SCHEME_A8W8_LANE16 = 1 };

/* Largest sum of same-sign weights in one int16 lane of one group: 255 * 128 <= 32767. */
enum { DISTIL_BLOB_LANE_LIMIT = 128 };

/* Bits of tokenizer_flags; the names of tokenizer_config.json. */
enum {
    DISTIL_BLOB_TOK_LOWERCASE = 1,
    DISTIL_BLOB_TOK_STRIP_ACCENTS = 2, /* resolved: null has become the value of lowercase */
    DISTIL_BLOB_TOK_CHINESE_CHARS = 4
};

typedef enum distil_section_kind {
    DISTIL_SECTION_PROVENANCE = 1, /* UTF-8 text, "name value" a line, see docs/blob-format.md */
    DISTIL_SECTION_LABELS,         /* u32 end[n_labels], then the names' bytes, UTF-8 */
    DISTIL_SECTION_SPECIALS,       /* u32 id[special_count]: tokens recognised in raw text */
    DISTIL_SECTION_VOCAB_SLOTS,    /* distil_vocab_slot[vocab_slots] */
    DISTIL_SECTION_VOCAB_ENDS,     /* u32 end[vocab_size] of each token's bytes */
    DISTIL_SECTION_VOCAB_BYTES,    /* the tokens' bytes, UTF-8, in order of id */
    DISTIL_SECTION_QUAD_ORDER,     /* u16: for each layer, for qkv, attention_out, ffn_in, ffn_out:
                                      cols / 32 tables of depth / 4 entries */
    DISTIL_SECTION_QUAD_GROUP,     /* u8: in the same order, cols / 32 entries, each 4, 2 or 1 */
    DISTIL_SECTION_EMBED_ROW,      /* u32 row[vocab_size]: the embedding row of each token id */
    DISTIL_SECTION_EMBED_SCALE,    /* f32 scale[vocab_size], by row */
    DISTIL_SECTION_EMBED_WORD,     /* i8 (vocab_size, dim), by row */
    DISTIL_SECTION_EMBED_POSITION, /* f32 (max_positions, dim) */
    DISTIL_SECTION_EMBED_NORM,     /* f32 gamma[dim], beta[dim] */
    DISTIL_SECTION_QKV,            /* matrix (dim, 3 * dim): columns of q, then k, then v */
    DISTIL_SECTION_ATTENTION_OUT,  /* matrix (dim, dim) */
    DISTIL_SECTION_ATTENTION_NORM, /* f32 gamma[dim], beta[dim] */
    DISTIL_SECTION_FFN_IN,         /* matrix (dim, hidden_dim) */
    DISTIL_SECTION_FFN_OUT,        /* matrix (hidden_dim, dim) */
    DISTIL_SECTION_FFN_NORM,       /* f32 gamma[dim], beta[dim] */
    DISTIL_SECTION_HEAD_DENSE,     /* f32 w (dim, dim) [in][out], then bias[dim] */
    DISTIL_SECTION_HEAD_OUT,       /* f32 w (dim, label_cols) [in][out], then bias[label_cols] */
    DISTIL_SECTION_KIND_END
} distil_section_kind;

/* A matrix section: f32 scale[cols], f32 bias[cols], i32 col_sum[cols], then the panels: cols / 16
 * of depth * 16 bytes. What memory safety rests on (order tables, groups) lies in sections of its
 * own near the front, so that opening a blob touches no page of a weight. */

enum { DISTIL_BLOB_COMMON_SECTIONS = 15, DISTIL_BLOB_LAYER_SECTIONS = 6 };
enum {
    DISTIL_BLOB_MAX_SECTIONS =
        DISTIL_BLOB_COMMON_SECTIONS + DISTIL_BLOB_LAYER_SECTIONS * DISTIL_BLOB_MAX_LAYERS
};

typedef struct distil_blob_header {
    uint8_t magic[8];
    uint32_t version;
    uint32_t header_bytes;
    uint64_t file_bytes;
    uint32_t section_count; /* 15 + 6 * n_layers */
    uint32_t scheme;
    uint32_t dim;
    uint32_t hidden_dim;
    uint32_t n_layers;
    uint32_t n_heads;
    uint32_t vocab_size;
    uint32_t max_positions;
    uint32_t n_labels;
    float layer_norm_eps;
    uint32_t tokenizer_flags;
    uint32_t max_word_chars; /* longer words become [UNK]; 100 in BERT */
    uint32_t vocab_slots;    /* power of two, at least 2 * vocab_size */
    uint32_t max_token_bytes;
    uint32_t special_count;
    uint32_t pad_id;
    uint32_t unk_id;
    uint32_t cls_id;
    uint32_t sep_id;
    uint32_t mask_id;
    uint8_t reserved0[24];  /* zero */
    uint8_t sha256[32];     /* of the whole file, with this field and header_crc32c as zeros */
    uint8_t reserved1[92];  /* zero */
    uint32_t header_crc32c; /* of bytes 0 .. 251, then 256 .. first section - 1 */
} distil_blob_header;

typedef struct distil_blob_section {
    uint32_t kind;
    uint32_t layer; /* 0 where the kind is not per layer */
    uint64_t offset;
    uint64_t bytes;    /* without the zero bytes that follow up to a multiple of 64 */
    uint32_t crc32c;   /* of the bytes rounded up to a multiple of 64 */
    uint32_t reserved; /* zero */
} distil_blob_section;

/* Open addressing, linear probing, no deletion. Empty: id = 0xffffffff. */
typedef struct distil_vocab_slot {
    uint32_t fingerprint; /* low 32 bits of the hash */
    uint32_t id;
} distil_vocab_slot;

#define DISTIL_VOCAB_EMPTY UINT32_C(0xffffffff)

/* Hash of a token's bytes: h = 0; for each byte b: h = h * MULTIPLIER + (b + 1), modulo 2^64.
 * Slot: (h * MIX) >> (64 - log2(vocab_slots)), then + 1 modulo vocab_slots.
 * Being a polynomial, the hash of any part of a word follows from the word's prefix hashes. */
#define DISTIL_VOCAB_MULTIPLIER UINT64_C(0x9ddfea08eb382d69)
#define DISTIL_VOCAB_MIX UINT64_C(0x9e3779b97f4a7c15)

static inline uint64_t distil_blob_align(uint64_t bytes)
{
    return (bytes + DISTIL_BLOB_ALIGN - 1) & ~(uint64_t)(DISTIL_BLOB_ALIGN - 1);
}

static inline uint64_t distil_blob_matrix_bytes(uint64_t depth, uint64_t cols)
{
    return 12 * cols + depth * cols;
}

_Static_assert(sizeof(distil_blob_header) == DISTIL_BLOB_HEADER_BYTES, "header size");
_Static_assert(offsetof(distil_blob_header, sha256) == DISTIL_BLOB_SHA256_OFFSET, "sha256");
_Static_assert(offsetof(distil_blob_header, header_crc32c) == DISTIL_BLOB_HEADER_CRC_OFFSET,
               "header crc");
_Static_assert(sizeof(distil_blob_section) == DISTIL_BLOB_SECTION_BYTES, "section entry");
_Static_assert(sizeof(distil_vocab_slot) == 8, "vocabulary slot");

#endif
