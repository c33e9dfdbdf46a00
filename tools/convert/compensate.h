/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rounding with error compensation (GPTQ, Frantar et al. 2022, in the form of LDLQ, Chee et al.
 * 2023, which gives the same weights).
 *
 * What counts is not the error of each weight but that of each output over typical inputs x:
 * e^T C e for a column's errors e, where C is the covariance of the inputs. (Their mean is not part
 * of it: what errors do to the mean output goes into the bias.) Weights are rounded one after the
 * other, those of the liveliest inputs first, and each first takes up what the errors before it
 * have done as far as its input is correlated with theirs: with C = U D U^T, U unit upper
 * triangular in the order of rounding, weight k is rounded from w_k + sum over j before k of
 * U_jk e_j.
 */
#ifndef DISTIL_TOOLS_CONVERT_COMPENSATE_H
#define DISTIL_TOOLS_CONVERT_COMPENSATE_H

#include <stddef.h>
#include <stdint.h>

#include "tools/convert/conv_error.h"

/* What is known of a layer's inputs: moments while they are gathered, then their factors. */
typedef struct conv_inputs {
    size_t depth;
    size_t rows;      /* inputs seen */
    double *sum;      /* (depth) of the inputs; then their mean */
    float *origin;    /* (depth) taken from inputs first: the mean of the first ones */
    float *centred;   /* (CONV_INPUT_ROWS, depth) scratch */
    float *factor;    /* (depth, depth), lower triangle: sums of squares; then in row r, [0 .. r),
                         what an error at r passes on to the rows below it, which come later */
    double *variance; /* (depth) D at each row: what an error there costs */
    uint16_t *weight; /* (depth) the weight that is rounded at each row, the last row first */
    uint16_t *row;    /* (depth) the inverse */
} conv_inputs;

enum { CONV_INPUT_ROWS = 64 };

/* Begin with no inputs; depth a multiple of 32. 0, or -1 with *error filled (no memory). */
int conv_inputs_init(conv_inputs *inputs, size_t depth, conv_error *error);
void conv_inputs_free(conv_inputs *inputs);

/* Forget what was seen, to be used again. */
void conv_inputs_reset(conv_inputs *inputs);

/* Add (rows, depth) inputs. */
void conv_inputs_add(conv_inputs *inputs, const float *x, size_t rows);

/* All inputs seen (at least one): make the factors. 0, or -1 with *error filled (no memory). */
int conv_inputs_factor(conv_inputs *inputs, conv_error *error);

/*
 * Round one column w (depth) for a scale and a quad order; position_of[quad] is the order's
 * inverse. q (depth) gets integers that satisfy every lane. scratch (depth) floats. Returns what
 * to add to the bias.
 */
float conv_compensate_column(int8_t *q, const float *w, float scale, const conv_inputs *inputs,
                             const uint16_t *order, const uint16_t *position_of, float *scratch);

#endif
