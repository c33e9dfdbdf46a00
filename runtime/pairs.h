/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pairs of texts to token ids, truncated exactly as Hugging Face tokenizers 0.23 truncates them.
 */
#ifndef DISTIL_RUNTIME_PAIRS_H
#define DISTIL_RUNTIME_PAIRS_H

#include <stddef.h>
#include <stdint.h>

#include "runtime/tokenizer.h"

/* Which text of a pair that is too long loses tokens. */
typedef enum distil_truncation {
    DISTIL_TRUNCATION_LONGEST, /* the longer one; both where that is not enough */
    DISTIL_TRUNCATION_FIRST,
    DISTIL_TRUNCATION_SECOND
} distil_truncation;

/* One text of a pair. */
typedef struct distil_pair_text {
    const char *bytes; /* (size) any bytes; may be NULL where size is 0 */
    size_t size;
} distil_pair_text;

/* The special tokens of a pair: [CLS], and [SEP] after each of the texts. */
enum { DISTIL_PAIR_SPECIALS = 3 };

/*
 * Computes how many tokens of each text stay, where both together may have `room` tokens.
 *
 * kept    (2) written
 * counts  (2) the tokens of each text
 *
 * Returns 0. Returns -1 where only one text may be truncated and the other leaves no token of it.
 */
int distil_pair_plan(size_t kept[2], const size_t counts[2], size_t room,
                     distil_truncation truncation);

/*
 * Tokenizes a pair: [CLS], the tokens of the first text, [SEP], those of the second, [SEP]. At most
 * max_tokens tokens stay; the tokenizer's truncation side says which end of a text is cut.
 *
 * ids            (max_tokens) written
 * second         (max_tokens) scratch
 * truncated      set to 1 if a text was cut, else to 0
 * max_tokens     at least DISTIL_PAIR_SPECIALS
 * texts          (2)
 * split_special  as for distil_tok_encode
 *
 * Returns the number of ids, or 0 where distil_pair_plan finds no way to truncate.
 */
size_t distil_pair_encode(const distil_tokenizer *tokenizer, int32_t *ids, int32_t *second,
                          uint8_t *truncated, size_t max_tokens, const distil_pair_text *texts,
                          distil_truncation truncation, int split_special);

#endif
