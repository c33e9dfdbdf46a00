/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tokenizer of a Hugging Face folder: vocabulary, special tokens, options. What the engine's
 * tokenizer would do otherwise than the folder says is refused by name.
 *
 * Sources, as the reference library takes them: tokenizer.json if there is one, else vocab.txt; the
 * options of tokenizer_config.json win over those of tokenizer.json; special tokens come from
 * tokenizer_config.json, else special_tokens_map.json, else they are [PAD] [UNK] [CLS] [SEP]
 * [MASK].
 */
#ifndef DISTIL_TOOLS_CONVERT_HF_TOKENIZER_H
#define DISTIL_TOOLS_CONVERT_HF_TOKENIZER_H

#include <stddef.h>
#include <stdint.h>

#include "model/format.h"
#include "tools/convert/conv_error.h"
#include "tools/convert/conv_memory.h"
#include "tools/convert/source_record.h"

typedef struct hf_tokenizer {
    const char *path;    /* of the vocabulary, for messages */
    const char **tokens; /* (vocab_size) by id; ids without a token have 0 bytes */
    size_t *token_bytes; /* (vocab_size) */
    uint32_t vocab_size; /* that of config.json */
    uint32_t flags;      /* DISTIL_BLOB_TOK_* */
    uint32_t max_word_chars;
    uint32_t pad_id, unk_id, cls_id, sep_id, mask_id;
    uint32_t specials[DISTIL_BLOB_MAX_SPECIALS]; /* ascending */
    size_t special_count;
} hf_tokenizer;

/* Read for a model of vocab_size embedding rows. A vocabulary may have fewer tokens than that, not
 * more. Strings belong to memory. 0, or -1 with *error filled. */
int hf_tokenizer_read(hf_tokenizer *tokenizer, const char *directory, uint32_t vocab_size,
                      conv_memory *memory, conv_record *record, conv_error *error);

/* Bytes at the start of text[0 .. bytes) that are left once white space (Unicode White_Space) at
 * its end is taken away. text is UTF-8. */
size_t hf_trim_end(const char *text, size_t bytes);

#endif
