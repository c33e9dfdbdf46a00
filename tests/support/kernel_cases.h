/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Operands for kernels: a case has arrays of a given shape and with a given kind of values (fill)
 * in guarded memory, and any variant of its operation can be run on it. check_kernels.c and
 * bench/bench_kernels.c use it.
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

/* One line of kernels.inc, and a function that puts this variant into a table. */
typedef struct kernel_variant {
    kernel_op op;
    distil_level level;
    const char *level_name;
    void (*select)(distil_kernels *table);
} kernel_variant;

extern const kernel_variant kernel_variants[];
extern const size_t kernel_variant_count;

/*
 * The sizes of an operation's operands. This table says what each field means; unused fields are 0.
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
    size_t gap;       /* elements between the rows of strided operands, which no kernel may write */
    size_t tile_rows; /* qgemm: the tile height of its operands */
    size_t group;     /* qgemm: the lane group of every pair; 0 for 4, 2 and 1 in turn */
    int flag;
} kernel_shape;

/* The kinds of values. Those before KERNEL_FILL_COMMON are for every operation, the others for
 * attention alone. */
typedef enum kernel_fill {
    KERNEL_FILL_RANDOM,
    KERNEL_FILL_ZERO,
    KERNEL_FILL_SIGNED_ZERO, /* a mixture of +0 and -0 */
    KERNEL_FILL_SPIKE,       /* all zeros except one element */
    KERNEL_FILL_DENORMAL,    /* denormals, or in half of the cases numbers around 1e-25 */
    KERNEL_FILL_LARGE,       /* large magnitudes whose results are still finite */
    /* qgemm: activations of 0 and 255 with weights at the bounds of the proof. Other operations:
     * multiples of 0.5 that are ties of rounding. */
    KERNEL_FILL_LIMIT,
    KERNEL_FILL_COMMON,
    KERNEL_FILL_EQUAL = KERNEL_FILL_COMMON, /* all equal: sums of integers at their bounds */
    KERNEL_FILL_OPPOSED,    /* each row all +c or all -c: differences at their bounds */
    KERNEL_FILL_HUGE,       /* random bits of any finite float */
    KERNEL_FILL_NOT_FINITE, /* infinities and NaNs among finite floats */
    KERNEL_FILL_BOUNDS,     /* ranges at RANGE_MIN and RANGE_MAX of the contract */
    KERNEL_FILL_COUNT
} kernel_fill;

const char *kernel_fill_name(kernel_fill fill);

typedef enum kernel_type { KERNEL_FLOAT, KERNEL_INT32, KERNEL_U16, KERNEL_BYTE } kernel_type;

/* An array of (rows, cols) elements in guarded memory. Its rows are `stride` elements apart. */
typedef struct kernel_array {
    harness_guard guard;
    kernel_type type;
    size_t rows, cols, stride;
} kernel_array;

enum { KERNEL_MAX_INPUTS = 9, KERNEL_MAX_OUTPUTS = 3 };

/* One set of operands. The inputs are in read-only pages, so a kernel that writes to one
 * crashes. The outputs are in the order of the function's parameters. */
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

/* Allocate the operands and fill them from harness_random. With at_end, every array ends right
 * before an unmapped page; otherwise it begins right after one. The caller frees them with
 * kernel_case_free. */
void kernel_case_make(kernel_case *c, kernel_op op, const kernel_shape *shape, kernel_fill fill,
                      int at_end);
void kernel_case_free(kernel_case *c);

/* Fill all bytes of the outputs and of the scratch memory with `junk`. */
void kernel_case_prepare(kernel_case *c, unsigned char junk);

/* Run the table's function for the case's operation. */
void kernel_case_run(kernel_case *c, const distil_kernels *table);

/* Return 1 if the kernel wrote nothing outside its outputs: the red zones around them are
 * intact, and the gaps between rows are still `junk`. */
int kernel_case_intact(const kernel_case *c, unsigned char junk);

/* The shape as text, such as "8x768x2304 g4 gelu". The next call overwrites the static buffer. */
const char *kernel_shape_text(kernel_op op, const kernel_shape *shape);

/* The size of one element in bytes. */
size_t kernel_type_bytes(kernel_type type);

/* Returns the elements of the input number `index`, which has the type KERNEL_FLOAT. */
const float *kernel_in_float(const kernel_case *c, size_t index);

#endif
