/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Coordinate descent after rounding with compensation (QuantEase, Behdin et al. 2023). Compensation
 * decides about each weight once, without knowing how those after it will be rounded and how much
 * of the int16 lanes they will need. Descent goes through all weights again and moves each integer
 * to where the squared error e^T C e of the column is least, given all others, as far as the lane
 * allows. Where a lane is full, it moves one unit from one weight of the lane to another.
 */
#ifndef DISTIL_TOOLS_CONVERT_REFINE_H
#define DISTIL_TOOLS_CONVERT_REFINE_H

#include <stddef.h>
#include <stdint.h>

#include "tools/convert/compensate.h"

/*
 * Improve the integers q (32, depth) of a pair, whose weights are w (32, depth). rounding->used
 * must hold the sums of q, and keeps them. The other arguments are those of conv_compensate_pair.
 */
void conv_refine_pair(const conv_ops *ops, int8_t *q, const float *w, const float *scale,
                      const conv_inputs *inputs, const uint16_t *order, const uint16_t *position_of,
                      const conv_rounding *rounding);

#endif
