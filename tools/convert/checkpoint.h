/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The weights of a Hugging Face folder, whichever way they are stored: model.safetensors or
 * pytorch_model.bin, whole or in several files that an index lists.
 */
#ifndef DISTIL_TOOLS_CONVERT_CHECKPOINT_H
#define DISTIL_TOOLS_CONVERT_CHECKPOINT_H

#include <stddef.h>
#include <stdint.h>

#include "tools/convert/conv_error.h"
#include "tools/convert/safetensors.h"
#include "tools/convert/source_file.h"

enum { CONV_MAX_FILES = 1000 };

typedef struct conv_weight_file {
    conv_source source;
    char *name; /* without the directory */
    st_header header;
    uint64_t data; /* offset of the data within the file */
} conv_weight_file;

/* A file format of weights. */
typedef struct conv_weight_format {
    const char *file;  /* name of the file that holds all weights */
    const char *index; /* name of the index, if there are several files */
    /* Lists the tensors of a file, whose begin and end count from *data. Returns 0; or -1 with
     * *error filled and nothing to free. */
    int (*read_header)(st_header *header, uint64_t *data, const conv_source *source,
                       conv_error *error);
} conv_weight_format;

typedef struct conv_checkpoint {
    const conv_weight_format *format;
    conv_weight_file *files;
    size_t file_count;
    char *index_path; /* path of the index, or NULL if there is none */
} conv_checkpoint;

/*
 * Open the weights of a folder: model.safetensors, else the files of model.safetensors.index.json,
 * else pytorch_model.bin, else the files of pytorch_model.bin.index.json. If the folder has weights
 * in another format only, the message says what to do. Returns 0; or -1 with *error filled and
 * nothing to close.
 */
int conv_checkpoint_open(conv_checkpoint *weights, const char *directory, conv_error *error);
void conv_checkpoint_close(conv_checkpoint *weights);

/* Find a tensor by name. Returns NULL if there is none. */
const st_tensor *conv_checkpoint_find(const conv_checkpoint *weights, const char *name);

/* The path of the file that has a tensor. */
const char *conv_checkpoint_path(const conv_checkpoint *weights, const st_tensor *tensor);

/* Read a tensor of the type F32, F16, BF16 or F64 as floats. The first three are represented
 * exactly; F64 is rounded to the nearest float. out has room for all elements. Another type, a NaN
 * or an infinity is refused. Returns 0, or -1 with *error filled. */
int conv_checkpoint_read(const conv_checkpoint *weights, const st_tensor *tensor, float *out,
                         conv_error *error);

#endif
