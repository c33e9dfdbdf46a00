/* SPDX-License-Identifier: Apache-2.0 */
/*
 * BertNormalizer of Hugging Face tokenizers as one loop over code points. The reference does, one
 * after the other on the whole text: cleaning, spaces around Chinese characters, canonical
 * decomposition, canonical ordering, removal of non-spacing marks, lowercase.
 */
#include "runtime/normalizer.h"

#include "runtime/special.h"
#include "runtime/unicode_tables.h"
#include "runtime/base/utf8.h"

/* A Hangul syllable decomposes into two or three letters by arithmetic (Unicode 15, section
 * 3.12). */
enum {
    HANGUL_FIRST = 0xac00,
    HANGUL_COUNT = 11172,
    HANGUL_LEAD = 0x1100,
    HANGUL_VOWEL = 0x1161,
    HANGUL_TAIL = 0x11a7,
    HANGUL_VOWELS = 21,
    HANGUL_TAILS = 28
};

/* U+0130 is the only code point whose lowercase has two code points: i and a combining dot. */
enum { CAPITAL_I_WITH_DOT = 0x130, COMBINING_DOT_ABOVE = 0x307 };

void distil_normalizer_init(distil_normalizer *norm, const distil_tokenizer *tokenizer,
                            const uint8_t *text, const uint8_t *end, int split_special)
{
    *norm = (distil_normalizer){
        .tokenizer = tokenizer,
        .end = end,
        .split_special = split_special,
        .cursor = {.at = text, .from = text},
    };
}

static void push(distil_normalizer_cursor *cursor, uint32_t c)
{
    cursor->parts[cursor->left++] = c;
}

static void push_decomposition(distil_normalizer_cursor *cursor, uint32_t c)
{
    if (c - HANGUL_FIRST < HANGUL_COUNT) {
        uint32_t syllable = c - HANGUL_FIRST;
        uint32_t tail = syllable % HANGUL_TAILS;

        if (tail > 0)
            push(cursor, HANGUL_TAIL + tail);
        push(cursor, HANGUL_VOWEL + syllable / HANGUL_TAILS % HANGUL_VOWELS);
        push(cursor, HANGUL_LEAD + syllable / (HANGUL_TAILS * HANGUL_VOWELS));
    } else {
        const uint32_t *parts = distil_unicode_parts(c);

        for (uint32_t i = parts[0] >> 24; i > 1; i--)
            push(cursor, parts[i - 1]);
        push(cursor, parts[0] & 0xffffff);
    }
}

/* Returns the next code point after cleaning, spacing and decomposition. The four places of
 * cursor->parts are enough, because a character that gets spaces around it decomposes into one code
 * point at most; tools/generate/make_unicode_tables.py checks that. */
static uint32_t read_part(const distil_normalizer *norm, distil_normalizer_cursor *cursor)
{
    uint32_t options = norm->tokenizer->flags;

    if (cursor->left > 0)
        return cursor->parts[--cursor->left];
    while (cursor->at < norm->end) {
        uint32_t c, flags;
        int spaced, decomposed;

        if (distil_special_begins(norm->tokenizer, cursor->at, norm->end, norm->split_special))
            break;
        cursor->from = cursor->at;
        c = distil_utf8_decode(&cursor->at, norm->end);
        flags = distil_unicode_lookup(c)->flags;
        if (flags & DISTIL_UNICODE_DROP)
            continue;
        if (flags & DISTIL_UNICODE_SPACE)
            return ' ';
        spaced = (flags & DISTIL_UNICODE_CJK) && (options & DISTIL_BLOB_TOK_CHINESE_CHARS);
        decomposed = (flags & DISTIL_UNICODE_DECOMP) && (options & DISTIL_BLOB_TOK_STRIP_ACCENTS);
        if (!spaced && !decomposed)
            return c;
        if (spaced)
            push(cursor, ' ');
        if (decomposed)
            push_decomposition(cursor, c);
        else
            push(cursor, c);
        return spaced ? ' ' : cursor->parts[--cursor->left];
    }
    return DISTIL_NORMALIZER_END;
}

/* Begins a run of non-starters at c, which has just been read and which accent stripping keeps.
 * Reads ahead to find the length of the run and its combining classes; the cursor stays at c. */
static void begin_run(distil_normalizer *norm, uint32_t c)
{
    distil_normalizer_cursor ahead;

    push(&norm->cursor, c);
    norm->run = norm->cursor;
    norm->run_length = 0;
    norm->ranks = 0;
    ahead = norm->cursor;
    while ((c = read_part(norm, &ahead)) != DISTIL_NORMALIZER_END) {
        const distil_unicode_record *record = distil_unicode_lookup(c);

        if (!(record->flags & DISTIL_UNICODE_NONSTARTER))
            break;
        if (!(record->flags & DISTIL_UNICODE_MARK))
            norm->ranks |= UINT32_C(1) << record->rank;
        norm->run_length++;
    }
    norm->run_left = norm->run_length;
}

/* Returns the next code point of the run that accent stripping keeps, in the order of combining
 * classes. Returns DISTIL_NORMALIZER_END after the last one, with the cursor at the end of the
 * run. */
static uint32_t read_run(distil_normalizer *norm)
{
    for (;;) {
        const distil_unicode_record *record;
        uint32_t c;

        if (norm->run_left == 0) {
            norm->ranks &= norm->ranks - 1;
            if (norm->ranks == 0)
                return DISTIL_NORMALIZER_END;
            norm->cursor = norm->run;
            norm->run_left = norm->run_length;
        }
        c = read_part(norm, &norm->cursor);
        if (c == DISTIL_NORMALIZER_END) {
            /* The run ends early only if the blob's special tokens have changed meanwhile. */
            norm->ranks = 0;
            return c;
        }
        norm->run_left--;
        record = distil_unicode_lookup(c);
        if (!(record->flags & DISTIL_UNICODE_MARK) &&
            (norm->ranks & (0 - norm->ranks)) == UINT32_C(1) << record->rank)
            return c;
    }
}

/* Returns the next code point after canonical ordering and the removal of non-spacing marks. */
static uint32_t read_stripped(distil_normalizer *norm)
{
    for (;;) {
        uint32_t c, flags;

        if (norm->ranks != 0) {
            c = read_run(norm);
            if (c != DISTIL_NORMALIZER_END)
                return c;
        }
        c = read_part(norm, &norm->cursor);
        if (c == DISTIL_NORMALIZER_END)
            return c;
        flags = distil_unicode_lookup(c)->flags;
        if (flags & DISTIL_UNICODE_MARK)
            continue;
        if (!(flags & DISTIL_UNICODE_NONSTARTER))
            return c;
        begin_run(norm, c);
    }
}

uint32_t distil_normalizer_next(distil_normalizer *norm)
{
    const distil_unicode_record *record;
    uint32_t c = norm->second;

    if (c != 0) {
        norm->second = 0;
        return c;
    }
    c = norm->tokenizer->flags & DISTIL_BLOB_TOK_STRIP_ACCENTS ? read_stripped(norm)
                                                               : read_part(norm, &norm->cursor);
    if (c == DISTIL_NORMALIZER_END || !(norm->tokenizer->flags & DISTIL_BLOB_TOK_LOWERCASE))
        return c;
    record = distil_unicode_lookup(c);
    if (!(record->flags & DISTIL_UNICODE_LOWER))
        return c;
    if (c == CAPITAL_I_WITH_DOT)
        norm->second = COMBINING_DOT_ABOVE;
    return c + (uint32_t)record->lower;
}
