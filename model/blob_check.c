/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Checks the structure of a blob, in the order of section 6 of docs/blob-format.md. After these
 * checks, every offset, id and table entry that later code uses is in bounds. Header and section
 * table are read from the copy in *blob, so that they are what was checked whatever happens to the
 * file.
 */
#include "model/blob_check.h"

#include <string.h>

#include "kernels/kernels.h"
#include "model/heads.h"
#include "model/vocab.h"
#include "runtime/base/checksum.h"
#include "runtime/base/utf8.h"

static distil_blob_code bad_structure(distil_blob_error *error, uint64_t offset, const char *what)
{
    return distil_blob_refuse(error, DISTIL_BLOB_BAD_STRUCTURE, offset, what);
}

/* ---- header and section table --------------------------------------------------------------- */

/* Checks what the magic, the version and the sizes say. */
static distil_blob_code check_identity(const distil_blob_header *header, size_t size,
                                       distil_blob_error *error)
{
    size_t seen = size < DISTIL_BLOB_MAGIC_BYTES ? size : DISTIL_BLOB_MAGIC_BYTES;

    if (memcmp(header->magic, DISTIL_BLOB_MAGIC, seen) != 0)
        return distil_blob_refuse(error, DISTIL_BLOB_BAD_MAGIC, 0, "magic: not a blob");
    if (size < DISTIL_BLOB_HEADER_BYTES)
        return distil_blob_refuse(error, DISTIL_BLOB_TRUNCATED, size,
                                  "header: the file ends before byte 256");
    if (header->version != DISTIL_BLOB_VERSION)
        return distil_blob_refuse(error, DISTIL_BLOB_BAD_VERSION, DISTIL_BLOB_HEADER_FIELD(version),
                                  "version: expected 2; convert again");
    if (header->header_bytes != DISTIL_BLOB_HEADER_BYTES)
        return bad_structure(error, DISTIL_BLOB_HEADER_FIELD(header_bytes),
                             "header_bytes: expected 256");
    if (header->file_bytes > size)
        return distil_blob_refuse(error, DISTIL_BLOB_TRUNCATED, size,
                                  "the file ends before its file_bytes");
    if (header->file_bytes < size)
        return distil_blob_refuse(error, DISTIL_BLOB_TRUNCATED, header->file_bytes,
                                  "the file goes on after its file_bytes");
    return DISTIL_BLOB_OK;
}

/* Refuses what the format defines and this version cannot run. The header's checksum was right, so
 * the file is not damaged. */
static distil_blob_code check_support(const distil_blob_header *header, distil_blob_error *error)
{
    if (header->max_tokens > DISTIL_ATTENTION_MAX_ROWS)
        return distil_blob_refuse(error, DISTIL_BLOB_UNSUPPORTED,
                                  DISTIL_BLOB_HEADER_FIELD(max_tokens),
                                  "max_tokens: this version runs texts of at most 512 tokens");
    return DISTIL_BLOB_OK;
}

/* Returns the CRC-32C of the header without its last field, the section table, and the bytes up to
 * the first section. */
static uint32_t header_crc(const distil_blob *blob, uint64_t first_section)
{
    size_t table_bytes = sizeof(distil_blob_section) * blob->header->section_count;
    size_t table_end = DISTIL_BLOB_HEADER_BYTES + table_bytes;
    uint32_t crc = distil_crc32c(0, blob->header, DISTIL_BLOB_HEADER_CRC_OFFSET);

    crc = distil_crc32c(crc, blob->sections, table_bytes);
    return distil_crc32c(crc, blob->bytes + table_end, first_section - table_end);
}

static distil_blob_code check_header(const distil_blob *blob, distil_blob_error *error)
{
    const distil_blob_header *header = blob->header;
    const uint8_t *bytes = (const uint8_t *)header;
    const char *what;
    uint64_t offset, first_section;

    if (header->section_count > DISTIL_BLOB_MAX_SECTIONS)
        return bad_structure(error, DISTIL_BLOB_HEADER_FIELD(section_count),
                             "section_count: expected at most 159");
    first_section = distil_blob_align(DISTIL_BLOB_HEADER_BYTES +
                                      sizeof(distil_blob_section) * header->section_count);
    if (first_section > blob->size)
        return distil_blob_refuse(error, DISTIL_BLOB_TRUNCATED, blob->size,
                                  "section table: the file ends before its last entry");
    if (header_crc(blob, first_section) != header->header_crc32c)
        return distil_blob_refuse(error, DISTIL_BLOB_BAD_CHECKSUM,
                                  DISTIL_BLOB_HEADER_FIELD(header_crc32c),
                                  "header_crc32c: header or section table differ from it");

    what = distil_blob_check_shape(header, &offset);
    if (what != NULL)
        return bad_structure(error, offset, what);
    offset = distil_blob_first_nonzero(bytes, DISTIL_BLOB_HEADER_FIELD(reserved),
                                       DISTIL_BLOB_HEADER_FIELD(header_crc32c));
    if (offset != DISTIL_BLOB_HEADER_FIELD(header_crc32c))
        return bad_structure(error, offset, "reserved: expected zero bytes");
    return check_support(header, error);
}

/* Offset in the file of a field of entry i of the section table. */
#define ENTRY(i, field)                                                                            \
    (DISTIL_BLOB_HEADER_BYTES + sizeof(distil_blob_section) * (i) +                                \
     offsetof(distil_blob_section, field))

/* Reads the sizes that do not follow from the shape. Their limits keep every sum of sizes below
 * 2^64. */
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
        return bad_structure(error, DISTIL_BLOB_HEADER_FIELD(file_bytes),
                             "file_bytes: not the end of the sections");
    end = distil_blob_first_nonzero(blob->bytes, ENTRY(header->section_count, kind),
                                    expected[0].offset);
    if (end != expected[0].offset)
        return bad_structure(error, end, "section table: expected zero bytes after it");
    return DISTIL_BLOB_OK;
}

distil_blob_code distil_blob_check_layout(const distil_blob *blob, distil_blob_error *error)
{
    distil_blob_code code = check_identity(blob->header, blob->size, error);

    if (code == DISTIL_BLOB_OK)
        code = check_header(blob, error);
    if (code == DISTIL_BLOB_OK)
        code = check_table(blob, error);
    return code;
}

/* ---- texts and vocabulary ------------------------------------------------------------------- */

/* Returns the length of the well-formed UTF-8 at the begin of a text, up to its first zero byte. */
static size_t valid_bytes(const uint8_t *text, size_t size)
{
    const uint8_t *zero = size > 0 ? memchr(text, 0, size) : NULL;

    return distil_utf8_valid_bytes(text, zero ? (size_t)(zero - text) : size);
}

static distil_blob_code check_names(const distil_blob *blob, distil_blob_error *error)
{
    size_t bytes, valid;
    uint64_t zero_end;
    const uint8_t *text = distil_blob_section_data(blob, DISTIL_SECTION_PROVENANCE, 0, &bytes);
    const uint32_t *end = distil_blob_section_data(blob, DISTIL_SECTION_LABELS, 0, NULL);
    const distil_blob_section *labels = distil_blob_find_section(blob, DISTIL_SECTION_LABELS, 0);
    uint32_t n_labels = blob->header->n_labels;
    uint32_t begin = 0;

    valid = valid_bytes(text, bytes);
    if (valid != bytes)
        return bad_structure(error, distil_blob_offset_of(blob, text + valid),
                             "provenance: expected UTF-8 without zero bytes");
    /* A wrong size would show here, since no other field determines the length of the
     * provenance. */
    zero_end = distil_blob_first_nonzero(text, bytes, distil_blob_align(bytes));
    if (zero_end != distil_blob_align(bytes))
        return bad_structure(error, distil_blob_offset_of(blob, text + zero_end),
                             "provenance: expected zero bytes after it");
    for (uint32_t i = 0; i < n_labels; begin = end[i], i++)
        if (end[i] < begin || end[i] > labels->bytes - 4 * (uint64_t)n_labels)
            return bad_structure(error, distil_blob_offset_of(blob, end + i),
                                 "labels: expected ends that rise, within the section");
    if (begin != labels->bytes - 4 * (uint64_t)n_labels)
        return bad_structure(error, distil_blob_offset_of(blob, end + n_labels - 1),
                             "labels: expected the last end to be the section's");
    for (uint32_t i = 0; i < n_labels; i++) {
        const uint8_t *name = (const uint8_t *)distil_blob_label(blob, i, &bytes);

        valid = valid_bytes(name, bytes);
        if (valid != bytes)
            return bad_structure(error, distil_blob_offset_of(blob, name + valid),
                                 "labels: expected UTF-8 without zero bytes");
    }
    return DISTIL_BLOB_OK;
}

static distil_blob_code check_tokens(const distil_blob *blob, distil_blob_error *error)
{
    const distil_blob_header *header = blob->header;
    const uint32_t *end = distil_blob_section_data(blob, DISTIL_SECTION_VOCAB_ENDS, 0, NULL);
    uint64_t vocab_bytes = distil_blob_find_section(blob, DISTIL_SECTION_VOCAB_BYTES, 0)->bytes;
    uint32_t begin = 0, longest = 0;

    for (uint32_t id = 0; id < header->vocab_size; begin = end[id], id++) {
        uint32_t bytes = end[id] - begin;

        if (end[id] < begin || bytes > header->max_token_bytes)
            return bad_structure(error, distil_blob_offset_of(blob, end + id),
                                 "vocab_ends: expected ends that rise by at most max_token_bytes");
        longest = bytes > longest ? bytes : longest;
    }
    if (begin != vocab_bytes)
        return bad_structure(error, distil_blob_offset_of(blob, end + header->vocab_size - 1),
                             "vocab_ends: expected the last end to be vocab_bytes'");
    if (longest != header->max_token_bytes)
        return bad_structure(error, DISTIL_BLOB_HEADER_FIELD(max_token_bytes),
                             "max_token_bytes: expected the length of the longest token");
    return DISTIL_BLOB_OK;
}

/* Checks the special tokens, after check_tokens has checked the tokens. */
static distil_blob_code check_specials(const distil_blob *blob, distil_blob_error *error)
{
    const distil_blob_special *special =
        distil_blob_section_data(blob, DISTIL_SECTION_SPECIALS, 0, NULL);
    distil_vocab vocab;

    distil_vocab_init(&vocab, blob);
    for (uint32_t i = 0; i < blob->header->special_count; i++) {
        size_t bytes;

        (void)distil_vocab_token(&vocab, special[i].id, &bytes);
        if (bytes == 0)
            return bad_structure(error, distil_blob_offset_of(blob, &special[i].id),
                                 "specials: expected the id of a token that is not empty");
        if (special[i].flags & ~(uint32_t)DISTIL_BLOB_SPECIAL_FLAGS)
            return bad_structure(error, distil_blob_offset_of(blob, &special[i].flags),
                                 "specials: expected flags of bits 0 .. 4 only");
        if (i > 0 && distil_vocab_compare(&vocab, special[i - 1].id, special[i].id) >= 0)
            return bad_structure(error, distil_blob_offset_of(blob, &special[i].id),
                                 "specials: expected tokens in ascending order of their bytes");
        if (special[i].flags & (DISTIL_BLOB_SPECIAL_SINGLE_WORD | DISTIL_BLOB_SPECIAL_NORMALIZED))
            return distil_blob_refuse(
                error, DISTIL_BLOB_UNSUPPORTED, distil_blob_offset_of(blob, &special[i].flags),
                "specials: this version cannot match single_word or normalized tokens");
    }
    return DISTIL_BLOB_OK;
}

static distil_blob_code check_slots(const distil_blob *blob, distil_blob_error *error)
{
    const distil_blob_header *header = blob->header;
    const distil_vocab_slot *slots =
        distil_blob_section_data(blob, DISTIL_SECTION_VOCAB_SLOTS, 0, NULL);
    uint32_t used = 0;
    int in_range = 1;

    /* About half of the slots are empty, in no order that a CPU could predict, so this loop has no
     * branch that depends on one. */
    for (uint32_t i = 0; i < header->vocab_slots; i++) {
        uint32_t id = slots[i].id;

        used += id != DISTIL_VOCAB_EMPTY;
        in_range &= (id < header->vocab_size) | (id == DISTIL_VOCAB_EMPTY);
    }
    for (uint32_t i = 0; !in_range && i < header->vocab_slots; i++)
        if (slots[i].id >= header->vocab_size && slots[i].id != DISTIL_VOCAB_EMPTY)
            return bad_structure(error, distil_blob_offset_of(blob, &slots[i].id),
                                 "vocab_slots: expected an id below vocab_size, or 0xffffffff");
    /* At least half of the slots are then empty, so every look-up ends. */
    if (used > header->vocab_size)
        return bad_structure(error, distil_blob_offset_of(blob, slots),
                             "vocab_slots: expected at most vocab_size slots in use");
    return DISTIL_BLOB_OK;
}

/* ---- tables that kernels use ---------------------------------------------------------------- */

/* Returns the index of the first entry because of which a table is not a permutation of 0 .. n - 1,
 * or n if it is one. */
static size_t permutation_fault(const uint16_t *table, size_t n)
{
    uint8_t seen[DISTIL_BLOB_MAX_HIDDEN / DISTIL_QUAD];

    memset(seen, 0, n);
    for (size_t i = 0; i < n; i++) {
        uint16_t entry = distil_blob_read_u16(&table[i]);

        if (entry >= n)
            return i;
        seen[entry] = 1;
    }
    if (memchr(seen, 0, n) == NULL)
        return n;
    /* All n entries are in range and a value is missing, so another value occurs twice. */
    memset(seen, 0, n);
    for (size_t i = 0; i < n; i++) {
        uint16_t entry = distil_blob_read_u16(&table[i]);

        if (entry >= n || seen[entry])
            return i;
        seen[entry] = 1;
    }
    return n - 1; /* reached only if the file has changed in between */
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
            return bad_structure(error, distil_blob_offset_of(blob, table + fault),
                                 "quad_order: expected a permutation of 0 .. depth / 4 - 1");
        if (group != 1 && group != 2 && group != 4)
            return bad_structure(error, distil_blob_offset_of(blob, matrix.group + pair),
                                 "quad_group: expected 4, 2 or 1");
    }
    return DISTIL_BLOB_OK;
}

const distil_section_kind distil_blob_matrix_kinds[DISTIL_BLOB_MATRIX_KINDS] = {
    DISTIL_SECTION_QKV,
    DISTIL_SECTION_ATTENTION_OUT,
    DISTIL_SECTION_FFN_IN,
    DISTIL_SECTION_FFN_OUT,
};

static distil_blob_code check_rows(const distil_blob *blob, distil_blob_error *error)
{
    const uint32_t *row = distil_blob_section_data(blob, DISTIL_SECTION_EMBED_ROW, 0, NULL);
    uint32_t vocab_size = blob->header->vocab_size;

    for (uint32_t id = 0; id < vocab_size; id++)
        if (row[id] >= vocab_size)
            return bad_structure(error, distil_blob_offset_of(blob, row + id),
                                 "embed_row: expected below vocab_size");
    return DISTIL_BLOB_OK;
}

distil_blob_code distil_blob_check_tables(const distil_blob *blob, distil_blob_error *error)
{
    distil_blob_code code = check_names(blob, error);

    if (code == DISTIL_BLOB_OK)
        code = check_tokens(blob, error);
    if (code == DISTIL_BLOB_OK)
        code = check_specials(blob, error);
    if (code == DISTIL_BLOB_OK)
        code = check_slots(blob, error);
    if (code == DISTIL_BLOB_OK)
        code = distil_blob_for_each_matrix(blob, error, check_quads);
    if (code == DISTIL_BLOB_OK)
        code = check_rows(blob, error);
    return code;
}
