/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Blob reader: map, check, typed views. The checks follow docs/blob-format.md, section 6, in its
 * order; after them every offset, id and table entry that later code follows is in bounds.
 */
#include "model/blob.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "model/blob_layout.h"
#include "runtime/base/checksum.h"
#include "runtime/base/utf8.h"

#if !defined(__BYTE_ORDER__) || __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "A blob is used in place: this reader needs a little-endian machine."
#endif
_Static_assert(sizeof(size_t) >= 8, "blobs are mapped whole: sizes need 64 bits");

#define HEADER(field) offsetof(distil_blob_header, field)

/* Name of a section, and what a wrong CRC of it is called. */
#define SECTION(kind, name)                                                                        \
    [DISTIL_SECTION_##kind] = {name, name ": CRC-32C of the section differs"}

static const struct {
    const char *name;
    const char *crc_differs;
} section_texts[DISTIL_SECTION_KIND_END] = {
    SECTION(PROVENANCE, "provenance"),
    SECTION(LABELS, "labels"),
    SECTION(SPECIALS, "specials"),
    SECTION(VOCAB_SLOTS, "vocab_slots"),
    SECTION(VOCAB_ENDS, "vocab_ends"),
    SECTION(VOCAB_BYTES, "vocab_bytes"),
    SECTION(QUAD_ORDER, "quad_order"),
    SECTION(QUAD_GROUP, "quad_group"),
    SECTION(EMBED_ROW, "embed_row"),
    SECTION(EMBED_SCALE, "embed_scale"),
    SECTION(EMBED_WORD, "embed_word"),
    SECTION(EMBED_POSITION, "embed_position"),
    SECTION(EMBED_NORM, "embed_norm"),
    SECTION(QKV, "qkv"),
    SECTION(ATTENTION_OUT, "attention_out"),
    SECTION(ATTENTION_NORM, "attention_norm"),
    SECTION(FFN_IN, "ffn_in"),
    SECTION(FFN_OUT, "ffn_out"),
    SECTION(FFN_NORM, "ffn_norm"),
    SECTION(HEAD_DENSE, "head_dense"),
    SECTION(HEAD_OUT, "head_out"),
};

const char *distil_section_name(uint32_t kind)
{
    return kind < DISTIL_SECTION_KIND_END ? section_texts[kind].name : NULL;
}

static distil_blob_code refuse(distil_blob_error *error, distil_blob_code code, uint64_t offset,
                               const char *what)
{
    if (error != NULL) {
        error->code = code;
        error->sys_errno = 0;
        error->offset = offset;
        error->what = what;
    }
    return code;
}

static distil_blob_code refuse_file(distil_blob_error *error, distil_blob_code code, int sys_errno,
                                    const char *what)
{
    refuse(error, code, 0, what);
    if (error != NULL)
        error->sys_errno = sys_errno;
    return code;
}

static distil_blob_code bad_structure(distil_blob_error *error, uint64_t offset, const char *what)
{
    return refuse(error, DISTIL_BLOB_BAD_STRUCTURE, offset, what);
}

/* ---- views -------------------------------------------------------------------------------- */

static const distil_blob_section *find_section(const distil_blob *blob, uint32_t kind,
                                               uint32_t layer)
{
    return &blob->sections[distil_blob_section_index(blob->header->n_layers, kind, layer)];
}

const void *distil_blob_section_data(const distil_blob *blob, distil_section_kind kind,
                                     uint32_t layer, size_t *bytes)
{
    const distil_blob_section *section = find_section(blob, kind, layer);

    if (bytes != NULL)
        *bytes = (size_t)section->bytes;
    return blob->bytes + section->offset;
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
    const uint32_t *end = distil_blob_section_data(blob, DISTIL_SECTION_LABELS, 0, NULL);
    const char *names = (const char *)(end + blob->header->n_labels);
    uint32_t begin = i > 0 ? end[i - 1] : 0;

    *bytes = end[i] - begin;
    return names + begin;
}

/* ---- structure: header and section table --------------------------------------------------- */

/* First byte that is not zero, from begin to end; end if there is none. */
static uint64_t first_nonzero(const uint8_t *bytes, uint64_t begin, uint64_t end)
{
    while (begin < end && bytes[begin] == 0)
        begin++;
    return begin;
}

/* What can be said before anything but the first 256 bytes is believed. */
static distil_blob_code check_identity(const uint8_t *bytes, size_t size, distil_blob_error *error)
{
    const distil_blob_header *header = (const void *)bytes;
    size_t seen = size < DISTIL_BLOB_MAGIC_BYTES ? size : DISTIL_BLOB_MAGIC_BYTES;

    if (memcmp(bytes, DISTIL_BLOB_MAGIC, seen) != 0)
        return refuse(error, DISTIL_BLOB_BAD_MAGIC, 0, "magic: not a blob");
    if (size < DISTIL_BLOB_HEADER_BYTES)
        return refuse(error, DISTIL_BLOB_TRUNCATED, size, "header: the file ends before byte 256");
    if (header->version != DISTIL_BLOB_VERSION)
        return refuse(error, DISTIL_BLOB_BAD_VERSION, HEADER(version),
                      "version: expected 1; convert the model again");
    if (header->header_bytes != DISTIL_BLOB_HEADER_BYTES)
        return bad_structure(error, HEADER(header_bytes), "header_bytes: expected 256");
    if (header->file_bytes > size)
        return refuse(error, DISTIL_BLOB_TRUNCATED, size, "the file ends before its file_bytes");
    if (header->file_bytes < size)
        return refuse(error, DISTIL_BLOB_TRUNCATED, header->file_bytes,
                      "the file goes on after its file_bytes");
    return DISTIL_BLOB_OK;
}

static distil_blob_code check_header(const uint8_t *bytes, size_t size, distil_blob_error *error)
{
    const distil_blob_header *header = (const void *)bytes;
    const char *what;
    uint64_t offset, first_section;
    uint32_t crc;

    if (header->section_count > DISTIL_BLOB_MAX_SECTIONS)
        return bad_structure(error, HEADER(section_count), "section_count: expected at most 87");
    first_section = distil_blob_align(DISTIL_BLOB_HEADER_BYTES +
                                      sizeof(distil_blob_section) * header->section_count);
    if (first_section > size)
        return refuse(error, DISTIL_BLOB_TRUNCATED, size,
                      "section table: the file ends before its last entry");
    crc = distil_crc32c(0, bytes, DISTIL_BLOB_HEADER_CRC_OFFSET);
    crc = distil_crc32c(crc, bytes + DISTIL_BLOB_HEADER_BYTES,
                        first_section - DISTIL_BLOB_HEADER_BYTES);
    if (crc != header->header_crc32c)
        return refuse(error, DISTIL_BLOB_BAD_CHECKSUM, HEADER(header_crc32c),
                      "header_crc32c: header or section table differ from it");

    what = distil_blob_check_shape(header, &offset);
    if (what != NULL)
        return bad_structure(error, offset, what);
    offset = first_nonzero(bytes, HEADER(reserved0), HEADER(sha256));
    if (offset != HEADER(sha256))
        return bad_structure(error, offset, "reserved0: expected zero bytes");
    offset = first_nonzero(bytes, HEADER(reserved1), HEADER(header_crc32c));
    if (offset != HEADER(header_crc32c))
        return bad_structure(error, offset, "reserved1: expected zero bytes");
    return DISTIL_BLOB_OK;
}

/* Offset in the file of a field of section table entry i. */
#define ENTRY(i, field)                                                                            \
    (DISTIL_BLOB_HEADER_BYTES + sizeof(distil_blob_section) * (i) +                                \
     offsetof(distil_blob_section, field))

/* The sizes that only the table knows, within limits that keep every sum below 2^64. */
static distil_blob_code check_texts(const distil_blob *blob, distil_blob_texts *texts,
                                    distil_blob_error *error)
{
    const distil_blob_header *header = blob->header;
    size_t labels = distil_blob_section_index(1, DISTIL_SECTION_LABELS, 0);
    size_t vocab = distil_blob_section_index(1, DISTIL_SECTION_VOCAB_BYTES, 0);
    uint64_t label_ends = 4 * (uint64_t)header->n_labels;

    texts->provenance_bytes = blob->sections[0].bytes;
    texts->labels_bytes = blob->sections[labels].bytes;
    texts->vocab_bytes = blob->sections[vocab].bytes;
    if (texts->provenance_bytes > DISTIL_BLOB_MAX_PROVENANCE_BYTES)
        return bad_structure(error, ENTRY(0, bytes), "provenance: expected at most 65536 bytes");
    if (texts->labels_bytes < label_ends ||
        texts->labels_bytes > label_ends + DISTIL_BLOB_MAX_LABEL_BYTES)
        return bad_structure(error, ENTRY(labels, bytes),
                             "labels: expected 4 * n_labels bytes and at most 1048576 of names");
    if (texts->vocab_bytes > UINT32_MAX)
        return bad_structure(error, ENTRY(vocab, bytes), "vocab_bytes: expected below 2^32 bytes");
    return DISTIL_BLOB_OK;
}

static distil_blob_code check_table(const distil_blob *blob, distil_blob_error *error)
{
    distil_blob_section expected[DISTIL_BLOB_MAX_SECTIONS];
    const distil_blob_header *header = blob->header;
    distil_blob_texts texts;
    distil_blob_code code = check_texts(blob, &texts, error);
    uint64_t end, file_bytes;

    if (code != DISTIL_BLOB_OK)
        return code;
    file_bytes = distil_blob_layout(expected, header, &texts);
    for (size_t i = 0; i < header->section_count; i++) {
        const distil_blob_section *found = &blob->sections[i];

        if (found->kind != expected[i].kind)
            return bad_structure(error, ENTRY(i, kind), "section table: kind out of order");
        if (found->layer != expected[i].layer)
            return bad_structure(error, ENTRY(i, layer), "section table: layer out of order");
        if (found->offset != expected[i].offset)
            return bad_structure(error, ENTRY(i, offset),
                                 "section table: expected the first free multiple of 64");
        if (found->bytes != expected[i].bytes)
            return bad_structure(error, ENTRY(i, bytes),
                                 "section table: not the size that the shape gives");
        if (found->reserved != 0)
            return bad_structure(error, ENTRY(i, reserved), "section table: reserved not zero");
    }
    if (file_bytes != blob->size)
        return bad_structure(error, HEADER(file_bytes), "file_bytes: not the end of the sections");
    end = first_nonzero(blob->bytes, ENTRY(header->section_count, kind), expected[0].offset);
    if (end != expected[0].offset)
        return bad_structure(error, end, "section table: expected zero bytes after it");
    return DISTIL_BLOB_OK;
}

/* ---- structure: texts and vocabulary ------------------------------------------------------- */

/* The length of the well-formed UTF-8 at the start of a text, up to its first zero byte. */
static size_t valid_bytes(const uint8_t *text, size_t size)
{
    const uint8_t *zero = size > 0 ? memchr(text, 0, size) : NULL;

    return distil_utf8_valid_bytes(text, zero ? (size_t)(zero - text) : size);
}

static uint64_t offset_of(const distil_blob *blob, const void *p)
{
    return (uint64_t)((const uint8_t *)p - blob->bytes);
}

static distil_blob_code check_names(const distil_blob *blob, distil_blob_error *error)
{
    size_t bytes, valid;
    uint64_t zero_end;
    const uint8_t *text = distil_blob_section_data(blob, DISTIL_SECTION_PROVENANCE, 0, &bytes);
    const uint32_t *end = distil_blob_section_data(blob, DISTIL_SECTION_LABELS, 0, NULL);
    const distil_blob_section *labels = find_section(blob, DISTIL_SECTION_LABELS, 0);
    uint32_t n_labels = blob->header->n_labels;
    uint32_t begin = 0;

    valid = valid_bytes(text, bytes);
    if (valid != bytes)
        return bad_structure(error, offset_of(blob, text + valid),
                             "provenance: expected UTF-8 without zero bytes");
    /* Nothing else says how long it is. */
    zero_end = first_nonzero(text, bytes, distil_blob_align(bytes));
    if (zero_end != distil_blob_align(bytes))
        return bad_structure(error, offset_of(blob, text + zero_end),
                             "provenance: expected zero bytes after it");
    for (uint32_t i = 0; i < n_labels; begin = end[i], i++)
        if (end[i] < begin || end[i] > labels->bytes - 4 * (uint64_t)n_labels)
            return bad_structure(error, offset_of(blob, end + i),
                                 "labels: expected ends that rise, within the section");
    if (begin != labels->bytes - 4 * (uint64_t)n_labels)
        return bad_structure(error, offset_of(blob, end + n_labels - 1),
                             "labels: expected the last end to be the section's");
    for (uint32_t i = 0; i < n_labels; i++) {
        const uint8_t *name = (const uint8_t *)distil_blob_label(blob, i, &bytes);

        valid = valid_bytes(name, bytes);
        if (valid != bytes)
            return bad_structure(error, offset_of(blob, name + valid),
                                 "labels: expected UTF-8 without zero bytes");
    }
    return DISTIL_BLOB_OK;
}

static distil_blob_code check_tokens(const distil_blob *blob, distil_blob_error *error)
{
    const distil_blob_header *header = blob->header;
    const uint32_t *end = distil_blob_section_data(blob, DISTIL_SECTION_VOCAB_ENDS, 0, NULL);
    const uint32_t *special = distil_blob_section_data(blob, DISTIL_SECTION_SPECIALS, 0, NULL);
    uint64_t vocab_bytes = find_section(blob, DISTIL_SECTION_VOCAB_BYTES, 0)->bytes;
    uint32_t begin = 0, longest = 0;

    for (uint32_t id = 0; id < header->vocab_size; begin = end[id], id++) {
        uint32_t bytes = end[id] - begin;

        if (end[id] < begin || bytes > header->max_token_bytes)
            return bad_structure(error, offset_of(blob, end + id),
                                 "vocab_ends: expected ends that rise by at most max_token_bytes");
        longest = bytes > longest ? bytes : longest;
    }
    if (begin != vocab_bytes)
        return bad_structure(error, offset_of(blob, end + header->vocab_size - 1),
                             "vocab_ends: expected the last end to be vocab_bytes'");
    if (longest != header->max_token_bytes)
        return bad_structure(error, HEADER(max_token_bytes),
                             "max_token_bytes: expected the length of the longest token");
    for (uint32_t i = 0; i < header->special_count; i++) {
        uint32_t id = special[i];

        if (id >= header->vocab_size || end[id] == (id > 0 ? end[id - 1] : 0))
            return bad_structure(error, offset_of(blob, special + i),
                                 "specials: expected the id of a token that is not empty");
    }
    return DISTIL_BLOB_OK;
}

static distil_blob_code check_slots(const distil_blob *blob, distil_blob_error *error)
{
    const distil_blob_header *header = blob->header;
    const distil_vocab_slot *slots =
        distil_blob_section_data(blob, DISTIL_SECTION_VOCAB_SLOTS, 0, NULL);
    uint32_t used = 0;

    for (uint32_t i = 0; i < header->vocab_slots; i++) {
        if (slots[i].id == DISTIL_VOCAB_EMPTY)
            continue;
        if (slots[i].id >= header->vocab_size)
            return bad_structure(error, offset_of(blob, &slots[i].id),
                                 "vocab_slots: expected an id below vocab_size, or 0xffffffff");
        used++;
    }
    /* Half of the slots stay empty, so that every probe ends. */
    if (used > header->vocab_size)
        return bad_structure(error, offset_of(blob, slots),
                             "vocab_slots: expected at most vocab_size slots in use");
    return DISTIL_BLOB_OK;
}

/* ---- structure: tables that kernels follow -------------------------------------------------- */

/* Index of the first entry that keeps a table from being a permutation of 0 .. n - 1, else n. */
static size_t permutation_fault(const uint16_t *table, size_t n)
{
    uint8_t seen[DISTIL_BLOB_MAX_HIDDEN / DISTIL_QUAD];

    memset(seen, 0, n);
    for (size_t i = 0; i < n; i++) {
        if (table[i] >= n)
            return i;
        seen[table[i]] = 1;
    }
    if (memchr(seen, 0, n) == NULL)
        return n;
    /* n entries in range, one value missing: some value stands twice. */
    memset(seen, 0, n);
    for (size_t i = 0; i < n; i++) {
        if (seen[table[i]])
            return i;
        seen[table[i]] = 1;
    }
    return n;
}

static distil_blob_code check_quads(const distil_blob *blob, distil_section_kind kind,
                                    uint32_t layer, distil_blob_error *error)
{
    distil_qmatrix matrix = distil_blob_get_matrix(blob, kind, layer);
    size_t quads = matrix.depth / DISTIL_QUAD;

    for (size_t pair = 0; pair < matrix.cols / DISTIL_PAIR_COLS; pair++) {
        const uint16_t *table = matrix.order + pair * quads;
        size_t fault = permutation_fault(table, quads);
        unsigned group = matrix.group[pair];

        if (fault < quads)
            return bad_structure(error, offset_of(blob, table + fault),
                                 "quad_order: expected a permutation of 0 .. depth / 4 - 1");
        if (group != 1 && group != 2 && group != 4)
            return bad_structure(error, offset_of(blob, matrix.group + pair),
                                 "quad_group: expected 4, 2 or 1");
    }
    return DISTIL_BLOB_OK;
}

static const distil_section_kind matrix_kinds[] = {
    DISTIL_SECTION_QKV,
    DISTIL_SECTION_ATTENTION_OUT,
    DISTIL_SECTION_FFN_IN,
    DISTIL_SECTION_FFN_OUT,
};
enum { MATRIX_KINDS = sizeof matrix_kinds / sizeof *matrix_kinds };

/* Call check for every matrix until it refuses one. */
static distil_blob_code for_each_matrix(const distil_blob *blob, distil_blob_error *error,
                                        distil_blob_code check(const distil_blob *,
                                                               distil_section_kind, uint32_t,
                                                               distil_blob_error *))
{
    for (uint32_t layer = 0; layer < blob->header->n_layers; layer++) {
        for (size_t i = 0; i < MATRIX_KINDS; i++) {
            distil_blob_code code = check(blob, matrix_kinds[i], layer, error);

            if (code != DISTIL_BLOB_OK)
                return code;
        }
    }
    return DISTIL_BLOB_OK;
}

static distil_blob_code check_rows(const distil_blob *blob, distil_blob_error *error)
{
    const uint32_t *row = distil_blob_section_data(blob, DISTIL_SECTION_EMBED_ROW, 0, NULL);
    uint32_t vocab_size = blob->header->vocab_size;

    for (uint32_t id = 0; id < vocab_size; id++)
        if (row[id] >= vocab_size)
            return bad_structure(error, offset_of(blob, row + id),
                                 "embed_row: expected below vocab_size");
    return DISTIL_BLOB_OK;
}

/* ---- content -------------------------------------------------------------------------------- */

static distil_blob_code check_crc(const distil_blob *blob, distil_blob_error *error)
{
    for (size_t i = 0; i < blob->header->section_count; i++) {
        const distil_blob_section *section = &blob->sections[i];
        uint64_t end = section->offset + section->bytes;
        uint64_t padded = section->offset + distil_blob_align(section->bytes);
        uint64_t zero_end = first_nonzero(blob->bytes, end, padded);

        if (distil_crc32c(0, blob->bytes + section->offset, padded - section->offset) !=
            section->crc32c)
            return refuse(error, DISTIL_BLOB_BAD_CHECKSUM, section->offset,
                          section_texts[section->kind].crc_differs);
        if (zero_end != padded)
            return bad_structure(error, zero_end, "expected zero bytes between sections");
    }
    return DISTIL_BLOB_OK;
}

static distil_blob_code check_sha256(const distil_blob *blob, distil_blob_error *error)
{
    distil_blob_header header = *blob->header;
    distil_sha256 sha;
    uint8_t digest[32];

    memset(header.sha256, 0, sizeof header.sha256);
    header.header_crc32c = 0;
    distil_sha256_init(&sha);
    distil_sha256_update(&sha, &header, sizeof header);
    distil_sha256_update(&sha, blob->bytes + sizeof header, blob->size - sizeof header);
    distil_sha256_final(&sha, digest);
    if (memcmp(digest, blob->header->sha256, sizeof digest) != 0)
        return refuse(error, DISTIL_BLOB_BAD_CHECKSUM, HEADER(sha256),
                      "sha256: the file's SHA-256 differs");
    return DISTIL_BLOB_OK;
}

/* ---- opening -------------------------------------------------------------------------------- */

static distil_blob_code check_all(const distil_blob *blob, distil_blob_verify verify,
                                  distil_blob_error *error)
{
    distil_blob_code code = check_identity(blob->bytes, blob->size, error);

    if (code == DISTIL_BLOB_OK)
        code = check_header(blob->bytes, blob->size, error);
    if (code == DISTIL_BLOB_OK)
        code = check_table(blob, error);
    if (code == DISTIL_BLOB_OK && verify >= DISTIL_BLOB_VERIFY_CRC)
        code = check_crc(blob, error);
    if (code == DISTIL_BLOB_OK && verify >= DISTIL_BLOB_VERIFY_SHA256)
        code = check_sha256(blob, error);
    if (code == DISTIL_BLOB_OK)
        code = check_names(blob, error);
    if (code == DISTIL_BLOB_OK)
        code = check_tokens(blob, error);
    if (code == DISTIL_BLOB_OK)
        code = check_slots(blob, error);
    if (code == DISTIL_BLOB_OK)
        code = for_each_matrix(blob, error, check_quads);
    if (code == DISTIL_BLOB_OK)
        code = check_rows(blob, error);
    return code;
}

static distil_blob_code open_bytes(distil_blob *blob, const void *bytes, size_t size, int mapped,
                                   distil_blob_verify verify, distil_blob_error *error)
{
    const uint8_t *base = bytes;
    const distil_blob opened = {
        .bytes = base,
        .size = size,
        .mapped = mapped,
        .header = bytes,
        .sections = size > DISTIL_BLOB_HEADER_BYTES
                        ? (const void *)(base + DISTIL_BLOB_HEADER_BYTES)
                        : NULL,
    };
    distil_blob_code code = check_all(&opened, verify, error);

    if (code == DISTIL_BLOB_OK)
        *blob = opened;
    return code;
}

distil_blob_code distil_blob_open_memory(distil_blob *blob, const void *bytes, size_t size,
                                         distil_blob_verify verify, distil_blob_error *error)
{
    if (bytes == NULL || size == 0)
        return refuse(error, DISTIL_BLOB_TRUNCATED, 0, "header: no bytes at all");
    if ((uintptr_t)bytes % DISTIL_BLOB_ALIGN != 0)
        return bad_structure(error, 0, "memory: expected an address that is a multiple of 64");
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
        return refuse(error, DISTIL_BLOB_TRUNCATED, 0, "header: the file is empty");
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
    /* Without O_NONBLOCK a FIFO would wait for a writer before it can be refused. */
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

/* ---- proof ---------------------------------------------------------------------------------- */

enum { LANES = 32, LANE_BYTES = 2, QUAD_BYTES = DISTIL_PANEL_COLS * DISTIL_QUAD };

/* First int16 lane of a group of `count` quads that breaks the bound or the range -127 .. 127, else
 * LANES. */
static size_t lane_fault(const int8_t *quads, size_t count)
{
    for (size_t lane = 0; lane < LANES; lane++) {
        int positive = 0, negative = 0, least = 0;

        for (size_t i = 0; i < count; i++) {
            for (size_t byte = 0; byte < LANE_BYTES; byte++) {
                int weight = quads[i * QUAD_BYTES + lane * LANE_BYTES + byte];

                positive += weight > 0 ? weight : 0;
                negative += weight < 0 ? weight : 0;
                least = weight < least ? weight : least;
            }
        }
        if (positive > DISTIL_BLOB_LANE_LIMIT || negative < -DISTIL_BLOB_LANE_LIMIT || least < -127)
            return lane;
    }
    return LANES;
}

static void add_columns(int32_t sum[DISTIL_PANEL_COLS], const int8_t *quads, size_t count)
{
    for (size_t i = 0; i < count; i++)
        for (size_t byte = 0; byte < QUAD_BYTES; byte++)
            sum[byte / DISTIL_QUAD] += quads[i * QUAD_BYTES + byte];
}

static distil_blob_code check_matrix_proof(const distil_blob *blob, distil_section_kind kind,
                                           uint32_t layer, distil_blob_error *error)
{
    distil_qmatrix matrix = distil_blob_get_matrix(blob, kind, layer);
    size_t quads = matrix.depth / DISTIL_QUAD;

    for (size_t panel = 0; panel < matrix.cols / DISTIL_PANEL_COLS; panel++) {
        const int8_t *weights = matrix.panels + panel * quads * QUAD_BYTES;
        const int32_t *stored = matrix.col_sum + panel * DISTIL_PANEL_COLS;
        size_t group = matrix.group[panel / 2];
        int32_t sum[DISTIL_PANEL_COLS] = {0};

        for (size_t i = 0; i < quads; i += group) {
            const int8_t *first = weights + i * QUAD_BYTES;
            size_t lane = lane_fault(first, group);

            if (lane < LANES)
                return refuse(error, DISTIL_BLOB_BAD_PROOF,
                              offset_of(blob, first + lane * LANE_BYTES),
                              "weights: a lane's same-sign sum exceeds 128, or a weight is -128");
            add_columns(sum, first, group);
        }
        for (size_t col = 0; col < DISTIL_PANEL_COLS; col++)
            if (sum[col] != stored[col])
                return refuse(error, DISTIL_BLOB_BAD_PROOF, offset_of(blob, stored + col),
                              "col_sum: differs from the sum of the column's weights");
    }
    return DISTIL_BLOB_OK;
}

distil_blob_code distil_blob_check_proof(const distil_blob *blob, distil_blob_error *error)
{
    return for_each_matrix(blob, error, check_matrix_proof);
}
