/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The head of DistilBertForSequenceClassification: a dense layer, ReLU, an output layer. It stays
 * in float, since its products have one row for each text and are limited by memory bandwidth. A
 * model with another head would compute it here; the encoder calls nothing else after its last
 * layer.
 */
#include "runtime/head.h"

#include <string.h>

void distil_head_run(const distil_weights *w, const distil_kernels *k, float *logits,
                     const float *row, float *dense, float *columns)
{
    k->dense(dense, row, w->dense_weight, w->dense_bias, w->dim, w->dim, 1);
    k->dense(columns, dense, w->out_weight, w->out_bias, w->dim, w->label_cols, 0);
    /* The output layer's columns are padded to a multiple of 16, logits are not. */
    memcpy(logits, columns, w->n_labels * sizeof(float));
}
