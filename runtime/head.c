/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The head of DistilBertForSequenceClassification is a dense layer, ReLU and an output layer; that
 * of DistilBertForTokenClassification is the output layer alone. Both stay in float, since they are
 * small beside the encoder's layers. The encoder calls nothing else after its last layer.
 */
#include "runtime/head.h"

#include <string.h>

void distil_head_run(const distil_weights *w, const distil_kernels *k, float *logits,
                     const float *row, float *dense, float *columns)
{
    if (w->dense_weight != NULL) {
        k->dense(dense, row, w->dense_weight, w->dense_bias, w->dim, w->dim, 1);
        row = dense;
    }
    k->dense(columns, row, w->out_weight, w->out_bias, w->dim, w->label_cols, 0);
    /* The output layer's columns are padded to a multiple of 16, logits are not. */
    memcpy(logits, columns, w->n_labels * sizeof(float));
}
