/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Single texts to the token ids of a pass. All calls that take texts share these functions.
 */
#ifndef DISTIL_RUNTIME_TEXTS_H
#define DISTIL_RUNTIME_TEXTS_H

#include <stddef.h>
#include <stdint.h>

#include "runtime/context.h"
#include "runtime/distil.h"
#include "runtime/text_flags.h"

/* Writes the tokens of a single text to ids, at most max_positions of them with [SEP] last, and
 * returns their number. *truncated tells whether the text has more; the model's truncation side
 * says which of them are kept. */
static inline size_t distil_encode_single(const distil_context *c, int32_t *ids, uint8_t *truncated,
                                          const distil_text *text, int split)
{
    const distil_tokenizer *tokenizer = &c->model->tokenizer;
    size_t max = c->model->weights.max_positions;
    size_t n = tokenizer->flags & DISTIL_BLOB_TOK_TRUNCATE_LEFT
                   ? distil_tok_encode_end(tokenizer, ids, max, text->bytes, text->size, split)
                   : distil_tok_encode(tokenizer, ids, max, max, text->bytes, text->size, split);

    *truncated = n > max;
    if (n > max) {
        ids[max - 1] = (int32_t)tokenizer->sep_id;
        n = max;
    }
    return n;
}

#endif
