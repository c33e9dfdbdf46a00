/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Compares the tokens and the normalised words of every code point, alone and between two letters,
 * with those of the reference. tests/golden/codepoints.tsv, which
 * tools/generate/make_token_golden.py has written, has a hash for each 4096 code points. That
 * program names the code points that differ if it is called with --codepoints.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/checksum.h"
#include "runtime/base/hex.h"
#include "runtime/base/utf8.h"
#include "tests/support/harness.h"
#include "tests/support/support_vocab.h"
#include "tests/support/support_words.h"

enum { BLOCK = 4096, BLOCKS = 0x110000 / BLOCK, MAX_COLUMNS = 16, HASH_DIGITS = 16 };

/* One column of the golden file. */
typedef struct column {
    unsigned long mode; /* tokenizer flags, and SUPPORT_SERVE_WORDS for words instead of ids */
    int between;        /* 1 if the code points are between the letters a and b, 0 if alone */
    /* The hash of each block of 4096 code points. The pointers refer to the file's text. */
    const char *hash[BLOCKS];
} column;

typedef struct table {
    char *text;
    size_t columns;
    size_t blocks;
    column column[MAX_COLUMNS];
} table;

static int read_table(table *t)
{
    size_t size;
    char *rest, *line, *field;

    *t = (table){.text = harness_read_file(harness_path("tests/golden/codepoints.tsv"), &size)};
    if (!t->text)
        return -1;
    rest = t->text;
    line = strsep(&rest, "\n");
    strsep(&line, "\t");
    while ((field = strsep(&line, "\t")) && t->columns < MAX_COLUMNS) {
        column *c = &t->column[t->columns++];

        c->mode = strtoul(field, &field, 16);
        c->between = strcmp(field, "/1") == 0;
    }
    while ((line = strsep(&rest, "\n")) && *line && t->blocks < BLOCKS) {
        strsep(&line, "\t");
        for (size_t i = 0; i < t->columns; i++)
            t->column[i].hash[t->blocks] = strsep(&line, "\t");
        t->blocks++;
    }
    return 0;
}

/* Adds the ids or the words of one text to the hash, in the form in which the generator hashes
 * them. */
static void hash_text(distil_sha256 *sha, const distil_tokenizer *tokenizer, int words,
                      const char *text, size_t size)
{
    if (words) {
        char out[64];
        size_t n = support_words(tokenizer, out, sizeof out, text, size);

        CHECK(n < sizeof out);
        out[n] = '\n';
        distil_sha256_update(sha, out, n + 1);
    } else {
        int32_t out[64];
        size_t n = distil_tok_encode(tokenizer, out + 1, 63, SIZE_MAX, text, size, 0);

        CHECK(n <= 63);
        out[0] = (int32_t)n;
        distil_sha256_update(sha, out, (n + 1) * sizeof out[0]);
    }
}

static void hash_block(char hex[HASH_DIGITS + 1], const support_vocab *vocab, const column *c,
                       uint32_t first)
{
    uint8_t digest[32];
    distil_sha256 sha;

    distil_sha256_init(&sha);
    for (uint32_t i = first; i < first + BLOCK; i++) {
        uint8_t text[2 + DISTIL_UTF8_MAX_BYTES];
        size_t n;

        if (i >= 0xd800 && i <= 0xdfff)
            continue;
        text[0] = 'a';
        n = 1 + distil_utf8_encode(text + 1, i);
        text[n] = 'b';
        hash_text(&sha, &vocab->tokenizer, (c->mode & SUPPORT_SERVE_WORDS) != 0,
                  (const char *)text + !c->between, c->between ? n + 1 : n - 1);
    }
    distil_sha256_final(&sha, digest);
    hex_string(hex, digest, HASH_DIGITS / 2);
}

static void check_column(support_vocab *vocab, const column *c)
{
    support_vocab_set_flags(vocab, (uint32_t)c->mode & 0xff);
    for (uint32_t block = 0; block < BLOCKS; block++) {
        char hex[HASH_DIGITS + 1];

        hash_block(hex, vocab, c, block * BLOCK);
        CHECKF(c->hash[block] && strcmp(hex, c->hash[block]) == 0,
               "U+%04X .. U+%04X differ from the reference; to see which: "
               "tools/generate/make_token_golden.py --codepoints "
               "build/tests/unit/runtime/test_tokenizer",
               block * BLOCK, block * BLOCK + BLOCK - 1);
    }
}

int main(int argc, char **argv)
{
    static table t;
    support_vocab vocab;

    harness_init("test_codepoints", argc, argv);
    if (read_table(&t) != 0 || support_vocab_load(&vocab, "model/sst2/vocab.txt", 0) != 0) {
        if (harness_case("files"))
            harness_fail(__FILE__, __LINE__, "golden file or vocabulary cannot be read");
        return harness_finish();
    }
    if (harness_case("the golden file is whole"))
        CHECK(t.columns == 12 && t.blocks == BLOCKS);
    for (size_t i = 0; i < t.columns; i++) {
        const column *c = &t.column[i];

        if (harness_case("%s/%s%s%s/%s", c->mode & SUPPORT_SERVE_WORDS ? "words" : "ids",
                         c->mode & DISTIL_BLOB_TOK_LOWERCASE ? "lowercase" : "",
                         c->mode & DISTIL_BLOB_TOK_STRIP_ACCENTS ? "+strip" : "",
                         c->mode & DISTIL_BLOB_TOK_CHINESE_CHARS ? "+chinese" : "",
                         c->between ? "between letters" : "alone"))
            check_column(&vocab, c);
    }
    support_vocab_free(&vocab);
    free(t.text);
    return harness_finish();
}
