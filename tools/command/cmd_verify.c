/* SPDX-License-Identifier: Apache-2.0 */
/* distil verify: checks everything that a blob promises, from its bytes. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/blob.h"
#include "model/heads.h"
#include "model/vocab.h"
#include "runtime/base/checksum.h"
#include "runtime/base/hex.h"
#include "runtime/base/strict_float.h"
#include "runtime/base/utf8.h"
#include "tools/command/cmd_blob.h"
#include "tools/command/cmd_message.h"
#include "tools/command/cmd_model.h"
#include "tools/command/cmd_options.h"
#include "tools/command/cmd_output.h"
#include "tools/command/commands.h"

/* Print the line of a check that passed. Returns 1, the result of the check. */
static int print_passed(const char *check, const char *details)
{
    (void)printf("  %-12s ok      %s\n", check, details);
    return 1;
}

/* Print the line of a check that failed, with the byte and the section it lies in. Returns 0, the
 * result of the check. */
static int print_failed(const char *check, const distil_blob *blob, uint64_t offset,
                        const char *what)
{
    char place[64];

    cmd_blob_name_place(place, blob, offset);
    (void)printf("  %-12s FAILED  byte %llu (%s): %s\n", check, (unsigned long long)offset, place,
                 what);
    return 0;
}

static uint64_t offset_of(const distil_blob *blob, const void *p)
{
    return (uint64_t)((const uint8_t *)p - blob->bytes);
}

/* Check the CRC-32C of every section and name each damaged one, not only the first. */
static int check_crc(const distil_blob *blob)
{
    char details[64];
    int good = 1;

    for (size_t i = 0; i < blob->header->section_count; i++) {
        const distil_blob_section *section = &blob->sections[i];
        size_t bytes = (size_t)distil_blob_align(section->bytes);
        uint32_t crc = distil_crc32c(0, blob->bytes + section->offset, bytes);
        char what[96];

        if (crc == section->crc32c)
            continue;
        (void)snprintf(what, sizeof what, "CRC-32C of %zu bytes is %08x, the table says %08x",
                       bytes, (unsigned)crc, (unsigned)section->crc32c);
        good = print_failed("CRC-32C", blob, section->offset, what);
    }
    (void)snprintf(details, sizeof details, "header and %u sections",
                   (unsigned)blob->header->section_count);
    return good && print_passed("CRC-32C", details);
}

static int check_sha256(const distil_blob *blob)
{
    distil_blob_error error;
    char hex[65];

    hex_string(hex, blob->header->sha256, sizeof blob->header->sha256);
    if (distil_blob_check_sha256(blob, &error) != DISTIL_BLOB_OK)
        return print_failed("SHA-256", blob, error.offset, error.what);
    return print_passed("SHA-256", hex);
}

/* Check the tables, and that the bytes between sections are zero. */
static int check_structure(const distil_blob *blob)
{
    distil_blob_error error;

    if (distil_blob_check_tables(blob, &error) != DISTIL_BLOB_OK ||
        distil_blob_check_crc(blob, &error) == DISTIL_BLOB_BAD_STRUCTURE)
        return print_failed("structure", blob, error.offset, error.what);
    return print_passed("structure", "every offset, id and table is in bounds");
}

/* Check that the table of embedding rows is a permutation: each token has a row of its own. */
static int check_rows(const distil_blob *blob)
{
    const uint32_t *row = distil_blob_section_data(blob, DISTIL_SECTION_EMBED_ROW, 0, NULL);
    uint32_t size = blob->header->vocab_size;
    uint8_t *seen = calloc(size, 1);
    uint32_t id = 0;

    if (seen == NULL) {
        cmd_error("out of memory");
        return 0;
    }
    for (; id < size; id++) {
        uint32_t at = distil_blob_read_u32(&row[id]);

        if (at >= size || seen[at])
            break;
        seen[at] = 1;
    }
    free(seen);
    return id == size || print_failed("vocabulary", blob, offset_of(blob, row + id),
                                      "an embedding row stands twice");
}

/* Check that a lookup of the token in each used slot of the hash table finds that slot. *used
 * becomes the number of used slots. */
static int check_slots(const distil_blob *blob, const distil_vocab *vocab, uint32_t *used)
{
    *used = 0;
    for (uint32_t i = 0; i < blob->header->vocab_slots; i++) {
        const distil_vocab_slot *slot = &vocab->slots[i];
        size_t bytes = 0;
        const char *token;

        if (slot->id == DISTIL_VOCAB_EMPTY && slot->fingerprint != 0)
            return print_failed("vocabulary", blob, offset_of(blob, slot),
                                "an empty slot is not zero");
        if (slot->id == DISTIL_VOCAB_EMPTY)
            continue;
        (*used)++;
        token = distil_vocab_token(vocab, slot->id, &bytes);
        if (bytes == 0 || distil_vocab_find(vocab, distil_vocab_hash(0, token, bytes), "", 0, token,
                                            bytes) != slot->id)
            return print_failed("vocabulary", blob, offset_of(blob, slot),
                                "a slot no lookup reaches");
    }
    return 1;
}

/* Check that every token is UTF-8 and that a lookup finds it; of equal tokens it finds the last.
 * *tokens becomes the number of tokens, *found_at_id that of tokens found at their own id. */
static int check_tokens(const distil_blob *blob, const distil_vocab *vocab, uint32_t *tokens,
                        uint32_t *found_at_id)
{
    const uint32_t *ends = distil_blob_section_data(blob, DISTIL_SECTION_VOCAB_ENDS, 0, NULL);

    *tokens = 0;
    *found_at_id = 0;
    for (uint32_t id = 0; id < vocab->size; id++) {
        size_t bytes;
        const char *token = distil_vocab_token(vocab, id, &bytes);
        uint32_t found =
            distil_vocab_find(vocab, distil_vocab_hash(0, token, bytes), "", 0, token, bytes);

        if (distil_utf8_valid_bytes(token, bytes) != bytes)
            return print_failed("vocabulary", blob, offset_of(blob, token), "a token is not UTF-8");
        if (bytes == 0)
            continue;
        (*tokens)++;
        if (found == DISTIL_VOCAB_EMPTY || found < id)
            return print_failed("vocabulary", blob, offset_of(blob, ends + id),
                                "a token that its lookup does not find");
        *found_at_id += found == id;
    }
    return 1;
}

static int check_vocabulary(const distil_blob *blob)
{
    distil_vocab vocab;
    char details[64];
    uint32_t tokens, used, found_at_id;

    distil_vocab_init(&vocab, blob);
    if (!check_slots(blob, &vocab, &used) || !check_tokens(blob, &vocab, &tokens, &found_at_id))
        return 0;
    /* A token that is found has one slot. A second slot with its id would never be reached. */
    if (used != found_at_id)
        return print_failed("vocabulary", blob, offset_of(blob, vocab.slots),
                            "a token has two slots");
    (void)snprintf(details, sizeof details, "%u tokens are found", (unsigned)tokens);
    return check_rows(blob) && print_passed("vocabulary", details);
}

/* Check `count` floats of a section from index `from`: each must be finite, and greater than zero
 * if `positive` is 1. */
static int check_floats(const distil_blob *blob, distil_section_kind kind, uint32_t layer,
                        size_t from, size_t count, int positive)
{
    const float *x = distil_blob_section_data(blob, kind, layer, NULL);

    for (size_t i = from; i < from + count; i++) {
        if (!isfinite(x[i]))
            return print_failed("numbers", blob, offset_of(blob, x + i), "not a finite number");
        if (positive && x[i] <= 0)
            return print_failed("numbers", blob, offset_of(blob, x + i),
                                "a scale is not above zero");
    }
    return 1;
}

/* Check the padding of the classification head: columns beyond the labels are zero, in the weights
 * and in the bias. */
static int check_padding(const distil_blob *blob)
{
    size_t bytes;
    const float *out = distil_blob_section_data(blob, DISTIL_SECTION_HEAD_OUT, 0, &bytes);
    size_t labels = blob->header->n_labels;
    size_t cols = distil_head_columns(labels);

    for (size_t i = 0; i < bytes / sizeof *out; i++)
        if (i % cols >= labels && out[i] != 0)
            return print_failed("numbers", blob, offset_of(blob, out + i),
                                "a padding column is not 0");
    return 1;
}

static int check_numbers(const distil_blob *blob)
{
    static const distil_section_kind plain[] = {
        DISTIL_SECTION_EMBED_POSITION, DISTIL_SECTION_EMBED_NORM, DISTIL_SECTION_ATTENTION_NORM,
        DISTIL_SECTION_FFN_NORM,       DISTIL_SECTION_HEAD_DENSE, DISTIL_SECTION_HEAD_OUT};
    uint32_t n_layers = blob->header->n_layers;
    int good = check_floats(blob, DISTIL_SECTION_EMBED_SCALE, 0, 0, blob->header->vocab_size, 1);

    for (size_t i = 0; i < sizeof plain / sizeof *plain; i++) {
        int per_layer = plain[i] >= DISTIL_SECTION_QKV && plain[i] < DISTIL_SECTION_HEAD_DENSE;

        for (uint32_t layer = 0; layer < (per_layer ? n_layers : 1); layer++) {
            size_t bytes;

            (void)distil_blob_section_data(blob, plain[i], layer, &bytes);
            good = check_floats(blob, plain[i], layer, 0, bytes / sizeof(float), 0) && good;
        }
    }
    for (uint32_t layer = 0; layer < n_layers; layer++) {
        for (size_t i = 0; i < CMD_BLOB_MATRICES; i++) {
            distil_section_kind kind = cmd_blob_matrices[i];
            size_t cols = distil_blob_get_matrix(blob, kind, layer).cols;

            good = check_floats(blob, kind, layer, 0, cols, 1) && good;
            good = check_floats(blob, kind, layer, cols, cols, 0) && good;
        }
    }
    return check_padding(blob) && good && print_passed("numbers", "finite, scales above zero");
}

static int check_proof(const distil_blob *blob)
{
    distil_blob_error error;
    unsigned long long weights = 0, pairs[5] = {0};
    char details[128];

    if (distil_blob_check_lanes(blob, &error) != DISTIL_BLOB_OK)
        return print_failed("lane proof", blob, error.offset, error.what);
    for (uint32_t layer = 0; layer < blob->header->n_layers; layer++) {
        for (size_t i = 0; i < CMD_BLOB_MATRICES; i++) {
            distil_qmatrix m = distil_blob_get_matrix(blob, cmd_blob_matrices[i], layer);

            weights += m.depth * m.cols;
            for (size_t pair = 0; pair < m.cols / DISTIL_PAIR_COLS; pair++)
                pairs[distil_lane_group(&m, pair)]++;
        }
    }
    (void)snprintf(details, sizeof details,
                   "%llu weights; panel pairs in groups of 4, 2, 1: %llu, %llu, %llu", weights,
                   pairs[4], pairs[2], pairs[1]);
    return print_passed("lane proof", details);
}

static int check_sums(const distil_blob *blob)
{
    distil_blob_error error;

    if (distil_blob_check_sums(blob, &error) != DISTIL_BLOB_OK)
        return print_failed("column sums", blob, error.offset, error.what);
    return print_passed("column sums", "equal those of the weights");
}

/* ---- a file --------------------------------------------------------------------------------- */

/* Report a file whose header or section table is wrong, so that nothing else of it can be checked.
 * Returns the exit status. */
static int refuse_layout(const char *path, const distil_blob_error *error)
{
    int crc = error->code == DISTIL_BLOB_BAD_CHECKSUM;
    int checked = error->code != DISTIL_BLOB_FILE_OPEN && error->code != DISTIL_BLOB_FILE_READ &&
                  error->code != DISTIL_BLOB_UNSUPPORTED;

    if (checked)
        (void)printf("  %-12s FAILED  byte %llu: %s\n", crc ? "CRC-32C" : "structure",
                     (unsigned long long)error->offset, error->what);
    (void)fflush(stdout);
    cmd_blob_report(path, error);
    return !checked ? CMD_FAILED : crc ? CMD_BAD_CRC : CMD_BAD_STRUCTURE;
}

/* Check a blob and print a line for each check. Returns the exit status: damage to the bytes fails
 * a checksum whatever else it breaks, so the checksums come first. */
static int check_blob(const distil_blob *blob)
{
    int structure = check_structure(blob), crc = check_crc(blob), sha256 = check_sha256(blob);
    int vocabulary = !structure || check_vocabulary(blob);
    int numbers = check_numbers(blob), proof = check_proof(blob), sums = check_sums(blob);

    return !crc          ? CMD_BAD_CRC
           : !sha256     ? CMD_BAD_SHA256
           : !structure  ? CMD_BAD_STRUCTURE
           : !vocabulary ? CMD_BAD_VOCABULARY
           : !numbers    ? CMD_BAD_NUMBERS
           : !proof      ? CMD_BAD_PROOF
           : !sums       ? CMD_BAD_SUMS
                         : CMD_OK;
}

/* Check one file and print a line for each check. Returns the exit status for it. */
static int verify_file(const char *path)
{
    distil_blob blob;
    distil_blob_error error;
    int status;

    (void)printf("%s\n", path);
    if (fflush(stdout) != 0)
        return CMD_FAILED;
    if (distil_blob_open(&blob, path, DISTIL_BLOB_VERIFY_LAYOUT, &error) != DISTIL_BLOB_OK)
        return refuse_layout(path, &error);
    status = check_blob(&blob);
    distil_blob_close(&blob);
    if (status != CMD_OK) {
        (void)fflush(stdout);
        cmd_error("%s: damaged", path);
        cmd_hint("copy the file again, or convert the model again with `distil convert`");
    }
    return status;
}

/* Check a file and keep its status if all files before it were sound. */
static void verify_next(int *status, const char *path)
{
    int next = verify_file(path);

    if (*status == CMD_OK)
        *status = next;
}

int cmd_verify(int argc, char **argv)
{
    cmd_options options;
    int code = cmd_options_parse(&options, &cmd_manuals[CMD_VERIFY], argc, argv);
    int status = CMD_OK;

    if (code >= 0)
        return code;
    for (size_t i = 0; i < options.word_count; i++)
        verify_next(&status, options.words[i]);
    if (options.word_count == 0 || options.model != NULL) {
        char *path;

        if (cmd_choose_model(&path, options.model) != 0) {
            status = status == CMD_OK ? CMD_FAILED : status;
        } else {
            verify_next(&status, path);
            free(path);
        }
    }
    cmd_options_free(&options);
    return cmd_flush(stdout) == 0 ? status : CMD_FAILED;
}
