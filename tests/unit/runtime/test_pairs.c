/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Compares pairs of texts, the windows of long texts, and offsets with Hugging Face tokenizers:
 * tools/generate/make_pair_golden.py has written tests/golden/pairs.tsv, pair_grid.tsv, windows.tsv
 * and offsets.tsv.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/pairs.h"
#include "tests/support/harness.h"
#include "tests/support/support_vocab.h"
#include "tests/support/support_words.h"

enum {
    MOST_IDS = 4096,
    PAIR_CASES = 600,
    GRID = 21,
    GRID_FIRST = 3,
    GRID_LAST = 24,
    WINDOW_CASES = 240,
    OFFSET_CASES = 1500
};

static support_vocab bert; /* the shipped vocabulary */

/* A text in memory that ends where a page ends, decoded from hexadecimal. */
static harness_guard decode_hex(const char *hex)
{
    harness_guard text = harness_guard_new(strlen(hex) / 2, 1, 1);

    for (size_t i = 0; i < text.bytes; i++) {
        char digits[3] = {hex[2 * i], hex[2 * i + 1], '\0'};

        text.data[i] = (unsigned char)strtoul(digits, NULL, 16);
    }
    return text;
}

static size_t parse_ids(int32_t *ids, char *text)
{
    size_t n = 0;
    char *item;

    while ((item = strsep(&text, " ")) && n < MOST_IDS)
        ids[n++] = (int32_t)strtol(item, NULL, 10);
    return n;
}

/* The number of tokens of a text, without [CLS] and [SEP]. */
static size_t count_tokens(const distil_pair_text *text, int split)
{
    return distil_tok_encode(&bert.tokenizer, NULL, 0, SIZE_MAX, text->bytes, text->size, split) -
           2;
}

/* Compares one pair. Both arrays of ids have exactly the room that the pair may use. */
static void check_pair(size_t line, uint32_t mode, distil_truncation truncation, size_t most,
                       const distil_pair_text *texts, const int32_t *expected, size_t count)
{
    int split = (mode & SUPPORT_SERVE_SPLIT_SPECIAL) != 0;
    harness_guard ids = harness_guard_new(most * sizeof(int32_t), sizeof(int32_t), 1);
    harness_guard second = harness_guard_new(most * sizeof(int32_t), sizeof(int32_t), 1);
    size_t all = count_tokens(&texts[0], split) + count_tokens(&texts[1], split);
    uint8_t truncated = 7;
    size_t n = distil_pair_encode(&bert.tokenizer, (int32_t *)(void *)ids.data,
                                  (int32_t *)(void *)second.data, &truncated, most, texts,
                                  truncation, split);

    CHECKF(n == count && memcmp(ids.data, expected, n * sizeof(int32_t)) == 0,
           "line %zu: %zu ids, %zu expected, or not the same ones", line, n, count);
    CHECKF(n == 0 || truncated == (all + DISTIL_PAIR_SPECIALS > most), "line %zu: truncated", line);
    CHECK(harness_guard_check(&ids) && harness_guard_check(&second));
    harness_guard_free(&ids);
    harness_guard_free(&second);
}

static void test_pairs(void)
{
    static int32_t expected[MOST_IDS];
    char *text = harness_read_file(harness_path("tests/golden/pairs.tsv"), NULL), *rest = text;
    size_t line = 1;
    char *row;

    if (!harness_case("600 pairs")) {
        free(text);
        return;
    }
    CHECK(text);
    strsep(&rest, "\n");
    while (rest && (row = strsep(&rest, "\n")) && *row) {
        uint32_t mode = (uint32_t)strtoul(strsep(&row, "\t"), NULL, 16);
        int truncation = (int)strtol(strsep(&row, "\t"), NULL, 10);
        size_t most = strtoul(strsep(&row, "\t"), NULL, 10), count;
        harness_guard first = decode_hex(strsep(&row, "\t"));
        harness_guard second = decode_hex(strsep(&row, "\t"));
        distil_pair_text texts[2] = {{(char *)first.data, first.bytes},
                                     {(char *)second.data, second.bytes}};

        count = strcmp(row, "-") == 0 ? 0 : parse_ids(expected, row);
        support_vocab_set_flags(&bert, mode & DISTIL_BLOB_TOK_FLAGS);
        check_pair(++line, mode, (distil_truncation)truncation, most, texts, expected, count);
        harness_guard_free(&first);
        harness_guard_free(&second);
    }
    CHECK(line == PAIR_CASES + 1);
    free(text);
}

/* Fills a text of `count` different words, from word `begin` on, whose ids become ids. */
static size_t write_words(char *text, int32_t *ids, size_t begin, size_t count)
{
    static const char *const words[] = {"the", "film", "is", "good", "bad", "not", "very", "a"};
    size_t n = 0;

    for (size_t i = 0; i < count; i++) {
        const char *word = words[(begin + i * i) % (sizeof words / sizeof words[0])];
        int32_t three[3];

        distil_tok_encode(&bert.tokenizer, three, 3, SIZE_MAX, word, strlen(word), 0);
        ids[i] = three[1];
        n += (size_t)sprintf(text + n, "%s ", word);
    }
    return n;
}

/* Compares a pair of `counts` words with what the grid says is kept of it, on one side. */
static void check_grid(const size_t counts[2], const size_t kept[2], size_t most, int left)
{
    char words[2][GRID * 8];
    int32_t ids[2][GRID], expected[GRID_LAST];
    distil_pair_text texts[2];
    size_t n = 0;

    support_vocab_set_flags(&bert, SUPPORT_UNCASED | (left ? DISTIL_BLOB_TOK_TRUNCATE_LEFT : 0u));
    expected[n++] = (int32_t)bert.tokenizer.cls_id;
    for (size_t i = 0; i < 2; i++) {
        texts[i] = (distil_pair_text){words[i], write_words(words[i], ids[i], i, counts[i])};
        memcpy(expected + n, ids[i] + (left ? counts[i] - kept[i] : 0), kept[i] * sizeof(int32_t));
        n += kept[i];
        expected[n++] = (int32_t)bert.tokenizer.sep_id;
    }
    check_pair(most, 0, DISTIL_TRUNCATION_LONGEST, most, texts, expected, n);
}

/* Every pair of lengths 0 .. 20 at every limit, on both sides. */
static void test_grid(void)
{
    char *text = harness_read_file(harness_path("tests/golden/pair_grid.tsv"), NULL), *rest = text;
    size_t lines = 0;
    char *row;

    while (rest && (row = strsep(&rest, "\n")) && *row) {
        size_t most = strtoul(strsep(&row, "\t"), NULL, 10);

        lines++;
        if (!harness_case("longest first to %zu tokens", most))
            continue;
        CHECK(strlen(row) == 2 * GRID * GRID);
        for (size_t i = 0; i < GRID * GRID && strlen(row) == 2 * GRID * GRID; i++) {
            size_t counts[2] = {i / GRID, i % GRID};
            size_t kept[2] = {(size_t)(row[2 * i] - 'a'), (size_t)(row[2 * i + 1] - 'a')};

            check_grid(counts, kept, most, 0);
            check_grid(counts, kept, most, 1);
        }
    }
    if (harness_case("the whole grid"))
        CHECK(lines == GRID_LAST - GRID_FIRST + 1);
    free(text);
}

/* Where both texts exceed the limit by far, the longer one still gets the odd token. */
static void test_far_beyond(void)
{
    static const size_t cases[][4] = {
        {600, 520, 255, 254}, {520, 600, 254, 255}, {600, 600, 254, 255}, {600, 20, 489, 20}};
    static char first[600 * 2 + 1], second[600 * 2 + 1];
    int32_t ids[512], scratch[512];
    uint8_t truncated;

    if (!harness_case("two texts of hundreds of tokens"))
        return;
    support_vocab_set_flags(&bert, SUPPORT_UNCASED);
    for (size_t i = 0; i < 600; i++) {
        memcpy(first + 2 * i, "a ", 3);
        memcpy(second + 2 * i, ". ", 3);
    }
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        distil_pair_text texts[2] = {{first, 2 * cases[i][0]}, {second, 2 * cases[i][1]}};
        size_t n = distil_pair_encode(&bert.tokenizer, ids, scratch, &truncated, 512, texts,
                                      DISTIL_TRUNCATION_LONGEST, 0);

        CHECK(n == 512 && truncated == 1);
        CHECK(ids[1 + cases[i][2]] == (int32_t)bert.tokenizer.sep_id);
        CHECK(ids[cases[i][2]] != ids[1 + cases[i][2]]);
    }
}

/* ---- windows -------------------------------------------------------------------------------- */

/* The windows of one text as they should be, and how many of them have come. */
typedef struct expectation {
    char *rest; /* the ids of the windows to come, with a bar between two of them */
    size_t line, windows;
} expectation;

static int check_window(void *user, const int32_t *ids, const distil_offsets *ranges, size_t count)
{
    static int32_t expected[MOST_IDS];
    expectation *e = user;
    char *window = strsep(&e->rest, "|");
    size_t n = window ? parse_ids(expected, window) : 0;

    (void)ranges;
    CHECKF(n == count && memcmp(ids, expected, n * sizeof *ids) == 0,
           "line %zu window %zu: %zu ids, %zu expected, or not the same ones", e->line, e->windows,
           count, n);
    e->windows++;
    return 0;
}

static int stop_at_second(void *user, const int32_t *ids, const distil_offsets *ranges,
                          size_t count)
{
    (void)ids;
    (void)ranges;
    (void)count;
    return ++*(size_t *)user == 2;
}

/* The expected windows in the order of the text: with the left side, the library lists the last one
 * first. */
static void reverse_windows(char *windows)
{
    size_t size = strlen(windows), end = size, n = 0;
    char *copy = malloc(size + 1);

    if (!copy)
        abort();
    for (size_t i = size + 1; i-- > 0;) {
        if (i > 0 && windows[i - 1] != '|')
            continue;
        memcpy(copy + n, windows + i, end - i);
        n += end - i;
        copy[n++] = i > 0 ? '|' : '\0';
        end = i > 0 ? i - 1 : 0;
    }
    memcpy(windows, copy, n);
    free(copy);
}

static void test_windows(void)
{
    char *text = harness_read_file(harness_path("tests/golden/windows.tsv"), NULL), *rest = text;
    size_t line = 1;
    char *row;

    if (!harness_case("240 texts in windows")) {
        free(text);
        return;
    }
    CHECK(text);
    strsep(&rest, "\n");
    while (rest && (row = strsep(&rest, "\n")) && *row) {
        uint32_t mode = (uint32_t)strtoul(strsep(&row, "\t"), NULL, 16);
        size_t window = strtoul(strsep(&row, "\t"), NULL, 10);
        size_t stride = strtoul(strsep(&row, "\t"), NULL, 10), stopped = 0, count;
        harness_guard body = decode_hex(strsep(&row, "\t"));
        harness_guard ids = harness_guard_new(window * sizeof(int32_t), sizeof(int32_t), 1);
        int split = (mode & SUPPORT_SERVE_SPLIT_SPECIAL) != 0;
        expectation e = {row, ++line, 0};

        if (mode & DISTIL_BLOB_TOK_TRUNCATE_LEFT)
            reverse_windows(row);
        support_vocab_set_flags(&bert, mode & DISTIL_BLOB_TOK_FLAGS);
        count = distil_tok_windows(&bert.tokenizer, (int32_t *)(void *)ids.data, NULL, window,
                                   stride, (char *)body.data, body.bytes, split, check_window, &e);
        CHECKF(count == e.windows && !e.rest, "line %zu: %zu windows", line, count);
        count =
            distil_tok_windows(&bert.tokenizer, (int32_t *)(void *)ids.data, NULL, window, stride,
                               (char *)body.data, body.bytes, split, stop_at_second, &stopped);
        CHECKF(e.windows > 1 ? count == 0 && stopped == 2 : count == 1 && stopped == 1,
               "line %zu: stopped after %zu of %zu windows", line, stopped, e.windows);
        CHECK(harness_guard_check(&ids));
        harness_guard_free(&ids);
        harness_guard_free(&body);
    }
    CHECK(line == WINDOW_CASES + 1);
    free(text);
}

/* ---- offsets -------------------------------------------------------------------------------- */

static void check_offsets(size_t line, uint32_t mode, const harness_guard *body,
                          const int32_t *expected, size_t count)
{
    static int32_t ids[MOST_IDS], plain[MOST_IDS];
    static distil_offsets offsets[MOST_IDS];
    int split = (mode & SUPPORT_SERVE_SPLIT_SPECIAL) != 0;
    const char *text = (const char *)body->data;
    size_t n =
        distil_tok_encode_ranges(&bert.tokenizer, ids, offsets, MOST_IDS, text, body->bytes, split);
    size_t m =
        distil_tok_encode(&bert.tokenizer, plain, MOST_IDS, SIZE_MAX, text, body->bytes, split);

    CHECKF(n == count && n == m && memcmp(ids, plain, n * sizeof ids[0]) == 0,
           "line %zu: %zu tokens, %zu without offsets, %zu expected", line, n, m, count);
    distil_tok_count_chars(offsets, n, text);
    for (size_t i = 0; i < n && n == count; i++) {
        CHECKF(offsets[i].begin <= offsets[i].end && offsets[i].end <= body->bytes,
               "line %zu token %zu: bytes %u to %u", line, i, offsets[i].begin, offsets[i].end);
        CHECKF(offsets[i].char_begin == (uint32_t)expected[2 * i] &&
                   offsets[i].char_end == (uint32_t)expected[2 * i + 1],
               "line %zu token %zu: %u to %u, expected %d to %d", line, i, offsets[i].char_begin,
               offsets[i].char_end, expected[2 * i], expected[2 * i + 1]);
    }
}

static void test_offsets(void)
{
    static int32_t expected[MOST_IDS];
    char *text = harness_read_file(harness_path("tests/golden/offsets.tsv"), NULL), *rest = text;
    size_t line = 1;
    char *row;

    if (!harness_case("1500 texts with offsets")) {
        free(text);
        return;
    }
    CHECK(text);
    strsep(&rest, "\n");
    while (rest && (row = strsep(&rest, "\n")) && *row) {
        uint32_t mode = (uint32_t)strtoul(strsep(&row, "\t"), NULL, 16);
        harness_guard body = decode_hex(strsep(&row, "\t"));

        support_vocab_set_flags(&bert, mode & DISTIL_BLOB_TOK_FLAGS);
        check_offsets(++line, mode, &body, expected, parse_ids(expected, row) / 2);
        harness_guard_free(&body);
    }
    CHECK(line == OFFSET_CASES + 1);
    free(text);
}

int main(int argc, char **argv)
{
    harness_init("test_pairs", argc, argv);
    if (support_vocab_load(&bert, "model/sst2/vocab.txt", SUPPORT_UNCASED) != 0) {
        fprintf(stderr, "test_pairs: cannot load the vocabulary\n");
        return 1;
    }
    test_pairs();
    test_grid();
    test_far_beyond();
    test_windows();
    test_offsets();
    support_vocab_free(&bert);
    return harness_finish();
}
