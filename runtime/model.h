/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an opened model consists of. Opaque to users of the library.
 */
#ifndef DISTIL_RUNTIME_MODEL_H
#define DISTIL_RUNTIME_MODEL_H

#include <stdatomic.h>
#include <stddef.h>

#include "kernels/kernels.h"
#include "model/blob.h"
#include "runtime/distil.h"
#include "runtime/tokenizer.h"
#include "runtime/weights.h"

/* Immutable after distil_model_open, so that any number of threads may use it. Only the number of
 * contexts changes, and it is atomic. */
struct distil_model {
    distil_allocator allocator;
    distil_blob blob;
    distil_weights weights;     /* points into blob */
    distil_tokenizer tokenizer; /* points into blob */
    distil_kernels kernels;     /* the best level that the CPU and the options allow */
    const char **labels;        /* (n_labels) NUL-terminated copies, in the model's allocation */
    _Atomic size_t *contexts;   /* the number of contexts that exist, in the model's allocation */
};

#endif
