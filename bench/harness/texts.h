/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Texts and token ids of a wanted length. They are the same on every machine and in every run.
 */
#ifndef DISTIL_BENCH_HARNESS_TEXTS_H
#define DISTIL_BENCH_HARNESS_TEXTS_H

#include <stddef.h>
#include <stdint.h>

enum { TEXTS_MAX_TOKENS = 512, TEXTS_MAX_BYTES = TEXTS_MAX_TOKENS * 16 };

/* Writes a line of common English words, each of which is one token of BERT's vocabulary, and a
 * line feed. With [CLS] and [SEP] it has `tokens` tokens, 3 .. TEXTS_MAX_TOKENS. Returns its
 * bytes. */
size_t texts_line(char out[TEXTS_MAX_BYTES], size_t tokens);

/* Writes `tokens` pseudo-random ids below vocab_size. */
void texts_ids(int32_t *ids, size_t tokens, size_t vocab_size);

#endif
