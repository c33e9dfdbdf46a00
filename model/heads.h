/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of heads (model/heads.inc) as C data.
 */
#ifndef DISTIL_MODEL_HEADS_H
#define DISTIL_MODEL_HEADS_H

#include <stddef.h>
#include <stdint.h>

/* The values of head_kind in a blob's header. */
typedef enum distil_head_kind {
    DISTIL_HEAD_KIND_NONE = 0, /* no head has this number */
#define HEAD(NAME, number, rows, output, text) DISTIL_HEAD_##NAME = (number),
#include "model/heads.inc"
} distil_head_kind;

/* Which rows of a text a head reads after the last layer. */
typedef enum distil_head_rows {
    DISTIL_HEAD_ROWS_FIRST, /* that of [CLS]; the last layer computes no others */
    DISTIL_HEAD_ROWS_ALL    /* every row of the text */
} distil_head_rows;

/* What a head writes for each row that it reads. */
typedef enum distil_head_output {
    DISTIL_HEAD_OUTPUT_LOGITS, /* (n_labels) float, one for each label */
    DISTIL_HEAD_OUTPUT_VECTOR  /* (n_labels) float, an embedding */
} distil_head_output;

/* How many outputs an affine layer of a head has. */
typedef enum distil_head_width {
    DISTIL_HEAD_WIDTH_DIM,
    DISTIL_HEAD_WIDTH_LABELS
} distil_head_width;

/* One affine layer of a head: y = x * weight + bias with dim inputs. */
typedef struct distil_head_tensor {
    distil_head_kind head;
    uint32_t section; /* a distil_section_kind */
    /* the tensor's name in a checkpoint, to which ".weight" or ".bias" is appended */
    const char *tensor;
    distil_head_width outputs;
} distil_head_tensor;

/* The most affine layers of a head. */
enum { DISTIL_HEAD_MAX_TENSORS = 2 };

/* One head, as its row of the table says. */
typedef struct distil_head {
    distil_head_kind kind;
    distil_head_rows rows;
    distil_head_output output;
    const char *text; /* its name for people */
} distil_head;

/* Returns the row of the table for a value of head_kind, or NULL for a value that the format does
 * not define. */
const distil_head *distil_head_of_kind(uint32_t kind);

/* Returns the affine layer of a head that is applied after `index` others, or NULL after the last
 * one. */
const distil_head_tensor *distil_head_tensor_at(uint32_t kind, size_t index);

/* Returns the number of columns that the blob stores for so many outputs: it pads them to a
 * multiple of 16. */
static inline size_t distil_head_columns(size_t outputs)
{
    return (outputs + 15) / 16 * 16;
}

#endif
