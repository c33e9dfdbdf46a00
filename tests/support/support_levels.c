/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Edits of a blob, and classification at every level; see support_levels.h.
 */
#include "tests/support/support_levels.h"

#include <stdlib.h>
#include <string.h>

#include "kernels/cpu.h"
#include "kernels/kernels.h"
#include "model/blob.h"
#include "runtime/base/checksum.h"
#include "runtime/distil.h"
#include "tests/support/support_blob.h"

/* ---- edits ---------------------------------------------------------------------------------- */

/* Values at the bounds of integers and floats. */
static const uint32_t extremes[] = {
    0,          1,          0xffffffff, 0x7fffffff, 0x80000000, 0x00010000, 0xffff8000, 0x00200000,
    0x7fc00000, 0xffc00000, 0x7f800000, 0xff800000, 0x7f7fffff, 0xff7fffff, 0x00800000, 0x3f800000,
    0x001fffff, 0xffe00000, 0x7f800001, 0x00000001, 0x0da24260, 0x7149f2ca, 0x80808080, 0x7f7f7f7f,
};

enum { EDIT_BYTE, EDIT_WORD, EDIT_EXTREME, EDIT_RANGE, EDIT_KINDS, RANGE_BYTES = 64 };

/* Applies one edit to the `bytes` bytes of a section. Offsets of words and ranges are multiples of
 * 4 within the section where it has room for them. */
static void edit_section(uint8_t *section, size_t bytes, const uint8_t *edit)
{
    size_t offset = (size_t)edit[2] | (size_t)edit[3] << 8, width = sizeof(uint32_t);
    uint32_t value;

    memcpy(&value, edit + 4, sizeof value);
    if (edit[1] % EDIT_KINDS == EDIT_BYTE || bytes < width) {
        if (bytes > 0)
            section[offset % bytes] = (uint8_t)value;
        return;
    }
    if (edit[1] % EDIT_KINDS != EDIT_WORD)
        value = extremes[value % (sizeof extremes / sizeof *extremes)];
    if (edit[1] % EDIT_KINDS == EDIT_RANGE)
        width = RANGE_BYTES;
    offset = offset % (bytes / 4) * 4;
    for (size_t i = 0; i < width && offset + i + 4 <= bytes; i += 4)
        memcpy(section + offset + i, &value, sizeof value);
}

void support_levels_edit(uint8_t *bytes, size_t size, const uint8_t *script, size_t script_bytes)
{
    const distil_blob_header *header = (const void *)bytes;
    distil_blob_section table[DISTIL_BLOB_MAX_SECTIONS];
    size_t count = header->section_count;

    memcpy(table, bytes + DISTIL_BLOB_HEADER_BYTES, count * sizeof *table);
    for (size_t at = 0; at + SUPPORT_EDIT_BYTES <= script_bytes; at += SUPPORT_EDIT_BYTES) {
        size_t index = script[at] % (count + 1);

        if (index < count)
            edit_section(bytes + table[index].offset, (size_t)table[index].bytes, script + at);
        else
            edit_section(bytes, DISTIL_BLOB_HEADER_BYTES, script + at);
    }
    for (size_t i = 0; i < count; i++)
        table[i].crc32c =
            distil_crc32c(0, bytes + table[i].offset, (size_t)distil_blob_align(table[i].bytes));
    memcpy(bytes + DISTIL_BLOB_HEADER_BYTES, table, count * sizeof *table);
    support_blob_reseal(bytes, size);
}

/* ---- the bound on weights ------------------------------------------------------------------- */

/* Returns 1 if `count` quads of a panel keep the bound in each 16-bit lane. */
static int group_bounded(const int8_t *quads, size_t count)
{
    for (size_t lane = 0; lane < DISTIL_QUAD_BYTES; lane += 2) {
        int positive = 0, negative = 0;

        for (size_t i = 0; i < 2 * count; i++) {
            int weight = quads[i / 2 * DISTIL_QUAD_BYTES + lane + i % 2];

            positive += weight > 0 ? weight : 0;
            negative += weight < 0 ? weight : 0;
        }
        if (positive > DISTIL_BLOB_LANE_LIMIT || negative < -DISTIL_BLOB_LANE_LIMIT)
            return 0;
    }
    return 1;
}

static int matrix_bounded(const distil_blob *blob, distil_section_kind kind, uint32_t layer)
{
    distil_qmatrix m = distil_blob_get_matrix(blob, kind, layer);
    size_t panel_bytes = m.depth * DISTIL_PANEL_COLS;

    for (size_t panel = 0; panel < m.cols / DISTIL_PANEL_COLS; panel++) {
        size_t group_bytes = m.group[panel / 2] * (size_t)DISTIL_QUAD_BYTES;

        for (size_t at = 0; at < panel_bytes; at += group_bytes)
            if (!group_bounded(m.panels + panel * panel_bytes + at, m.group[panel / 2]))
                return 0;
    }
    return 1;
}

static int blob_bounded(const distil_blob *blob)
{
    for (uint32_t layer = 0; layer < blob->header->n_layers; layer++)
        if (!matrix_bounded(blob, DISTIL_SECTION_QKV, layer) ||
            !matrix_bounded(blob, DISTIL_SECTION_ATTENTION_OUT, layer) ||
            !matrix_bounded(blob, DISTIL_SECTION_FFN_IN, layer) ||
            !matrix_bounded(blob, DISTIL_SECTION_FFN_OUT, layer))
            return 0;
    return 1;
}

/* ---- classification ------------------------------------------------------------------------- */

enum { TEXTS = 4, RUNS = TEXTS + 1 };

static const distil_text texts[TEXTS] = {
    {"", 0, NULL, 0},
    {"the movie", 9, "a b", 3},
    {"a b c d e f g h i j k l", 23, NULL, 0},
    {"the the movie x was [MASK] z", 28, NULL, 0},
};

/* What one level answered. */
typedef struct level_answer {
    distil_status opened;
    distil_status status[RUNS]; /* of each text alone, and of all texts as a batch */
    float *logits;              /* (2 * TEXTS, n_labels), zeros where a status is not OK */
    size_t logits_bytes;
} level_answer;

static void classify_all(level_answer *answer, distil_model *model, size_t n_labels)
{
    distil_context *context;
    distil_result result[TEXTS];
    distil_scores scores[TEXTS];

    answer->logits_bytes = 2 * TEXTS * n_labels * sizeof(float);
    answer->logits = calloc(1, answer->logits_bytes);
    if (answer->logits == NULL || distil_context_new(&context, model, NULL, NULL) != DISTIL_OK)
        abort();
    for (size_t t = 0; t < TEXTS; t++) {
        scores[t] = (distil_scores){answer->logits + t * n_labels, NULL};
        answer->status[t] = distil_classify_batch(context, &result[t], &scores[t], &texts[t], 1, 0);
        scores[t].logits += TEXTS * n_labels;
    }
    answer->status[TEXTS] = distil_classify_batch(context, result, scores, texts, TEXTS, 0);
    distil_context_free(context);
}

static level_answer answer_at(distil_level level, const uint8_t *bytes, size_t size)
{
    distil_options options = DISTIL_OPTIONS_INIT;
    distil_model_info info;
    level_answer answer = {.logits = NULL};
    distil_model *model;

    options.max_isa = (distil_isa)((int)level + (int)DISTIL_ISA_SCALAR);
    options.exact_isa = 1;
    answer.opened = distil_model_open_memory(&model, bytes, size, &options, NULL);
    if (answer.opened != DISTIL_OK)
        return answer;
    if (distil_model_get_info(model, &info) != DISTIL_OK)
        abort();
    classify_all(&answer, model, info.n_labels);
    distil_model_close(model);
    return answer;
}

/* Says what differs between the answers of two levels, or returns NULL. */
static const char *compare(const level_answer *a, const level_answer *b, int bounded)
{
    if (a->opened != b->opened)
        return "the status of opening";
    if (!bounded)
        return NULL;
    if (memcmp(a->status, b->status, sizeof a->status) != 0)
        return "the status of classification";
    if (a->logits_bytes > 0 && memcmp(a->logits, b->logits, a->logits_bytes) != 0)
        return "the bits of the logits";
    return NULL;
}

support_levels_outcome support_levels_classify(const uint8_t *bytes, size_t size)
{
    support_levels_outcome outcome = {0, 0, NULL};
    level_answer first = answer_at(DISTIL_LEVEL_SCALAR, bytes, size);
    distil_cpuid cpu;
    distil_blob blob;
    const char *missing;

    outcome.accepted = first.opened == DISTIL_OK;
    if (outcome.accepted && distil_blob_open_memory(&blob, bytes, size, DISTIL_BLOB_VERIFY_NONE,
                                                    NULL) == DISTIL_BLOB_OK) {
        outcome.bounded = blob_bounded(&blob);
        distil_blob_close(&blob);
    }
    distil_cpuid_read(&cpu);
    for (int level = DISTIL_LEVEL_SCALAR + 1; level < DISTIL_LEVEL_COUNT; level++) {
        level_answer other;

        if (outcome.differ != NULL || !distil_cpuid_has(&cpu, (distil_level)level, &missing))
            continue;
        other = answer_at((distil_level)level, bytes, size);
        outcome.differ = compare(&first, &other, outcome.bounded);
        free(other.logits);
    }
    free(first.logits);
    return outcome;
}
