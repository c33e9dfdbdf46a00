/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Compares token ids with those of the reference, which tools/generate/make_token_golden.py has
 * written to tests/golden, and tests the tokenizer's own rules: capacity, limit, special tokens,
 * odd vocabularies.
 *
 * "test_tokenizer --serve VOCAB" answers the requests of make_token_golden.py --compare instead.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/checksum.h"
#include "runtime/base/hex.h"
#include "tests/support/harness.h"
#include "tests/support/support_vocab.h"
#include "tests/support/support_words.h"

static support_vocab bert; /* the shipped vocabulary */

/* ---- golden lines --------------------------------------------------------------------------- */

/* Parses the decimal ids of a golden line. Returns their number, or 0 if it is above capacity. */
static size_t parse_ids(int32_t *ids, size_t capacity, char *text)
{
    size_t n = 0;
    char *item;

    while ((item = strsep(&text, " ")) && n < capacity)
        ids[n++] = (int32_t)strtol(item, NULL, 10);
    return item ? 0 : n;
}

/* Returns line `number` of a text, counted from 1, and sets *bytes to its length; NULL if there are
 * fewer lines. Only LF ends a line. */
static const char *find_line(size_t *bytes, const char *text, size_t size, unsigned long number)
{
    const char *end = text + size;

    for (;;) {
        const char *newline = memchr(text, '\n', (size_t)(end - text));

        *bytes = (size_t)((newline ? newline : end) - text);
        if (--number == 0)
            return text;
        if (!newline)
            return NULL;
        text = newline + 1;
    }
}

typedef struct source {
    char name[64];
    char *text;
    size_t size;
} source;

static int open_source(source *s, const char *name)
{
    char path[128];

    if (strcmp(s->name, name) == 0)
        return 1;
    free(s->text);
    snprintf(s->name, sizeof s->name, "%s", name);
    snprintf(path, sizeof path, "tests/data/text/%s", name);
    s->text = harness_read_file(harness_path(path), &s->size);
    return s->text != NULL;
}

/* Compares the ids of the lines of text files. The lines of one file are one case. */
static void test_lines(const char *golden, uint32_t flags, size_t expected_lines)
{
    enum { MOST = 4096 };
    static int32_t expected[MOST], got[MOST];
    size_t size, lines = 0;
    char *text = harness_read_file(harness_path(golden), &size);
    char *rest = text, *line;
    source s = {0};
    int run = 0;

    support_vocab_set_flags(&bert, flags);
    if (text)
        strsep(&rest, "\n");
    while (text && (line = strsep(&rest, "\n")) && *line) {
        const char *name = strsep(&line, "\t");
        const char *number = strsep(&line, "\t");
        size_t n = parse_ids(expected, MOST, line), bytes, count;
        const char *raw;

        if (strcmp(name, s.name) != 0)
            run = harness_case("%s/%s", golden, name);
        lines++;
        raw = open_source(&s, name) ? find_line(&bytes, s.text, s.size, strtoul(number, NULL, 10))
                                    : NULL;
        if (!run)
            continue;
        count = raw ? distil_tok_encode(&bert.tokenizer, got, MOST, SIZE_MAX, raw, bytes, 0) : 0;
        CHECKF(count == n && n > 0 && memcmp(got, expected, n * sizeof got[0]) == 0,
               "%s line %s: %zu ids, %zu expected, or not the same ones", name, number, count, n);
    }
    if (harness_case("%s/whole", golden))
        CHECK(lines == expected_lines);
    free(s.text);
    free(text);
}

/* ---- golden cases --------------------------------------------------------------------------- */

/* One line of tests/golden/token_cases.tsv. */
typedef struct golden_case {
    uint32_t mode;      /* tokenizer flags and SUPPORT_SERVE_SPLIT_SPECIAL */
    size_t most;        /* the ids are truncated to this number; 0 means that they are not */
    harness_guard text; /* the text ends where a page ends, and the next page is not mapped */
    const char *words;  /* the hash of the normalised words */
    int32_t ids[8192];  /* (count) the expected ids */
    size_t count;
} golden_case;

static int parse_case(golden_case *c, char *line)
{
    const char *mode = strsep(&line, "\t"), *most = strsep(&line, "\t");
    const char *hex = strsep(&line, "\t");

    c->words = strsep(&line, "\t");
    if (!line)
        return -1;
    c->mode = (uint32_t)strtoul(mode, NULL, 16);
    c->most = strtoul(most, NULL, 10);
    c->text = harness_guard_new(strlen(hex) / 2, 1, 1);
    for (size_t i = 0; i < c->text.bytes; i++) {
        char digits[3] = {hex[2 * i], hex[2 * i + 1], '\0'};

        c->text.data[i] = (unsigned char)strtoul(digits, NULL, 16);
    }
    c->count = parse_ids(c->ids, sizeof c->ids / sizeof c->ids[0], line);
    return 0;
}

static size_t encode_case(const golden_case *c, int32_t *ids, size_t capacity, size_t limit)
{
    return distil_tok_encode(&bert.tokenizer, ids, capacity, limit, (const char *)c->text.data,
                             c->text.bytes, (c->mode & SUPPORT_SERVE_SPLIT_SPECIAL) != 0);
}

static void check_words(const golden_case *c, size_t line)
{
    size_t room = 8 * c->text.bytes + 8;
    char *words = malloc(room), hex[17];
    uint8_t digest[32];
    distil_sha256 sha;
    size_t n;

    if (!words)
        abort();
    n = support_words(&bert.tokenizer, words, room, (const char *)c->text.data, c->text.bytes);
    distil_sha256_init(&sha);
    distil_sha256_update(&sha, words, n);
    distil_sha256_final(&sha, digest);
    hex_string(hex, digest, 8);
    CHECKF(strcmp(hex, c->words) == 0, "line %zu: words \"%.*s\" are not the reference's", line,
           (int)n, words);
    free(words);
}

/* Writes all ids into exactly as much memory as they need. */
static void check_ids(const golden_case *c, size_t line)
{
    harness_guard ids = harness_guard_new(c->count * sizeof(int32_t), sizeof(int32_t), 1);
    size_t n = encode_case(c, (int32_t *)(void *)ids.data, c->count, SIZE_MAX);

    CHECKF(n == c->count && memcmp(ids.data, c->ids, n * sizeof(int32_t)) == 0,
           "line %zu: %zu ids, %zu expected, or not the same ones", line, n, c->count);
    CHECK(harness_guard_check(&ids));
    harness_guard_free(&ids);
}

/* With too little capacity, the first ids are written and the count is the same. */
static void check_capacity(const golden_case *c, size_t line, size_t capacity)
{
    harness_guard ids = harness_guard_new(capacity * sizeof(int32_t), sizeof(int32_t), 1);
    size_t n = encode_case(c, capacity ? (int32_t *)(void *)ids.data : NULL, capacity, SIZE_MAX);

    CHECKF(n == c->count && memcmp(ids.data, c->ids, capacity * sizeof(int32_t)) == 0,
           "line %zu: capacity %zu changes count or ids", line, capacity);
    CHECK(harness_guard_check(&ids));
    harness_guard_free(&ids);
}

/* With a limit, the result is above the limit, or the true count if that is not. The ids written
 * are the first ones, and nothing is written beyond the result. */
static void check_limit(const golden_case *c, size_t line, size_t limit)
{
    int32_t ids[8192];
    size_t n, written;

    for (size_t i = 0; i < c->count; i++)
        ids[i] = -1;
    n = encode_case(c, ids, c->count, limit);
    written = n < c->count ? n : c->count;
    CHECKF(c->count > limit ? n > limit : n == c->count, "line %zu: %zu ids with limit %zu", line,
           n, limit);
    CHECKF(n <= c->count && memcmp(ids, c->ids, written * sizeof ids[0]) == 0,
           "line %zu: limit %zu changes the first ids", line, limit);
    for (size_t i = written; i < c->count; i++)
        CHECKF(ids[i] == -1, "line %zu: limit %zu: written beyond the count", line, limit);
}

/* Truncates in the way that runtime/tokenizer.h describes. */
static void check_truncated(const golden_case *c, size_t line)
{
    int32_t ids[8192];
    size_t n = encode_case(c, ids, c->most, c->most);

    if (n > c->most) {
        n = c->most;
        ids[n - 1] = (int32_t)bert.tokenizer.sep_id;
    }
    CHECKF(n == c->count && memcmp(ids, c->ids, n * sizeof ids[0]) == 0,
           "line %zu: truncated to %zu tokens differs", line, c->most);
}

static void test_cases(void)
{
    static golden_case c;
    size_t size, line_number = 1;
    char *text = harness_read_file(harness_path("tests/golden/token_cases.tsv"), &size);
    char *rest = text, *line;

    CHECK(text != NULL);
    if (text)
        strsep(&rest, "\n");
    while (text && (line = strsep(&rest, "\n")) && *line) {
        line_number++;
        if (parse_case(&c, line) != 0) {
            CHECKF(0, "line %zu cannot be read", line_number);
            break;
        }
        support_vocab_set_flags(&bert, c.mode & 0xff);
        check_words(&c, line_number);
        if (c.most > 0) {
            check_truncated(&c, line_number);
        } else {
            check_ids(&c, line_number);
            check_capacity(&c, line_number, 0);
            check_capacity(&c, line_number, 1);
            check_capacity(&c, line_number, c.count - 1);
            for (size_t limit = 0; limit < c.count + 2; limit += limit < 8 ? 1 : c.count / 4 + 1)
                check_limit(&c, line_number, limit);
            check_limit(&c, line_number, c.count - 1);
            check_limit(&c, line_number, c.count);
        }
        harness_guard_free(&c.text);
    }
    CHECK(line_number == 3043); /* the number of lines of the file, with the header line */
    free(text);
}

/* ---- vocabulary ----------------------------------------------------------------------------- */

static void test_vocab(void)
{
    const distil_vocab *v = &bert.tokenizer.vocab;

    for (uint32_t id = 0; id < v->size; id++) {
        size_t bytes;
        const char *token = distil_vocab_token(v, id, &bytes);
        uint64_t hash = distil_vocab_hash(0, token, bytes);
        size_t split = bytes / 2; /* the byte at which the token is cut into a prefix and a text */

        CHECKF(distil_vocab_find(v, hash, "", 0, token, bytes) == id, "token %u is not found", id);
        CHECKF(distil_vocab_find(v, hash, token, split, token + split, bytes - split) == id,
               "token %u is not found in two parts", id);
        CHECK(distil_vocab_hash(distil_vocab_hash(0, token, split), token + split, bytes - split) ==
              hash);
        /* Other bytes with the same hash are not found, nor are fewer bytes. */
        CHECK(distil_vocab_find(v, hash, "", 0, "\xff\xff\xff\xff\xff\xff\xff\xff", 8) ==
              DISTIL_VOCAB_EMPTY);
        CHECK(distil_vocab_find(v, hash, "", 0, token, bytes - 1) == DISTIL_VOCAB_EMPTY);
    }
    CHECK(distil_vocab_find(v, 0, "", 0, "", 0) == DISTIL_VOCAB_EMPTY);
}

/* ---- rules by hand -------------------------------------------------------------------------- */

/* Tokenizes a text and compares the ids with the expected ones, which end with -1. */
static void expect(const support_vocab *v, const char *text, size_t size, const int32_t *ids)
{
    int32_t got[64];
    size_t n = distil_tok_encode(&v->tokenizer, got, 64, SIZE_MAX, text, size, 0), expected = 0;

    while (ids[expected] != -1)
        expected++;
    CHECKF(n == expected, "\"%.40s\": %zu ids, %zu expected", text, n, expected);
    for (size_t i = 0; i < n && i < expected; i++)
        CHECKF(got[i] == ids[i], "\"%.40s\": id %zu is %d, %d expected", text, i, (int)got[i],
               (int)ids[i]);
}
#define EXPECT(vocab, text, ...)                                                                   \
    expect(vocab, text, sizeof(text) - 1, (const int32_t[]){__VA_ARGS__, -1})

static support_vocab vocab_of(const char *lines)
{
    support_vocab v;

    if (support_vocab_from_lines(&v, lines, strlen(lines), SUPPORT_UNCASED) != 0)
        abort();
    return v;
}

static void test_empty(void)
{
    support_vocab v = vocab_of("[UNK]\n[CLS]\n[SEP]\na\n");

    expect(&v, NULL, 0, (const int32_t[]){1, 2, -1});
    EXPECT(&v, "", 1, 2);
    EXPECT(&v, " \t\r\n\0\x0b\x7f\xff\xcc\x81", 1, 2);
    EXPECT(&v, "a", 1, 3, 2);
    support_vocab_free(&v);
}

/* The longest token comes first, even if the rest of the word then has none. A word that cannot be
 * split completely is [UNK]. */
static void test_longest(void)
{
    support_vocab v =
        vocab_of("[UNK]\n[CLS]\n[SEP]\na\nab\nabc\n##b\n##c\n##cd\n##bcd\nxy\n##\n#\n");

    EXPECT(&v, "a ab abc", 1, 3, 4, 5, 2);
    EXPECT(&v, "abcd", 1, 0, 2);   /* abc is taken, ##d does not exist, and ab ##cd is not tried */
    EXPECT(&v, "abb", 1, 4, 6, 2); /* ab ##b */
    EXPECT(&v, "acbbcd", 1, 3, 7, 6, 9, 2);       /* a ##c ##b ##bcd */
    EXPECT(&v, "acbcdbcdc", 1, 3, 7, 9, 9, 7, 2); /* a ##c ##bcd ##bcd ##c */
    EXPECT(&v, "x xz xy", 1, 0, 0, 10, 2);
    EXPECT(&v, "abx", 1, 0, 2); /* no piece is left of a word that cannot be split */
    EXPECT(&v, "## #a", 1, 12, 12, 12, 3,
           2); /* # is punctuation, and no prefix of a piece in a text */
    support_vocab_free(&v);
}

/* The length of a word is counted in code points after normalisation. */
static void test_word_length(void)
{
    support_vocab v = vocab_of("[UNK]\n[CLS]\n[SEP]\na\n##a\n\xc3\x9f\n##\xc3\x9f\n");
    static const uint32_t longest[] = {1, 2, 7, DISTIL_BLOB_MAX_WORD_CHARS};
    enum { MOST = DISTIL_BLOB_MAX_WORD_CHARS + 8 };
    static const char *const letters[] = {"a", "\xc3\x9f", "a\xcc\x81", "\xc3\xa1", "\u0301a\0"};
    static const size_t sizes[] = {1, 2, 3, 2, 4};
    static int32_t ids[MOST];
    static char text[4 * MOST];

    for (size_t k = 0; k < sizeof longest / sizeof longest[0]; k++)
        for (size_t l = 0; l < sizeof sizes / sizeof sizes[0]; l++) {
            v.tokenizer.max_word_chars = longest[k];
            for (size_t chars = 1; chars < longest[k] + 8; chars++) {
                size_t n, used = 0;

                for (size_t i = 0; i < chars; i++, used += sizes[l])
                    memcpy(text + used, letters[l], sizes[l]);
                n = distil_tok_encode(&v.tokenizer, ids, MOST, SIZE_MAX, text, used, 0);
                CHECKF(chars > longest[k] ? n == 3 && ids[1] == 0 : n == chars + 2 && ids[1] != 0,
                       "%zu times letter %zu of at most %u: %zu ids", chars, l, longest[k], n);
            }
        }
    support_vocab_free(&v);
}

/* A vocabulary for special tokens that begin alike, that begin with a letter, or with a character
 * that is not ASCII. */
static const char special_lines[] =
    "[UNK]\n[CLS]\n[SEP]\na\nb\n<s>\n<s><s>x\n<\ns\n>\nx\n\xc3\xa9!\n"
    "\xef\xbf\xbd?\ne\n!\n?\naa\n\n";
enum { S = 5, SSX = 6, LT = 7, E_ACUTE = 11, REPLACED = 12, EMPTY = 17 };

/* The leftmost special token counts, and of several there the longest. The text is compared as it
 * is written, by code points and not by bytes. */
static void expect_special(const support_vocab *v)
{
    EXPECT(v, "a<s>b", 1, 3, S, 4, 2);
    EXPECT(v, "<s><s>x", 1, SSX, 2);
    EXPECT(v, "<s><s><s>x", 1, S, SSX, 2);
    EXPECT(v, "<s><s>", 1, S, S, 2);
    EXPECT(v, "<S>", 1, LT, 8, 9, 2); /* the case must be exact */
    EXPECT(v, "<s", 1, LT, 8, 2);
    EXPECT(v, "\xc3\xa9!", 1, E_ACUTE, 2);
    EXPECT(v, "\xc3\xa9 !", 1, 13, 14, 2);
    EXPECT(v, "e\xcc\x81!", 1, 13, 14, 2); /* equal to the token only after normalisation */
    EXPECT(v, "\xef\xbf\xbd?", 1, REPLACED, 2);
    EXPECT(v, "b\xff?", 1, 4, REPLACED, 2); /* an invalid byte decodes to U+FFFD */
    EXPECT(v, "b\xe2\x82?", 1, 4, REPLACED, 2);
    EXPECT(v, "b\xff\xff?", 1, 4, REPLACED, 2);
    EXPECT(v, "b\xff!", 1, 4, 14, 2);
    EXPECT(v, "baab", 1, 4, 16, 4, 2);
    EXPECT(v, "aaa", 1, 16, 3, 2);
}

static void test_special(void)
{
    static const uint32_t ids[] = {EMPTY, S, SSX, 16, E_ACUTE, REPLACED}; /* in order of bytes */
    distil_blob_special specials[6];
    int32_t got[16];
    size_t n;
    support_vocab v = vocab_of(special_lines);

    for (size_t i = 0; i < 6; i++)
        specials[i] = (distil_blob_special){ids[i], DISTIL_BLOB_SPECIAL_SPECIAL};
    v.tokenizer.specials = specials;
    v.tokenizer.special_count = 6;
    distil_tok_prepare(&v.tokenizer);
    expect_special(&v);
    specials[1].flags = DISTIL_BLOB_SPECIAL_LSTRIP; /* an added token that is not special */
    expect_special(&v);
    n = distil_tok_encode(&v.tokenizer, got, 16, SIZE_MAX, "a <s>\xc3\xa9!", 8, 1);
    CHECK(n == 6 && got[1] == 3 && got[2] == S && got[3] == 13 && got[4] == 14);
    n = distil_tok_encode(&v.tokenizer, got, 16, SIZE_MAX, "a <s>\xc3\xa9!", 8, 0);
    CHECK(n == 5 && got[1] == 3 && got[2] == S && got[3] == E_ACUTE);
    support_vocab_free(&v);
}

/* The end of a text: [CLS], the last ids of the whole text, [SEP], at every limit. */
static void test_end(void)
{
    static const char text[] = "a b <s> aa x b a e ! s > \xef\xbf\xbd? b a";
    support_vocab v = vocab_of(special_lines);
    int32_t all[64], end[64];
    size_t count = distil_tok_encode(&v.tokenizer, all, 64, SIZE_MAX, text, sizeof text - 1, 0);

    CHECK(count > 10 && count <= 32);
    for (size_t limit = 2; limit < 40; limit++) {
        size_t kept = limit < count ? limit : count;
        size_t n = distil_tok_encode_end(&v.tokenizer, end, limit, text, sizeof text - 1, 0);

        CHECK(n == count && end[0] == all[0]);
        for (size_t i = 1; i < kept; i++)
            CHECKF(end[i] == all[count - kept + i], "limit %zu: id %zu is %d", limit, i, end[i]);
    }
    support_vocab_free(&v);
}

/* Vocabularies that the converter does not write, but that a damaged blob may have. */
static void test_odd_vocab(void)
{
    support_vocab v = vocab_of("[UNK]\n[CLS]\n[SEP]\na\n##a\n\xff\xfe\nab\n\xc3\n##\x9f\n");

    v.tokenizer.vocab.max_token_bytes = 0;
    EXPECT(&v, "aa ac", 1, 0, 0, 2);
    v.tokenizer.vocab.max_token_bytes = 1;
    EXPECT(&v, "aa a", 1, 0, 3, 2);
    v.tokenizer.vocab.max_token_bytes = UINT32_MAX;
    EXPECT(&v, "aa ab\xff\xfe", 1, 3, 4, 6, 2);
    EXPECT(&v, "\xc3\x9f", 1, 0, 2); /* a piece never ends within a character */
    v.tokenizer.special_count = 0;
    distil_tok_prepare(&v.tokenizer);
    EXPECT(&v, "[CLS]", 1, 0, 0, 0, 2);
    support_vocab_free(&v);
}

/* Texts of every length end at an unmapped page, so reading beyond the end would end the
 * program. */
static void test_page_end(void)
{
    static const char text[] = "un\xc3\xa9 [MASK] \xe1\xad\x84\xe3\x80\xae\xf0\x9d\x85\xa0 [MAS";

    for (size_t size = 0; size < sizeof text; size++) {
        harness_guard guard = harness_guard_new(size, 1, 1);
        int32_t a[64], b[64];
        size_t n;

        memcpy(guard.data, text, size);
        n = distil_tok_encode(&bert.tokenizer, a, 64, SIZE_MAX, (const char *)guard.data, size, 0);
        CHECK(n == distil_tok_encode(&bert.tokenizer, b, 64, SIZE_MAX, text, size, 0));
        CHECK(memcmp(a, b, n * sizeof a[0]) == 0);
        harness_guard_free(&guard);
    }
}

/* ---- */

static void test_by_hand(void)
{
    if (harness_case("vocabulary/every token is found"))
        test_vocab();
    if (harness_case("nothing to encode"))
        test_empty();
    if (harness_case("longest match first"))
        test_longest();
    if (harness_case("words too long"))
        test_word_length();
    if (harness_case("special tokens"))
        test_special();
    if (harness_case("the end of a text that is too long"))
        test_end();
    if (harness_case("odd vocabularies"))
        test_odd_vocab();
    if (harness_case("text at the end of a page"))
        test_page_end();
}

int main(int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[1], "--serve") == 0)
        return support_serve(argv[2]);
    harness_init("test_tokenizer", argc, argv);
    if (support_vocab_load(&bert, "model/sst2/vocab.txt", SUPPORT_UNCASED) != 0) {
        if (harness_case("vocabulary"))
            harness_fail(__FILE__, __LINE__, "model/sst2/vocab.txt cannot be read");
        return harness_finish();
    }
    test_by_hand();
    test_lines("tests/golden/tokens_uncased.tsv", SUPPORT_UNCASED, 1526);
    test_lines("tests/golden/tokens_cased.tsv", SUPPORT_CASED, 1526);
    if (harness_case("golden cases"))
        test_cases();
    support_vocab_free(&bert);
    return harness_finish();
}
