/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The forward pass: token ids to logits, layer by layer as in the paper (Sanh et al. 2019).
 *
 * Texts of a pass are concatenated, never padded: row r of every activation matrix belongs to one
 * token of one text, and only attention knows where a text begins. A row's bits therefore do not
 * depend on what else is in the pass.
 *
 * With a pool the threads share each step, by rows, by pairs of columns or by text and head. Every
 * element of a result is computed by one kernel call whoever makes it, so threads cannot change a
 * bit either.
 */
#ifndef DISTIL_RUNTIME_ENCODER_H
#define DISTIL_RUNTIME_ENCODER_H

#include <stddef.h>
#include <stdint.h>

#include "kernels/kernels.h"
#include "runtime/pool.h"
#include "runtime/weights.h"

/* Scratch of one context; carved by distil_enc_layout, sizes for `rows` tokens and `threads`
 * threads. The arrays from attention on are for each thread; those of blocks only where there are
 * several. */
typedef struct distil_scratch {
    float *hidden;    /* (rows, dim) residual stream */
    float *projected; /* (rows, max(3 * dim, hidden_dim)) q, k, v; then the feed-forward layer */
    float *context;   /* (rows, dim) attention output; then what a sublayer adds to the residual */
    uint8_t *quantized;       /* (rows, max(dim, hidden_dim)) */
    float *row_scale;         /* (rows) */
    int32_t *row_zero;        /* (rows) */
    unsigned char *attention; /* (threads, attention_bytes) */
    float *pooled_dense;      /* (threads, dim) */
    float *logits;            /* (threads, label_cols) */
    float *block_hidden;      /* (threads, block_rows, hidden_dim) */
    uint8_t *block_quantized; /* (threads, block_rows, max(dim, hidden_dim)) */
    float *block_scale;       /* (threads, block_rows) */
    int32_t *block_zero;      /* (threads, block_rows) */
    size_t block_rows;
    size_t attention_bytes; /* distil_attention_scratch(max_positions, head_dim), of 64 */
    size_t rows;            /* capacity */
    size_t threads;
    distil_pool *pool; /* of that many threads; NULL after distil_enc_layout: the caller alone */
} distil_scratch;

/* Called after the embeddings (layer 0) and after each layer 1 .. n_layers with the rows of the
 * whole pass; for tests. */
typedef void distil_enc_trace_fn(void *user, size_t layer, const float *hidden, size_t rows);

typedef struct distil_encoder {
    const distil_weights *weights;
    const distil_kernels *kernels;
    distil_enc_trace_fn *trace; /* NULL: none, and the last layer runs on first tokens only */
    void *trace_user;
} distil_encoder;

/* Bytes of scratch for passes of `rows` tokens on `threads` (at least 1) threads; with base
 * (64-byte aligned, that many bytes) also sets the pointers. */
size_t distil_enc_layout(distil_scratch *scratch, void *base, const distil_weights *weights,
                         size_t rows, size_t threads);

/*
 * One pass. ids (sum of lengths) concatenated, ids below the vocabulary size; lengths (texts),
 * each 1 .. max_positions, their sum at most scratch->rows; logits (texts, n_labels).
 */
void distil_enc_run(const distil_encoder *encoder, distil_scratch *scratch, float *logits,
                    const int32_t *ids, const size_t *lengths, size_t texts);

#endif
