/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Splits normalised text into words, and words into tokens, as BertPreTokenizer and the WordPiece
 * model of Hugging Face tokenizers do. runtime/normalizer.c supplies the normalised characters.
 * ASCII characters do not go through it: each is normalised by itself, so a table of bytes does for
 * them.
 *
 * The time is linear in the text. The normaliser reads a byte at most 1 + DISTIL_UNICODE_RANKS
 * times. A word of at most max_word_chars characters costs at most max_token_bytes look-ups for
 * each of them, and a longer word none.
 */
#include "runtime/tokenizer.h"

#include <string.h>

#include "runtime/normalizer.h"
#include "runtime/special.h"
#include "runtime/unicode_tables.h"
#include "runtime/base/utf8.h"

enum { WORD_BYTES = DISTIL_BLOB_MAX_WORD_CHARS * DISTIL_UTF8_MAX_BYTES };

/* A token that continues a word begins with "##". The hash of this prefix is h * M + h with h =
 * '#' + 1 and M the multiplier, by the definition of distil_vocab_hash. */
#define CONTINUATION "##"
enum { CONTINUATION_BYTES = 2 };
#define CONTINUATION_HASH ((UINT64_C(0x23) + 1) * (DISTIL_VOCAB_MULTIPLIER + 1))

/* The inverse of DISTIL_VOCAB_MULTIPLIER modulo 2^64. Multiplying by it removes the last byte from
 * a hash, after that byte's summand was subtracted. */
#define INVERSE_MULTIPLIER UINT64_C(0xdc56e6f5090b32d9)
_Static_assert(DISTIL_VOCAB_MULTIPLIER *INVERSE_MULTIPLIER == 1, "modular inverse");

/* The state of distil_tok_encode: its arguments, its output, and the word that is being read. */
typedef struct tokens {
    const distil_tokenizer *tokenizer;
    int32_t *ids;
    size_t capacity;
    size_t limit;
    size_t count; /* the ids found so far; the first `capacity` of them are written to ids */
    size_t ring;  /* not 0: ids[1 .. ring] hold the last ids of the text, in turn */

    /* The normalised word. Of a word above WORD_BYTES, which has too many characters to be split,
     * only the beginning is stored. */
    size_t word_chars;
    size_t word_bytes;
    uint64_t word_hash;
    uint8_t word[WORD_BYTES];
} tokens;

static void add_id(tokens *t, uint32_t id)
{
    if (t->count < t->capacity)
        t->ids[t->count] = (int32_t)id;
    else if (t->ring > 0)
        t->ids[1 + (t->count - 1) % t->ring] = (int32_t)id;
    t->count++;
}

/* ---- WordPiece ------------------------------------------------------------------------------ */

/* Finds the longest token at word[start]. Returns its id and sets *stop to its end in the word, or
 * returns DISTIL_VOCAB_EMPTY. The prefix, "" at the begin of the word and "##" elsewhere, is a part
 * of the token but not of the word; `hash` is the hash of the prefix. */
static uint32_t longest_piece(const tokens *t, size_t *stop, size_t start, const char *prefix,
                              size_t prefix_bytes, uint64_t hash)
{
    const distil_vocab *vocab = &t->tokenizer->vocab;
    const char *text = (const char *)t->word + start;
    size_t bytes = t->word_bytes - start;

    if (vocab->max_token_bytes <= prefix_bytes)
        return DISTIL_VOCAB_EMPTY;
    if (bytes > vocab->max_token_bytes - prefix_bytes)
        bytes = vocab->max_token_bytes - prefix_bytes;
    hash = distil_vocab_hash(hash, text, bytes);
    for (; bytes > 0; bytes--) {
        /* A token ends between two characters, so the byte after it continues no character. */
        if (start + bytes == t->word_bytes || (t->word[start + bytes] & 0xc0) != 0x80) {
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

/* Splits the word, which is not a token itself, into tokens and adds their ids. If it cannot be
 * split, adds [UNK] instead. The pieces are kept in an array of their own until the last one is
 * found, so that no id has to be removed again. */
static void add_pieces(tokens *t)
{
    uint32_t pieces[DISTIL_BLOB_MAX_WORD_CHARS];
    size_t n = 0, start = 0;

    while (start < t->word_bytes) {
        uint32_t id = start == 0 ? longest_piece(t, &start, 0, "", 0, 0)
                                 : longest_piece(t, &start, start, CONTINUATION, CONTINUATION_BYTES,
                                                 CONTINUATION_HASH);

        if (id == DISTIL_VOCAB_EMPTY) {
            add_id(t, t->tokenizer->unk_id);
            return;
        }
        pieces[n++] = id;
    }
    for (size_t i = 0; i < n; i++)
        add_id(t, pieces[i]);
}

/* Adds the ids of the word that ends here, if there is one, and begins an empty word. */
static void finish_word(tokens *t)
{
    uint32_t id;

    if (t->word_chars == 0)
        return;
    if (t->word_chars > t->tokenizer->max_word_chars) {
        add_id(t, t->tokenizer->unk_id);
    } else {
        id = distil_vocab_find(&t->tokenizer->vocab, t->word_hash, "", 0, (const char *)t->word,
                               t->word_bytes);
        if (id != DISTIL_VOCAB_EMPTY)
            add_id(t, id);
        else
            add_pieces(t);
    }
    t->word_chars = 0;
    t->word_bytes = 0;
    t->word_hash = 0;
}

/* ---- words ---------------------------------------------------------------------------------- */

static void add_char(tokens *t, uint32_t c)
{
    uint8_t bytes[DISTIL_UTF8_MAX_BYTES];
    size_t n = distil_utf8_encode(bytes, c);

    t->word_chars++;
    if (n > WORD_BYTES - t->word_bytes)
        return;
    memcpy(t->word + t->word_bytes, bytes, n);
    t->word_bytes += n;
    t->word_hash = distil_vocab_hash(t->word_hash, (const char *)bytes, n);
}

/* Ends the word before, and adds the character as a word of its own. */
static void add_single_char_word(tokens *t, uint32_t c)
{
    finish_word(t);
    add_char(t, c);
    finish_word(t);
}

/* Ends the word before, and adds an ASCII punctuation character, which needs no normalisation, as a
 * word of its own. */
static void add_ascii_punctuation(tokens *t, const char *c)
{
    uint32_t id;

    finish_word(t);
    id = distil_vocab_find(&t->tokenizer->vocab, distil_vocab_hash(0, c, 1), "", 0, c, 1);
    add_id(t, id != DISTIL_VOCAB_EMPTY ? id : t->tokenizer->unk_id);
}

/* Appends to the word the ASCII word characters from `at` on, and returns the address of the first
 * byte that is not one. */
static const uint8_t *read_ascii_letters(tokens *t, const uint8_t *at, const uint8_t *end)
{
    const uint8_t *actions = t->tokenizer->actions, *begin = at;
    uint8_t *to = t->word + t->word_bytes;
    uint64_t hash = t->word_hash;
    size_t room = WORD_BYTES - t->word_bytes;
    const uint8_t *stop = (size_t)(end - at) > room ? at + room : end;

    for (; at < stop; at++) {
        uint8_t byte = actions[*at];

        if (byte <= DISTIL_TOK_LAST_ACTION)
            break;
        *to++ = byte;
        hash = hash * DISTIL_VOCAB_MULTIPLIER + byte + 1;
    }
    t->word_bytes += (size_t)(at - begin);
    t->word_hash = hash;
    /* Where the word does not fit, it has too many characters, and the rest needs counting only. */
    if (at == stop)
        while (at < end && actions[*at] > DISTIL_TOK_LAST_ACTION)
            at++;
    t->word_chars += (size_t)(at - begin);
    return at;
}

/* Tokenizes ASCII words, spaces and punctuation from `at` on, and returns the address of the first
 * byte that is something else. */
static const uint8_t *read_ascii(tokens *t, const uint8_t *at, const uint8_t *end)
{
    while (t->count <= t->limit) {
        uint8_t action;

        at = read_ascii_letters(t, at, end);
        if (at == end)
            break;
        action = t->tokenizer->actions[*at];
        if (action == DISTIL_TOK_SPACE)
            finish_word(t);
        else if (action == DISTIL_TOK_PUNCT)
            add_ascii_punctuation(t, (const char *)at);
        else
            break;
        at++;
    }
    return at;
}

/* Tokenizes the piece of text up to its end or the next special token, and returns the address
 * where it stopped. It stops earlier if there are more than `limit` ids. */
static const uint8_t *tokenize_piece(tokens *t, const uint8_t *at, const uint8_t *end,
                                     int split_special)
{
    distil_normalizer norm;

    distil_normalizer_init(&norm, t->tokenizer, at, end, split_special);
    while (t->count <= t->limit) {
        uint32_t c;

        if (distil_normalizer_is_fresh(&norm))
            norm.cursor.at = read_ascii(t, norm.cursor.at, end);
        c = distil_normalizer_next(&norm);
        if (c == DISTIL_NORMALIZER_END) {
            finish_word(t);
            break;
        }
        if (c == ' ')
            finish_word(t);
        else if (distil_unicode_lookup(c)->flags & DISTIL_UNICODE_PUNCT)
            add_single_char_word(t, c);
        else
            add_char(t, c);
    }
    return norm.cursor.at;
}

/* Sets all fields but the word's bytes, for a text of which no id was found yet. */
static void init_tokens(tokens *t, const distil_tokenizer *tokenizer, int32_t *ids, size_t capacity,
                        size_t limit, size_t ring)
{
    t->tokenizer = tokenizer;
    t->ids = ids;
    t->capacity = capacity;
    t->limit = limit;
    t->count = 0;
    t->ring = ring;
    t->word_chars = 0;
    t->word_bytes = 0;
    t->word_hash = 0;
}

/* Adds [CLS] and the ids of the text. It stops earlier if there are more than `limit` ids. */
static void add_text(tokens *t, const char *text, size_t text_bytes, int split_special)
{
    const uint8_t *at = (const uint8_t *)text;
    const uint8_t *end = text_bytes > 0 ? at + text_bytes : at;

    add_id(t, t->tokenizer->cls_id);
    while (t->count <= t->limit) {
        uint32_t id = t->tokenizer->unk_id;

        at = tokenize_piece(t, at, end, split_special);
        if (at == end || t->count > t->limit)
            break;
        at += distil_special_match(t->tokenizer, &id, at, end, split_special);
        add_id(t, id);
    }
}

size_t distil_tok_encode(const distil_tokenizer *tokenizer, int32_t *ids, size_t capacity,
                         size_t limit, const char *text, size_t text_bytes, int split_special)
{
    tokens t;

    init_tokens(&t, tokenizer, ids, capacity, limit, 0);
    add_text(&t, text, text_bytes, split_special);
    if (t.count <= limit)
        add_id(&t, tokenizer->sep_id);
    return t.count;
}

static void reverse(int32_t *ids, size_t count)
{
    for (size_t i = 0; i < count / 2; i++) {
        int32_t id = ids[i];

        ids[i] = ids[count - 1 - i];
        ids[count - 1 - i] = id;
    }
}

size_t distil_tok_encode_end(const distil_tokenizer *tokenizer, int32_t *ids, size_t capacity,
                             const char *text, size_t text_bytes, int split_special)
{
    size_t ring = capacity - 2, last;
    tokens t;

    /* The ids of the text go round ids[1 .. ring], so that the last ones stay. */
    init_tokens(&t, tokenizer, ids, capacity - 1, SIZE_MAX, ring);
    add_text(&t, text, text_bytes, split_special);
    if (ring > 0 && t.count > capacity - 1) {
        /* Three reversals rotate the oldest id, which is at `last`, to the front. */
        last = (t.count - 1) % ring;
        reverse(ids + 1, last);
        reverse(ids + 1 + last, ring - last);
        reverse(ids + 1, ring);
    }
    ids[t.count < capacity - 1 ? t.count : capacity - 1] = (int32_t)tokenizer->sep_id;
    return t.count + 1;
}

/* ---- setup ---------------------------------------------------------------------------------- */

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
