/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The special tokens of a checkpoint's tokenizer: the five that have a role ([CLS], [SEP], [UNK],
 * [PAD], [MASK]) and all others that the folder's files name. The files that count, and their
 * order, are those of transformers; docs/checkpoints.md lists them.
 */
#ifndef DISTIL_TOOLS_CONVERT_HF_SPECIALS_H
#define DISTIL_TOOLS_CONVERT_HF_SPECIALS_H

#include "runtime/base/json.h"
#include "tools/convert/conv_error.h"
#include "tools/convert/conv_memory.h"
#include "tools/convert/hf_json.h"
#include "tools/convert/hf_tokenizer.h"
#include "tools/convert/source_record.h"

/* The files of a folder besides vocab.txt, which of them decide, and where results go. */
typedef struct hf_folder {
    const char *directory;
    hf_json config, map, model; /* tokenizer_config.json, special_tokens_map.json, tokenizer.json */
    int has_config, has_map, has_model;
    int older;        /* nonzero: transformers 4 saved the folder, so its rules count */
    int rebuilt;      /* nonzero: of tokenizer.json, only vocabulary and added tokens count */
    int general;      /* nonzero: a class that is not BERT's own, so tokenizer.json decides */
    int json_options; /* nonzero: the options of tokenizer.json's normaliser count */
    json_value unk, cls, sep; /* special tokens that tokenizer.json names, where they count */
    int has_unk, has_frame;   /* nonzero if unk, or both cls and sep, are set */
    conv_memory *memory;
    conv_record *record;
    conv_error *error;
} hf_folder;

/* Find the special tokens after the vocabulary has been read. Returns 0, or -1 with the folder's
 * error filled. */
int hf_specials_find(hf_tokenizer *tokenizer, const hf_folder *folder);

#endif
