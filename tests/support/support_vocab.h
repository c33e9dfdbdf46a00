/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A tokenizer from a vocab.txt in memory, without a blob; for tests, fuzz targets and benchmarks.
 */
#ifndef DISTIL_TESTS_SUPPORT_VOCAB_H
#define DISTIL_TESTS_SUPPORT_VOCAB_H

#include <stddef.h>
#include <stdint.h>

#include "runtime/tokenizer.h"

/* The shipped model's options, and those of a cased one. */
enum {
    SUPPORT_CASED = DISTIL_BLOB_TOK_CHINESE_CHARS,
    SUPPORT_UNCASED = DISTIL_BLOB_TOK_LOWERCASE | DISTIL_BLOB_TOK_STRIP_ACCENTS | SUPPORT_CASED
};

typedef struct support_vocab {
    distil_tokenizer tokenizer; /* change its flags with support_vocab_set_flags */
    void *memory;
} support_vocab;

/*
 * Build from lines, one token each, its number the id; 100 characters a word, the special tokens
 * that are among [PAD] [UNK] [CLS] [SEP] [MASK]. 0, or -1 if memory is short or [UNK], [CLS] or
 * [SEP] is missing.
 */
int support_vocab_from_lines(support_vocab *vocab, const char *lines, size_t size, uint32_t flags);

/* The same from a file, by its path in the repository or an absolute one. */
int support_vocab_load(support_vocab *vocab, const char *relative, uint32_t flags);

void support_vocab_set_flags(support_vocab *vocab, uint32_t flags);
void support_vocab_free(support_vocab *vocab);

#endif
