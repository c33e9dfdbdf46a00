/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tokenizer of a checkpoint: vocabulary, special tokens and options. A folder that asks for
 * something that this project's tokenizer does not do is refused with a message that names it.
 *
 * Which file decides follows the class of the tokenizer and the version of transformers that saved
 * the folder (docs/checkpoints.md). With BERT's own classes, the options come from
 * tokenizer_config.json; version 5 also builds everything but the vocabulary anew, while version 4
 * keeps the rest of tokenizer.json. With a general class, tokenizer.json alone decides.
 */
#ifndef DISTIL_TOOLS_CONVERT_HF_TOKENIZER_H
#define DISTIL_TOOLS_CONVERT_HF_TOKENIZER_H

#include <stddef.h>
#include <stdint.h>

#include "model/format.h"
#include "tools/convert/conv_error.h"
#include "tools/convert/conv_memory.h"
#include "tools/convert/hf_config.h"
#include "tools/convert/source_record.h"

typedef struct hf_tokenizer {
    const char *path;    /* path of the vocabulary, for messages */
    const char **tokens; /* (vocab_size) the token of each id; an id without one has 0 bytes */
    size_t *token_bytes; /* (vocab_size) */
    uint32_t vocab_size; /* the vocabulary size that config.json states */
    uint32_t entries;    /* lines of vocab.txt or tokens of tokenizer.json, without added tokens */
    uint32_t flags;      /* DISTIL_BLOB_TOK_* */
    uint32_t max_word_chars;
    uint32_t pad_id, unk_id, cls_id, sep_id, mask_id;
    uint32_t max_tokens;           /* the most tokens of a text, [CLS] and [SEP] included */
    distil_blob_special *specials; /* (special_count) in ascending order of bytes */
    size_t special_count;
} hf_tokenizer;

/* Read the tokenizer of a model with config->vocab_size embedding rows; the vocabulary may have
 * fewer tokens but not more. Strings belong to memory. Returns 0, or -1 with *error filled. */
int hf_tokenizer_read(hf_tokenizer *tokenizer, const char *directory, const hf_config *config,
                      conv_memory *memory, conv_record *record, conv_error *error);

/* Set the token of an id. The text must live as long as the tokenizer. Returns 0, or -1 with *error
 * filled if the model has no such id. */
int hf_set_token(hf_tokenizer *tokenizer, uint64_t id, const char *token, size_t bytes,
                 conv_error *error);

/* The length of a UTF-8 text without the white space (Unicode White_Space) at its end. */
size_t hf_trim_end(const char *text, size_t bytes);

#endif
