/* SPDX-License-Identifier: Apache-2.0 */
/* Texts for the float model: reading and tokenising them, and counting their tokens. */
#ifndef DISTIL_TOOLS_CONVERT_CALIBRATION_H
#define DISTIL_TOOLS_CONVERT_CALIBRATION_H

#include <stddef.h>
#include <stdint.h>

#include "runtime/tokenizer.h"
#include "tools/convert/conv_error.h"
#include "tools/convert/conv_memory.h"
#include "tools/convert/hf_tokenizer.h"
#include "tools/convert/source_record.h"

/* A limit on tokens: with more, conversion takes longer and the weights hardly improve. */
enum { CONV_MAX_CALIBRATION_TOKENS = 16384 };

/* One text of ten, and at most 200 of a file, are held out: calibration does not use them, so that
 * they can judge the result. */
enum { CONV_HELD_OUT_SHARE = 10, CONV_MOST_HELD_OUT = 200 };

typedef struct conv_texts {
    int32_t *ids;    /* (tokens) the ids of the texts, one text after the other */
    size_t *lengths; /* (count) tokens of each text, from 2 to max_tokens */
    size_t count, tokens;
    uint64_t *frequency; /* (vocab_size) occurrences of each id in all texts of the file */
} conv_texts;

/* Make the library's tokenizer of a checkpoint's, whose strings must live as long. The lookup table
 * belongs to memory. Returns 0, or -1 with *error filled. */
int conv_tokenizer_make(distil_tokenizer *tokenizer, const hf_tokenizer *checkpoint,
                        conv_memory *memory, conv_error *error);

/* Tokenise one text into at most `capacity` ids, as the model will: a longer text is cut at the end
 * that the tokenizer's flags name, and still ends with [SEP]. Returns the number of ids. */
size_t conv_tokenize(const distil_tokenizer *tokenizer, int32_t *ids, size_t capacity,
                     const char *text, size_t bytes);

/*
 * Read a file of texts. It has either one text per line, where empty lines do not count, or columns
 * divided by tabs and a header line that names one of them "sentence". Texts that are held out are
 * not used, and if the file has more than CONV_MAX_CALIBRATION_TOKENS tokens, only every n-th of
 * the others. Adds a line "calibration" to
 * the record. The arrays belong to memory. Returns 0, or -1 with *error filled.
 */
int conv_texts_read(conv_texts *texts, const char *path, const hf_tokenizer *tokenizer,
                    uint32_t max_tokens, conv_memory *memory, conv_record *record,
                    conv_error *error);

/* Call add(user, text, bytes, error) for each text of the file that is held out, until it returns
 * nonzero. Returns 0; or -1 with *error filled, here or by add. */
int conv_texts_held_out(const char *path,
                        int (*add)(void *user, const char *text, size_t bytes, conv_error *error),
                        void *user, conv_error *error);

#endif
