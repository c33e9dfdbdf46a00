/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Raw text to normalised code points, one at a time: BertNormalizer of Hugging Face tokenizers,
 * as docs/tokenizer.md restates it. No allocation, no look-back; time linear in the text.
 */
#ifndef DISTIL_RUNTIME_NORMALIZER_H
#define DISTIL_RUNTIME_NORMALIZER_H

#include <stddef.h>
#include <stdint.h>

#include "runtime/tokenizer.h"

/* A place in the text: the next byte, and what the code point before it still has to give. */
typedef struct distil_normalizer_cursor {
    const uint8_t *at;
    uint32_t parts[4]; /* last first; no code point gives more */
    uint32_t left;
} distil_normalizer_cursor;

/*
 * One piece of text, which ends at its last byte or where a special token begins. Canonical
 * ordering is done without a buffer: marks between two starters that survive accent stripping are
 * read once for each combining class that occurs among them, at most DISTIL_UNICODE_RANKS times.
 */
typedef struct distil_normalizer {
    const distil_tokenizer *tokenizer;
    const uint8_t *end;
    int split_special; /* nonzero: special tokens do not end the piece */
    distil_normalizer_cursor cursor;
    uint32_t second; /* of a lowercase of two code points, 0 if none is due */

    /* The run of non-starters being returned in order; ranks is 0 outside of one. */
    uint32_t ranks; /* bit r: non-starters of rank r are still to come; lowest bit first */
    distil_normalizer_cursor run; /* the run's begin */
    size_t run_length;            /* code points of the run, removed ones included */
    size_t run_left;              /* of them, how many this reading has yet to see */
} distil_normalizer;

#define DISTIL_NORMALIZER_END UINT32_C(0xffffffff)

void distil_normalizer_init(distil_normalizer *norm, const distil_tokenizer *tokenizer,
                            const uint8_t *text, const uint8_t *end, int split_special);

/* Next code point of the normalised piece; DISTIL_NORMALIZER_END at its end, norm->cursor.at being
 * the end of text or the first byte of a special token. White space is U+0020 and nothing else. */
uint32_t distil_normalizer_next(distil_normalizer *norm);

/* Nonzero if what comes next depends on nothing but the bytes at norm->cursor.at, so that a caller
 * may take simple ones from there itself and move it. */
static inline int distil_normalizer_is_fresh(const distil_normalizer *norm)
{
    return norm->cursor.left == 0 && norm->second == 0 && norm->ranks == 0;
}

#endif
