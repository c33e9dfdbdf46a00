/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The flags of the public functions that read texts.
 */
#ifndef DISTIL_RUNTIME_TEXT_FLAGS_H
#define DISTIL_RUNTIME_TEXT_FLAGS_H

#include <stdint.h>

#include "runtime/distil.h"
#include "runtime/tokenizer.h"

/* The flags of two kinds; of each kind at most one may be set. */
enum {
    DISTIL_SPECIALS_FLAGS = DISTIL_SPLIT_SPECIAL_TOKENS | DISTIL_MATCH_SPECIAL_TOKENS,
    DISTIL_TRUNCATION_FLAGS = DISTIL_TRUNCATE_FIRST | DISTIL_TRUNCATE_SECOND
};

/* Returns 1 if special tokens in a text are plain text: the flags decide, else the model. */
static inline int distil_splits_specials(const distil_tokenizer *tokenizer, uint32_t flags)
{
    return (flags & DISTIL_SPLIT_SPECIAL_TOKENS) != 0 ||
           ((flags & DISTIL_SPECIALS_FLAGS) == 0 &&
            (tokenizer->flags & DISTIL_BLOB_TOK_SPLIT_SPECIALS) != 0);
}

#endif
