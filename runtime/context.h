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
    size_t max_texts;     /* the most texts of one pass */
    int32_t *ids;         /* (scratch.rows + max_positions) tokens of a pass and of one more text */
    size_t *lengths;      /* (max_texts + 1) tokens of each text, and of one more */
    uint8_t *truncated;   /* (max_texts + 1) 1 for each text that was cut, and for one more */
    float *logits;        /* (max_texts, n_labels) */
    float *probabilities; /* (n_labels) of one text */
    void *pool_memory;    /* distil_pool_bytes(scratch.threads) bytes */
};

#endif
