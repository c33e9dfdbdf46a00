/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests that blobs with absurd values give the same status, and where the library accepts them the
 * same bits, at every level of this CPU: named cases, and seeded scripts of edits, 10,000 of them
 * with DISTIL_TEST_FULL. Scripts change sizes, tables, scales, sums and weights; the checksums are
 * right again afterwards.
 */
#include <stdlib.h>
#include <string.h>

#include "model/blob_layout.h"
#include "tests/support/harness.h"
#include "tests/support/sanitized.h"
#include "tests/support/support_blob.h"
#include "tests/support/support_levels.h"

enum { MAX_EDITS = 6 };

/* A blob and a copy of it that a test damages. */
typedef struct subject {
    support_blob source;
    uint8_t *pristine, *bytes;
    size_t size;
} subject;

static subject subject_new(const support_blob_shape *shape)
{
    subject s = {.source = support_blob_make(5, shape)};

    s.pristine = support_blob_image(&s.size, &s.source.model);
    s.bytes = aligned_alloc(64, (s.size + 63) / 64 * 64);
    if (s.bytes == NULL)
        abort();
    memcpy(s.bytes, s.pristine, s.size);
    return s;
}

static void subject_free(subject *s)
{
    support_blob_free(&s->source);
    free(s->pristine);
    free(s->bytes);
}

/* Damages the copy by a script, classifies, reports a difference, and restores the copy. */
static support_levels_outcome try_script(subject *s, const uint8_t *script, size_t bytes)
{
    support_levels_outcome outcome;

    support_levels_edit(s->bytes, s->size, script, bytes);
    outcome = support_levels_classify(s->bytes, s->size);
    memcpy(s->bytes, s->pristine, s->size);
    return outcome;
}

/* ---- named cases ---------------------------------------------------------------------------- */

/* Puts `value` into `count` words of a section of layer 0, from a byte offset on. All levels must
 * accept the blob and agree. */
static void check_words(subject *s, distil_section_kind kind, size_t offset, uint32_t value,
                        size_t count, const char *name)
{
    size_t index = distil_blob_section_index(s->source.model.n_layers, kind, 0);
    const distil_blob_section *table = (const void *)(s->bytes + DISTIL_BLOB_HEADER_BYTES);
    support_levels_outcome outcome;

    if (!harness_case("%s", name))
        return;
    for (size_t i = 0; i < count; i++)
        memcpy(s->bytes + table[index].offset + offset + 4 * i, &value, sizeof value);
    support_levels_edit(s->bytes, s->size, NULL, 0);
    outcome = support_levels_classify(s->bytes, s->size);
    memcpy(s->bytes, s->pristine, s->size);
    CHECKF(outcome.accepted && outcome.bounded, "the blob was refused");
    CHECKF(outcome.differ == NULL, "levels differ in %s", outcome.differ);
}

static void check_named_cases(subject *s)
{
    const size_t dim = s->source.model.dim, hidden = s->source.model.hidden_dim;
    const size_t ffn_sums = 8 * hidden, out_sums = 8 * dim;

    check_words(s, DISTIL_SECTION_FFN_IN, 0, 0x3c000000, 1, "no damage but a scale");
    check_words(s, DISTIL_SECTION_FFN_IN, ffn_sums, 0x7fffffff, hidden, "col_sum: greatest");
    check_words(s, DISTIL_SECTION_FFN_IN, ffn_sums, 0x80000000, hidden, "col_sum: least");
    check_words(s, DISTIL_SECTION_FFN_OUT, out_sums, 0x00400000, dim, "col_sum: above 16 bits");
    check_words(s, DISTIL_SECTION_QKV, 24 * dim, 0x12345678, 3 * dim, "col_sum: random");
    check_words(s, DISTIL_SECTION_EMBED_NORM, 0, 0x7fc00000, 3, "gamma: NaN");
    check_words(s, DISTIL_SECTION_EMBED_NORM, 0, 0x7f7fffff, dim, "gamma: greatest");
    check_words(s, DISTIL_SECTION_EMBED_NORM, 4 * dim, 0xff800000, 1, "beta: -infinity");
    check_words(s, DISTIL_SECTION_FFN_NORM, 4 * dim, 0x7fc00000, 1, "beta of the last norm: NaN");
    check_words(s, DISTIL_SECTION_FFN_IN, 4 * hidden, 0x7fc00000, 5, "bias of ffn_in: NaN");
    check_words(s, DISTIL_SECTION_FFN_IN, 4 * hidden, 0x7f800000, 5, "bias of ffn_in: infinite");
    check_words(s, DISTIL_SECTION_FFN_IN, 4 * hidden, 0x7f7fffff, 7, "bias of ffn_in: greatest");
    check_words(s, DISTIL_SECTION_QKV, 12 * dim, 0x7fc00000, 2 * dim, "bias of q and k: NaN");
    check_words(s, DISTIL_SECTION_QKV, 20 * dim, 0x7f800000, 1, "bias of v: infinite");
    check_words(s, DISTIL_SECTION_QKV, 0, 0x7f800000, 3 * dim, "scale: infinite");
}

/* ---- scripts -------------------------------------------------------------------------------- */

static void check_scripts(subject *s, const char *shape)
{
    size_t count = getenv("DISTIL_TEST_FULL") != NULL ? 10000 : SANITIZED ? 200 : 1000;
    size_t accepted = 0, bounded = 0;

    if (!harness_case("scripts of edits: %s", shape))
        return;
    for (size_t i = 0; i < count; i++) {
        uint8_t script[MAX_EDITS * SUPPORT_EDIT_BYTES];
        size_t edits = 1 + harness_random() % MAX_EDITS;
        support_levels_outcome outcome;

        for (size_t b = 0; b < sizeof script; b++)
            script[b] = (uint8_t)harness_random();
        outcome = try_script(s, script, edits * SUPPORT_EDIT_BYTES);
        accepted += (size_t)outcome.accepted;
        bounded += (size_t)outcome.bounded;
        CHECKF(outcome.differ == NULL, "script %zu of %zu edits: levels differ in %s", i, edits,
               outcome.differ);
    }
    CHECKF(accepted > count / 8 && accepted < count, "%zu of %zu blobs were accepted", accepted,
           count);
    CHECKF(bounded > count / 16 && bounded < accepted, "%zu of %zu keep the bound", bounded,
           accepted);
}

int main(int argc, char **argv)
{
    subject tiny, small;

    harness_init("test_hostile_blob", argc, argv);
    tiny = subject_new(&support_blob_tiny);
    small = subject_new(&support_blob_small);
    check_named_cases(&tiny);
    check_scripts(&tiny, "tiny");
    check_scripts(&small, "small");
    subject_free(&tiny);
    subject_free(&small);
    return harness_finish();
}
