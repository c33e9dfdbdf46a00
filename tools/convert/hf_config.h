/* SPDX-License-Identifier: Apache-2.0 */
/*
 * config.json of a DistilBertForSequenceClassification: shape and labels, and a refusal of every
 * other model by name.
 */
#ifndef DISTIL_TOOLS_CONVERT_HF_CONFIG_H
#define DISTIL_TOOLS_CONVERT_HF_CONFIG_H

#include <stdint.h>

#include "tools/convert/conv_error.h"
#include "tools/convert/conv_memory.h"
#include "tools/convert/source_record.h"

typedef struct hf_config {
    const char *path; /* of config.json, for messages */
    uint32_t dim, hidden_dim, n_layers, n_heads;
    uint32_t vocab_size, max_positions;
    uint32_t n_labels;   /* 0: neither id2label nor num_labels, the classifier decides */
    const char **labels; /* (n_labels) of id2label; NULL: LABEL_0, LABEL_1, ... */
} hf_config;

/* Read and check. Strings belong to memory. 0, or -1 with *error filled. */
int hf_config_read(hf_config *config, const char *directory, conv_memory *memory,
                   conv_record *record, conv_error *error);

/* Settle the labels once the classifier's rows are known. 0, or -1 with *error filled. */
int hf_config_settle_labels(hf_config *config, uint64_t classifier_rows, const char *tensor_path,
                            conv_memory *memory, conv_error *error);

#endif
