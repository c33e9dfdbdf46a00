/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From the logits of a text to its result. The caller has set the default rounding mode
 * (runtime/rounding.h).
 */
#ifndef DISTIL_RUNTIME_RESULTS_H
#define DISTIL_RUNTIME_RESULTS_H

#include <stddef.h>

#include "runtime/context.h"
#include "runtime/distil.h"

/* Returns 1 if the caller has set the cancellation flag of the context. */
int distil_results_cancelled(const distil_context *context);

/* Fills the context's error for the text of that index in the call, and returns status, which is
 * DISTIL_NOT_FINITE or DISTIL_CANCELLED. */
distil_status distil_results_fail(distil_context *context, distil_status status, size_t text);

/* Returns 1 if all n numbers are finite. */
int distil_results_are_finite(const float *x, size_t n);

/*
 * Fills the label and the score of *result, and the arrays of *scores that the caller asked for.
 *
 * scores  may be NULL
 * logits  (n_labels) finite
 */
void distil_results_write(distil_context *context, distil_result *result,
                          const distil_scores *scores, const float *logits);

#endif
