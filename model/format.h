/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The bytes of a blob, as C structures. docs/blob-format.md is the normative description. All
 * numbers are little-endian.
 *
 *   [header, 256 bytes][section table, 32 bytes for each section][sections, each 64-byte aligned]
 *
 * Sections follow one another in the order of distil_section_kind; the six kinds of a layer repeat
 * for each layer. Between two sections are only the zero bytes that round a size up to a multiple
 * of 64. A section's CRC covers these zero bytes, and the header's CRC covers the header, the table
 * and the zero bytes after it. So one checksum or another covers every byte of the file.
 */
#ifndef DISTIL_MODEL_FORMAT_H
#define DISTIL_MODEL_FORMAT_H

#include <stddef.h>
#include <stdint.h>

/* The first eight bytes. A 7-bit channel damages the first byte, which is not ASCII, and a transfer
 * in text mode damages the CR LF at the end, so a reader notices either. */
#define DISTIL_BLOB_MAGIC                                                                          \
    "\x89"                                                                                         \
    "DBLOB\r\n"

enum {
    DISTIL_BLOB_MAGIC_BYTES = 8,
    DISTIL_BLOB_VERSION = 2,
    DISTIL_BLOB_HEADER_BYTES = 256,
    DISTIL_BLOB_SECTION_BYTES = 32,
    DISTIL_BLOB_ALIGN = 64,
    DISTIL_BLOB_SHA256_OFFSET = 128,
    DISTIL_BLOB_HEADER_CRC_OFFSET = 252
};

/* The limits of a model that a blob can hold. A reader refuses a blob that exceeds one. */
enum {
    DISTIL_BLOB_MAX_DIM = 4096,     /* a multiple of 32 */
    DISTIL_BLOB_MAX_HIDDEN = 16384, /* a multiple of 32 */
    DISTIL_BLOB_MAX_LAYERS = 24,
    DISTIL_BLOB_MAX_POSITIONS = 4096, /* at least 3 */
    DISTIL_BLOB_MIN_TOKENS = 2,       /* [CLS] and [SEP] */
    DISTIL_BLOB_MAX_VOCAB = 1 << 20,  /* at least 1 */
    DISTIL_BLOB_MAX_LABELS = 4096,    /* at least 1 */
    DISTIL_BLOB_MAX_SPECIALS = 65536,
    DISTIL_BLOB_MAX_TOKEN_BYTES = 4096,
    DISTIL_BLOB_MAX_WORD_CHARS = 1000, /* at least 1 */
    DISTIL_BLOB_MAX_PROVENANCE_BYTES = 65536,
    DISTIL_BLOB_MAX_LABEL_BYTES = 1 << 20 /* of all names together */
};

/* Quantisation scheme 1. Activations are u8 with a scale and a zero point for each row. Weights are
 * int8 with a scale for each column, and keep the bound below. Word embeddings are int8 with a
 * scale for each row. Everything else is float. */
enum { DISTIL_BLOB_SCHEME_A8W8_LANE16 = 1 };

/* The bound on the weights of one lane group: its positive weights add up to at most this, and its
 * negative ones to at least minus this. Then no sum of products with u8 activations overflows 16
 * bits, since 255 * 128 <= 32767. */
enum { DISTIL_BLOB_LANE_LIMIT = 128 };

/* The bits of tokenizer_flags: the options do_lower_case, strip_accents, tokenize_chinese_chars,
 * split_special_tokens and truncation_side of tokenizer_config.json. Where strip_accents is null
 * there, its bit equals that of do_lower_case. */
enum {
    DISTIL_BLOB_TOK_LOWERCASE = 1,
    DISTIL_BLOB_TOK_STRIP_ACCENTS = 2,
    DISTIL_BLOB_TOK_CHINESE_CHARS = 4,
    DISTIL_BLOB_TOK_SPLIT_SPECIALS = 8, /* special tokens in a text are plain text */
    DISTIL_BLOB_TOK_TRUNCATE_LEFT = 16, /* a text that is too long loses its beginning */
    DISTIL_BLOB_TOK_FLAGS = 31          /* all flags together */
};

/* The function that turns logits into probabilities: the values of the field `function`. */
typedef enum distil_blob_function {
    DISTIL_BLOB_FUNCTION_SOFTMAX = 1, /* one label for each text; the probabilities sum to 1 */
    /* each label has a probability by itself: the sigmoid of its logit */
    DISTIL_BLOB_FUNCTION_SIGMOID = 2,
    DISTIL_BLOB_FUNCTION_NONE = 3 /* the logits as they are: regression */
} distil_blob_function;

/* The activation of the feed-forward network: the values of the field `activation`. */
enum { DISTIL_BLOB_ACTIVATION_GELU = 1 };

/* How the rows of a text become its embedding. */
typedef enum distil_blob_pooling {
    DISTIL_BLOB_POOLING_CLS = 1,  /* the first row, that of [CLS] */
    DISTIL_BLOB_POOLING_MEAN = 2, /* the mean of all rows */
    DISTIL_BLOB_POOLING_MAX = 3   /* the greatest value of each column */
} distil_blob_pooling;

/* What follows the affine layer of an embedding. */
typedef enum distil_blob_dense {
    DISTIL_BLOB_DENSE_IDENTITY = 0,
    DISTIL_BLOB_DENSE_TANH = 1,
    DISTIL_BLOB_DENSE_RELU = 2,
    DISTIL_BLOB_DENSE_SIGMOID = 3
} distil_blob_dense;

/* The bits of the field `embedding`, which is 0 for all other heads. */
enum {
    DISTIL_BLOB_EMBEDDING_POOLING = 3,     /* mask of a distil_blob_pooling */
    DISTIL_BLOB_EMBEDDING_NORMALIZE = 4,   /* at last the vector is divided by its length */
    DISTIL_BLOB_EMBEDDING_DENSE = 8,       /* an affine layer follows the pooling */
    DISTIL_BLOB_EMBEDDING_DENSE_SHIFT = 4, /* the distil_blob_dense of that layer, 2 bits */
    DISTIL_BLOB_EMBEDDING_BITS = 63        /* all bits together */
};

/* A token that is found in raw text before the text is split into words, and its flags, which are
 * those of AddedToken in Hugging Face tokenizers. The section of them is in ascending order of the
 * tokens' bytes, and no token is in it twice. */
typedef struct distil_blob_special {
    uint32_t id;
    uint32_t flags; /* DISTIL_BLOB_SPECIAL_* */
} distil_blob_special;

enum {
    /* the token is plain text if the caller asks to split special tokens */
    DISTIL_BLOB_SPECIAL_SPECIAL = 1,
    /* the token is found only where it is not part of a longer word */
    DISTIL_BLOB_SPECIAL_SINGLE_WORD = 2,
    DISTIL_BLOB_SPECIAL_LSTRIP = 4,      /* the token absorbs the white space before it */
    DISTIL_BLOB_SPECIAL_RSTRIP = 8,      /* the token absorbs the white space after it */
    DISTIL_BLOB_SPECIAL_NORMALIZED = 16, /* the token is looked for in the normalised text */
    DISTIL_BLOB_SPECIAL_FLAGS = 31       /* all flags together */
};

/* The kinds of sections and what they contain. u8, u16, u32, i8, i32 and f32 are the types of the
 * elements, and (rows, columns) is the shape of a row-major array. */
typedef enum distil_section_kind {
    DISTIL_SECTION_PROVENANCE = 1, /* UTF-8 text, a name and a value on each line */
    DISTIL_SECTION_LABELS,         /* u32 end[n_labels], then the bytes of the names, UTF-8 */
    DISTIL_SECTION_SPECIALS,       /* distil_blob_special[special_count] */
    DISTIL_SECTION_VOCAB_SLOTS,    /* distil_vocab_slot[vocab_slots] */
    DISTIL_SECTION_VOCAB_ENDS,     /* u32 end[vocab_size]: where the bytes of each token end */
    DISTIL_SECTION_VOCAB_BYTES,    /* the bytes of all tokens, UTF-8, in order of id */

    /* u16: order tables. For each layer, and in it for qkv, attention_out, ffn_in and ffn_out,
     * there are cols / 32 tables of depth / 4 entries. */
    DISTIL_SECTION_QUAD_ORDER,
    DISTIL_SECTION_QUAD_GROUP, /* u8: group sizes in the same order, cols / 32 for each matrix */

    DISTIL_SECTION_EMBED_ROW,      /* u32 row[vocab_size]: the embedding row of each token id */
    DISTIL_SECTION_EMBED_SCALE,    /* f32 scale[vocab_size], indexed by row */
    DISTIL_SECTION_EMBED_WORD,     /* i8 (vocab_size, dim), indexed by row */
    DISTIL_SECTION_EMBED_POSITION, /* f32 (max_positions, dim) */
    DISTIL_SECTION_EMBED_NORM,     /* f32 gamma[dim], beta[dim] */

    /* The next six kinds repeat for each layer. */
    DISTIL_SECTION_QKV,            /* matrix (dim, 3 * dim): columns of q, then k, then v */
    DISTIL_SECTION_ATTENTION_OUT,  /* matrix (dim, dim) */
    DISTIL_SECTION_ATTENTION_NORM, /* f32 gamma[dim], beta[dim] */
    DISTIL_SECTION_FFN_IN,         /* matrix (dim, hidden_dim) */
    DISTIL_SECTION_FFN_OUT,        /* matrix (hidden_dim, dim) */
    DISTIL_SECTION_FFN_NORM,       /* f32 gamma[dim], beta[dim] */

    /* A head that lacks one of these layers has an empty section in its place. */
    DISTIL_SECTION_HEAD_DENSE, /* f32 weight (dim, dim), bias[dim]; a row for each input */
    DISTIL_SECTION_HEAD_OUT,   /* f32 weight (dim, label_cols), bias[label_cols] */
    DISTIL_SECTION_KIND_END
} distil_section_kind;

/* A matrix section contains f32 scale[cols], f32 bias[cols], i32 col_sum[cols], and cols / 16
 * panels of depth * 16 bytes. Order tables and group sizes, which memory safety depends on, are in
 * sections of their own near the front, so that opening a blob reads no page of the weights. */

/* How many sections every blob has once, each layer has, and a head has at most. */
enum {
    DISTIL_BLOB_COMMON_SECTIONS = 13,
    DISTIL_BLOB_LAYER_SECTIONS = 6,
    DISTIL_BLOB_MAX_HEAD_SECTIONS = 2
};
enum {
    DISTIL_BLOB_MAX_SECTIONS = DISTIL_BLOB_COMMON_SECTIONS +
                               DISTIL_BLOB_LAYER_SECTIONS * DISTIL_BLOB_MAX_LAYERS +
                               DISTIL_BLOB_MAX_HEAD_SECTIONS
};

typedef struct distil_blob_header {
    uint8_t magic[8];
    uint32_t version;
    uint32_t header_bytes;
    uint64_t file_bytes;
    uint32_t section_count; /* 13 + 6 * n_layers, and those of the head */
    uint32_t scheme;
    uint32_t dim;
    uint32_t hidden_dim;
    uint32_t n_layers;
    uint32_t n_heads;
    uint32_t vocab_size;
    uint32_t max_positions;
    uint32_t n_labels; /* for embeddings the numbers of a vector, whose names are empty */
    float layer_norm_eps;
    uint32_t tokenizer_flags;
    uint32_t max_word_chars;  /* a longer word becomes [UNK]; 100 in BERT */
    uint32_t vocab_slots;     /* a power of two, at least 2 * vocab_size */
    uint32_t max_token_bytes; /* the length of the longest token */
    uint32_t special_count;
    uint32_t pad_id;
    uint32_t unk_id;
    uint32_t cls_id;
    uint32_t sep_id;
    uint32_t mask_id;
    uint32_t head_kind;     /* a distil_head_kind; model/heads.inc lists them */
    uint32_t function;      /* a distil_blob_function */
    uint32_t activation;    /* DISTIL_BLOB_ACTIVATION_GELU */
    uint32_t max_tokens;    /* the most tokens of a text, 2 .. max_positions */
    uint32_t rank_function; /* what makes a rank of a logit: as function; 0 is the same one */
    uint32_t embedding;     /* DISTIL_BLOB_EMBEDDING_* */
    /* SHA-256 of the whole file, in which this field and header_crc32c are zero */
    uint8_t sha256[32];
    uint8_t reserved[92];   /* zero */
    uint32_t header_crc32c; /* CRC-32C of bytes 0 .. 251 and of 256 up to the first section */
} distil_blob_header;

typedef struct distil_blob_section {
    uint32_t kind;
    uint32_t layer; /* 0 where the kind is not per layer */
    uint64_t offset;
    uint64_t bytes;    /* the size without the zero bytes that follow up to a multiple of 64 */
    uint32_t crc32c;   /* of the bytes together with these zero bytes */
    uint32_t reserved; /* zero */
} distil_blob_section;

/* One slot of the vocabulary's hash table, which uses open addressing with linear probing. An empty
 * slot has the id DISTIL_VOCAB_EMPTY. */
typedef struct distil_vocab_slot {
    uint32_t fingerprint; /* the low 32 bits of the token's hash */
    uint32_t id;
} distil_vocab_slot;

#define DISTIL_VOCAB_EMPTY UINT32_C(0xffffffff)

/* The hash of a token: h = 0; for each byte b: h = h * MULTIPLIER + (b + 1), modulo 2^64. The first
 * slot to look at is (h * MIX) >> (64 - log2(vocab_slots)), the next ones follow modulo
 * vocab_slots. The hash is a polynomial in the bytes, so the tokenizer can remove the last byte
 * from it again. */
#define DISTIL_VOCAB_MULTIPLIER UINT64_C(0x9ddfea08eb382d69)
#define DISTIL_VOCAB_MIX UINT64_C(0x9e3779b97f4a7c15)

/* Rounds a number of bytes up to a multiple of 64, the alignment of sections. */
static inline uint64_t distil_blob_align(uint64_t bytes)
{
    return (bytes + DISTIL_BLOB_ALIGN - 1) & ~(uint64_t)(DISTIL_BLOB_ALIGN - 1);
}

/* Returns the size of a matrix section. */
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
_Static_assert(sizeof(distil_blob_special) == 8, "special token");

#endif
