/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the tokenizer makes of a text before WordPiece, where [UNK] hides nothing yet.
 */
#ifndef DISTIL_TESTS_SUPPORT_WORDS_H
#define DISTIL_TESTS_SUPPORT_WORDS_H

#include <stddef.h>
#include <stdint.h>

#include "runtime/tokenizer.h"

/* The normalised words of the text, special tokens as plain text, each followed by a space.
 * Returns their bytes, of which the first min(bytes, capacity) are written. */
size_t support_words(const distil_tokenizer *tokenizer, char *words, size_t capacity,
                     const char *text, size_t text_bytes);

/*
 * For tools/generate/make_token_golden.py --compare: answer requests on standard input until it ends.
 * Request: u32 mode, u32 size, text; mode is DISTIL_BLOB_TOK_* bits plus those below. Answer: u32
 * count, then i32 ids, or for SUPPORT_SERVE_WORDS u32 size, then words. Returns the exit status.
 */
enum { SUPPORT_SERVE_SPLIT_SPECIAL = 0x100, SUPPORT_SERVE_WORDS = 0x200 };
int support_serve(const char *vocab_path);

#endif
