/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Parts of the blob reader that its source files share. Other rooms include model/blob.h instead.
 */
#ifndef DISTIL_MODEL_BLOB_CHECK_H
#define DISTIL_MODEL_BLOB_CHECK_H

#include <stddef.h>
#include <stdint.h>

#include "model/blob.h"
#include "model/blob_layout.h"

/* Fills *error (may be NULL) and returns code. */
distil_blob_code distil_blob_refuse(distil_blob_error *error, distil_blob_code code,
                                    uint64_t offset, const char *what);

/* ---- the first check of opening; model/blob.h has the others -------------------------------- */

/* Checks the header and the section table: points 1 to 8 of section 6 of docs/blob-format.md. Reads
 * nothing else. After it, other checks may use the sections. */
distil_blob_code distil_blob_check_layout(const distil_blob *blob, distil_blob_error *error);

/* ---- helpers -------------------------------------------------------------------------------- */

/* The kinds of sections that are weight matrices, in their order within a layer. */
enum { DISTIL_BLOB_MATRIX_KINDS = 4 };
extern const distil_section_kind distil_blob_matrix_kinds[DISTIL_BLOB_MATRIX_KINDS];

/* Offset in the header of one of its fields. */
#define DISTIL_BLOB_HEADER_FIELD(field) offsetof(distil_blob_header, field)

/* Returns the entry of the section table for a kind and a layer. */
static inline const distil_blob_section *distil_blob_find_section(const distil_blob *blob,
                                                                  uint32_t kind, uint32_t layer)
{
    return &blob->sections[distil_blob_section_index(blob->header->n_layers, kind, layer)];
}

/* Returns the offset in the file of an address within the blob. */
static inline uint64_t distil_blob_offset_of(const distil_blob *blob, const void *p)
{
    return (uint64_t)((const uint8_t *)p - blob->bytes);
}

/* Returns the offset of the first byte from begin to end that is not zero, or end. */
static inline uint64_t distil_blob_first_nonzero(const uint8_t *bytes, uint64_t begin, uint64_t end)
{
    while (begin < end && bytes[begin] == 0)
        begin++;
    return begin;
}

/* Calls `check` for every weight matrix of the blob until it refuses one. */
static inline distil_blob_code distil_blob_for_each_matrix(
    const distil_blob *blob, distil_blob_error *error,
    distil_blob_code check(const distil_blob *, distil_section_kind, uint32_t, distil_blob_error *))
{
    for (uint32_t layer = 0; layer < blob->header->n_layers; layer++) {
        for (size_t i = 0; i < DISTIL_BLOB_MATRIX_KINDS; i++) {
            distil_blob_code code = check(blob, distil_blob_matrix_kinds[i], layer, error);

            if (code != DISTIL_BLOB_OK)
                return code;
        }
    }
    return DISTIL_BLOB_OK;
}

#endif
