/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Small synthetic models and blobs: any shape, a real little vocabulary, random weights that
 * satisfy the int16-lane bound and touch it. The same seed and shape give the same bytes on
 * every machine.
 */
#ifndef DISTIL_TESTS_SUPPORT_BLOB_H
#define DISTIL_TESTS_SUPPORT_BLOB_H

#include <stddef.h>
#include <stdint.h>

#include "tools/convert/blob_writer.h"

typedef struct support_blob_shape {
    uint32_t dim, hidden_dim, n_layers, n_heads, max_positions, n_labels;
    uint8_t group; /* 4, 2 or 1 for all panels; 0: a random one for each pair */
} support_blob_shape;

/* One layer of one head; two layers of two heads; a head of 64. */
extern const support_blob_shape support_blob_tiny, support_blob_small, support_blob_head64;

/* A model and the memory that it borrows. Change model's fields at will before writing it; the
 * arrays behind its pointers are writable. */
typedef struct support_blob {
    conv_model model;
    void *memory; /* a list of allocations */
} support_blob;

/* Vocabulary: [PAD] [UNK] [CLS] [SEP] [MASK] with ids 0 .. 4, all printable ASCII alone and with
 * "##", some words and pieces, one id without a token, one token that stands twice. Ends the
 * program where there is no memory. */
support_blob support_blob_make(uint64_t seed, const support_blob_shape *shape);
void support_blob_free(support_blob *blob);

/* A blob's bytes, written by conv_blob_write and read back: 64-byte aligned, to be freed. Ends the
 * program with a message on error. */
uint8_t *support_blob_image(size_t *size, const conv_model *model);

/* Make the header's CRC right again after a change of header or section table. */
void support_blob_reseal(uint8_t *bytes, size_t size);

/* A new empty directory for the program's files, made at first use, removed with them at exit. */
const char *support_directory(void);

#endif
