/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Turns raw text into normalised code points, one at a time, as BertNormalizer of Hugging Face
 * tokenizers does; docs/tokenizer.md describes each step. It allocates nothing, and the time is
 * linear in the length of the text.
 */
#ifndef DISTIL_RUNTIME_NORMALIZER_H
#define DISTIL_RUNTIME_NORMALIZER_H

#include <stddef.h>
#include <stdint.h>

#include "runtime/tokenizer.h"

/* A position in the text: the next byte, and the code points that the last one read has been
 * decomposed into and that are not returned yet. */
typedef struct distil_normalizer_cursor {
    const uint8_t *at;
    const uint8_t *from; /* the first byte of the code point that was decoded last */
    uint32_t parts[4];   /* a stack, the next one on top; no code point has more than four */
    uint32_t left;       /* the number of parts on the stack */
} distil_normalizer_cursor;

/*
 * The state of normalising one piece of text, which ends with the text or where a special token
 * begins.
 *
 * Canonical ordering sorts each run of non-starters (combining marks) by combining class. It needs
 * no buffer here: the run is read again for each class that occurs in it and that accent stripping
 * keeps, at most DISTIL_UNICODE_RANKS times.
 */
typedef struct distil_normalizer {
    const distil_tokenizer *tokenizer;
    const uint8_t *end;
    int split_special; /* nonzero: only added tokens that are not special end the piece */
    distil_normalizer_cursor cursor;
    uint32_t second; /* the next code point if the last lowercase had two, else 0 */

    /* The run of non-starters that is being returned in order; ranks is 0 outside of a run. */
    uint32_t ranks; /* bit r is set while non-starters of rank r are to come; the lowest is next */
    distil_normalizer_cursor run; /* the place where the run of non-starters begins */
    size_t run_length;            /* the code points of the run, with those that are removed */
    size_t run_left; /* code points of the run that its current scan has not read yet */
} distil_normalizer;

#define DISTIL_NORMALIZER_END UINT32_C(0xffffffff)

/* Begins at `text`, which goes up to `end`. The text and the tokenizer must outlive *norm. */
void distil_normalizer_init(distil_normalizer *norm, const distil_tokenizer *tokenizer,
                            const uint8_t *text, const uint8_t *end, int split_special);

/* Returns the next code point of the normalised piece, or DISTIL_NORMALIZER_END. At the end,
 * norm->cursor.at is the end of the text or the first byte of a special token. The only white space
 * that this function returns is U+0020. */
uint32_t distil_normalizer_next(distil_normalizer *norm);

/* Returns nonzero if the next code point depends only on the bytes at norm->cursor.at. The caller
 * may then read simple bytes there by itself and move the cursor past them. */
static inline int distil_normalizer_is_fresh(const distil_normalizer *norm)
{
    return norm->cursor.left == 0 && norm->second == 0 && norm->ranks == 0;
}

#endif
