/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a context consists of. Opaque to users of the library.
 */
#ifndef DISTIL_RUNTIME_CONTEXT_H
#define DISTIL_RUNTIME_CONTEXT_H

#include <stddef.h>
#include <stdint.h>

#include "runtime/distil.h"
#include "runtime/encoder.h"
#include "runtime/model.h"

/* How long texts are cut into windows, as the options say. */
typedef struct distil_window_plan {
    size_t size;   /* the most tokens of a window, [CLS] and [SEP] included; 0: no windows */
    size_t stride; /* the tokens that two neighbours share, below size - 2 */
    distil_combine combine;
} distil_window_plan;

/* The arrays lie in the context's one allocation. "One more" is room for the text that does not fit
 * into a pass any more, and begins the next one. */
struct distil_context {
    distil_allocator allocator;
    const distil_model *model;
    distil_function function; /* never DISTIL_FUNCTION_MODEL */
    const int *cancel;        /* the caller's flag, or NULL */
    distil_error error;       /* details of the last call that failed */
    distil_encoder encoder;
    distil_scratch scratch;
    size_t max_texts; /* the most texts of one pass */
    int32_t *ids;     /* (scratch.rows + max_positions) tokens of a pass and of one more text */
    distil_window_plan windows;
    int32_t *second_ids; /* (max_positions) the second text of a pair, or a window */
    size_t *lengths;     /* (max_texts + 1) tokens of each text, and of one more */
    uint8_t *truncated;  /* (max_texts + 1) 1 for each text that was cut, and for one more */
    float *logits;       /* (max_texts, n_labels); (rows, n_labels) where the head reads all rows */
    float *probabilities; /* (n_labels) of one text */
    float *combined;      /* (n_labels) logits of one text's windows so far */
    size_t *window_text;  /* (max_texts) the text that each window of a pass belongs to */
    /* (rows) where the tokens of a pass come from, and (max_positions) those of a window; both are
     * NULL where the head reads first rows only */
    distil_offsets *offsets, *window_offsets;
    void *pool_memory; /* distil_pool_bytes(scratch.threads) bytes */
};

#endif
