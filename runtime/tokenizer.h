/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Text to token ids: Hugging Face tokenizers 0.23, BertWordPieceTokenizer, restated in
 * docs/tokenizer.md. One forward pass over the bytes, no allocation, time linear in the text.
 */
#ifndef DISTIL_RUNTIME_TOKENIZER_H
#define DISTIL_RUNTIME_TOKENIZER_H

#include <stddef.h>
#include <stdint.h>

#include "model/blob.h"
#include "model/vocab.h"

typedef struct distil_tokenizer {
    distil_vocab vocab;
    uint32_t flags;          /* DISTIL_BLOB_TOK_* */
    uint32_t max_word_chars; /* at most DISTIL_BLOB_MAX_WORD_CHARS */
    uint32_t unk_id, cls_id, sep_id;
    const uint32_t *specials; /* ids recognised in raw text */
    uint32_t special_count;
    uint8_t actions[256]; /* by byte of raw text: DISTIL_TOK_*, or what an ASCII character of a word
                             becomes; set by distil_tok_prepare */
} distil_tokenizer;

/* View of an opened blob's tokenizer; lives as long as the blob. */
void distil_tok_init(distil_tokenizer *tokenizer, const distil_blob *blob);

/* Values of distil_tokenizer.actions below those of word characters. */
enum {
    DISTIL_TOK_OTHER = 0,   /* not ASCII, or a control character: the normaliser's work */
    DISTIL_TOK_SPACE = 1,   /* ends a word */
    DISTIL_TOK_PUNCT = 2,   /* a word of its own */
    DISTIL_TOK_SPECIAL = 3, /* a special token may begin here */
    DISTIL_TOK_LAST_ACTION = DISTIL_TOK_SPECIAL
};

/* Fill actions from the other fields, once they are set: the last step of distil_tok_init. */
void distil_tok_prepare(distil_tokenizer *tokenizer);

/*
 * Ids of the text with [CLS] first and [SEP] last. Returns their number, at least 2, and writes the
 * first min(number, capacity). Stops early, returning a number above limit, once more than limit
 * ids are known (those written are then the text's first ones, and [SEP] has not been reached);
 * limit SIZE_MAX counts all. split_special: treat special tokens as plain text.
 * The caller truncates: with number > max_positions, keep the first max_positions - 1 and put
 * sep_id last.
 */
size_t distil_tok_encode(const distil_tokenizer *tokenizer, int32_t *ids, size_t capacity,
                         size_t limit, const char *text, size_t text_bytes, int split_special);

#endif
