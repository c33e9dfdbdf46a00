/* SPDX-License-Identifier: Apache-2.0 */
/* Reads every section, matrix, label and token of a blob, so that a wrong pointer crashes the test;
 * see support_exercise.h. */
#include "tests/support/support_exercise.h"

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "model/vocab.h"

/* Receives what is read, so that the compiler cannot remove the reads. */
static volatile unsigned sink;

/* Returns 1 if the bytes at p are within the blob, after reading them. */
static int inside(const distil_blob *blob, const void *p, size_t bytes)
{
    const uint8_t *at = p;
    unsigned sum = 0;

    if (at < blob->bytes || bytes > blob->size || at > blob->bytes + (blob->size - bytes))
        return 0;
    for (size_t i = 0; i < bytes; i++)
        sum += at[i];
    sink += sum;
    return 1;
}

static int exercise_matrix(const distil_blob *blob, distil_section_kind kind, uint32_t layer)
{
    distil_qmatrix m = distil_blob_get_matrix(blob, kind, layer);
    size_t quads = m.depth / 4, pairs = m.cols / 32;

    for (size_t i = 0; i < quads * pairs; i++)
        if (m.order[i] >= quads)
            return 0;
    for (size_t i = 0; i < pairs; i++)
        if (m.group[i] != 1 && m.group[i] != 2 && m.group[i] != 4)
            return 0;
    return inside(blob, m.panels, m.depth * m.cols) && inside(blob, m.scale, 4 * m.cols) &&
           inside(blob, m.bias, 4 * m.cols) && inside(blob, m.col_sum, 4 * m.cols) &&
           inside(blob, m.order, 2 * quads * pairs) && inside(blob, m.group, pairs);
}

static int exercise_vocabulary(const distil_blob *blob)
{
    static const char *const looked_for[] = {"the", "movie", "x", "", "no such token", "[MASK]"};
    distil_vocab vocab;

    distil_vocab_init(&vocab, blob);
    for (uint32_t id = 0; id < vocab.size; id++) {
        size_t bytes;
        const char *token = distil_vocab_token(&vocab, id, &bytes);
        uint32_t found;

        if (!inside(blob, token, bytes) || bytes > vocab.max_token_bytes)
            return 0;
        found = distil_vocab_find(&vocab, distil_vocab_hash(0, token, bytes), "", 0, token, bytes);
        if (found != DISTIL_VOCAB_EMPTY && found >= vocab.size)
            return 0;
    }
    for (size_t i = 0; i < sizeof looked_for / sizeof *looked_for; i++) {
        uint64_t hash =
            distil_vocab_hash(distil_vocab_hash(0, "##", 2), looked_for[i], strlen(looked_for[i]));

        sink += distil_vocab_find(&vocab, hash, "##", 2, looked_for[i], strlen(looked_for[i]));
    }
    return 1;
}

int support_blob_exercise(const distil_blob *blob)
{
    const distil_blob_header *header = blob->header;
    const uint32_t *row = distil_blob_section_data(blob, DISTIL_SECTION_EMBED_ROW, 0, NULL);
    const distil_blob_special *special =
        distil_blob_section_data(blob, DISTIL_SECTION_SPECIALS, 0, NULL);
    size_t bytes;

    for (uint32_t kind = DISTIL_SECTION_PROVENANCE; kind < DISTIL_SECTION_KIND_END; kind++) {
        int per_layer = kind >= DISTIL_SECTION_QKV && kind < DISTIL_SECTION_HEAD_DENSE;

        for (uint32_t layer = 0; layer < (per_layer ? header->n_layers : 1); layer++) {
            const void *data =
                distil_blob_section_data(blob, (distil_section_kind)kind, layer, &bytes);

            if (data == NULL && bytes == 0 && kind >= DISTIL_SECTION_HEAD_DENSE)
                continue; /* The head has no such section. */
            if (!inside(blob, data, bytes) || (uintptr_t)data % DISTIL_BLOB_ALIGN != 0)
                return 0;
        }
    }
    for (uint32_t layer = 0; layer < header->n_layers; layer++)
        if (!exercise_matrix(blob, DISTIL_SECTION_QKV, layer) ||
            !exercise_matrix(blob, DISTIL_SECTION_ATTENTION_OUT, layer) ||
            !exercise_matrix(blob, DISTIL_SECTION_FFN_IN, layer) ||
            !exercise_matrix(blob, DISTIL_SECTION_FFN_OUT, layer))
            return 0;
    for (uint32_t i = 0; i < header->n_labels; i++) {
        const char *label = distil_blob_label(blob, i, &bytes);

        if (!inside(blob, label, bytes))
            return 0;
    }
    for (uint32_t i = 0; i < header->vocab_size; i++)
        if (row[i] >= header->vocab_size)
            return 0;
    for (uint32_t i = 0; i < header->special_count; i++)
        if (special[i].id >= header->vocab_size)
            return 0;
    return exercise_vocabulary(blob);
}
