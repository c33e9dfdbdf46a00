/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Opens and closes blobs, and gives typed views of their sections.
 */
#include "model/blob.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "model/blob_check.h"

#if !defined(__BYTE_ORDER__) || __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "A blob is used in place, so this reader needs a little-endian machine."
#endif
_Static_assert(sizeof(size_t) >= 8, "a blob is mapped as a whole, so sizes need 64 bits");

/* ---- views -------------------------------------------------------------------------------- */

const void *distil_blob_section_data(const distil_blob *blob, distil_section_kind kind,
                                     uint32_t layer, size_t *bytes)
{
    const distil_blob_section *section = &blob->sections[distil_blob_table_index(
        blob->sections, blob->header->section_count, blob->header->n_layers, kind, layer)];
    int exists = section->kind == (uint32_t)kind;

    if (bytes != NULL)
        *bytes = exists ? (size_t)section->bytes : 0;
    return exists ? blob->bytes + section->offset : NULL;
}

distil_qmatrix distil_blob_get_matrix(const distil_blob *blob, distil_section_kind kind,
                                      uint32_t layer)
{
    const distil_blob_header *header = blob->header;
    const uint8_t *data = distil_blob_section_data(blob, kind, layer, NULL);
    const uint16_t *order = distil_blob_section_data(blob, DISTIL_SECTION_QUAD_ORDER, 0, NULL);
    const uint8_t *group = distil_blob_section_data(blob, DISTIL_SECTION_QUAD_GROUP, 0, NULL);
    distil_blob_quads quads = distil_blob_quad_offset(header, kind, layer);
    size_t dim = header->dim, depth = kind == DISTIL_SECTION_FFN_OUT ? header->hidden_dim : dim;
    size_t cols = kind == DISTIL_SECTION_QKV      ? 3 * dim
                  : kind == DISTIL_SECTION_FFN_IN ? header->hidden_dim
                                                  : dim;

    return (distil_qmatrix){
        .panels = (const int8_t *)(data + 12 * cols),
        .order = order + quads.order,
        .scale = (const float *)(const void *)data,
        .bias = (const float *)(const void *)(data + 4 * cols),
        .col_sum = (const int32_t *)(const void *)(data + 8 * cols),
        .group = group + quads.group,
        .depth = depth,
        .cols = cols,
    };
}

const char *distil_blob_label(const distil_blob *blob, uint32_t i, size_t *bytes)
{
    size_t section_bytes;
    const uint32_t *ends = distil_blob_section_data(blob, DISTIL_SECTION_LABELS, 0, &section_bytes);
    const char *names = (const char *)(ends + blob->header->n_labels);
    size_t most = section_bytes - blob->header->n_labels * sizeof *ends;
    size_t begin = i > 0 ? distil_blob_read_u32(&ends[i - 1]) : 0;
    size_t end = distil_blob_read_u32(&ends[i]);

    end = end < most ? end : most;
    begin = begin < end ? begin : end;
    *bytes = end - begin;
    return names + begin;
}

/* ---- opening -------------------------------------------------------------------------------- */

distil_blob_code distil_blob_refuse(distil_blob_error *error, distil_blob_code code,
                                    uint64_t offset, const char *what)
{
    if (error != NULL) {
        error->code = code;
        error->sys_errno = 0;
        error->offset = offset;
        error->what = what;
    }
    return code;
}

/* Fills *error (may be NULL) for a file on which a system call failed with sys_errno; returns
 * code. */
static distil_blob_code refuse_file(distil_blob_error *error, distil_blob_code code, int sys_errno,
                                    const char *what)
{
    distil_blob_refuse(error, code, 0, what);
    if (error != NULL)
        error->sys_errno = sys_errno;
    return code;
}

/* The content is checked before the tables, so that a damaged file is reported as damaged. */
static distil_blob_code check_all(const distil_blob *blob, distil_blob_verify verify,
                                  distil_blob_error *error)
{
    distil_blob_code code = distil_blob_check_layout(blob, error);

    int proof = verify >= DISTIL_BLOB_VERIFY_PROOF;

    if (code == DISTIL_BLOB_OK)
        code = distil_blob_check_content(blob, proof ? DISTIL_BLOB_VERIFY_SHA256 : verify, error);
    if (code == DISTIL_BLOB_OK && verify >= DISTIL_BLOB_VERIFY_NONE)
        code = distil_blob_check_tables(blob, error);
    if (code == DISTIL_BLOB_OK && proof)
        code = distil_blob_check_proof(blob, error);
    return code;
}

/* Checks a blob in memory and fills *blob. Does not unmap the bytes where it refuses them. */
static distil_blob_code open_bytes(distil_blob *blob, const void *bytes, size_t size, int mapped,
                                   distil_blob_verify verify, distil_blob_error *error)
{
    distil_blob opened = {.bytes = bytes, .size = size, .mapped = mapped};
    size_t table_bytes = size > DISTIL_BLOB_HEADER_BYTES ? size - DISTIL_BLOB_HEADER_BYTES : 0;
    distil_blob_code code;

    if (table_bytes > sizeof opened.sections)
        table_bytes = sizeof opened.sections;
    memcpy(opened.header, bytes, table_bytes > 0 ? DISTIL_BLOB_HEADER_BYTES : size);
    if (table_bytes > 0)
        memcpy(opened.sections, opened.bytes + DISTIL_BLOB_HEADER_BYTES, table_bytes);
    code = check_all(&opened, verify, error);

    if (code == DISTIL_BLOB_OK)
        *blob = opened;
    return code;
}

distil_blob_code distil_blob_open_memory(distil_blob *blob, const void *bytes, size_t size,
                                         distil_blob_verify verify, distil_blob_error *error)
{
    if (bytes == NULL || size == 0)
        return distil_blob_refuse(error, DISTIL_BLOB_TRUNCATED, 0, "header: no bytes at all");
    if ((uintptr_t)bytes % DISTIL_BLOB_ALIGN != 0)
        return distil_blob_refuse(error, DISTIL_BLOB_BAD_STRUCTURE, 0,
                                  "memory: expected an address that is a multiple of 64");
    return open_bytes(blob, bytes, size, 0, verify, error);
}

distil_blob_code distil_blob_open_fd(distil_blob *blob, int fd, distil_blob_verify verify,
                                     distil_blob_error *error)
{
    struct stat info;
    distil_blob_code code;
    size_t size;
    void *map;

    if (fstat(fd, &info) != 0)
        return refuse_file(error, DISTIL_BLOB_FILE_READ, errno, "the file's size cannot be read");
    if (!S_ISREG(info.st_mode))
        return refuse_file(error, DISTIL_BLOB_FILE_READ, S_ISDIR(info.st_mode) ? EISDIR : EINVAL,
                           "not a regular file");
    if (info.st_size == 0)
        return distil_blob_refuse(error, DISTIL_BLOB_TRUNCATED, 0, "header: the file is empty");
    size = (size_t)info.st_size;
    map = mmap(NULL, size, PROT_READ, MAP_SHARED, fd, 0);
    if (map == MAP_FAILED)
        return refuse_file(error, DISTIL_BLOB_FILE_READ, errno, "the file cannot be mapped");
    code = open_bytes(blob, map, size, 1, verify, error);
    if (code != DISTIL_BLOB_OK)
        munmap(map, size);
    return code;
}

distil_blob_code distil_blob_open(distil_blob *blob, const char *path, distil_blob_verify verify,
                                  distil_blob_error *error)
{
    /* Without O_NONBLOCK, open would wait for a writer of a FIFO, which cannot be a blob. */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    distil_blob_code code;

    if (fd < 0)
        return refuse_file(error, DISTIL_BLOB_FILE_OPEN, errno, "the file cannot be opened");
    code = distil_blob_open_fd(blob, fd, verify, error);
    close(fd);
    return code;
}

void distil_blob_close(distil_blob *blob)
{
    if (blob->mapped)
        munmap((void *)(uintptr_t)blob->bytes, blob->size);
    memset(blob, 0, sizeof *blob);
}
