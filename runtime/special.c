/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hugging Face tokenizers finds special tokens before it normalises the text, so the case must be
 * exact. Of several matches the leftmost counts, and of those the longest. A comparison at one
 * position reads at most as many bytes as all special tokens have together.
 */
#include "runtime/special.h"

#include "runtime/base/utf8.h"

/* Returns the length in bytes of the text at `at` that matches the token, or 0. It compares code
 * points rather than bytes, because a U+FFFD in the token also matches invalid bytes of the
 * text. */
static size_t match_one(const uint8_t *token, const uint8_t *token_end, const uint8_t *at,
                        const uint8_t *end)
{
    const uint8_t *p = at;

    while (token < token_end) {
        if (p == end)
            return 0;
        if (*p < 0x80 || *token < 0x80) { /* If one of the two is ASCII, bytes can be compared. */
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
        /* The token begins with U+FFFD, and any of these bytes can begin an invalid sequence. */
        for (int b = 0x80; b <= 0xff; b++)
            tokenizer->actions[b] = DISTIL_TOK_SPECIAL;
    }
}
