/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory that a conversion holds until its end, released in one call.
 */
#ifndef DISTIL_TOOLS_CONVERT_CONV_MEMORY_H
#define DISTIL_TOOLS_CONVERT_CONV_MEMORY_H

#include <stddef.h>

#include "tools/convert/conv_error.h"

/* Zero-initialise. */
typedef struct conv_memory {
    void **blocks;
    size_t count, capacity;
} conv_memory;

/* count * size zeroed bytes, 64-byte aligned; NULL with *error filled. */
void *conv_new(conv_memory *memory, size_t count, size_t size, conv_error *error);

/* A copy of bytes with a NUL after it; NULL with *error filled. */
char *conv_copy_text(conv_memory *memory, const char *text, size_t bytes, conv_error *error);

void conv_memory_free(conv_memory *memory);

#endif
