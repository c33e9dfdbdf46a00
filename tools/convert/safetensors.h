/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reader of the header of a safetensors file.
 *
 *   [u64 header length][header: JSON {name: {dtype, shape, data_offsets: [begin, end]}}][data]
 *
 * The whole header is checked before any tensor is read: the lengths against the file's size, and
 * each tensor's bytes against its shape and type. Together the tensors must cover the data without
 * gaps and overlaps, as the format's reference implementation demands.
 */
#ifndef DISTIL_TOOLS_CONVERT_SAFETENSORS_H
#define DISTIL_TOOLS_CONVERT_SAFETENSORS_H

#include <stddef.h>
#include <stdint.h>

#include "runtime/base/json.h"
#include "tools/convert/conv_error.h"
#include "tools/convert/source_file.h"

enum {
    ST_MAX_RANK = 8,
    /* the greatest size that the reference implementation accepts */
    ST_MAX_HEADER_BYTES = 100000000,
    ST_DTYPE_BYTES = 16 /* room for the name of a type and a NUL */
};

typedef struct st_tensor {
    char *name; /* NUL-terminated UTF-8; belongs to the header */
    char dtype[ST_DTYPE_BYTES];
    size_t rank;
    uint64_t shape[ST_MAX_RANK];
    uint64_t begin, end; /* offsets of the tensor's bytes within the data */
    size_t file;         /* index of the file in checkpoint.files */
} st_tensor;

/* The tensors that a header lists. */
typedef struct st_header {
    st_tensor *tensors; /* sorted by name */
    size_t count;
} st_header;

/* Parse and check the header of a file that has data_bytes bytes of data. path is for messages.
 * Returns 0; or -1 with *error filled and nothing to free. */
int st_header_parse(st_header *header, const char *path, const char *text, size_t bytes,
                    uint64_t data_bytes, conv_error *error);
void st_header_free(st_header *header);

/* Read and check the header of an open file. Sets *data to the offset of the data within the file.
 * Returns 0; or -1 with *error filled and nothing to free. */
int st_header_read(st_header *header, uint64_t *data, const conv_source *source, conv_error *error);

/* Write a shape as text, such as "[30522, 768]". Returns out. */
const char *st_shape_text(char *out, size_t capacity, const uint64_t *shape, size_t rank);

/* Decode a JSON string into malloc'd, NUL-terminated text. Returns NULL without memory or if the
 * string has a NUL. */
char *st_copy_string(json_value value);

#endif
