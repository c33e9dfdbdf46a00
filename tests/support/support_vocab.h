/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Makes a tokenizer from the lines of a vocab.txt without a blob, for tests, fuzz targets and
 * benchmarks.
 */
#ifndef DISTIL_TESTS_SUPPORT_VOCAB_H
#define DISTIL_TESTS_SUPPORT_VOCAB_H

#include <stddef.h>
#include <stdint.h>

#include "runtime/tokenizer.h"

/* Tokenizer flags: those of the shipped model, which is uncased, and those of a cased model. */
enum {
    SUPPORT_CASED = DISTIL_BLOB_TOK_CHINESE_CHARS,
    SUPPORT_UNCASED = DISTIL_BLOB_TOK_LOWERCASE | DISTIL_BLOB_TOK_STRIP_ACCENTS | SUPPORT_CASED
};

typedef struct support_vocab {
    distil_tokenizer tokenizer; /* support_vocab_set_flags changes its flags */
    void *memory;               /* the memory of the arrays that the tokenizer points to */
} support_vocab;

/*
 * Makes a tokenizer from lines of one token each; the id of a token is the number of its line, from
 * 0. Words may have 100 characters. Those of [PAD], [UNK], [CLS], [SEP] and [MASK] that occur are
 * special tokens. Returns 0, or -1 if there is no memory or if [UNK], [CLS] or [SEP] is missing.
 * The caller frees the tokenizer with support_vocab_free.
 */
int support_vocab_from_lines(support_vocab *vocab, const char *lines, size_t size, uint32_t flags);

/* Makes a tokenizer from a vocab.txt, whose path is absolute or relative to the root of the
 * repository. Returns as support_vocab_from_lines does, and -1 if the file cannot be read. */
int support_vocab_load(support_vocab *vocab, const char *relative, uint32_t flags);

void support_vocab_set_flags(support_vocab *vocab, uint32_t flags);
void support_vocab_free(support_vocab *vocab);

#endif
