/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Special tokens ("[MASK]", "[SEP]", ...) written in raw text.
 */
#ifndef DISTIL_RUNTIME_SPECIAL_H
#define DISTIL_RUNTIME_SPECIAL_H

#include <stddef.h>
#include <stdint.h>

#include "runtime/tokenizer.h"

/* The longest special token that begins at `at`, a code point's first byte below end: returns its
 * number of bytes in the text and sets *id, or returns 0. */
size_t distil_special_match(const distil_tokenizer *tokenizer, uint32_t *id, const uint8_t *at,
                            const uint8_t *end);

/* Nonzero if one begins there. */
static inline int distil_special_begins(const distil_tokenizer *tokenizer, const uint8_t *at,
                                        const uint8_t *end)
{
    uint32_t id;

    return tokenizer->actions[*at] == DISTIL_TOK_SPECIAL &&
           distil_special_match(tokenizer, &id, at, end) > 0;
}

/* Mark in actions the bytes that a special token may begin with. */
void distil_special_prepare(distil_tokenizer *tokenizer);

#endif
