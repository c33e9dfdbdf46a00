/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reader of safetensors: one file, or several with an index (model.safetensors.index.json).
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

#include "tools/convert/conv_error.h"
#include "tools/convert/source_file.h"

enum {
    ST_MAX_RANK = 8,
    ST_MAX_FILES = 1000,
    ST_MAX_HEADER_BYTES = 100000000, /* as in the reference implementation */
    ST_DTYPE_BYTES = 16              /* room for the name of a type and a NUL */
};

typedef struct st_tensor {
    char *name; /* NUL-terminated UTF-8; belongs to the header */
    char dtype[ST_DTYPE_BYTES];
    size_t rank;
    uint64_t shape[ST_MAX_RANK];
    uint64_t begin, end; /* offsets of the tensor's bytes within the data */
    size_t file;         /* index of the file in st_checkpoint.files */
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

typedef struct st_file {
    conv_source source;
    char *name; /* without the directory */
    st_header header;
    uint64_t data; /* offset of the data within the file */
} st_file;

typedef struct st_checkpoint {
    st_file *files;
    size_t file_count;
    char *index_path; /* path of the index, or NULL if there is none */
} st_checkpoint;

/*
 * Open the weights of a folder: model.safetensors or, if there is no such file,
 * model.safetensors.index.json and the files that it names. If the folder has weights in another
 * format only, the message says how to convert them. Returns 0; or -1 with *error filled and
 * nothing to close.
 */
int st_open(st_checkpoint *checkpoint, const char *directory, conv_error *error);
void st_close(st_checkpoint *checkpoint);

/* Find a tensor by name. Returns NULL if there is none. */
const st_tensor *st_find(const st_checkpoint *checkpoint, const char *name);

/* The path of the file that has a tensor. */
const char *st_path(const st_checkpoint *checkpoint, const st_tensor *tensor);

/* Write a shape as text, such as "[30522, 768]". Returns out. */
const char *st_shape_text(char *out, size_t capacity, const uint64_t *shape, size_t rank);

/* Read a tensor of the type F32, F16 or BF16 as floats, which represent its elements exactly. out
 * has room for all of them. Another type, a NaN or an infinity is refused. Returns 0, or -1 with
 * *error filled. */
int st_read(const st_checkpoint *checkpoint, const st_tensor *tensor, float *out,
            conv_error *error);

#endif
