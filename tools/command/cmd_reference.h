/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reference logits of an evaluation file, from another implementation: TSV with a header and the
 * columns row, label, tokens and then a logit for each label, in the model's order; rows count
 * from 0 and follow the sentences.
 */
#ifndef DISTIL_TOOLS_CMD_REFERENCE_H
#define DISTIL_TOOLS_CMD_REFERENCE_H

#include <stddef.h>

typedef struct cmd_reference {
    const char *path;
    size_t n_labels;
    size_t rows;
    size_t *labels; /* (rows) */
    size_t *tokens; /* (rows) */
    float *logits;  /* (rows, n_labels) */
    size_t capacity;
} cmd_reference;

/* Read it whole. 0, or -1 with the line and what is wrong with it reported. */
int cmd_reference_load(cmd_reference *reference, const char *path, size_t n_labels);
void cmd_reference_free(cmd_reference *reference);

#endif
