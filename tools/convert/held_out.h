/* SPDX-License-Identifier: Apache-2.0 */
/* What a conversion cost, on the texts that calibration did not use. */
#ifndef DISTIL_TOOLS_CONVERT_HELD_OUT_H
#define DISTIL_TOOLS_CONVERT_HELD_OUT_H

#include <stddef.h>

#include "tools/convert/conv_error.h"

/* The margin of a text is the difference between the two greatest logits of the original, or its
 * logit if the model has one label; the margin error is how far the blob differs in it. */
typedef struct conv_cost {
    size_t texts;
    size_t agreeing; /* texts to which both give the same label */
    double error_sum, error_max;
} conv_cost;

/*
 * Compare a blob with the folder from which it was made, on the texts of the calibration file that
 * are held out (calibration.h); there may be none. Returns 0, or -1 with *error filled.
 */
int conv_cost_measure(conv_cost *cost, const char *directory, const char *blob,
                      const char *calibrate, size_t threads, conv_error *error);

#endif
