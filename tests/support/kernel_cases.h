/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Cases for kernels: operands of a shape and a fill in guarded memory, and a way to run any variant
 * on them. Shared by tests/unit/kernels/check_kernels.c and bench/bench_kernels.c.
 */
#ifndef DISTIL_TESTS_KERNEL_CASES_H
#define DISTIL_TESTS_KERNEL_CASES_H

#include <stddef.h>

#include "kernels/kernels.h"
#include "tests/support/harness.h"

typedef enum kernel_op {
#define OP(op) KERNEL_OP_##op,
    DISTIL_OPS(OP)
#undef OP
        KERNEL_OP_COUNT
} kernel_op;

const char *kernel_op_name(kernel_op op);

/* One line of kernels.inc. */
typedef struct kernel_variant {
    kernel_op op;
    distil_level level;
    const char *level_name;
    void (*select)(distil_kernels *table); /* put this variant into the table */
} kernel_variant;

extern const kernel_variant kernel_variants[];
extern const size_t kernel_variant_count;

/*
 * What an operation works on; unused fields are 0.
 *              rows        depth      cols    queries   flag
 *   embed                             dim
 *   layer_norm                        dim               1 with residual, 2 with residual in place
 *   quantize   tile rows   depth
 *   qgemm      rows        depth      cols              the epilogue
 *   attention  tokens      head_dim           queries
 *   dense                  depth      cols              relu
 *   softmax    elements
 */
typedef struct kernel_shape {
    size_t rows, depth, cols, queries;
    size_t gap;       /* elements between the rows of strided operands, left alone */
    size_t tile_rows; /* qgemm: most rows of a tile */
    size_t group;     /* qgemm: lane group of every pair; 0: 4, 2 and 1 in turn */
    int flag;
} kernel_shape;

typedef enum kernel_fill {
    KERNEL_FILL_RANDOM,
    KERNEL_FILL_ZERO,
    KERNEL_FILL_SIGNED_ZERO, /* +0 and -0 */
    KERNEL_FILL_SPIKE,       /* zeros but for one element */
    KERNEL_FILL_DENORMAL,    /* or, as often, about 1e-25 */
    KERNEL_FILL_LARGE,       /* magnitudes whose results are still finite */
    KERNEL_FILL_LIMIT,  /* qgemm: 0 or 255 on weights at the lane bound; others: halves, for ties */
    KERNEL_FILL_COMMON, /* those above are for every operation, those below for attention alone */
    KERNEL_FILL_EQUAL = KERNEL_FILL_COMMON, /* sums of integers at their bounds */
    KERNEL_FILL_OPPOSED,                    /* each row all +c or all -c: their differences too */
    KERNEL_FILL_HUGE,                       /* any float below 3.4e38 */
    KERNEL_FILL_NOT_FINITE,                 /* infinities and NaNs among others */
    KERNEL_FILL_BOUNDS,                     /* ranges at the bounds of the definition */
    KERNEL_FILL_COUNT
} kernel_fill;

const char *kernel_fill_name(kernel_fill fill);

typedef enum kernel_type { KERNEL_FLOAT, KERNEL_INT32, KERNEL_U16, KERNEL_BYTE } kernel_type;

/* (rows, cols) elements, rows `stride` elements apart, in guarded memory. */
typedef struct kernel_array {
    harness_guard guard;
    kernel_type type;
    size_t rows, cols, stride;
} kernel_array;

enum { KERNEL_MAX_INPUTS = 9, KERNEL_MAX_OUTPUTS = 3 };

/* Inputs are read-only to the processor once made; outputs are in the order of the prototype. */
typedef struct kernel_case {
    kernel_op op;
    kernel_shape shape;
    kernel_array in[KERNEL_MAX_INPUTS];
    kernel_array out[KERNEL_MAX_OUTPUTS];
    kernel_array scratch;
    size_t inputs, outputs;
    distil_qrows a;   /* qgemm */
    distil_qmatrix w; /* qgemm */
} kernel_case;

/* at_end: every array ends at an unmapped page, else begins after one. Uses harness_random. */
void kernel_case_make(kernel_case *c, kernel_op op, const kernel_shape *shape, kernel_fill fill,
                      int at_end);
void kernel_case_free(kernel_case *c);

/* Fill outputs and scratch with a byte, then run the table's function for the operation. */
void kernel_case_prepare(kernel_case *c, unsigned char junk);
void kernel_case_run(kernel_case *c, const distil_kernels *table);

/* 1 if nothing outside the outputs was written: red zones, and gaps between rows still `junk`. */
int kernel_case_intact(const kernel_case *c, unsigned char junk);

/* "8x768x2304 gelu" and the like; static buffer. */
const char *kernel_shape_text(kernel_op op, const kernel_shape *shape);

/* Bytes of one element, and an input's elements by type. */
size_t kernel_type_bytes(kernel_type type);
const float *kernel_in_float(const kernel_case *c, size_t index);

#endif
