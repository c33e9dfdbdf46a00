/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Places the scratch arrays of a pass in one allocation.
 */
#include "runtime/carve.h"
#include "runtime/encoder.h"

size_t distil_enc_layout(distil_scratch *scratch, void *base, const distil_weights *w, size_t rows,
                         size_t threads)
{
    size_t widest = 3 * w->dim > w->hidden_dim ? 3 * w->dim : w->hidden_dim;
    size_t block_rows = threads > 1 ? threads * DISTIL_ENC_MAX_BLOCK_ROWS : 0;
    size_t used = 0, quantized_end;
    distil_scratch s = {
        .rows = rows,
        .threads = threads,
        .quantized_stride = w->dim > w->hidden_dim ? w->dim : w->hidden_dim,
        .attention_bytes = distil_attention_scratch(w->max_positions, w->head_dim),
    };

    s.quantized = distil_carve(base, &used, rows * s.quantized_stride);
    quantized_end = used;
    s.residual = distil_carve(base, &used, rows * w->dim * sizeof(float));
    s.qkv = distil_carve(base, &used, rows * widest * sizeof(float));
    s.wide = s.qkv;
    s.attention_output = distil_carve(base, &used, rows * w->dim * sizeof(float));
    s.sublayer = s.attention_output;
    s.row_scale = distil_carve(base, &used, rows * sizeof(float));
    s.row_zero = distil_carve(base, &used, rows * sizeof(int32_t));
    s.attention = distil_carve(base, &used, threads * s.attention_bytes);
    s.head_dense = distil_carve(base, &used, threads * w->dim * sizeof(float));
    s.head_columns = distil_carve(base, &used, threads * w->label_cols * sizeof(float));
    s.block_wide = distil_carve(base, &used, block_rows * w->hidden_dim * sizeof(float));
    s.first_row = distil_carve(base, &used, rows * sizeof(size_t));
    s.position = distil_carve(base, &used, rows * sizeof(uint32_t));
    s.first_query = distil_carve(base, &used, rows * w->dim * sizeof(float));
    /* Scratch memory goes on so far that a product with a corrupt order table stays within it. */
    if (used < quantized_end + DISTIL_ORDER_REACH)
        used = quantized_end + DISTIL_ORDER_REACH;
    if (base)
        *scratch = s;
    return used;
}
