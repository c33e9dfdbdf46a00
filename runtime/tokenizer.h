/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Text to token ids, exactly as BertWordPieceTokenizer of Hugging Face tokenizers 0.23 does it;
 * docs/tokenizer.md describes each step. The text is read once from front to back, nothing is
 * allocated, and the time is linear in the length of the text.
 */
#ifndef DISTIL_RUNTIME_TOKENIZER_H
#define DISTIL_RUNTIME_TOKENIZER_H

#include <stddef.h>
#include <stdint.h>

#include "model/blob.h"
#include "model/vocab.h"
#include "runtime/distil.h"

typedef struct distil_tokenizer {
    distil_vocab vocab;
    uint32_t flags;          /* DISTIL_BLOB_TOK_* bits */
    uint32_t max_word_chars; /* 1 .. DISTIL_BLOB_MAX_WORD_CHARS; a longer word becomes [UNK] */
    uint32_t unk_id, cls_id, sep_id;
    const distil_blob_special *specials; /* (special_count) in ascending order of their bytes */
    uint32_t special_count;

    /* What the tokenizer does with a byte of raw text: one of the DISTIL_TOK_ values below. A
     * greater value means that the byte is an ASCII character of a word, and is the normalised
     * character. */
    uint8_t actions[256];
} distil_tokenizer;

/* Fills the tokenizer with pointers into an opened blob, which must stay open as long as the
 * tokenizer is used. */
void distil_tok_init(distil_tokenizer *tokenizer, const distil_blob *blob);

/* Values of distil_tokenizer.actions. Characters of words are above all of them. */
enum {
    DISTIL_TOK_OTHER = 0,   /* the normaliser reads it: not ASCII, or a control character */
    DISTIL_TOK_SPACE = 1,   /* white space: the byte ends a word */
    DISTIL_TOK_PUNCT = 2,   /* punctuation: the byte is a word of its own */
    DISTIL_TOK_SPECIAL = 3, /* a special token may begin here */
    DISTIL_TOK_LAST_ACTION = DISTIL_TOK_SPECIAL
};

/* Fills actions from the other fields. This is the last step of distil_tok_init; a test that
 * changes another field calls it again. */
void distil_tok_prepare(distil_tokenizer *tokenizer);

/*
 * Tokenizes a text: [CLS] first, then the text's tokens, then [SEP].
 *
 * ids            (capacity) receives the first ids, as many as fit; may be NULL if capacity is 0
 * limit          the caller does not need to know of more ids than this; SIZE_MAX counts all
 * text           (text_bytes) any bytes; may be NULL if text_bytes is 0
 * split_special  nonzero: tokens with DISTIL_BLOB_SPECIAL_SPECIAL in the text are plain text
 *
 * Returns the number of ids, at least 2. If the text has more than `limit` ids, the function stops
 * early and returns some number above limit. The ids written are then the first ones of the text,
 * and [SEP] may be missing. To truncate to max_positions, pass it as capacity and limit; if the
 * result is greater, put sep_id into the last position.
 */
size_t distil_tok_encode(const distil_tokenizer *tokenizer, int32_t *ids, size_t capacity,
                         size_t limit, const char *text, size_t text_bytes, int split_special);

/*
 * Tokenizes a text as distil_tok_encode does, but keeps the end of a text that is too long: [CLS],
 * the last capacity - 2 tokens of the text, [SEP]. capacity is at least 2. Returns the number of
 * ids of the whole text; the function writes that many ids, at most capacity.
 */
size_t distil_tok_encode_end(const distil_tokenizer *tokenizer, int32_t *ids, size_t capacity,
                             const char *text, size_t text_bytes, int split_special);

/*
 * Tokenizes a text as distil_tok_encode does without a limit, and tells for each token where it
 * comes from.
 *
 * ids         (capacity) as for distil_tok_encode
 * offsets     (capacity) begin and end are written, in bytes; distil_tok_count_chars does the rest
 * text_bytes  at most UINT32_MAX
 *
 * Returns the number of ids.
 */
size_t distil_tok_encode_ranges(const distil_tokenizer *tokenizer, int32_t *ids,
                                distil_offsets *offsets, size_t capacity, const char *text,
                                size_t text_bytes, int split_special);

/* Fills char_begin and char_end of `count` offsets, whose begin and end are in ascending order. */
void distil_tok_count_chars(distil_offsets *offsets, size_t count, const char *text);

/* Called with the ids of a window, [CLS] and [SEP] included, in the order of the text, and with
 * their offsets or NULL. Returns nonzero to stop. */
typedef int distil_tok_window_fn(void *user, const int32_t *ids, const distil_offsets *offsets,
                                 size_t count);

/*
 * Tokenizes a text in overlapping windows, as Hugging Face tokenizers truncates with a stride. With
 * DISTIL_BLOB_TOK_TRUNCATE_LEFT the windows are laid from the end of the text, so the first one may
 * be shorter than the others; else the last one may be.
 *
 * ids     (window) scratch
 * offsets (window) scratch; NULL if no offsets are needed, else text_bytes is at most UINT32_MAX
 * window  the most ids of a window, at least 3
 * stride  the ids of the text that two neighbours share, below window - 2
 * emit    called for each window, at least once
 *
 * Returns the number of windows, or 0 if `emit` has stopped.
 */
size_t distil_tok_windows(const distil_tokenizer *tokenizer, int32_t *ids, distil_offsets *offsets,
                          size_t window, size_t stride, const char *text, size_t text_bytes,
                          int split_special, distil_tok_window_fn *emit, void *user);

#endif
