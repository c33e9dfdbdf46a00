/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The logits that another program computed for an evaluation file. They are read from tab-separated
 * values with a header and the columns row, label and tokens, then one column of logits for each
 * label in the model's order. Rows are numbered from 0, in the order of the sentences.
 */
#ifndef DISTIL_TOOLS_CMD_REFERENCE_H
#define DISTIL_TOOLS_CMD_REFERENCE_H

#include <stddef.h>

typedef struct cmd_reference {
    const char *path;
    size_t n_labels;
    size_t rows;
    size_t *labels;  /* (rows) */
    size_t *tokens;  /* (rows) */
    float *logits;   /* (rows, n_labels) */
    size_t capacity; /* rows that fit into the arrays */
} cmd_reference;

/* Read the whole file. Returns 0, and cmd_reference_free is due later; or returns -1 after
 * reporting which line is wrong and why. `path` must stay valid as long as the reference. */
int cmd_reference_load(cmd_reference *reference, const char *path, size_t n_labels);
void cmd_reference_free(cmd_reference *reference);

#endif
