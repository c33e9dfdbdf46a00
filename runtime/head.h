/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The classification head: the residual of a text's first row to the text's logits.
 */
#ifndef DISTIL_RUNTIME_HEAD_H
#define DISTIL_RUNTIME_HEAD_H

#include "kernels/kernels.h"
#include "runtime/weights.h"

/*
 * Computes the logits of one text.
 *
 * logits   (n_labels) float, written
 * row      (dim) float, the residual of the text's first row ([CLS]) after the last layer
 * dense    (dim) float, scratch
 * columns  (label_cols) float, scratch
 *
 * All four arrays are distinct, and both scratch arrays are 64-byte aligned. Cannot fail.
 */
void distil_head_run(const distil_weights *weights, const distil_kernels *kernels, float *logits,
                     const float *row, float *dense, float *columns);

#endif
