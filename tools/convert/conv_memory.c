/* SPDX-License-Identifier: Apache-2.0 */
/* A growing array of allocated blocks. */
#include "tools/convert/conv_memory.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

void *conv_new(conv_memory *memory, size_t count, size_t size, conv_error *error)
{
    void *block = NULL;
    size_t bytes = 0;

    if (memory->count == memory->capacity) {
        size_t capacity = memory->capacity ? 2 * memory->capacity : 64;
        void **blocks = realloc(memory->blocks, capacity * sizeof *blocks);

        if (blocks) {
            memory->blocks = blocks;
            memory->capacity = capacity;
        }
    }
    if (memory->count < memory->capacity && count <= (SIZE_MAX / 2 - 64) / size) {
        bytes = (count * size + 63) / 64 * 64;
        block = aligned_alloc(64, bytes ? bytes : 64);
    }
    if (!block) {
        conv_fail(error, "out of memory for %zu elements of %zu bytes", count, size);
        return NULL;
    }
    memset(block, 0, bytes);
    memory->blocks[memory->count++] = block;
    return block;
}

char *conv_copy_text(conv_memory *memory, const char *text, size_t bytes, conv_error *error)
{
    char *copy = conv_new(memory, bytes + 1, 1, error);

    if (copy)
        memcpy(copy, text, bytes);
    return copy;
}

void conv_memory_free(conv_memory *memory)
{
    for (size_t i = 0; i < memory->count; i++)
        free(memory->blocks[i]);
    free(memory->blocks);
    memset(memory, 0, sizeof *memory);
}
