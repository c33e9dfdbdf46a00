/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Texts with a wanted number of tokens, and token ids: the same on every machine and every run.
 */
#ifndef DISTIL_BENCH_HARNESS_TEXTS_H
#define DISTIL_BENCH_HARNESS_TEXTS_H

#include <stddef.h>
#include <stdint.h>

enum { TEXTS_MAX_TOKENS = 512, TEXTS_MAX_BYTES = TEXTS_MAX_TOKENS * 16 };

/* A line of common English words, each a token of BERT's vocabulary, with [CLS] and [SEP] `tokens`
 * tokens, 3 .. TEXTS_MAX_TOKENS, and a line feed. Returns its length. */
size_t texts_line(char out[TEXTS_MAX_BYTES], size_t tokens);

/* Ids below vocab_size, seeded. */
void texts_ids(int32_t *ids, size_t tokens, size_t vocab_size);

#endif
