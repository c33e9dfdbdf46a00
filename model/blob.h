/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Open a blob: map it or take it from memory, check its structure, hand out typed views.
 *
 * distil_blob_check proves everything that memory safety of later code rests on, from the bytes
 * alone: sizes, offsets, order tables (permutations of 0 .. depth / 4 - 1), token and row ids,
 * string ends, group sizes. It does not read weights unless asked to by `verify`.
 */
#ifndef DISTIL_MODEL_BLOB_H
#define DISTIL_MODEL_BLOB_H

#include <stddef.h>
#include <stdint.h>

#include "kernels/kernels.h"
#include "model/format.h"

/* Values equal those of distil_status in runtime/distil.h (runtime/public_enums.h proves it). */
typedef enum distil_blob_code {
    DISTIL_BLOB_OK = 0,
    DISTIL_BLOB_FILE_OPEN = 10,     /* errno tells why */
    DISTIL_BLOB_FILE_READ = 11,     /* stat, map or read failed; errno tells why */
    DISTIL_BLOB_BAD_MAGIC = 20,     /* not a blob */
    DISTIL_BLOB_BAD_VERSION = 21,   /* a blob of another version */
    DISTIL_BLOB_TRUNCATED = 22,     /* shorter or longer than it says */
    DISTIL_BLOB_BAD_STRUCTURE = 23, /* a field, size, offset or table that cannot be */
    DISTIL_BLOB_BAD_CHECKSUM = 24,  /* CRC-32C or SHA-256 differs */
    DISTIL_BLOB_BAD_PROOF = 25,     /* weights that break the int16-lane bound */
    DISTIL_BLOB_NO_MEMORY = 40
} distil_blob_code;

/* Where and why a blob was refused. */
typedef struct distil_blob_error {
    distil_blob_code code;
    int sys_errno;    /* for FILE_OPEN and FILE_READ, else 0 */
    uint64_t offset;  /* byte of the file that was found wrong */
    const char *what; /* static string: the field or table and what was expected */
} distil_blob_error;

/* Content checks on top of the structure. */
typedef enum distil_blob_verify {
    DISTIL_BLOB_VERIFY_NONE = 0,
    DISTIL_BLOB_VERIFY_CRC = 1,   /* each section's CRC-32C */
    DISTIL_BLOB_VERIFY_SHA256 = 2 /* the CRCs and the SHA-256 of the whole */
} distil_blob_verify;

typedef struct distil_blob {
    const uint8_t *bytes; /* 64-byte aligned */
    size_t size;
    int mapped; /* unmapped by distil_blob_close */
    const distil_blob_header *header;
    const distil_blob_section *sections;
} distil_blob;

/* Map the file read-only, shared, and check it. On error *blob is untouched, *error (may be NULL)
 * says why, and nothing stays open. */
distil_blob_code distil_blob_open(distil_blob *blob, const char *path, distil_blob_verify verify,
                                  distil_blob_error *error);

/* The same from a descriptor of a regular file, from its offset 0; the descriptor stays the
 * caller's and may be closed at once. */
distil_blob_code distil_blob_open_fd(distil_blob *blob, int fd, distil_blob_verify verify,
                                     distil_blob_error *error);

/* The same from memory that outlives the blob; bytes 64-byte aligned, else BAD_STRUCTURE. */
distil_blob_code distil_blob_open_memory(distil_blob *blob, const void *bytes, size_t size,
                                         distil_blob_verify verify, distil_blob_error *error);

/* Unmap. Views handed out before are void. */
void distil_blob_close(distil_blob *blob);

/* Bytes of a section of an opened blob; layer 0 where the kind is not per layer. Cannot fail for a
 * kind below DISTIL_SECTION_KIND_END and a layer of the model. *bytes may be NULL. */
const void *distil_blob_section_data(const distil_blob *blob, distil_section_kind kind,
                                     uint32_t layer, size_t *bytes);

/* The operand that a matrix product takes, as a view into the blob. `kind` is one of QKV,
 * ATTENTION_OUT, FFN_IN and FFN_OUT. The view has no prefetch hint. */
distil_qmatrix distil_blob_get_matrix(const distil_blob *blob, distil_section_kind kind,
                                      uint32_t layer);

/* "provenance", "labels", ... "qkv", ...: the names of docs/blob-format.md; NULL for other
 * values. */
const char *distil_section_name(uint32_t kind);

/* Label i < n_labels, UTF-8 without a zero byte, not NUL-terminated. */
const char *distil_blob_label(const distil_blob *blob, uint32_t i, size_t *bytes);

/* Check from the weight bytes themselves: the int16-lane bound of every lane of every group, and
 * every col_sum. Reads all panels. */
distil_blob_code distil_blob_check_proof(const distil_blob *blob, distil_blob_error *error);

#endif
