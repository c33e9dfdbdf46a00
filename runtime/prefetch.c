/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Decides which products prefetch the weights that the end of a pass reads.
 *
 * From the last layer's output projection to the classification head, a pass has one row for each
 * text. Its products are then limited by memory bandwidth. The products of the layers before are
 * limited by arithmetic from about 8 rows on, so they have bandwidth to spare: the last
 * HINTING_LAYERS of them prefetch the end's weights into the third-level cache. On a Zen 4 CPU and
 * a model of the base size, passes of 8 and 16 tokens take 0.95 and 0.98 of the time
 * (docs/kernels.md).
 */
#include "runtime/weights.h"

enum { HINTING_LAYERS = 3 };

_Static_assert(DISTIL_SECTION_ATTENTION_OUT < DISTIL_SECTION_FFN_IN &&
                   DISTIL_SECTION_FFN_IN < DISTIL_SECTION_FFN_OUT &&
                   DISTIL_SECTION_FFN_OUT < DISTIL_SECTION_HEAD_DENSE,
               "the sections of a blob lie in the order in which a pass reads them, so that the "
               "weights of the end are one range of addresses");

void distil_weights_set_prefetch_hints(distil_weights *w)
{
    size_t last = w->n_layers - 1; /* the layer that computes the first rows only */
    size_t first = last > HINTING_LAYERS ? last - HINTING_LAYERS : 0;
    size_t layer_bytes = 4 * w->dim * w->dim + 2 * w->dim * w->hidden_dim;
    size_t hinting_bytes = (last - first) * layer_bytes;
    const int8_t *begin = w->layers[last].attention_out.panels;
    size_t bytes;

    /* A head that reads all rows leaves the last layer as much arithmetic as the others have. */
    if (w->head->rows == DISTIL_HEAD_ROWS_ALL)
        return;
    /* A product that prefetched more than half of its own bytes would be limited by bandwidth. */
    bytes = (size_t)((const int8_t *)w->dense_bias - begin);
    bytes = bytes < hinting_bytes / 2 ? bytes : hinting_bytes / 2;
    for (size_t l = first; l < last; l++) {
        distil_layer *layer = &w->layers[l];
        distil_qmatrix *matrices[] = {&layer->qkv, &layer->attention_out, &layer->ffn_in,
                                      &layer->ffn_out};

        for (size_t i = 0; i < sizeof matrices / sizeof matrices[0]; i++) {
            distil_qmatrix *m = matrices[i];
            size_t share = bytes * m->depth * m->cols / hinting_bytes;

            m->prefetch_hint = (distil_prefetch_hint){begin, share};
            begin += share;
        }
    }
}
