/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reader of the pickle in which torch.save describes a state dictionary: names, element types,
 * shapes and places of tensors. It executes nothing. A pickle is a program for a stack machine that
 * may call any Python function; this machine knows the opcodes that a state dictionary needs, and
 * of functions only the closed list by which PyTorch builds an ordered dictionary, a tensor and a
 * parameter. Anything else is refused by name.
 *
 * Memory is bounded by the pickle's length, and no function recurses on the input.
 */
#ifndef DISTIL_TOOLS_CONVERT_TORCH_PICKLE_H
#define DISTIL_TOOLS_CONVERT_TORCH_PICKLE_H

#include <stddef.h>
#include <stdint.h>

#include "tools/convert/conv_error.h"

enum { TORCH_MAX_RANK = 8, TORCH_MAX_PICKLE_BYTES = 16 << 20 };

typedef struct torch_tensor {
    char *name;        /* UTF-8, NUL-terminated */
    char *storage;     /* the archive's entry data/STORAGE holds the elements, NUL-terminated */
    const char *dtype; /* the element type by its name in safetensors, such as "F32" */
    unsigned element_bytes;
    uint64_t offset; /* The first element of the tensor has this index in the storage. */
    size_t rank;
    uint64_t shape[TORCH_MAX_RANK];
    /* the size of all elements together, which are contiguous and in row-major order */
    uint64_t bytes;
} torch_tensor;

typedef struct torch_state {
    torch_tensor *tensors; /* the tensors in the order of the pickled dictionary */
    size_t count;
} torch_state;

/*
 * Parses the pickle in bytes (count); path is for messages, which name the byte at fault. A value
 * of the dictionary that is not a tensor, a tensor that is not contiguous and one of an element
 * type that is not on the list are refused. Returns 0, or -1 with *error filled and nothing kept.
 */
int torch_pickle_parse(torch_state *state, const char *path, const unsigned char *bytes,
                       size_t count, conv_error *error);
void torch_state_free(torch_state *state);

#endif
