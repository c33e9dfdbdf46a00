/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The reference finds special tokens in the text as it was written, before normalisation: exact
 * case, leftmost first and there the longest. Each place costs at most the sum of their lengths.
 */
#include "runtime/special.h"

#include "runtime/base/utf8.h"

/* Bytes of text that the token takes at `at`, 0 if it is not there. By code points, not by bytes,
 * because a U+FFFD of the token stands for invalid bytes of the text too. */
static size_t match_one(const uint8_t *token, const uint8_t *token_end, const uint8_t *at,
                        const uint8_t *end)
{
    const uint8_t *p = at;

    while (token < token_end) {
        if (p == end)
            return 0;
        if (*p < 0x80 || *token < 0x80) { /* the same bytes or different code points */
            if (*p++ != *token++)
                return 0;
        } else if (distil_utf8_decode(&p, end) != distil_utf8_decode(&token, token_end)) {
            return 0;
        }
    }
    return (size_t)(p - at);
}

size_t distil_special_match(const distil_tokenizer *tokenizer, uint32_t *id, const uint8_t *at,
                            const uint8_t *end)
{
    size_t longest = 0, text_bytes = 0;

    for (uint32_t i = 0; i < tokenizer->special_count; i++) {
        size_t bytes, matched;
        const uint8_t *token =
            (const uint8_t *)distil_vocab_token(&tokenizer->vocab, tokenizer->specials[i], &bytes);

        if (bytes <= longest)
            continue;
        matched = match_one(token, token + bytes, at, end);
        if (matched > 0) {
            longest = bytes;
            text_bytes = matched;
            *id = tokenizer->specials[i];
        }
    }
    return text_bytes;
}

void distil_special_prepare(distil_tokenizer *tokenizer)
{
    for (uint32_t i = 0; i < tokenizer->special_count; i++) {
        size_t bytes;
        const uint8_t *token =
            (const uint8_t *)distil_vocab_token(&tokenizer->vocab, tokenizer->specials[i], &bytes);
        const uint8_t *at = token;

        if (bytes == 0)
            continue;
        tokenizer->actions[*token] = DISTIL_TOK_SPECIAL;
        if (distil_utf8_decode(&at, token + bytes) != DISTIL_UTF8_REPLACEMENT)
            continue;
        for (int b = 0x80; b <= 0xff; b++) /* any of them can begin an invalid sequence */
            tokenizer->actions[b] = DISTIL_TOK_SPECIAL;
    }
}
