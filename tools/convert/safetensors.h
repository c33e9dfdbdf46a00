/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reader of safetensors: one file, or several under an index (model.safetensors.index.json).
 *
 *   [u64 header length][header: JSON {name: {dtype, shape, data_offsets: [begin, end]}}][data]
 *
 * The header is checked whole before any tensor is believed: lengths against the file's size, each
 * tensor's bytes against its shape and type, and the tensors against one another, which have to
 * cover the data without gap or overlap as the format's reference implementation demands.
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
    ST_MAX_HEADER_BYTES = 100000000, /* as the reference implementation */
    ST_DTYPE_BYTES = 16              /* of a type's name with its NUL */
};

typedef struct st_tensor {
    char *name; /* UTF-8, NUL-terminated, owned by the file */
    char dtype[ST_DTYPE_BYTES];
    size_t rank;
    uint64_t shape[ST_MAX_RANK];
    uint64_t begin, end; /* bytes, from the first byte of the data */
    size_t file;         /* index into st_checkpoint.files */
} st_tensor;

/* What a header says. */
typedef struct st_header {
    st_tensor *tensors; /* sorted by name */
    size_t count;
} st_header;

/* Check a header's text against data_bytes bytes of data; path is for messages. 0, or -1 with
 * *error filled and nothing kept. */
int st_header_parse(st_header *header, const char *path, const char *text, size_t bytes,
                    uint64_t data_bytes, conv_error *error);
void st_header_free(st_header *header);

typedef struct st_file {
    conv_source source;
    char *name; /* without its directory */
    st_header header;
    uint64_t data; /* offset of the data in the file */
} st_file;

typedef struct st_checkpoint {
    st_file *files;
    size_t file_count;
    char *index_path; /* NULL without index */
} st_checkpoint;

/*
 * Open the weights of a folder: model.safetensors, else model.safetensors.index.json and the files
 * it names. A folder with only pytorch_model.bin or the like is refused with the remedy.
 */
int st_open(st_checkpoint *checkpoint, const char *directory, conv_error *error);
void st_close(st_checkpoint *checkpoint);

/* Find a tensor; NULL where there is none. */
const st_tensor *st_find(const st_checkpoint *checkpoint, const char *name);

/* Path of the file a tensor lies in. */
const char *st_path(const st_checkpoint *checkpoint, const st_tensor *tensor);

/* "[30522, 768]" */
const char *st_shape_text(char *out, size_t capacity, const uint64_t *shape, size_t rank);

/* Read a tensor of type F32, F16 or BF16 as float, exactly. out has room for all of its elements.
 * Another type, or an element that is not finite, is refused by name and index. */
int st_read(const st_checkpoint *checkpoint, const st_tensor *tensor, float *out,
            conv_error *error);

#endif
