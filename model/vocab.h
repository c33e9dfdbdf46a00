/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Looks tokens up in the hash table of an opened blob, in place. The functions stay within the
 * tables and end whatever the tables contain, since somebody may overwrite the file of a blob while
 * it is in use; all ids that they return are below the size of the vocabulary.
 */
#ifndef DISTIL_MODEL_VOCAB_H
#define DISTIL_MODEL_VOCAB_H

#include <stddef.h>
#include <stdint.h>

#include "model/blob.h"

typedef struct distil_vocab {
    const distil_vocab_slot *slots; /* (slot_mask + 1) */
    const uint32_t *ends;           /* (size) the end of each token in `bytes` */
    const uint8_t *bytes;           /* the bytes of all tokens, in order of id */
    uint32_t slot_shift;            /* 64 - log2(number of slots) */
    uint32_t slot_mask;             /* the number of slots - 1 */
    uint32_t size;                  /* the number of tokens */
    uint32_t text_bytes;            /* the number of bytes of all tokens */
    uint32_t max_token_bytes;       /* the length of the longest token */
} distil_vocab;

/* Fills *vocab with pointers into an opened blob, which must stay open as long as they are used. */
void distil_vocab_init(distil_vocab *vocab, const distil_blob *blob);

/* Returns the id of the token whose bytes are the prefix (for example "##") followed by the text,
 * or DISTIL_VOCAB_EMPTY. `hash` is the hash of these bytes by distil_vocab_hash. */
uint32_t distil_vocab_find(const distil_vocab *vocab, uint64_t hash, const char *prefix,
                           size_t prefix_bytes, const char *text, size_t text_bytes);

/* Returns the bytes of a token, and sets *bytes to their number, which is 0 for an id that is not
 * below vocab->size. No NUL follows them. */
const char *distil_vocab_token(const distil_vocab *vocab, uint32_t id, size_t *bytes);

/* Returns a number below, equal to or above 0 as the bytes of token a are less than, equal to or
 * greater than those of token b. Bytes are compared as unsigned, and a token is greater than any
 * that it begins with. */
int distil_vocab_compare(const distil_vocab *vocab, uint32_t a, uint32_t b);

/* Continues the hash h, which is 0 at the begin of a token, with further bytes; model/format.h
 * defines the hash. */
uint64_t distil_vocab_hash(uint64_t h, const char *bytes, size_t size);

#endif
