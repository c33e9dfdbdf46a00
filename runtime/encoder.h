/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The encoder: one forward pass from token ids to logits (Sanh et al. 2019).
 *
 * The rows of a pass are the tokens of all its texts, one text after another, without padding.
 * Every step computes a row from that row alone, except attention, which stays within a text. The
 * bits of a text's logits therefore do not depend on the other texts of the pass.
 *
 * Threads share the work by rows, by column pairs or by text and head. Each element of a result
 * comes from one kernel call, and no sum is split among threads. So the number of threads does not
 * change a bit either.
 */
#ifndef DISTIL_RUNTIME_ENCODER_H
#define DISTIL_RUNTIME_ENCODER_H

#include <stddef.h>
#include <stdint.h>

#include "kernels/kernels.h"
#include "runtime/pool.h"
#include "runtime/weights.h"

/*
 * Scratch memory of a pass. distil_enc_layout sets every field; the caller then sets pool where
 * `threads` is above 1. Two arrays may share memory where one is dead before the other is written;
 * each such pair is named below.
 */
typedef struct distil_scratch {
    size_t rows;       /* the most rows that a pass may have */
    size_t threads;    /* the calling thread and the pool's workers */
    distil_pool *pool; /* NULL means that the calling thread computes alone */

    /* Where the texts lie; the pass fills both arrays before its first step. */
    size_t *first_row;  /* (texts) the first row of each text */
    uint32_t *position; /* (rows) each row's position within its text */

    /* Activations. */
    float *residual;         /* (rows, dim) goes from layer to layer */
    float *qkv;              /* (rows, 3 * dim) query, key and value of each row */
    float *first_query;      /* (texts, dim) the last layer's queries, of first rows only */
    float *attention_output; /* (rows, dim) the heads' outputs side by side */
    float *sublayer; /* (rows, dim) is added to residual; shares attention_output's memory */
    float *wide;     /* (rows, hidden_dim) after GELU; shares the memory of qkv */

    /* Quantised activations, the input of the next product. */
    uint8_t *quantized;      /* (rows, quantized_stride) in tiles; see distil_qrows */
    float *row_scale;        /* (rows) */
    int32_t *row_zero;       /* (rows) zero points */
    size_t quantized_stride; /* max(dim, hidden_dim) */

    /* One array for each thread. */
    unsigned char *attention; /* (threads, attention_bytes) scratch of the attention kernel */
    size_t attention_bytes;
    float *head_dense;   /* (threads, dim) */
    float *head_columns; /* (threads, label_cols) */
    float *block_wide;   /* (threads, DISTIL_ENC_MAX_BLOCK_ROWS, hidden_dim); only with threads */
} distil_scratch;

/* The most rows of a block. A block of 64 rows has at most 64 x 3072 floats of activations in a
 * model of the base size, 786 KB, which fit the second-level cache together with a panel. */
enum { DISTIL_ENC_MAX_BLOCK_ROWS = 64 };

/* A test's view into a pass: called with the residual (rows, dim) of all rows after the embeddings
 * (layer 0) and after each layer (1 .. n_layers). */
typedef void distil_enc_trace_fn(void *user, size_t layer, const float *residual, size_t rows);

typedef struct distil_encoder {
    const distil_weights *weights;
    const distil_kernels *kernels;
    distil_enc_trace_fn *trace; /* NULL outside of tests; else the last layer computes all rows */
    void *trace_user;           /* the first argument of trace */
    /* For a pass without logits. 1: the last layer computes all rows; 0: the first of each text. */
    int all_rows;
} distil_encoder;

/*
 * Returns the bytes of scratch memory for passes of at most `rows` rows by `threads` threads (at
 * least 1). Where base is not NULL, it must point to that many bytes, 64-byte aligned; then
 * *scratch is filled with pointers into it, and with pool NULL.
 */
size_t distil_enc_layout(distil_scratch *scratch, void *base, const distil_weights *weights,
                         size_t rows, size_t threads);

/*
 * Runs one pass.
 *
 * logits   (texts, n_labels) float, written; (rows, n_labels) where the head reads all rows. NULL
 *          stops the pass before the head. The residual is then the output of the last layer: with
 *          all_rows (rows, dim), where first_row says where each text begins; else (texts, dim)
 * ids      (sum of lengths) token ids of all texts, each below the vocabulary's size
 * lengths  (texts) numbers of tokens, each 1 .. max_positions; their sum is at most scratch->rows
 *
 * Cannot fail. One call at a time may use a scratch; weights and kernels may be shared.
 */
void distil_enc_run(const distil_encoder *encoder, distil_scratch *scratch, float *logits,
                    const int32_t *ids, const size_t *lengths, size_t texts);

#endif
