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
    uint32_t flags; /* DISTIL_BLOB_TOK_* */
    uint32_t max_word_chars;
    uint32_t unk_id, cls_id, sep_id;
    const uint32_t *specials; /* ids recognised in raw text */
    uint32_t special_count;
} distil_tokenizer;

/* View of an opened blob's tokenizer; lives as long as the blob. */
void distil_tok_init(distil_tokenizer *tokenizer, const distil_blob *blob);

/*
 * Ids of the text with [CLS] first and [SEP] last. Returns their number, at least 2, and writes the
 * first min(number, capacity). Stops early, returning a number above limit, once more than limit
 * ids are known; limit SIZE_MAX counts all. split_special: treat special tokens as plain text.
 * The caller truncates: with number > max_positions, keep the first max_positions - 1 and put
 * sep_id last.
 */
size_t distil_tok_encode(const distil_tokenizer *tokenizer, int32_t *ids, size_t capacity,
                         size_t limit, const char *text, size_t text_bytes, int split_special);

#endif
