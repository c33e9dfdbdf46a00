/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads everything of an opened blob through every accessor.
 */
#ifndef DISTIL_TESTS_SUPPORT_EXERCISE_H
#define DISTIL_TESTS_SUPPORT_EXERCISE_H

#include "model/blob.h"

/* 1 if every view is within the blob's bytes and every id and table entry within its range. Reads
 * every byte of every view, so that one outside memory ends the program. */
int support_blob_exercise(const distil_blob *blob);

#endif
