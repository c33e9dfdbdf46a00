/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hugging Face tokenizers finds special tokens before it normalises the text, so the case must be
 * exact. Of several matches the leftmost counts, and of those the longest.
 *
 * The tokens are in ascending order of their bytes, so those that begin like the text are a range
 * of the table. Each byte of the text narrows the range by binary search. The time at one position
 * is proportional to the length of the longest token and to the logarithm of the number of tokens.
 * lstrip and rstrip need no code here: the white space around a token yields no id in any case.
 */
#include "runtime/special.h"

#include "runtime/unicode_tables.h"
#include "runtime/base/utf8.h"

/* Returns the bytes of special token i, and sets *bytes to their number. */
static const uint8_t *special_token(const distil_tokenizer *tokenizer, size_t i, size_t *bytes)
{
    uint32_t id = distil_blob_read_u32(&tokenizer->specials[i].id);

    return (const uint8_t *)distil_vocab_token(&tokenizer->vocab, id, bytes);
}

/* Returns the byte at `depth` of special token i, or -1 if the token has no more bytes. */
static int byte_of(const distil_tokenizer *tokenizer, size_t i, size_t depth)
{
    size_t bytes;
    const uint8_t *token = special_token(tokenizer, i, &bytes);

    return depth < bytes ? token[depth] : -1;
}

/* Returns the first of the special tokens low .. high - 1 whose byte at `depth` is at least
 * `byte`, or high. These tokens have the same bytes before `depth`, so they are in ascending order
 * of that byte. */
static size_t lower_bound(const distil_tokenizer *tokenizer, size_t low, size_t high, size_t depth,
                          int byte)
{
    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (byte_of(tokenizer, middle, depth) < byte)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

size_t distil_special_match(const distil_tokenizer *tokenizer, uint32_t *id, const uint8_t *at,
                            const uint8_t *end, int split_special)
{
    const distil_blob_special *longest = NULL;
    const uint8_t *p = at;
    size_t low = 0, high = tokenizer->special_count, depth = 0, text_bytes = 0;
    uint32_t found;

    while (p < end) {
        /* An invalid byte of the text is U+FFFD here, which a token may contain. */
        uint8_t bytes[DISTIL_UTF8_MAX_BYTES];
        size_t n = distil_utf8_encode(bytes, distil_utf8_decode(&p, end));

        for (size_t i = 0; i < n && low < high; i++, depth++) {
            low = lower_bound(tokenizer, low, high, depth, bytes[i]);
            high = lower_bound(tokenizer, low, high, depth, bytes[i] + 1);
        }
        if (low == high)
            break;
        if (byte_of(tokenizer, low, depth) < 0) { /* The text so far is this token. */
            longest = &tokenizer->specials[low];
            text_bytes = (size_t)(p - at);
        }
    }
    if (longest == NULL || (split_special && (longest->flags & DISTIL_BLOB_SPECIAL_SPECIAL)))
        return 0;
    found = distil_blob_read_u32(&longest->id);
    if (found >= tokenizer->vocab.size)
        return 0;
    *id = found;
    return text_bytes;
}

/* The code point that ends at `end`, whose first byte *at becomes; `first` is below `end`. */
static uint32_t decode_before(const uint8_t **at, const uint8_t *first, const uint8_t *end)
{
    for (size_t n = 1; n <= DISTIL_UTF8_MAX_BYTES && n <= (size_t)(end - first); n++) {
        const uint8_t *p = end - n;
        uint32_t c = distil_utf8_decode(&p, end);

        *at = end - n;
        if (p == end && c != DISTIL_UTF8_REPLACEMENT)
            return c;
    }
    return DISTIL_UTF8_REPLACEMENT;
}

static int is_space(uint32_t c)
{
    return (distil_unicode_lookup(c)->flags & DISTIL_UNICODE_SPACE) != 0;
}

void distil_special_widen(const distil_tokenizer *tokenizer, uint32_t id, const uint8_t *first,
                          const uint8_t *last, const uint8_t **begin, const uint8_t **end)
{
    uint32_t flags = 0;
    const uint8_t *at;

    for (uint32_t i = 0; i < tokenizer->special_count; i++)
        if (tokenizer->specials[i].id == id)
            flags = tokenizer->specials[i].flags;
    if (flags & DISTIL_BLOB_SPECIAL_LSTRIP)
        while (*begin > first && is_space(decode_before(&at, first, *begin)))
            *begin = at;
    for (at = *end; (flags & DISTIL_BLOB_SPECIAL_RSTRIP) && at < last;) {
        if (!is_space(distil_utf8_decode(&at, last)))
            break;
        *end = at;
    }
}

void distil_special_prepare(distil_tokenizer *tokenizer)
{
    for (uint32_t i = 0; i < tokenizer->special_count; i++) {
        size_t bytes;
        const uint8_t *token = special_token(tokenizer, i, &bytes);
        const uint8_t *at = token;

        if (bytes == 0)
            continue;
        tokenizer->actions[*token] = DISTIL_TOK_SPECIAL;
        if (distil_utf8_decode(&at, token + bytes) != DISTIL_UTF8_REPLACEMENT)
            continue;
        /* The token begins with U+FFFD, and any of these bytes can begin an invalid sequence. */
        for (int b = 0x80; b <= 0xff; b++)
            tokenizer->actions[b] = DISTIL_TOK_SPECIAL;
    }
}
