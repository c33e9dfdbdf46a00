/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Decides into how many parts a step is cut, and whether a pass is shared by columns or by blocks.
 */
#include "runtime/sharing.h"

#include "runtime/encoder.h"

/* The least duration of a part. Handing a part to another thread takes about half a microsecond, so
 * shorter parts are not worth it. */
enum { MIN_PART_NS = 2000 };

size_t distil_sharing_parts(size_t most, size_t n, size_t work_ns)
{
    size_t parts = work_ns / MIN_PART_NS;

    parts = parts < most ? parts : most;
    parts = parts < n ? parts : n;
    return parts > 1 ? parts : 1;
}

/*
 * The least number of rows of a block. With fewer, a product is limited by reading its weights, and
 * every thread reads them all. Layers with more weights need more rows: with two threads and 24
 * rows, sharing by columns takes 0.95 of the time of blocks in a model of the base size, but 1.08
 * in one with a quarter of its weights.
 */
enum { MIN_BLOCK_ROWS = 16, MIN_BLOCK_ROWS_LARGE = 32, LARGE_LAYER_WEIGHTS = 4 << 20 };

size_t distil_sharing_blocks(const distil_weights *w, size_t threads, size_t rows)
{
    size_t round = threads * DISTIL_ENC_MAX_BLOCK_ROWS;
    size_t blocks = (rows + round - 1) / round * threads;
    size_t weights = 4 * w->dim * w->dim + 2 * w->dim * w->hidden_dim;
    size_t least = weights < LARGE_LAYER_WEIGHTS ? MIN_BLOCK_ROWS : MIN_BLOCK_ROWS_LARGE;

    return threads > 1 && rows / blocks >= least ? blocks : 0;
}
