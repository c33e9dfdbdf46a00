/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Makes small synthetic models of any shape, and blobs of them. The vocabulary is small but usable.
 * The weights are random and keep the bound on lane groups; some lane groups reach it exactly. The
 * same seed and shape give the same bytes on every machine.
 */
#ifndef DISTIL_TESTS_SUPPORT_BLOB_H
#define DISTIL_TESTS_SUPPORT_BLOB_H

#include <stddef.h>
#include <stdint.h>

#include "runtime/distil.h"
#include "tools/convert/blob_writer.h"

typedef struct support_blob_shape {
    uint32_t dim, hidden_dim, n_layers, n_heads, max_positions, n_labels;
    uint8_t group; /* the group size of all pairs, 4, 2 or 1; 0 means a random one for each pair */
} support_blob_shape;

/* tiny has one layer with one attention head. small has two layers with two heads each. head64 has
 * attention heads of 64 columns; the heads of the others have 32. */
extern const support_blob_shape support_blob_tiny, support_blob_small, support_blob_head64;

/* A model and the memory of its arrays. A test may change the fields of `model` before it writes
 * the blob; the arrays behind its pointers are writable. */
typedef struct support_blob {
    conv_model model;
    void *memory; /* a list of allocations */
} support_blob;

/* Makes a model; the caller frees it with support_blob_free. The vocabulary has [PAD], [UNK],
 * [CLS], [SEP] and [MASK] with the ids 0 .. 4, all printable ASCII characters alone and with "##",
 * some words and pieces of words, one id with an empty token, and "the" twice. Ends the program if
 * there is no memory. */
support_blob support_blob_make(uint64_t seed, const support_blob_shape *shape);
void support_blob_free(support_blob *blob);

/* Gives a model that support_blob_make has made the head of token classification: the output layer
 * alone. */
void support_blob_label_tokens(support_blob *blob);

/* Gives a model that support_blob_make has made a head of embeddings. bits are those of the header;
 * with a dense layer, n_labels of the shape is the number of its outputs, and else it is dim. */
void support_blob_embed(support_blob *blob, uint32_t bits);

/* Writes the model with conv_blob_write and returns the bytes of the blob, which are 64-byte
 * aligned and which the caller frees. Ends the program with a message on an error. */
uint8_t *support_blob_image(size_t *size, const conv_model *model);

/* The bytes of a blob, which stay as long as models that were opened from them. */
typedef struct support_image {
    uint8_t *bytes;
    size_t size;
} support_image;

/* Opens a model from the bytes of a blob with at most the level of `isa`. Ends the program with a
 * message on an error. */
distil_model *support_blob_open(const support_image *from, distil_isa isa);

/* Computes the header's CRC again after a test has changed the header or the section table. */
void support_blob_reseal(uint8_t *bytes, size_t size);

/* Returns the path of a temporary directory of this program. The first call creates it, and it is
 * removed with all its files when the program exits. */
const char *support_directory(void);

#endif
