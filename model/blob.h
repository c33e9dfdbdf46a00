/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Opens a blob: maps the file or uses bytes in memory, checks the structure, and gives typed views
 * of the sections.
 *
 * Opening proves from the bytes alone whatever later code depends on: sizes and offsets, order
 * tables (permutations of 0 .. depth / 4 - 1), group sizes, ids of tokens and rows, and the ends of
 * strings. It reads weights only where `verify` asks for it. No checksum is trusted for memory
 * safety, since whoever forges a blob can compute its checksums. Code that uses a table bounds each
 * entry once more, since the bytes of a mapped file can change after opening.
 */
#ifndef DISTIL_MODEL_BLOB_H
#define DISTIL_MODEL_BLOB_H

#include <stddef.h>
#include <stdint.h>

#include "kernels/kernels.h"
#include "model/format.h"

/* Why a blob was refused. The values equal those of distil_status, whose comments in
 * runtime/distil.h name the remedies; runtime/public_enums.h proves that they are equal. */
typedef enum distil_blob_code {
    DISTIL_BLOB_OK = 0,
    DISTIL_BLOB_FILE_OPEN = 10,     /* open failed; sys_errno tells why */
    DISTIL_BLOB_FILE_READ = 11,     /* not a regular file, or it cannot be mapped; see sys_errno */
    DISTIL_BLOB_BAD_MAGIC = 20,     /* the first bytes are not those of a blob */
    DISTIL_BLOB_BAD_VERSION = 21,   /* the blob has another format version */
    DISTIL_BLOB_TRUNCATED = 22,     /* the file is shorter or longer than its header says */
    DISTIL_BLOB_BAD_STRUCTURE = 23, /* a field, size, offset or table has an impossible value */
    DISTIL_BLOB_BAD_CHECKSUM = 24,  /* a CRC-32C or the SHA-256 differs */
    DISTIL_BLOB_UNSUPPORTED = 26,   /* a sound header, but of a model that this version lacks */
    DISTIL_BLOB_BAD_PROOF = 25, /* weights exceed DISTIL_BLOB_LANE_LIMIT, or a column sum differs */
    DISTIL_BLOB_NO_MEMORY = 40
} distil_blob_code;

/* Where and why a blob was refused. */
typedef struct distil_blob_error {
    distil_blob_code code;
    int sys_errno;    /* for FILE_OPEN and FILE_READ, else 0 */
    uint64_t offset;  /* the byte of the file that was found wrong */
    const char *what; /* a static string: the field or table, and what was expected of it */
} distil_blob_error;

/* What opening checks in addition to the structure. */
typedef enum distil_blob_verify {
    /* less than the structure: header and section table only; the functions below then stay within
     * the blob all the same, but labels and tokens may be any bytes */
    DISTIL_BLOB_VERIFY_LAYOUT = -1,
    DISTIL_BLOB_VERIFY_NONE = 0,
    DISTIL_BLOB_VERIFY_CRC = 1,    /* the CRC-32C of each section */
    DISTIL_BLOB_VERIFY_SHA256 = 2, /* also the SHA-256 of the whole file */
    DISTIL_BLOB_VERIFY_PROOF = 3   /* also what distil_blob_check_proof checks */
} distil_blob_verify;

/* An opened blob. Header and section table are copies, because they decide where everything lies:
 * somebody may overwrite the file while it is mapped. */
typedef struct distil_blob {
    const uint8_t *bytes; /* (size) 64-byte aligned */
    size_t size;
    int mapped; /* 1 if distil_blob_close has to unmap the bytes */
    distil_blob_header header[1];
    distil_blob_section sections[DISTIL_BLOB_MAX_SECTIONS]; /* the first header->section_count */
} distil_blob;

/* Maps a regular file read-only and shared, and checks it. On an error *blob is untouched, *error
 * (which may be NULL) tells why, and nothing stays open. */
distil_blob_code distil_blob_open(distil_blob *blob, const char *path, distil_blob_verify verify,
                                  distil_blob_error *error);

/* Maps and checks a regular file by its descriptor, from offset 0. The descriptor stays the
 * caller's, who may close it as soon as this returns. Errors are as for distil_blob_open. */
distil_blob_code distil_blob_open_fd(distil_blob *blob, int fd, distil_blob_verify verify,
                                     distil_blob_error *error);

/* Checks a blob in memory, which must outlive *blob. Bytes that are not 64-byte aligned are refused
 * with BAD_STRUCTURE. Errors are as for distil_blob_open. */
distil_blob_code distil_blob_open_memory(distil_blob *blob, const void *bytes, size_t size,
                                         distil_blob_verify verify, distil_blob_error *error);

/* Compares the checksums of an opened blob with its content, and proves its weights, as far as
 * `verify` asks for it. Opening with the same `verify` does the same. Threads may use the blob
 * meanwhile. */
distil_blob_code distil_blob_check_content(const distil_blob *blob, distil_blob_verify verify,
                                           distil_blob_error *error);

/* Unmaps the file. All views of the blob become invalid. */
void distil_blob_close(distil_blob *blob);

/* Returns the address of a section of an opened blob, and sets *bytes (may be NULL) to its size.
 * For a kind that does not repeat for each layer, `layer` is 0. The kind must be below
 * DISTIL_SECTION_KIND_END and the layer below n_layers; then this cannot fail. */
const void *distil_blob_section_data(const distil_blob *blob, distil_section_kind kind,
                                     uint32_t layer, size_t *bytes);

/* Returns a weight matrix as the operand of a product. Its pointers point into the blob, and its
 * prefetch hint is empty. `kind` is one of QKV, ATTENTION_OUT, FFN_IN and FFN_OUT. */
distil_qmatrix distil_blob_get_matrix(const distil_blob *blob, distil_section_kind kind,
                                      uint32_t layer);

/*
 * Reads an entry of a table of a blob. Such an entry may change at any time if somebody overwrites
 * the file, so code that uses it as an index or a size reads it once by these functions, and checks
 * the value that it has read even though opening has checked the table.
 */
static inline uint32_t distil_blob_read_u32(const uint32_t *entry)
{
    return __atomic_load_n(entry, __ATOMIC_RELAXED);
}
static inline uint16_t distil_blob_read_u16(const uint16_t *entry)
{
    return __atomic_load_n(entry, __ATOMIC_RELAXED);
}

/* Returns the name of a kind of section as docs/blob-format.md has it, for example "qkv", or NULL
 * for a value that is no kind. */
const char *distil_section_name(uint32_t kind);

/* Returns the name of label i, which must be below n_labels, and sets *bytes to its length. The
 * name is UTF-8 without a zero byte, and no NUL follows it. */
const char *distil_blob_label(const distil_blob *blob, uint32_t i, size_t *bytes);

/* ---- checks of an opened blob --------------------------------------------------------------- */

/* Each of these returns DISTIL_BLOB_OK, or fills *error (may be NULL) and returns its code. */

/* Checks what later code relies on in the sections before the embeddings: points 9 to 14 of section
 * 6 of docs/blob-format.md. */
distil_blob_code distil_blob_check_tables(const distil_blob *blob, distil_blob_error *error);

/* Checks the CRC-32C of each section and the zero bytes after it, up to the first that is wrong:
 * DISTIL_BLOB_BAD_CHECKSUM or DISTIL_BLOB_BAD_STRUCTURE. */
distil_blob_code distil_blob_check_crc(const distil_blob *blob, distil_blob_error *error);

/* Checks the SHA-256 of the whole file. */
distil_blob_code distil_blob_check_sha256(const distil_blob *blob, distil_blob_error *error);

/* Check the weights themselves: that every lane group keeps DISTIL_BLOB_LANE_LIMIT; that every
 * col_sum is right; both. Each reads all panels. */
distil_blob_code distil_blob_check_lanes(const distil_blob *blob, distil_blob_error *error);
distil_blob_code distil_blob_check_sums(const distil_blob *blob, distil_blob_error *error);
distil_blob_code distil_blob_check_proof(const distil_blob *blob, distil_blob_error *error);

#endif
