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

/* Bytes of the text. */
typedef struct range {
    uint32_t begin, end;
} range;

/*
 * Where the characters of the word come from, for callers that want ranges. The first `plain`
 * characters are ASCII letters that follow one another in the text from `first` on; most words have
 * no others. The arrays have the ranges of those that come after them.
 */
typedef struct word_source {
    const uint8_t *text;
    const uint8_t *last; /* the end of the last special token before, or the text */
    uint32_t first, plain;
    uint32_t word_end; /* where the last character of the word ends */
    range chars[DISTIL_BLOB_MAX_WORD_CHARS];
} word_source;

/* The state of distil_tok_encode: its arguments, its output, and the word that is being read. */
typedef struct tokens {
    const distil_tokenizer *tokenizer;
    int32_t *ids;
    size_t capacity;
    size_t limit;
    size_t count; /* the ids found so far; the first `capacity` of them are written to ids */
    size_t ring;  /* not 0: ids[1 .. ring] hold the last ids of the text, in turn */
    struct window_cut *cut; /* not NULL: ids hold a window, which ends at `capacity` */

    /* The normalised word. Of a word above WORD_BYTES, which has too many characters to be split,
     * only the beginning is stored. */
    size_t word_chars;
    size_t word_bytes;
    uint64_t word_hash;
    distil_offsets *ranges; /* (capacity) of the ids; NULL if the caller wants none */
    word_source *source;    /* NULL if the caller wants no ranges */
    uint8_t word[WORD_BYTES];
} tokens;

static void end_window(tokens *t);

/* Adds an id for which the caller's array has no room: it begins a new window, takes the place of
 * the oldest id, or is only counted. */
__attribute__((noinline)) static void add_id_beyond(tokens *t, uint32_t id)
{
    if (t->cut)
        end_window(t);
    if (t->count < t->capacity)
        t->ids[t->count] = (int32_t)id;
    else if (t->ring > 0)
        t->ids[1 + (t->count - 1) % t->ring] = (int32_t)id;
    t->count++;
}

static inline void add_id(tokens *t, uint32_t id)
{
    if (t->count < t->capacity)
        t->ids[t->count++] = (int32_t)id;
    else
        add_id_beyond(t, id);
}

/* ---- ranges --------------------------------------------------------------------------------- */

/* Says that the next id comes from these bytes. */
__attribute__((noinline)) static void set_range(tokens *t, uint32_t begin, uint32_t end)
{
    if (t->cut && t->count >= t->capacity)
        end_window(t);
    if (t->count < t->capacity)
        t->ranges[t->count] = (distil_offsets){.begin = begin, .end = end};
}

static range source_of(const word_source *s, size_t character)
{
    uint32_t at = s->first + (uint32_t)character;

    return character < s->plain ? (range){at, at + 1} : s->chars[character];
}

/* Says that the next id comes from the characters first .. last of the word. Canonical ordering may
 * have moved marks, so the last character can come from a place before that of the first. */
__attribute__((noinline)) static void set_word_range(tokens *t, size_t first, size_t last)
{
    const word_source *s = t->source;
    range all = {source_of(s, first).begin,
                 last + 1 == t->word_chars ? s->word_end : source_of(s, last).end};

    for (size_t i = first; all.end <= all.begin && i <= last && i < DISTIL_BLOB_MAX_WORD_CHARS;
         i++) {
        range one = source_of(s, i);

        all.end = one.end > all.end ? one.end : all.end;
    }
    set_range(t, all.begin, all.end);
}

/* Notes where the next character of the word comes from. */
__attribute__((noinline)) static void note_char(tokens *t, const uint8_t *from, const uint8_t *to)
{
    word_source *s = t->source;

    if (t->word_chars == 0)
        s->plain = 0;
    s->word_end = (uint32_t)(to - s->text);
    if (t->word_chars < DISTIL_BLOB_MAX_WORD_CHARS)
        s->chars[t->word_chars] = (range){(uint32_t)(from - s->text), s->word_end};
}

/* Notes where `count` ASCII letters that are added to the word come from. */
__attribute__((noinline)) static void note_letters(tokens *t, const uint8_t *from, size_t count)
{
    word_source *s = t->source;
    uint32_t at = (uint32_t)(from - s->text);

    if (t->word_chars == 0) {
        s->first = at;
        s->plain = 0;
    }
    s->word_end = at + (uint32_t)count;
    if (t->word_chars == s->plain && s->first + s->plain == at) {
        s->plain += (uint32_t)count;
        return;
    }
    for (size_t i = 0; i < count && t->word_chars + i < DISTIL_BLOB_MAX_WORD_CHARS; i++)
        s->chars[t->word_chars + i] = (range){at + (uint32_t)i, at + (uint32_t)i + 1};
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

/* Adds an id for the whole word. */
static inline void add_word_id(tokens *t, uint32_t id)
{
    if (__builtin_expect(t->source != NULL, 0))
        set_word_range(t, 0, t->word_chars - 1);
    add_id(t, id);
}

/* Adds n pieces of the word, and says where each comes from. ends[i] is where piece i ends in the
 * word. */
__attribute__((noinline)) static void add_pieces_with_ranges(tokens *t, const uint32_t *pieces,
                                                             const uint16_t *ends, size_t n)
{
    size_t chars = 0, at = 0;

    for (size_t i = 0; i < n; i++) {
        size_t first = chars;

        /* A character begins at each byte that does not continue one. */
        for (; at < ends[i]; at++)
            chars += (t->word[at] & 0xc0) != 0x80;
        set_word_range(t, first, chars - 1);
        add_id(t, pieces[i]);
    }
}

/* Splits the word, which is not a token itself, into tokens and adds their ids. If it cannot be
 * split, adds [UNK] instead. The pieces are kept in an array of their own until the last one is
 * found, so that no id has to be removed again. */
__attribute__((noinline)) static void add_pieces(tokens *t)
{
    uint32_t pieces[DISTIL_BLOB_MAX_WORD_CHARS];
    uint16_t ends[DISTIL_BLOB_MAX_WORD_CHARS]; /* where each piece ends in the word */
    size_t n = 0, start = 0;

    while (start < t->word_bytes) {
        uint32_t id = start == 0 ? longest_piece(t, &start, 0, "", 0, 0)
                                 : longest_piece(t, &start, start, CONTINUATION, CONTINUATION_BYTES,
                                                 CONTINUATION_HASH);

        if (id == DISTIL_VOCAB_EMPTY) {
            add_word_id(t, t->tokenizer->unk_id);
            return;
        }
        ends[n] = (uint16_t)start;
        pieces[n++] = id;
    }
    if (__builtin_expect(t->source != NULL, 0)) {
        add_pieces_with_ranges(t, pieces, ends, n);
        return;
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
        add_word_id(t, t->tokenizer->unk_id);
    } else {
        id = distil_vocab_find(&t->tokenizer->vocab, t->word_hash, "", 0, (const char *)t->word,
                               t->word_bytes);
        if (id != DISTIL_VOCAB_EMPTY)
            add_word_id(t, id);
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

/* Adds a character that comes from the bytes from .. to - 1 to the word. */
static void add_char_of(tokens *t, uint32_t c, const uint8_t *from, const uint8_t *to)
{
    if (t->source)
        note_char(t, from, to);
    add_char(t, c);
}

/* Ends the word before, and adds the character as a word of its own. */
static void add_single_char_word(tokens *t, uint32_t c, const uint8_t *from, const uint8_t *to)
{
    finish_word(t);
    add_char_of(t, c, from, to);
    finish_word(t);
}

/* Ends the word before, and adds an ASCII punctuation character, which needs no normalisation, as a
 * word of its own. */
static void add_ascii_punctuation(tokens *t, const char *c)
{
    uint32_t id;

    finish_word(t);
    id = distil_vocab_find(&t->tokenizer->vocab, distil_vocab_hash(0, c, 1), "", 0, c, 1);
    if (__builtin_expect(t->source != NULL, 0)) {
        uint32_t at = (uint32_t)((const uint8_t *)c - t->source->text);

        set_range(t, at, at + 1);
    }
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
    if (__builtin_expect(t->source != NULL, 0) && at > begin)
        note_letters(t, begin, (size_t)(at - begin));
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
            add_single_char_word(t, c, norm.cursor.from, norm.cursor.at);
        else
            add_char_of(t, c, norm.cursor.from, norm.cursor.at);
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
    t->cut = NULL;
    t->ranges = NULL;
    t->source = NULL;
    t->word_chars = 0;
    t->word_bytes = 0;
    t->word_hash = 0;
}

/* Says that the next id is a special token at `begin`, which ends at `at` in a text that ends at
 * `end`. The range has the white space that the token absorbs. */
static void set_special_range(tokens *t, uint32_t id, const uint8_t *begin, const uint8_t *at,
                              const uint8_t *end)
{
    word_source *s = t->source;

    distil_special_widen(t->tokenizer, id, s->last, end, &begin, &at);
    set_range(t, (uint32_t)(begin - s->text), (uint32_t)(at - s->text));
    s->last = at;
}

/* Adds [CLS] and the ids of the text. It stops earlier if there are more than `limit` ids. */
static void add_text(tokens *t, const char *text, size_t text_bytes, int split_special)
{
    const uint8_t *at = (const uint8_t *)text;
    const uint8_t *end = text_bytes > 0 ? at + text_bytes : at;

    if (t->source) {
        t->source->text = t->source->last = at;
        set_range(t, 0, 0);
    }
    add_id(t, t->tokenizer->cls_id);
    while (t->count <= t->limit) {
        uint32_t id = t->tokenizer->unk_id;
        const uint8_t *begin;

        at = tokenize_piece(t, at, end, split_special);
        if (at == end || t->count > t->limit)
            break;
        begin = at;
        at += distil_special_match(t->tokenizer, &id, at, end, split_special);
        if (t->source)
            set_special_range(t, id, begin, at, end);
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

size_t distil_tok_encode_ranges(const distil_tokenizer *tokenizer, int32_t *ids,
                                distil_offsets *ranges, size_t capacity, const char *text,
                                size_t text_bytes, int split_special)
{
    word_source source = {0};
    tokens t;

    init_tokens(&t, tokenizer, ids, capacity, SIZE_MAX, 0);
    t.ranges = ranges;
    t.source = &source;
    add_text(&t, text, text_bytes, split_special);
    set_range(&t, 0, 0);
    add_id(&t, tokenizer->sep_id);
    return t.count;
}

/* Returns the number of characters of the bytes at .. end - 1. */
static uint32_t count_chars(const uint8_t *at, const uint8_t *end)
{
    uint32_t count = 0;

    for (; at < end; count++)
        if (*at < 0x80)
            at++;
        else
            (void)distil_utf8_decode(&at, end);
    return count;
}

void distil_tok_count_chars(distil_offsets *offsets, size_t count, const char *text)
{
    const uint8_t *bytes = (const uint8_t *)text;
    uint32_t at = 0, chars = 0;

    for (size_t i = 0; i < count; i++) {
        distil_offsets *o = &offsets[i];

        if (o->end == 0)
            continue;
        if (o->begin >= at) {
            chars += count_chars(bytes + at, bytes + o->begin);
            at = o->begin;
            o->char_begin = chars;
        } else {
            o->char_begin = count_chars(bytes, bytes + o->begin);
        }
        o->char_end = o->char_begin + count_chars(bytes + o->begin, bytes + o->end);
    }
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

/* ---- windows -------------------------------------------------------------------------------- */

/* What distil_tok_windows does with the windows. */
typedef struct window_cut {
    size_t window, stride, windows; /* the last is the number of windows so far */
    distil_tok_window_fn *emit;
    void *user;
} window_cut;

/* Hands over a window, whose ids are [CLS] and t->count - 1 others. */
static void emit_window(tokens *t)
{
    window_cut *cut = t->cut;

    t->ids[t->count] = (int32_t)t->tokenizer->sep_id;
    if (t->ranges)
        t->ranges[t->count] = (distil_offsets){0};
    cut->windows++;
    if (cut->emit(cut->user, t->ids, t->ranges, t->count + 1) == 0)
        return;
    cut->windows = 0;
    t->cut = NULL;
    t->limit = 0; /* Whoever adds ids sees more of them than the limit and stops. */
}

/* Hands over a window that is full, and begins the next one with the ids that they share. */
static void end_window(tokens *t)
{
    size_t stride = t->cut->stride, window = t->cut->window;

    emit_window(t);
    memmove(t->ids + 1, t->ids + t->count - stride, stride * sizeof *t->ids);
    if (t->ranges)
        memmove(t->ranges + 1, t->ranges + t->count - stride, stride * sizeof *t->ranges);
    t->count = 1 + stride;
    t->capacity = window - 1;
}

/* Returns how many of a text's `count` ids are in the first window, so that the windows end with
 * the text: all but the last of those that follow begin `step` ids after the one before. */
static size_t first_window(size_t count, size_t most, size_t step)
{
    return count <= most ? most : count - (count - most + step - 1) / step * step;
}

size_t distil_tok_windows(const distil_tokenizer *tokenizer, int32_t *ids, distil_offsets *ranges,
                          size_t window, size_t stride, const char *text, size_t text_bytes,
                          int split_special, distil_tok_window_fn *emit, void *user)
{
    window_cut cut = {window, stride, 0, emit, user};
    size_t first = window - 2;
    word_source source = {0};
    tokens t;

    if (tokenizer->flags & DISTIL_BLOB_TOK_TRUNCATE_LEFT)
        first = first_window(
            distil_tok_encode(tokenizer, NULL, 0, SIZE_MAX, text, text_bytes, split_special) - 2,
            window - 2, window - 2 - stride);
    init_tokens(&t, tokenizer, ids, 1 + first, SIZE_MAX, 0);
    t.cut = &cut;
    t.ranges = ranges;
    t.source = ranges ? &source : NULL;
    add_text(&t, text, text_bytes, split_special);
    if (t.cut)
        emit_window(&t);
    return cut.windows;
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
