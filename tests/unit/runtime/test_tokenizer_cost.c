/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests that tokenizing, also in windows and pairs, takes linear time on hostile text. It counts
 * instead of measuring time: this file includes the sources of the tokenizer, and counts every
 * decoded code point and every look-up.
 */
#include <stdlib.h>
#include <string.h>

#include "runtime/normalizer.h"
#include "runtime/pairs.h"
#include "runtime/special.h"
#include "runtime/tokenizer.h"
#include "runtime/unicode_tables.h"
#include "runtime/base/utf8.h"
#include "tests/support/harness.h"
#include "tests/support/support_vocab.h"

static size_t decoded, looked_up;

static uint32_t counted_decode(const uint8_t **at, const uint8_t *end)
{
    decoded++;
    return distil_utf8_decode(at, end);
}

static uint32_t counted_find(const distil_vocab *vocab, uint64_t hash, const char *prefix,
                             size_t prefix_bytes, const char *text, size_t text_bytes)
{
    looked_up++;
    return distil_vocab_find(vocab, hash, prefix, prefix_bytes, text, text_bytes);
}

/* The functions of these files get other names here, since the library defines them too. */
#define distil_utf8_decode counted_decode
#define distil_vocab_find counted_find
#define distil_normalizer_init counted_normalizer_init
#define distil_normalizer_next counted_normalizer_next
#define distil_tok_init counted_tok_init
#define distil_tok_prepare counted_tok_prepare
#define distil_tok_encode counted_tok_encode
#define distil_tok_encode_end counted_tok_encode_end
#define distil_tok_encode_ranges counted_tok_encode_ranges
#define distil_tok_count_chars counted_tok_count_chars
#define distil_tok_windows counted_tok_windows
#define distil_pair_plan counted_pair_plan
#define distil_pair_encode counted_pair_encode
void distil_normalizer_init(distil_normalizer *norm, const distil_tokenizer *tokenizer,
                            const uint8_t *text, const uint8_t *end, int split_special);
uint32_t distil_normalizer_next(distil_normalizer *norm);
void distil_tok_init(distil_tokenizer *tokenizer, const distil_blob *blob);
void distil_tok_prepare(distil_tokenizer *tokenizer);
size_t distil_tok_encode(const distil_tokenizer *tokenizer, int32_t *ids, size_t capacity,
                         size_t limit, const char *text, size_t text_bytes, int split_special);
size_t distil_tok_encode_end(const distil_tokenizer *tokenizer, int32_t *ids, size_t capacity,
                             const char *text, size_t text_bytes, int split_special);
size_t distil_tok_encode_ranges(const distil_tokenizer *tokenizer, int32_t *ids,
                                distil_offsets *ranges, size_t capacity, const char *text,
                                size_t text_bytes, int split_special);
void distil_tok_count_chars(distil_offsets *offsets, size_t count, const char *text);
size_t distil_tok_windows(const distil_tokenizer *tokenizer, int32_t *ids, distil_offsets *ranges,
                          size_t window, size_t stride, const char *text, size_t text_bytes,
                          int split_special, distil_tok_window_fn *emit, void *user);
int distil_pair_plan(size_t kept[2], const size_t counts[2], size_t room,
                     distil_truncation truncation);
size_t distil_pair_encode(const distil_tokenizer *tokenizer, int32_t *ids, int32_t *second,
                          uint8_t *truncated, size_t max_tokens, const distil_pair_text *texts,
                          distil_truncation truncation, int split_special);
#include "runtime/normalizer.c"
#include "runtime/pairs.c"
#include "runtime/tokenizer.c"

/* Texts that can make a tokenizer slow. Each unit is repeated until the text is long enough. */
static const struct hostile {
    const char *name;
    const char *unit;
} hostile[] = {
    {"one letter", "a"},
    {"letters that are no word", "qxzj"},
    {"words of 100 letters that are none", "qxzjqxzjqxzjqxzjqxzjqxzjqxzjqxzjqxzjqxzjqxzjqxzjqx"
                                           "zjqxzjqxzjqxzjqxzjqxzjqxzjqxzjqxzjqxzjqxzjqxzjqxzj "},
    {"removed marks", "\xcc\x81"},
    {"kept marks of one class", "\xe1\xad\x84"},
    {"kept marks of all classes, descending",
     "\xf0\x9d\x85\xad\xf0\x9e\x80\x80\xe3\x80\xae\xf0\x9d\x85\xa5\xe1\xad\x84\xf0\x91\xb1\x82"},
    {"decompositions of three", "\xf0\x9d\x85\xa0"},
    {"Hangul", "\xed\x95\x9c"},
    {"ligature", "\xef\xb7\xba"},
    {"Chinese", "\xe4\xbd\xa0"},
    {"capital I with dot", "\xc4\xb0"},
    {"open brackets", "["},
    {"special tokens not finished", "[CLS"},
    {"special tokens", "[MASK]"},
    {"marks between special tokens", "[SEP]\xe1\xad\x84\xe3\x80\xae"},
    {"NUL", "\0"},
    {"invalid bytes", "\xff"},
    {"lead bytes", "\xf0"},
    {"spaces", " "},
};
enum { HOSTILE = sizeof hostile / sizeof hostile[0] };

/* Returns the number of decoded code points plus that of look-ups for the first `bytes` bytes of
 * the text. */
static size_t count_work(const support_vocab *vocab, const char *text, size_t bytes, size_t limit)
{
    decoded = 0;
    looked_up = 0;
    counted_tok_encode(&vocab->tokenizer, NULL, 0, limit, text, bytes, 0);
    return decoded + looked_up;
}

static size_t count_points(const char *text, size_t size)
{
    const uint8_t *at = (const uint8_t *)text, *end = at + size;

    for (decoded = 0; at < end;)
        distil_utf8_decode(&at, end);
    return decoded;
}

static void test_hostile(support_vocab *vocab, const struct hostile *h, char *text, size_t size)
{
    size_t unit = strlen(h->unit) + (h->unit[0] == '\0'), points;

    for (size_t i = 0; i < size; i++)
        text[i] = h->unit[i % unit];
    points = count_points(text, size);
    for (uint32_t flags = 0; flags < 8; flags++) {
        size_t half, whole, most_decoded, most_looked_up;

        support_vocab_set_flags(vocab, flags);
        half = count_work(vocab, text, size / 2, SIZE_MAX);
        whole = count_work(vocab, text, size, SIZE_MAX);
        /* The normaliser reads each code point once, once to find the end of a run, and once for
         * each combining class after the first. */
        most_decoded = points * (1 + DISTIL_UNICODE_RANKS);
        /* The tokenizer makes at most one look-up for each byte and each length of a token, and one
         * for each whole word. */
        most_looked_up = size * (vocab->tokenizer.vocab.max_token_bytes + 1);
        CHECKF(decoded <= most_decoded, "options %u: %zu decoded of %zu", flags, decoded, points);
        CHECKF(looked_up <= most_looked_up, "options %u: %zu looked up", flags, looked_up);
        CHECKF(whole <= 2 * half + 10000, "options %u: %zu steps for half the text, %zu for all",
               flags, half, whole);
    }
}

static int ignore_window(void *user, const int32_t *ids, const distil_offsets *offsets,
                         size_t count)
{
    (void)user, (void)ids, (void)offsets, (void)count;
    return 0;
}

/* The steps for a text in windows, and for a pair of which both texts are this one. */
static size_t count_windows_and_pair(const support_vocab *vocab, const char *text, size_t bytes)
{
    static int32_t ids[512], second[512];
    const distil_pair_text pair[2] = {{text, bytes}, {text, bytes}};
    uint8_t truncated;

    decoded = 0;
    looked_up = 0;
    counted_tok_windows(&vocab->tokenizer, ids, NULL, 128, 64, text, bytes, 0, ignore_window, NULL);
    counted_pair_encode(&vocab->tokenizer, ids, second, &truncated, 512, pair,
                        DISTIL_TRUNCATION_LONGEST, 0);
    return decoded + looked_up;
}

/* Windows read a text at most twice, and pairs read each of theirs at most twice. */
static void test_windows_and_pairs(support_vocab *vocab, const struct hostile *h, char *text,
                                   size_t size)
{
    size_t unit = strlen(h->unit) + (h->unit[0] == '\0');

    for (size_t i = 0; i < size; i++)
        text[i] = h->unit[i % unit];
    for (int left = 0; left < 2; left++) {
        size_t once, half, whole;

        support_vocab_set_flags(vocab, SUPPORT_UNCASED);
        if (left)
            vocab->tokenizer.flags |= DISTIL_BLOB_TOK_TRUNCATE_LEFT;
        once = count_work(vocab, text, size, SIZE_MAX);
        half = count_windows_and_pair(vocab, text, size / 2);
        whole = count_windows_and_pair(vocab, text, size);
        CHECKF(whole <= 2 * half + 20000, "left %d: %zu steps for half the text, %zu for all", left,
               half, whole);
        CHECKF(whole <= 6 * once + 20000, "left %d: %zu steps, %zu for the text", left, whole,
               once);
    }
}

/* ASCII text does not go through the decoder, not even words that are too long to be stored. */
static void test_ascii(support_vocab *vocab, char *text, size_t size)
{
    static const char *const units[] = {"a", "Ab", "the qxzj, ", "don't!\r\n\t", " "};

    for (size_t k = 0; k < sizeof units / sizeof units[0]; k++) {
        for (size_t i = 0; i < size; i++)
            text[i] = units[k][i % strlen(units[k])];
        count_work(vocab, text, size, SIZE_MAX);
        CHECKF(decoded == 0, "%zu code points of \"%s\" decoded", decoded, units[k]);
    }
}

/* A limit on ids ends the work early in a long text. */
static void test_limit(support_vocab *vocab, char *text, size_t size)
{
    for (size_t i = 0; i < size; i++)
        text[i] = "to be, "[i % 7];
    support_vocab_set_flags(vocab, SUPPORT_UNCASED);
    CHECK(count_work(vocab, text, size, 512) < 2000);
    for (size_t i = 0; i < size; i++)
        text[i] = "\xe4\xbd\xa0"[i % 3];
    CHECK(count_work(vocab, text, size, 512) < 4000);
    for (size_t i = 0; i < size; i++)
        text[i] = "[MASK]"[i % 6];
    CHECK(count_work(vocab, text, size, 512) < 4000);
}

int main(int argc, char **argv)
{
    size_t size = 600000; /* a multiple of the length of each unit except one, which is cut off */
    char *text = malloc(size);
    support_vocab vocab;

    harness_init("test_tokenizer_cost", argc, argv);
    if (!text || support_vocab_load(&vocab, "model/sst2/vocab.txt", SUPPORT_UNCASED) != 0) {
        if (harness_case("files"))
            harness_fail(__FILE__, __LINE__, "no memory, or the vocabulary cannot be read");
        free(text);
        return harness_finish();
    }
    for (int i = 0; i < HOSTILE; i++)
        if (harness_case("linear/%s", hostile[i].name))
            test_hostile(&vocab, &hostile[i], text, size);
    for (int i = 0; i < HOSTILE; i++)
        if (harness_case("windows and pairs/%s", hostile[i].name))
            test_windows_and_pairs(&vocab, &hostile[i], text, size);
    if (harness_case("ASCII is taken as it is"))
        test_ascii(&vocab, text, size);
    if (harness_case("a limit ends the work"))
        test_limit(&vocab, text, size);
    support_vocab_free(&vocab);
    free(text);
    return harness_finish();
}
