/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Damages a small blob by a script of edits, and classifies with it at every level of this CPU. All
 * levels must give the same statuses and the same bits, however absurd the blob is.
 */
#ifndef DISTIL_TESTS_SUPPORT_LEVELS_H
#define DISTIL_TESTS_SUPPORT_LEVELS_H

#include <stddef.h>
#include <stdint.h>

/* The bytes of one edit in a script: section, kind, offset (2 bytes) and value (4 bytes). */
enum { SUPPORT_EDIT_BYTES = 8 };

/* Applies the edits of a script to a blob that the reader has accepted, and computes the CRCs of
 * header and sections again. Each edit changes a byte, 4 bytes or 64 bytes of one section, or of
 * the header. Incomplete edits at the end of the script do not count. */
void support_levels_edit(uint8_t *bytes, size_t size, const uint8_t *script, size_t script_bytes);

/* What classifying at every level found. */
typedef struct support_levels_outcome {
    int accepted;       /* 1 if the library opened the blob */
    int bounded;        /* 1 if also all weights keep the bound of a lane group */
    const char *differ; /* NULL, or a static string that says which level differs in what */
} support_levels_outcome;

/* Opens the blob at every level of this CPU and classifies some texts, alone and as a batch. The
 * statuses of all levels must be equal. Logits must be equal where the blob is bounded; if it is
 * not, 16-bit sums of some levels overflow, which opening does not find because it reads no
 * weights. `bytes` is 64-byte aligned. */
support_levels_outcome support_levels_classify(const uint8_t *bytes, size_t size);

#endif
