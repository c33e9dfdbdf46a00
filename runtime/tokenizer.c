/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Words and WordPiece: BertPreTokenizer and the WordPiece model of Hugging Face tokenizers over
 * what runtime/normalizer.c returns, with a short way for ASCII, which normalises byte by byte.
 *
 * Linear time: a byte is read at most 1 + DISTIL_UNICODE_RANKS times by the normaliser, and a word
 * of at most max_word_chars costs at most that many times max_token_bytes steps.
 */
#include "runtime/tokenizer.h"

#include <string.h>

#include "runtime/normalizer.h"
#include "runtime/special.h"
#include "runtime/unicode_tables.h"
#include "runtime/base/utf8.h"

enum { WORD_BYTES = DISTIL_BLOB_MAX_WORD_CHARS * DISTIL_UTF8_MAX_BYTES };

/* The prefix of a token that continues a word, and its hash: ('#' + 1) * (MULTIPLIER + 1). */
#define CONTINUATION "##"
enum { CONTINUATION_BYTES = 2 };
#define CONTINUATION_HASH ((UINT64_C(0x23) + 1) * (DISTIL_VOCAB_MULTIPLIER + 1))

/* 1 / DISTIL_VOCAB_MULTIPLIER modulo 2^64: takes the last byte off a hash again. */
#define INVERSE_MULTIPLIER UINT64_C(0xdc56e6f5090b32d9)
_Static_assert(DISTIL_VOCAB_MULTIPLIER *INVERSE_MULTIPLIER == 1, "modular inverse");

typedef struct encoder {
    const distil_tokenizer *tokenizer;
    int32_t *ids;
    size_t capacity;
    size_t limit;
    size_t count; /* ids known; those below capacity are written */

    /* The word being read. Beyond WORD_BYTES nothing is stored: it has too many characters. */
    size_t word_chars;
    size_t word_bytes;
    uint64_t word_hash;
    uint8_t word[WORD_BYTES];
} encoder;

static void put(encoder *e, uint32_t id)
{
    if (e->count < e->capacity)
        e->ids[e->count] = (int32_t)id;
    e->count++;
}

/* ---- WordPiece ------------------------------------------------------------------------------ */

/* Id of the longest token that word[start ..] begins with, DISTIL_VOCAB_EMPTY if none does; *stop
 * is set to its end. prefix is "" at the word's start, else "##", hash the prefix's. */
static uint32_t longest_piece(const encoder *e, size_t *stop, size_t start, const char *prefix,
                              size_t prefix_bytes, uint64_t hash)
{
    const distil_vocab *vocab = &e->tokenizer->vocab;
    const char *text = (const char *)e->word + start;
    size_t bytes = e->word_bytes - start;

    if (vocab->max_token_bytes <= prefix_bytes)
        return DISTIL_VOCAB_EMPTY;
    if (bytes > vocab->max_token_bytes - prefix_bytes)
        bytes = vocab->max_token_bytes - prefix_bytes;
    hash = distil_vocab_hash(hash, text, bytes);
    for (; bytes > 0; bytes--) {
        /* not in the middle of a character, where word[start + bytes] is a trailing byte */
        if (start + bytes == e->word_bytes || (e->word[start + bytes] & 0xc0) != 0x80) {
            uint32_t id = distil_vocab_find(vocab, hash, prefix, prefix_bytes, text, bytes);

            if (id != DISTIL_VOCAB_EMPTY) {
                *stop = start + bytes;
                return id;
            }
        }
        hash = (hash - (uint8_t)text[bytes - 1] - 1) * INVERSE_MULTIPLIER;
    }
    return DISTIL_VOCAB_EMPTY;
}

/* Split the word, which is no token, into pieces; [UNK] if it cannot be. Kept apart from the ids
 * until the last piece is found, so that nothing has to be taken back. */
static void put_pieces(encoder *e)
{
    uint32_t pieces[DISTIL_BLOB_MAX_WORD_CHARS];
    size_t n = 0, start = 0;

    while (start < e->word_bytes) {
        uint32_t id = start == 0 ? longest_piece(e, &start, 0, "", 0, 0)
                                 : longest_piece(e, &start, start, CONTINUATION, CONTINUATION_BYTES,
                                                 CONTINUATION_HASH);

        if (id == DISTIL_VOCAB_EMPTY) {
            put(e, e->tokenizer->unk_id);
            return;
        }
        pieces[n++] = id;
    }
    for (size_t i = 0; i < n; i++)
        put(e, pieces[i]);
}

/* The word is complete: put its ids and begin the next. */
static void finish_word(encoder *e)
{
    uint32_t id;

    if (e->word_chars == 0)
        return;
    if (e->word_chars > e->tokenizer->max_word_chars) {
        put(e, e->tokenizer->unk_id);
    } else {
        id = distil_vocab_find(&e->tokenizer->vocab, e->word_hash, "", 0, (const char *)e->word,
                               e->word_bytes);
        if (id != DISTIL_VOCAB_EMPTY)
            put(e, id);
        else
            put_pieces(e);
    }
    e->word_chars = 0;
    e->word_bytes = 0;
    e->word_hash = 0;
}

/* ---- words ---------------------------------------------------------------------------------- */

static void add_char(encoder *e, uint32_t c)
{
    uint8_t bytes[DISTIL_UTF8_MAX_BYTES];
    size_t n = distil_utf8_encode(bytes, c);

    e->word_chars++;
    if (n > WORD_BYTES - e->word_bytes)
        return;
    memcpy(e->word + e->word_bytes, bytes, n);
    e->word_bytes += n;
    e->word_hash = distil_vocab_hash(e->word_hash, (const char *)bytes, n);
}

/* A character that is a word of its own. */
static void put_alone(encoder *e, uint32_t c)
{
    finish_word(e);
    add_char(e, c);
    finish_word(e);
}

/* The same for an ASCII character. */
static void put_ascii(encoder *e, const char *c)
{
    uint32_t id;

    finish_word(e);
    id = distil_vocab_find(&e->tokenizer->vocab, distil_vocab_hash(0, c, 1), "", 0, c, 1);
    put(e, id != DISTIL_VOCAB_EMPTY ? id : e->tokenizer->unk_id);
}

/* ASCII characters of a word from `at`, up to the first byte that is none. */
static const uint8_t *take_letters(encoder *e, const uint8_t *at, const uint8_t *end)
{
    const uint8_t *actions = e->tokenizer->actions, *begin = at;
    uint8_t *to = e->word + e->word_bytes;
    uint64_t hash = e->word_hash;
    size_t room = WORD_BYTES - e->word_bytes;
    const uint8_t *stop = (size_t)(end - at) > room ? at + room : end;

    for (; at < stop; at++) {
        uint8_t byte = actions[*at];

        if (byte <= DISTIL_TOK_LAST_ACTION)
            break;
        *to++ = byte;
        hash = hash * DISTIL_VOCAB_MULTIPLIER + byte + 1;
    }
    e->word_bytes += (size_t)(at - begin);
    e->word_hash = hash;
    if (at == stop) /* no room: the word has too many characters, which only need counting */
        while (at < end && actions[*at] > DISTIL_TOK_LAST_ACTION)
            at++;
    e->word_chars += (size_t)(at - begin);
    return at;
}

/* Take ASCII words, spaces and punctuation from `at` as far as they go. */
static const uint8_t *take_ascii(encoder *e, const uint8_t *at, const uint8_t *end)
{
    while (e->count <= e->limit) {
        uint8_t action;

        at = take_letters(e, at, end);
        if (at == end)
            break;
        action = e->tokenizer->actions[*at];
        if (action == DISTIL_TOK_SPACE)
            finish_word(e);
        else if (action == DISTIL_TOK_PUNCT)
            put_ascii(e, (const char *)at);
        else
            break;
        at++;
    }
    return at;
}

/* Encode up to the end of text or the next special token, and return that place; or until more
 * than limit ids are known. */
static const uint8_t *encode_piece(encoder *e, const uint8_t *at, const uint8_t *end,
                                   int split_special)
{
    distil_normalizer norm;

    distil_normalizer_init(&norm, e->tokenizer, at, end, split_special);
    while (e->count <= e->limit) {
        uint32_t c;

        if (distil_normalizer_is_fresh(&norm))
            norm.cursor.at = take_ascii(e, norm.cursor.at, end);
        c = distil_normalizer_next(&norm);
        if (c == DISTIL_NORMALIZER_END) {
            finish_word(e);
            break;
        }
        if (c == ' ')
            finish_word(e);
        else if (distil_unicode_lookup(c)->flags & DISTIL_UNICODE_PUNCT)
            put_alone(e, c);
        else
            add_char(e, c);
    }
    return norm.cursor.at;
}

size_t distil_tok_encode(const distil_tokenizer *tokenizer, int32_t *ids, size_t capacity,
                         size_t limit, const char *text, size_t text_bytes, int split_special)
{
    const uint8_t *at = (const uint8_t *)text;
    const uint8_t *end = text_bytes > 0 ? at + text_bytes : at;
    encoder e;

    e.tokenizer = tokenizer;
    e.ids = ids;
    e.capacity = capacity;
    e.limit = limit;
    e.count = 0;
    e.word_chars = 0;
    e.word_bytes = 0;
    e.word_hash = 0;
    put(&e, tokenizer->cls_id);
    while (e.count <= limit) {
        uint32_t id;

        at = encode_piece(&e, at, end, split_special);
        if (at == end || e.count > limit)
            break;
        at += distil_special_match(tokenizer, &id, at, end);
        put(&e, id);
    }
    if (e.count <= limit)
        put(&e, tokenizer->sep_id);
    return e.count;
}

/* ---- set-up --------------------------------------------------------------------------------- */

void distil_tok_prepare(distil_tokenizer *tokenizer)
{
    memset(tokenizer->actions, DISTIL_TOK_OTHER, sizeof tokenizer->actions);
    for (uint32_t c = 0; c < 0x80; c++) {
        const distil_unicode_record *record = distil_unicode_lookup(c);
        int lowercase = (tokenizer->flags & DISTIL_BLOB_TOK_LOWERCASE) != 0;

        if (record->flags & DISTIL_UNICODE_DROP)
            continue;
        if (record->flags & DISTIL_UNICODE_SPACE)
            tokenizer->actions[c] = DISTIL_TOK_SPACE;
        else if (record->flags & DISTIL_UNICODE_PUNCT)
            tokenizer->actions[c] = DISTIL_TOK_PUNCT;
        else
            tokenizer->actions[c] = (uint8_t)((int32_t)c + (lowercase ? record->lower : 0));
    }
    distil_special_prepare(tokenizer);
}

void distil_tok_init(distil_tokenizer *tokenizer, const distil_blob *blob)
{
    const distil_blob_header *header = blob->header;

    distil_vocab_init(&tokenizer->vocab, blob);
    tokenizer->flags = header->tokenizer_flags;
    tokenizer->max_word_chars = header->max_word_chars;
    tokenizer->unk_id = header->unk_id;
    tokenizer->cls_id = header->cls_id;
    tokenizer->sep_id = header->sep_id;
    tokenizer->specials = distil_blob_section_data(blob, DISTIL_SECTION_SPECIALS, 0, NULL);
    tokenizer->special_count = header->special_count;
    distil_tok_prepare(tokenizer);
}
