/* SPDX-License-Identifier: Apache-2.0 */
/* Memory that a conversion keeps until its end and frees in one call. */
#ifndef DISTIL_TOOLS_CONVERT_CONV_MEMORY_H
#define DISTIL_TOOLS_CONVERT_CONV_MEMORY_H

#include <stddef.h>

#include "tools/convert/conv_error.h"

/* A list of allocations. A zeroed structure is an empty list. */
typedef struct conv_memory {
    void **blocks;
    size_t count, capacity;
} conv_memory;

/* Allocate count * size zeroed bytes, aligned to 64 bytes. Returns NULL with *error filled without
 * memory. */
void *conv_new(conv_memory *memory, size_t count, size_t size, conv_error *error);

/* Copy bytes and append a NUL. Returns NULL with *error filled without memory. */
char *conv_copy_text(conv_memory *memory, const char *text, size_t bytes, conv_error *error);

/* Free all allocations of the list. */
void conv_memory_free(conv_memory *memory);

#endif
