/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The words of a text after normalisation and before WordPiece, where no word is hidden behind
 * [UNK] yet, and the server that compares the tokenizer with the reference.
 */
#ifndef DISTIL_TESTS_SUPPORT_WORDS_H
#define DISTIL_TESTS_SUPPORT_WORDS_H

#include <stddef.h>
#include <stdint.h>

#include "runtime/tokenizer.h"

/* Writes the normalised words of the text, each followed by a space, to words (capacity). Special
 * tokens are plain text here. Returns the number of bytes of all words; those beyond capacity are
 * not written. */
size_t support_words(const distil_tokenizer *tokenizer, char *words, size_t capacity,
                     const char *text, size_t text_bytes);

/*
 * Answers requests of make_token_golden.py --compare (tools/generate/) on standard input until it
 * ends, and returns the exit status of the program. A request is a u32 mode, a u32 size and the
 * text; the mode has the DISTIL_BLOB_TOK_ bits and those below. The answer is a u32 count and i32
 * ids. With SUPPORT_SERVE_WORDS it is a u32 size and the words.
 */
enum { SUPPORT_SERVE_SPLIT_SPECIAL = 0x100, SUPPORT_SERVE_WORDS = 0x200 };
int support_serve(const char *vocab_path);

#endif
