/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fuzz target: the tokenizer and the UTF-8 decoder. The first byte of an input holds the
 * tokenizer's options, the second one says where to cut the text in two, and the rest is the text.
 *
 * Besides memory safety the target checks four rules. Every id is below the vocabulary's size. With
 * a smaller capacity or a limit the ids are the first ones of the whole text. Joining two texts by
 * a space joins their ids. A text without "[" gives the same ids whether special tokens are split
 * or not.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/utf8.h"
#include "tests/fuzz/fuzz.h"
#include "tests/support/support_vocab.h"

enum { SPLIT_SPECIAL = 8 };

/* The vocabulary, one token a line. It is small so that mutations of a text still contain its
 * tokens: word pieces, tokens that are prefixes of others, and several scripts. */
static const char lines[] =
    "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\na\nb\nc\ne\ni\ns\nab\nabc\nabcd\nthe\nfilm\n##a\n##b\n##"
    "ab\n"
    "##s\n##m\n##bcd\n!\n\"\n#\n'\n,\n-\n.\n[\n]\n1\n##2\n##\n\xc3\xa9\n##\xc3\xa9\n\xc3\x9f\n"
    "\xd0\xb6\n##\xd0\xb6\n\xe1\x84\x92\n##\xe1\x85\xa1\n##"
    "\xe1\x86\xab\n\xe4\xbd\xa0\n\xe5\xa5\xbd\n"
    "\xe1\xad\x84\n##\xe1\xad\x84\n##\xe3\x80\xae\n##\xf0\x9d\x85\xa5\n\xf0\x9d\x85\x98\n"
    "\xf0\x9f\x98\x80\n\xef\xb7\xba\n";

/* The ids of one text; the caller of tokenize frees them. */
typedef struct run {
    int32_t *ids;
    size_t count;
} run;

static void require(int condition)
{
    if (!condition)
        abort();
}

static void *allocate(size_t bytes)
{
    void *memory = malloc(bytes + 1);

    require(memory != NULL);
    return memory;
}

/* Tokenize a text and check each id. A byte gives at most 6 ids: normalisation may turn a character
 * into several, and each of them may become [UNK]. */
static run tokenize(const distil_tokenizer *t, const char *text, size_t size, size_t limit,
                    int split)
{
    size_t capacity = 6 * size + 8;
    run r = {allocate(capacity * sizeof(int32_t)), 0};

    r.count = distil_tok_encode(t, r.ids, capacity, limit, text, size, split);
    require(r.count <= capacity);
    for (size_t i = 0; i < r.count; i++)
        require(r.ids[i] >= 0 && (uint32_t)r.ids[i] < t->vocab.size);
    return r;
}

/* Check that a smaller capacity, and a limit, give the first ids of the whole text. */
static void check_beginnings(const distil_tokenizer *t, const run *whole, const char *text,
                             size_t size, int split)
{
    size_t half = whole->count / 2;
    int32_t *ids = allocate(half * sizeof(int32_t));
    run stopped = tokenize(t, text, size, half, split);

    require(distil_tok_encode(t, ids, half, SIZE_MAX, text, size, split) == whole->count);
    require(memcmp(ids, whole->ids, half * sizeof(int32_t)) == 0);
    require(stopped.count > half && stopped.count <= whole->count);
    require(memcmp(stopped.ids, whole->ids, stopped.count * sizeof(int32_t)) == 0);
    free(stopped.ids);
    free(ids);
}

/* Append the ids of the text in a window. */
static int append_window(void *user, const int32_t *ids, const distil_offsets *offsets,
                         size_t count)
{
    run *r = user;

    (void)offsets;
    memcpy(r->ids + r->count, ids + 1, (count - 2) * sizeof *ids);
    r->count += count - 2;
    return 0;
}

/* Check that with offsets the ids are the same, each part lies in the text, and windows without a
 * stride are the ids one after the other. */
static void check_offsets(const distil_tokenizer *t, const run *whole, const char *text,
                          size_t size, int split)
{
    run r = {allocate(whole->count * sizeof(int32_t)), 0};
    distil_offsets *offsets = allocate(whole->count * sizeof *offsets);
    int32_t window[5];

    require(distil_tok_encode_ranges(t, r.ids, offsets, whole->count, text, size, split) ==
            whole->count);
    require(memcmp(r.ids, whole->ids, whole->count * sizeof(int32_t)) == 0);
    distil_tok_count_chars(offsets, whole->count, text);
    for (size_t i = 0; i < whole->count; i++)
        require(offsets[i].begin <= offsets[i].end && offsets[i].end <= size &&
                offsets[i].char_begin <= offsets[i].char_end &&
                offsets[i].char_end <= offsets[i].end);
    require(distil_tok_windows(t, window, NULL, 5, 0, text, size, split, append_window, &r) > 0);
    require(r.count == whole->count - 2);
    require(memcmp(r.ids, whole->ids + 1, r.count * sizeof(int32_t)) == 0);
    free(offsets);
    free(r.ids);
}

/* Check that ids(a + " " + b) is ids(a) without [SEP] followed by ids(b) without [CLS]. This holds
 * because a space ends a word, a run of combining marks and an incomplete UTF-8 sequence, and
 * because no special token of this vocabulary contains a space. */
static void check_concatenation(const distil_tokenizer *t, const char *text, size_t size,
                                size_t cut, int split)
{
    char *joined = allocate(size + 1);
    run a, b, ab;

    memcpy(joined, text, cut);
    joined[cut] = ' ';
    memcpy(joined + cut + 1, text + cut, size - cut);
    a = tokenize(t, text, cut, SIZE_MAX, split);
    b = tokenize(t, text + cut, size - cut, SIZE_MAX, split);
    ab = tokenize(t, joined, size + 1, SIZE_MAX, split);
    require(ab.count == a.count + b.count - 2);
    require(memcmp(ab.ids, a.ids, (a.count - 1) * sizeof(int32_t)) == 0);
    require(memcmp(ab.ids + a.count - 1, b.ids + 1, (b.count - 1) * sizeof(int32_t)) == 0);
    free(a.ids);
    free(b.ids);
    free(ab.ids);
    free(joined);
}

/* Check that decoding moves on with each call, and that each code point encodes to the bytes it
 * came from, or is the replacement character. */
static void check_utf8(const uint8_t *at, const uint8_t *end)
{
    while (at < end) {
        const uint8_t *begin = at;
        uint32_t c = distil_utf8_decode(&at, end);
        uint8_t bytes[DISTIL_UTF8_MAX_BYTES];
        size_t n = distil_utf8_encode(bytes, c);

        require(at > begin && at <= end && c < 0x110000 && (c < 0xd800 || c > 0xdfff));
        require(c == DISTIL_UTF8_REPLACEMENT ||
                (n == (size_t)(at - begin) && memcmp(bytes, begin, n) == 0));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *text = (const char *)data + 2;
    support_vocab vocab;
    int split;
    run whole;

    if (size < 2)
        return 0;
    size -= 2;
    split = (data[0] & SPLIT_SPECIAL) != 0;
    require(support_vocab_from_lines(&vocab, lines, sizeof lines - 1, data[0] & 7) == 0);
    check_utf8(data + 2, data + 2 + size);
    whole = tokenize(&vocab.tokenizer, text, size, SIZE_MAX, split);
    require(whole.count >= 2);
    check_beginnings(&vocab.tokenizer, &whole, text, size, split);
    check_offsets(&vocab.tokenizer, &whole, text, size, split);
    check_concatenation(&vocab.tokenizer, text, size, size * data[1] / 255, split);
    if (!memchr(text, '[', size)) {
        run other = tokenize(&vocab.tokenizer, text, size, SIZE_MAX, !split);

        require(other.count == whole.count);
        require(memcmp(other.ids, whole.ids, whole.count * sizeof(int32_t)) == 0);
        free(other.ids);
    }
    free(whole.ids);
    support_vocab_free(&vocab);
    return 0;
}
