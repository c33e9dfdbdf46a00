/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How finely the threads of a context share the work of a pass. These numbers change the speed of a
 * pass and never its result.
 */
#ifndef DISTIL_RUNTIME_SHARING_H
#define DISTIL_RUNTIME_SHARING_H

#include <stddef.h>

#include "runtime/weights.h"

/* Rough speeds of one core, by which the encoder estimates how long a step takes: floats quantised,
 * and multiply-adds of int8, int16 and float products, in one nanosecond. */
enum {
    DISTIL_QUANTIZED_PER_NS = 2,
    DISTIL_MACS_PER_NS = 128,
    DISTIL_WORD_MACS_PER_NS = 64,
    DISTIL_FLOAT_MACS_PER_NS = 16
};

/* Returns the number of parts for a step of n items that takes one thread work_ns nanoseconds: 1 ..
 * most, and no part shorter than two microseconds. */
size_t distil_sharing_parts(size_t most, size_t n, size_t work_ns);

/* Returns the number of blocks into which a pass is cut. It is the same for each thread, and no
 * block has more than DISTIL_ENC_MAX_BLOCK_ROWS rows. 0 means that threads share the columns of the
 * products instead of the rows. */
size_t distil_sharing_blocks(const distil_weights *weights, size_t threads, size_t rows);

#endif
