/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The public header stands alone, so it repeats enumerations that the rooms below define for
 * themselves: statuses and kinds of verification of model/blob.h, functions and poolings of
 * model/format.h, tasks of model/heads.inc, and levels of kernels/levels.h.
 * This header proves that their values belong together, so that a cast converts one into the other,
 * or for levels a function.
 */
#ifndef DISTIL_RUNTIME_PUBLIC_ENUMS_H
#define DISTIL_RUNTIME_PUBLIC_ENUMS_H

#include "kernels/kernels.h"
#include "model/blob.h"
#include "model/heads.h"
#include "runtime/distil.h"

#define SAME_VALUE(public_name, name)                                                              \
    _Static_assert((int)(public_name) == (int)(name), #public_name " is not " #name)

SAME_VALUE(DISTIL_OK, DISTIL_BLOB_OK);
SAME_VALUE(DISTIL_FILE_OPEN, DISTIL_BLOB_FILE_OPEN);
SAME_VALUE(DISTIL_FILE_READ, DISTIL_BLOB_FILE_READ);
SAME_VALUE(DISTIL_BAD_MAGIC, DISTIL_BLOB_BAD_MAGIC);
SAME_VALUE(DISTIL_BAD_VERSION, DISTIL_BLOB_BAD_VERSION);
SAME_VALUE(DISTIL_TRUNCATED, DISTIL_BLOB_TRUNCATED);
SAME_VALUE(DISTIL_BAD_STRUCTURE, DISTIL_BLOB_BAD_STRUCTURE);
SAME_VALUE(DISTIL_BAD_CHECKSUM, DISTIL_BLOB_BAD_CHECKSUM);
SAME_VALUE(DISTIL_BAD_PROOF, DISTIL_BLOB_BAD_PROOF);
SAME_VALUE(DISTIL_UNSUPPORTED, DISTIL_BLOB_UNSUPPORTED);
SAME_VALUE(DISTIL_NO_MEMORY, DISTIL_BLOB_NO_MEMORY);

SAME_VALUE(DISTIL_VERIFY_NONE, DISTIL_BLOB_VERIFY_NONE);
SAME_VALUE(DISTIL_VERIFY_CRC, DISTIL_BLOB_VERIFY_CRC);
SAME_VALUE(DISTIL_VERIFY_SHA256, DISTIL_BLOB_VERIFY_SHA256);
SAME_VALUE(DISTIL_VERIFY_PROOF, DISTIL_BLOB_VERIFY_PROOF);

SAME_VALUE(DISTIL_FUNCTION_SOFTMAX, DISTIL_BLOB_FUNCTION_SOFTMAX);
SAME_VALUE(DISTIL_FUNCTION_SIGMOID, DISTIL_BLOB_FUNCTION_SIGMOID);
SAME_VALUE(DISTIL_FUNCTION_NONE, DISTIL_BLOB_FUNCTION_NONE);

SAME_VALUE(DISTIL_TASK_SEQUENCE, DISTIL_HEAD_SEQUENCE);
SAME_VALUE(DISTIL_TASK_TOKENS, DISTIL_HEAD_TOKENS);
SAME_VALUE(DISTIL_TASK_SPANS, DISTIL_HEAD_SPANS);
SAME_VALUE(DISTIL_TASK_EMBEDDING, DISTIL_HEAD_EMBEDDING);

SAME_VALUE(DISTIL_POOLING_CLS, DISTIL_BLOB_POOLING_CLS);
SAME_VALUE(DISTIL_POOLING_MEAN, DISTIL_BLOB_POOLING_MEAN);
SAME_VALUE(DISTIL_POOLING_MAX, DISTIL_BLOB_POOLING_MAX);

/* The numbers of distil_isa begin at 1, because 0 is the default. A level that is in the list of
 * kernels/levels.h but not in distil_isa stops the compiler here. */
#define LEVEL(name, NAME, rows) SAME_VALUE(DISTIL_ISA_##NAME, DISTIL_LEVEL_##NAME + 1);
DISTIL_LEVELS(LEVEL)

#undef LEVEL
#undef SAME_VALUE

static inline distil_isa distil_isa_of_level(distil_level level)
{
    return (distil_isa)((int)level + 1);
}

/* The inverse; isa is not DISTIL_ISA_BEST. */
static inline distil_level distil_level_of_isa(distil_isa isa)
{
    return (distil_level)((int)isa - 1);
}

#endif
