/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Folders of embedding models: what follows the encoder, as sentence-transformers has saved it. Its
 * modules.json lists modules, of which the first is the DistilBERT; the others have folders of
 * their own. A DistilBertModel without a modules.json gets the mean of all tokens, which is what
 * sentence-transformers makes of it.
 */
#ifndef DISTIL_TOOLS_CONVERT_HF_EMBEDDING_H
#define DISTIL_TOOLS_CONVERT_HF_EMBEDDING_H

#include <stdint.h>

#include "tools/convert/blob_writer.h"
#include "tools/convert/conv_error.h"
#include "tools/convert/conv_memory.h"
#include "tools/convert/hf_config.h"
#include "tools/convert/hf_tokenizer.h"
#include "tools/convert/source_record.h"

typedef struct hf_embedding {
    int has_modules;     /* 1 if the folder has a modules.json of an embedding model */
    const char *folder;  /* the folder of the DistilBERT: the one given, or one inside it */
    const char *pooling; /* the folder of the pooling, inside the one given */
    const char *dense;   /* the folder of the dense layer; NULL if there is none */
    uint32_t bits;       /* DISTIL_BLOB_EMBEDDING_*; complete after hf_embedding_read */
    uint32_t outputs;    /* the numbers of a vector; after hf_embedding_read */
} hf_embedding;

/* Read modules.json, if there is one. Modules that cannot be converted exactly are refused. Returns
 * 0, or -1 with *error filled. */
int hf_embedding_find(hf_embedding *embedding, const char *directory, conv_memory *memory,
                      conv_record *record, conv_error *error);

/* Read the configuration of the modules of a model for embeddings, and apply it: the config gets
 * the outputs of the head, and the tokenizer the greatest length. Returns 0, or -1 with *error
 * filled. */
int hf_embedding_read(hf_embedding *embedding, const char *directory, hf_config *config,
                      hf_tokenizer *tokenizer, conv_memory *memory, conv_record *record,
                      conv_error *error);

/* Read the weights of the dense layer, if there is one, into *out. Returns 0, or -1 with *error
 * filled. */
int hf_embedding_read_dense(const hf_embedding *embedding, conv_dense *out, const char *directory,
                            uint32_t dim, conv_memory *memory, conv_record *record,
                            conv_error *error);

#endif
