/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads everything of an opened blob through all accessors of model/blob.h and model/vocab.h.
 */
#ifndef DISTIL_TESTS_SUPPORT_EXERCISE_H
#define DISTIL_TESTS_SUPPORT_EXERCISE_H

#include "model/blob.h"

/* Returns 1 if every view is within the bytes of the blob, and every id and table entry within its
 * range. Reads every byte of every view, so that a view outside of mapped memory ends the
 * program. */
int support_blob_exercise(const distil_blob *blob);

#endif
