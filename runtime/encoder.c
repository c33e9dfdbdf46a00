/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Token ids to logits. Each step names the shape it leaves behind; n is the number of rows of the
 * pass, that is, of all its texts' tokens.
 */
#include "runtime/encoder.h"

#include <assert.h>
#include <string.h>

/* One carve of the context's single allocation; counts only while base is NULL. */
static void *carve(void *base, size_t *used, size_t bytes)
{
    void *p = base ? (unsigned char *)base + *used : NULL;

    *used += (bytes + 63) & ~(size_t)63;
    return p;
}

size_t distil_enc_layout(distil_scratch *scratch, void *base, const distil_weights *w, size_t rows)
{
    size_t widest = 3 * w->dim > w->hidden_dim ? 3 * w->dim : w->hidden_dim;
    size_t deepest = w->dim > w->hidden_dim ? w->dim : w->hidden_dim;
    size_t used = 0;
    distil_scratch s;

    s.hidden = carve(base, &used, rows * w->dim * sizeof(float));
    s.projected = carve(base, &used, rows * widest * sizeof(float));
    s.context = carve(base, &used, rows * w->dim * sizeof(float));
    s.quantized = carve(base, &used, rows * deepest);
    s.row_scale = carve(base, &used, rows * sizeof(float));
    s.row_zero = carve(base, &used, rows * sizeof(int32_t));
    s.attention =
        carve(base, &used, distil_attention_scratch(w->max_positions, w->head_dim) * sizeof(float));
    s.pooled_dense = carve(base, &used, w->dim * sizeof(float));
    s.logits = carve(base, &used, w->label_cols * sizeof(float));
    s.rows = rows;
    if (base)
        *scratch = s;
    return used;
}

/* Quantise (rows, depth) floats that lie densely into scratch->quantized. */
static distil_qrows quantize_rows(const distil_kernels *k, distil_scratch *s, const float *x,
                                  size_t rows, size_t depth)
{
    size_t tiles = distil_tile_count(rows, k->tile_rows);

    for (size_t t = 0; t < tiles; t++) {
        size_t first = distil_tile_first(rows, k->tile_rows, t);
        size_t end = distil_tile_first(rows, k->tile_rows, t + 1);

        k->quantize(s->quantized + first * depth, s->row_scale + first, s->row_zero + first,
                    x + first * depth, depth, end - first, depth);
    }
    return (distil_qrows){s->quantized, s->row_scale, s->row_zero, rows, k->tile_rows};
}

/* c (rows, w->cols) = epilogue(x (rows, w->depth) . w + bias), x quantised on the way. */
static void linear(const distil_kernels *k, distil_scratch *s, float *c, const float *x,
                   size_t rows, const distil_qmatrix *w, distil_epilogue epilogue)
{
    distil_qrows a = quantize_rows(k, s, x, rows, w->depth);

    k->qgemm(c, w->cols, &a, w, 0, w->cols / DISTIL_PAIR_COLS, epilogue);
}

/* hidden (rows, dim) = layer_norm(hidden + s->context) */
static void add_and_norm(const distil_encoder *e, distil_scratch *s, size_t rows, distil_norm norm)
{
    const distil_weights *w = e->weights;

    for (size_t r = 0; r < rows; r++) {
        float *row = s->hidden + r * w->dim;

        e->kernels->layer_norm(row, s->context + r * w->dim, row, norm.gamma, norm.beta, w->dim,
                               w->layer_norm_eps);
    }
}

/* hidden (n, dim): word and position embedding of each token, normalised. */
static void embed(const distil_encoder *e, distil_scratch *s, const int32_t *ids,
                  const size_t *lengths, size_t texts)
{
    const distil_weights *w = e->weights;
    float *out = s->hidden;

    for (size_t t = 0; t < texts; t++)
        for (size_t position = 0; position < lengths[t]; position++, out += w->dim) {
            size_t row = w->embed_row[*ids++];

            e->kernels->embed(out, w->embed_word + row * w->dim, w->embed_scale[row],
                              w->embed_position + position * w->dim, w->dim);
            e->kernels->layer_norm(out, out, NULL, w->embed_norm.gamma, w->embed_norm.beta, w->dim,
                                   w->layer_norm_eps);
        }
}

/* All heads of one text: out (query_rows, dim) from its rows of q, k, v (length, 3 * dim). */
static void attend(const distil_encoder *e, distil_scratch *s, float *out, const float *qkv,
                   size_t query_rows, size_t length)
{
    const distil_weights *w = e->weights;

    for (size_t h = 0; h < w->n_heads; h++) {
        const float *q = qkv + h * w->head_dim;

        e->kernels->attention(out + h * w->head_dim, w->dim, q, q + w->dim, q + 2 * w->dim,
                              3 * w->dim, query_rows, length, w->head_dim, w->attention_scale,
                              s->attention);
    }
}

/* Output projection and feed-forward part, on `rows` rows: attention output in s->context, residual
 * stream in s->hidden. */
static void finish_layer(const distil_encoder *e, distil_scratch *s, const distil_layer *layer,
                         size_t rows)
{
    const distil_kernels *k = e->kernels;

    linear(k, s, s->context, s->context, rows, &layer->attention_out, DISTIL_EPILOGUE_BIAS);
    add_and_norm(e, s, rows, layer->attention_norm); /* (rows, dim) */
    linear(k, s, s->projected, s->hidden, rows, &layer->ffn_in,
           DISTIL_EPILOGUE_GELU); /* hidden_dim */
    linear(k, s, s->context, s->projected, rows, &layer->ffn_out, DISTIL_EPILOGUE_BIAS);
    add_and_norm(e, s, rows, layer->ffn_norm); /* (rows, dim) */
}

/* One transformer layer over all n rows. */
static void run_layer(const distil_encoder *e, distil_scratch *s, const distil_layer *layer,
                      const size_t *lengths, size_t texts, size_t n)
{
    size_t dim = e->weights->dim, row = 0;

    linear(e->kernels, s, s->projected, s->hidden, n, &layer->qkv, DISTIL_EPILOGUE_BIAS);
    for (size_t t = 0; t < texts; row += lengths[t++])
        attend(e, s, s->context + row * dim, s->projected + row * 3 * dim, lengths[t], lengths[t]);
    finish_layer(e, s, layer, n);
}

/*
 * The last layer for the first token of each text, which is all that the head reads: keys and
 * values of every row, everything else of `texts` rows. A row's bits depend on no other row but
 * through attention, so they are those of run_layer. Leaves hidden (texts, dim).
 */
static void run_last_layer(const distil_encoder *e, distil_scratch *s, const distil_layer *layer,
                           const size_t *lengths, size_t texts, size_t n)
{
    const distil_kernels *k = e->kernels;
    size_t dim = e->weights->dim, pairs = dim / DISTIL_PAIR_COLS, row = 0;
    distil_qrows a = quantize_rows(k, s, s->hidden, n, dim);

    k->qgemm(s->projected, 3 * dim, &a, &layer->qkv, pairs, 3 * pairs, DISTIL_EPILOGUE_BIAS);

    for (size_t t = 0; t < texts; row += lengths[t++])
        memmove(s->hidden + t * dim, s->hidden + row * dim, dim * sizeof(float));
    a = quantize_rows(k, s, s->hidden, texts, dim);
    k->qgemm(s->context, dim, &a, &layer->qkv, 0, pairs, DISTIL_EPILOGUE_BIAS); /* q (texts, dim) */

    row = 0;
    for (size_t t = 0; t < texts; row += lengths[t++]) {
        float *qkv = s->projected + row * 3 * dim;

        memcpy(qkv, s->context + t * dim, dim * sizeof(float));
        attend(e, s, s->context + t * dim, qkv, 1, lengths[t]);
    }
    finish_layer(e, s, layer, texts);
}

/* logits (n_labels) of one pooled row: dense, ReLU, output layer. */
static void classify(const distil_encoder *e, distil_scratch *s, float *logits, const float *pooled)
{
    const distil_weights *w = e->weights;

    e->kernels->dense(s->pooled_dense, pooled, w->dense_weight, w->dense_bias, w->dim, w->dim, 1);
    e->kernels->dense(s->logits, s->pooled_dense, w->out_weight, w->out_bias, w->dim, w->label_cols,
                      0);
    memcpy(logits, s->logits, w->n_labels * sizeof(float));
}

void distil_enc_run(const distil_encoder *e, distil_scratch *s, float *logits, const int32_t *ids,
                    const size_t *lengths, size_t texts)
{
    const distil_weights *w = e->weights;
    size_t n = 0, row = 0;
    int all_rows = e->trace != NULL;

    for (size_t t = 0; t < texts; t++)
        n += lengths[t];
    assert(n <= s->rows);

    embed(e, s, ids, lengths, texts);
    if (e->trace)
        e->trace(e->trace_user, 0, s->hidden, n);
    for (size_t l = 0; l < w->n_layers; l++) {
        if (l + 1 < w->n_layers || all_rows)
            run_layer(e, s, &w->layers[l], lengths, texts, n);
        else
            run_last_layer(e, s, &w->layers[l], lengths, texts, n);
        if (e->trace)
            e->trace(e->trace_user, l + 1, s->hidden, n);
    }
    for (size_t t = 0; t < texts; t++) {
        classify(e, s, logits + t * w->n_labels, s->hidden + row * w->dim);
        row += all_rows ? lengths[t] : 1;
    }
}
