/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The model's shape, head and labels from config.json. Any model but
 * DistilBertForSequenceClassification, DistilBertForTokenClassification,
 * DistilBertForQuestionAnswering and DistilBertModel is refused with a message that names what was
 * found.
 */
#ifndef DISTIL_TOOLS_CONVERT_HF_CONFIG_H
#define DISTIL_TOOLS_CONVERT_HF_CONFIG_H

#include <stdint.h>

#include "tools/convert/conv_error.h"
#include "tools/convert/conv_memory.h"
#include "tools/convert/source_record.h"

/* The problem_type of config.json. */
typedef enum hf_problem {
    HF_PROBLEM_NONE, /* config.json names none */
    HF_PROBLEM_SINGLE_LABEL,
    HF_PROBLEM_MULTI_LABEL,
    HF_PROBLEM_REGRESSION
} hf_problem;

typedef struct hf_config {
    const char *path; /* path of config.json, for messages */
    uint32_t dim, hidden_dim, n_layers, n_heads;
    uint32_t vocab_size, max_positions;
    int sinusoidal; /* nonzero: position embeddings that the checkpoint lacks are computed */
    uint32_t transformers_major; /* major version that saved the folder; 5 if it does not say */
    const char *tokenizer_class; /* NULL if config.json names none */
    uint32_t head_kind;          /* a distil_head_kind, by the architecture */
    hf_problem problem;
    uint32_t rank_function; /* distil_blob_function that config.json names for ranking, or 0 */
    const char *unknown_activation; /* the one for ranking, if it is unknown; else NULL */
    uint32_t n_labels;   /* 0 if config.json gives none: then the classifier's weights decide */
    const char **labels; /* (n_labels) names from id2label; NULL before hf_config_set_labels */
} hf_config;

/* Read and check the file. embeds is 1 if the model is one for embeddings whatever its architecture
 * is, because a modules.json says so. Strings belong to memory. Returns 0, or -1 with *error
 * filled. */
int hf_config_read(hf_config *config, const char *directory, int embeds, conv_memory *memory,
                   conv_record *record, conv_error *error);

/* Check the number of labels against the rows of the classifier's weights, and name the labels
 * LABEL_0, LABEL_1 and so on if config.json does not. Only a model with one label keeps the
 * function for ranking. Returns 0, or -1 with *error filled. */
int hf_config_set_labels(hf_config *config, uint64_t classifier_rows, const char *tensor_path,
                         conv_memory *memory, conv_error *error);

/* Set the outputs of a head without labels: they get empty names. Returns 0, or -1 with *error
 * filled. */
int hf_config_set_outputs(hf_config *config, uint32_t outputs, conv_memory *memory,
                          conv_error *error);

/* Returns the distil_blob_function that the pipeline of transformers applies. For sequence
 * classification it is none for regression, the sigmoid for several labels a text and for a single
 * label, else the softmax; for token classification it is always the softmax. The labels must have
 * been set. */
uint32_t hf_config_function(const hf_config *config);

#endif
