/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Compares the content of a blob with its checksums, and proves the bound on its weights. These are
 * the only functions of the reader that read weights.
 */
#include <string.h>

#include "kernels/kernels.h"
#include "model/blob_check.h"
#include "runtime/base/checksum.h"

/* ---- names of sections ---------------------------------------------------------------------- */

/* The name of each kind of section, and the message about a wrong CRC of it. */
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

/* ---- checksums ------------------------------------------------------------------------------ */

distil_blob_code distil_blob_check_crc(const distil_blob *blob, distil_blob_error *error)
{
    distil_crc32c_fn *crc32c = distil_crc32c_variant();

    if (crc32c == NULL)
        crc32c = distil_crc32c;
    for (size_t i = 0; i < blob->header->section_count; i++) {
        const distil_blob_section *section = &blob->sections[i];
        uint64_t end = section->offset + section->bytes;
        uint64_t padded = section->offset + distil_blob_align(section->bytes);
        uint64_t zero_end = distil_blob_first_nonzero(blob->bytes, end, padded);

        if (crc32c(0, blob->bytes + section->offset, padded - section->offset) != section->crc32c)
            return distil_blob_refuse(error, DISTIL_BLOB_BAD_CHECKSUM, section->offset,
                                      section_texts[section->kind].crc_differs);
        if (zero_end != padded)
            return distil_blob_refuse(error, DISTIL_BLOB_BAD_STRUCTURE, zero_end,
                                      "expected zero bytes between sections");
    }
    return DISTIL_BLOB_OK;
}

distil_blob_code distil_blob_check_sha256(const distil_blob *blob, distil_blob_error *error)
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
        return distil_blob_refuse(error, DISTIL_BLOB_BAD_CHECKSUM, DISTIL_BLOB_HEADER_FIELD(sha256),
                                  "sha256: the file's SHA-256 differs");
    return DISTIL_BLOB_OK;
}

/* ---- proof ---------------------------------------------------------------------------------- */

/* A quad of a panel is 32 lanes of 16 bits, each of which gets the products of two bytes. */
enum { LANES = 32, LANE_BYTES = 2, QUAD_BYTES = DISTIL_PANEL_COLS * DISTIL_QUAD };

/* Returns the first 16-bit lane of a group of `count` quads whose weights break the bound or are
 * outside of -127 .. 127, or LANES if there is none. */
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

/* Adds the weights of `count` quads to the sums of their columns. */
static void add_columns(int32_t sum[DISTIL_PANEL_COLS], const int8_t *quads, size_t count)
{
    for (size_t i = 0; i < count; i++)
        for (size_t byte = 0; byte < QUAD_BYTES; byte++)
            sum[byte / DISTIL_QUAD] += quads[i * QUAD_BYTES + byte];
}

static distil_blob_code check_matrix_lanes(const distil_blob *blob, distil_section_kind kind,
                                           uint32_t layer, distil_blob_error *error)
{
    distil_qmatrix matrix = distil_blob_get_matrix(blob, kind, layer);
    size_t quads = matrix.depth / DISTIL_QUAD;

    for (size_t panel = 0; panel < matrix.cols / DISTIL_PANEL_COLS; panel++) {
        const int8_t *weights = matrix.panels + panel * quads * QUAD_BYTES;
        size_t group = distil_lane_group(&matrix, panel / 2);

        for (size_t i = 0; i < quads; i += group) {
            const int8_t *first = weights + i * QUAD_BYTES;
            size_t lane = lane_fault(first, group);

            if (lane < LANES)
                return distil_blob_refuse(
                    error, DISTIL_BLOB_BAD_PROOF,
                    distil_blob_offset_of(blob, first + lane * LANE_BYTES),
                    "weights: a lane's same-sign sum exceeds 128, or a weight is -128");
        }
    }
    return DISTIL_BLOB_OK;
}

static distil_blob_code check_matrix_sums(const distil_blob *blob, distil_section_kind kind,
                                          uint32_t layer, distil_blob_error *error)
{
    distil_qmatrix matrix = distil_blob_get_matrix(blob, kind, layer);
    size_t quads = matrix.depth / DISTIL_QUAD;

    for (size_t panel = 0; panel < matrix.cols / DISTIL_PANEL_COLS; panel++) {
        const int32_t *stored = matrix.col_sum + panel * DISTIL_PANEL_COLS;
        int32_t sum[DISTIL_PANEL_COLS] = {0};

        add_columns(sum, matrix.panels + panel * quads * QUAD_BYTES, quads);
        for (size_t col = 0; col < DISTIL_PANEL_COLS; col++)
            if (sum[col] != stored[col])
                return distil_blob_refuse(error, DISTIL_BLOB_BAD_PROOF,
                                          distil_blob_offset_of(blob, stored + col),
                                          "col_sum: differs from the sum of the column's weights");
    }
    return DISTIL_BLOB_OK;
}

distil_blob_code distil_blob_check_lanes(const distil_blob *blob, distil_blob_error *error)
{
    return distil_blob_for_each_matrix(blob, error, check_matrix_lanes);
}

distil_blob_code distil_blob_check_sums(const distil_blob *blob, distil_blob_error *error)
{
    return distil_blob_for_each_matrix(blob, error, check_matrix_sums);
}

distil_blob_code distil_blob_check_proof(const distil_blob *blob, distil_blob_error *error)
{
    distil_blob_code code = distil_blob_check_lanes(blob, error);

    return code == DISTIL_BLOB_OK ? distil_blob_check_sums(blob, error) : code;
}

distil_blob_code distil_blob_check_content(const distil_blob *blob, distil_blob_verify verify,
                                           distil_blob_error *error)
{
    distil_blob_code code = DISTIL_BLOB_OK;

    if (verify >= DISTIL_BLOB_VERIFY_CRC)
        code = distil_blob_check_crc(blob, error);
    if (code == DISTIL_BLOB_OK && verify >= DISTIL_BLOB_VERIFY_SHA256)
        code = distil_blob_check_sha256(blob, error);
    if (code == DISTIL_BLOB_OK && verify >= DISTIL_BLOB_VERIFY_PROOF)
        code = distil_blob_check_proof(blob, error);
    return code;
}
