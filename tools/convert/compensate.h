/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rounding with error compensation (GPTQ, Frantar et al. 2022, in the form of LDLQ, Chee et al.
 * 2023, which gives the same weights).
 *
 * Rounding a column of weights with errors e changes the output for an input x by e^T x. The goal
 * is a small mean square of that change over typical inputs: a small e^T C e, where C is the
 * covariance of the inputs. The mean of the inputs is left out, because the change of the mean
 * output is corrected in the bias. Weights are rounded one after the other, those of the inputs
 * with the largest variance first. The error of each is passed on to the weights not yet rounded,
 * in proportion to the correlation of their inputs: with C = U D U^T, where U is unit upper
 * triangular in the order of rounding, weight k is rounded from w_k + (sum over all j before k of
 * U_jk e_j).
 */
#ifndef DISTIL_TOOLS_CONVERT_COMPENSATE_H
#define DISTIL_TOOLS_CONVERT_COMPENSATE_H

#include <stddef.h>
#include <stdint.h>

#include "tools/convert/conv_error.h"
#include "tools/convert/dense_math.h"

/* Statistics of the inputs of one weight matrix. While inputs are added, the structure holds their
 * moments; conv_inputs_factor replaces them by the factors of the covariance. */
typedef struct conv_inputs {
    size_t depth;
    size_t rows;       /* inputs added */
    double *sum;       /* (depth) sum of the inputs; after factoring, their mean */
    float *origin;     /* (depth) mean of the first inputs, subtracted for precision */
    float *centred;    /* scratch: a block of inputs minus origin, as panels of 16 elements */
    float *factor;     /* (depth, depth) lower triangle: sums of products of centred inputs; after
                         factoring, factor[r][s] for s < r is the share of the error at row r that
                         is passed on to row s. Rows are rounded from the last to the first. */
    float *covariance; /* (depth, depth) after factoring, what has been factored, by weights */
    double *variance;  /* (depth) the diagonal D: the cost of a squared error at each row */
    uint16_t *weight;  /* (depth) the position in the depth of the weight at each row */
    uint16_t *row;     /* (depth) the inverse of weight */
} conv_inputs;

enum {
    CONV_INPUT_ROWS = 256, /* inputs in one block */
    CONV_ORIGIN_ROWS = 64  /* inputs whose mean is the origin */
};

/* Allocate for inputs of `depth` elements, a multiple of 32. Returns 0, or -1 with *error filled
 * without memory. */
int conv_inputs_init(conv_inputs *inputs, size_t depth, conv_error *error);
void conv_inputs_free(conv_inputs *inputs);

/* Discard all inputs, so that others can be added. */
void conv_inputs_reset(conv_inputs *inputs);

/* Add the rows of x, (rows, depth) row-major, to the statistics of a matrix's inputs. */
void conv_inputs_add(const conv_machine *machine, conv_inputs *inputs, const float *x, size_t rows);

/* Factor the covariance of all inputs added, of which there is at least one. Returns 0, or -1 with
 * *error filled without memory. */
int conv_inputs_factor(const conv_machine *machine, conv_inputs *inputs, conv_error *error);

/* Scratch memory for rounding one pair of panels. */
typedef struct conv_rounding {
    float *value;  /* (depth, 32) by row: the weights with what has been passed on to them */
    float *error;  /* (32, depth) for refine.h */
    uint8_t *used; /* (32, lane groups, 2, 2) the sums of the integers chosen so far */
} conv_rounding;

/* Allocate for a depth. Returns 0; or -1 without memory, with nothing to free. */
int conv_rounding_init(conv_rounding *rounding, size_t depth);
void conv_rounding_free(conv_rounding *rounding);

/*
 * Round the 32 columns w (32, depth) of a pair for their scales and an order table, whose inverse
 * is position_of: with compensation, and then with the descent of refine.h. q (32, depth) gets
 * integers with which no int16 lane can overflow. bias (32) gets the numbers to add to the columns'
 * biases.
 */
void conv_compensate_pair(const conv_ops *ops, int8_t *q, float *bias, const float *w,
                          const float *scale, const conv_inputs *inputs, const uint16_t *order,
                          const uint16_t *position_of, const conv_rounding *rounding);

#endif
