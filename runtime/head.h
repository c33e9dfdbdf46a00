/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The classification head: the residual of a row to logits.
 */
#ifndef DISTIL_RUNTIME_HEAD_H
#define DISTIL_RUNTIME_HEAD_H

#include "kernels/kernels.h"
#include "runtime/weights.h"

/*
 * Computes the logits of one row, which stands for its text or for its token.
 *
 * logits   (n_labels) float, written
 * row      (dim) float, the residual after the last layer
 * dense    (dim) float, scratch; not used where the head has no dense layer
 * columns  (label_cols) float, scratch
 *
 * All four arrays are distinct, and both scratch arrays are 64-byte aligned. Cannot fail.
 */
void distil_head_run(const distil_weights *weights, const distil_kernels *kernels, float *logits,
                     const float *row, float *dense, float *columns);

#endif
