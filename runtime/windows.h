/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Classifies texts of any length in overlapping windows.
 */
#ifndef DISTIL_RUNTIME_WINDOWS_H
#define DISTIL_RUNTIME_WINDOWS_H

#include <stddef.h>

#include "runtime/context.h"
#include "runtime/distil.h"

/*
 * Classifies a batch as distil_classify_batch does, with the windows that context->windows
 * describes. The arguments have been checked, and no text has a pair. The windows of all texts are
 * packed into passes, in order.
 *
 * Returns DISTIL_OK, or DISTIL_NOT_FINITE or DISTIL_CANCELLED with the outputs of all texts before
 * the one that distil_context_error names filled and the others untouched.
 */
distil_status distil_windows_classify(distil_context *context, distil_result *results,
                                      const distil_scores *scores, const distil_text *texts,
                                      size_t count, int split_special);

#endif
