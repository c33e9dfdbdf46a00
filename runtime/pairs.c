/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pairs of texts. Each text is tokenized by itself, and no more of its ids are kept than a pair can
 * have in all. Both are counted to their ends only where the numbers beyond that decide.
 */
#include "runtime/pairs.h"

#include <string.h>

/* The strategy longest_first of tokenizers 0.23. Where both texts have to be cut, each keeps half,
 * and an odd token goes to the longer text; to the second one where both are equally long. */
static void plan_longest(size_t kept[2], const size_t counts[2], size_t room)
{
    size_t longer = counts[0] > counts[1] ? 0 : 1, shorter = 1 - longer;

    if (counts[shorter] <= room / 2) {
        kept[shorter] = counts[shorter];
        kept[longer] = room - counts[shorter];
    } else {
        kept[shorter] = room / 2;
        kept[longer] = room - room / 2;
    }
}

int distil_pair_plan(size_t kept[2], const size_t counts[2], size_t room,
                     distil_truncation truncation)
{
    size_t cut = truncation == DISTIL_TRUNCATION_FIRST ? 0 : 1;

    kept[0] = counts[0];
    kept[1] = counts[1];
    if (counts[0] <= room && counts[1] <= room - counts[0])
        return 0;
    /* Without any room the library keeps nothing, whatever the strategy. */
    if (truncation == DISTIL_TRUNCATION_LONGEST || room == 0) {
        plan_longest(kept, counts, room);
        return 0;
    }
    if (counts[1 - cut] >= room)
        return -1;
    kept[cut] = room - counts[1 - cut];
    return 0;
}

/* Tokenizes one text of a pair: ids[0] becomes [CLS], and the tokens of the text follow, at most
 * `room` of them from the side that stays. Returns the number of tokens of the text; above `room`
 * it may be less than that, but never `room` or less. ids has room + 2 elements. */
static size_t encode_text(const distil_tokenizer *tokenizer, int32_t *ids, size_t room,
                          const distil_pair_text *text, int split_special)
{
    if (tokenizer->flags & DISTIL_BLOB_TOK_TRUNCATE_LEFT)
        return distil_tok_encode_end(tokenizer, ids, room + 2, text->bytes, text->size,
                                     split_special) -
               2;
    /* With this limit, counting goes on beyond room + 1 tokens, so that [SEP] is not taken for a
     * token of the text. */
    return distil_tok_encode(tokenizer, ids, room + 1, room + 2, text->bytes, text->size,
                             split_special) -
           2;
}

/* Where both texts have more than `room` tokens, which of them is the longer one decides about an
 * odd token, so both are counted to the end. */
static void count_exactly(const distil_tokenizer *tokenizer, size_t counts[2],
                          const distil_pair_text *texts, int split_special)
{
    for (int i = 0; i < 2; i++)
        counts[i] = distil_tok_encode(tokenizer, NULL, 0, SIZE_MAX, texts[i].bytes, texts[i].size,
                                      split_special) -
                    2;
}

/* Moves the `kept` tokens of a text to `to`. ids holds [CLS] and then at most `room` tokens of the
 * text, which has `count` tokens. */
static void move_kept(const distil_tokenizer *tokenizer, int32_t *to, const int32_t *ids,
                      size_t kept, size_t count, size_t room)
{
    size_t stored = count < room ? count : room;
    size_t first = tokenizer->flags & DISTIL_BLOB_TOK_TRUNCATE_LEFT ? 1 + stored - kept : 1;

    memmove(to, ids + first, kept * sizeof *to);
}

size_t distil_pair_encode(const distil_tokenizer *tokenizer, int32_t *ids, int32_t *second,
                          uint8_t *truncated, size_t max_tokens, const distil_pair_text *texts,
                          distil_truncation truncation, int split_special)
{
    size_t room = max_tokens - DISTIL_PAIR_SPECIALS, counts[2], exact[2], kept[2], n;

    counts[0] = exact[0] = encode_text(tokenizer, ids, room, &texts[0], split_special);
    counts[1] = exact[1] = encode_text(tokenizer, second, room, &texts[1], split_special);
    if (counts[0] > room && counts[1] > room && truncation == DISTIL_TRUNCATION_LONGEST)
        count_exactly(tokenizer, exact, texts, split_special);
    if (distil_pair_plan(kept, exact, room, truncation) != 0)
        return 0;
    *truncated = exact[0] > kept[0] || exact[1] > kept[1];
    move_kept(tokenizer, ids + 1, ids, kept[0], counts[0], room);
    n = 1 + kept[0];
    ids[n++] = (int32_t)tokenizer->sep_id;
    move_kept(tokenizer, ids + n, second, kept[1], counts[1], room);
    n += kept[1];
    ids[n++] = (int32_t)tokenizer->sep_id;
    return n;
}
