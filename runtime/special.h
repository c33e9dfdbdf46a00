/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Finds special tokens ("[MASK]", "[SEP]", ...) that are written in raw text.
 */
#ifndef DISTIL_RUNTIME_SPECIAL_H
#define DISTIL_RUNTIME_SPECIAL_H

#include <stddef.h>
#include <stdint.h>

#include "runtime/tokenizer.h"

/* Looks for the longest special token that begins at `at`, which is the first byte of a code point
 * and below `end`. Returns its length in the text in bytes and sets *id, or returns 0. Where
 * split_special is nonzero, it returns 0 as well if that token has DISTIL_BLOB_SPECIAL_SPECIAL. */
size_t distil_special_match(const distil_tokenizer *tokenizer, uint32_t *id, const uint8_t *at,
                            const uint8_t *end, int split_special);

/* Widens the range [*begin, *end) of a special token in a text by the white space that its flags
 * absorb: before it down to `first`, and after it up to `last`. */
void distil_special_widen(const distil_tokenizer *tokenizer, uint32_t id, const uint8_t *first,
                          const uint8_t *last, const uint8_t **begin, const uint8_t **end);

/* Returns nonzero if a special token begins at `at`. */
static inline int distil_special_begins(const distil_tokenizer *tokenizer, const uint8_t *at,
                                        const uint8_t *end, int split_special)
{
    uint32_t id;

    return tokenizer->actions[*at] == DISTIL_TOK_SPECIAL &&
           distil_special_match(tokenizer, &id, at, end, split_special) > 0;
}

/* Sets tokenizer->actions to DISTIL_TOK_SPECIAL for each byte that a special token may begin
 * with. */
void distil_special_prepare(distil_tokenizer *tokenizer);

#endif
