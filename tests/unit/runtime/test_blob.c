/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests the blob reader: it reads back what the writer has written, and it refuses damaged blobs or
 * opens them without harm.
 *
 * The damaged copies end at an unmapped page. The test reads every byte of a blob that opens, so if
 * the reader lacks a check, a wrong offset ends the program or makes a sanitizer complain.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "model/blob.h"
#include "model/blob_layout.h"
#include "model/heads.h"
#include "runtime/base/checksum.h"
#include "runtime/distil.h"
#include "model/vocab.h"
#include "tests/support/harness.h"
#include "tests/support/support_blob.h"
#include "tests/support/support_exercise.h"
#include "tests/support/support_levels.h"

/* A model, the bytes of its blob, and a copy of them that tests damage. */
typedef struct subject {
    support_blob source;
    uint8_t *pristine;
    size_t size;
    harness_guard guard;
    uint8_t *bytes; /* the copy, which is guard.data */
} subject;

/* The subject that a model gives; it owns the model. */
static subject subject_of(support_blob source)
{
    subject s;

    s.source = source;
    s.pristine = support_blob_image(&s.size, &s.source.model);
    s.guard = harness_guard_new(s.size, DISTIL_BLOB_ALIGN, 1);
    s.bytes = s.guard.data;
    memcpy(s.bytes, s.pristine, s.size);
    return s;
}

static subject subject_new(uint64_t seed, const support_blob_shape *shape)
{
    return subject_of(support_blob_make(seed, shape));
}

static void subject_free(subject *s)
{
    support_blob_free(&s->source);
    free(s->pristine);
    harness_guard_free(&s->guard);
}

static const distil_blob_section *pristine_section(const subject *s, size_t index)
{
    return (const distil_blob_section *)(const void *)(s->pristine + DISTIL_BLOB_HEADER_BYTES) +
           index;
}

static size_t section_offset(const subject *s, uint32_t kind, uint32_t layer)
{
    size_t index = distil_blob_section_index(s->source.model.n_layers, kind, layer);

    return (size_t)pristine_section(s, index)->offset;
}

/* ---- opening damaged bytes ------------------------------------------------------------------- */

/* Opens the copy. If it opens, all views must be in bounds; if it is refused, the error must tell
 * where and why. */
static distil_blob_code try_open(const subject *s, size_t size, distil_blob_verify verify,
                                 const char *what, size_t at)
{
    distil_blob blob = {.bytes = NULL};
    distil_blob_error error = {DISTIL_BLOB_OK, -1, UINT64_MAX, NULL};
    distil_blob_code code = distil_blob_open_memory(&blob, s->bytes, size, verify, &error);

    if (code == DISTIL_BLOB_OK) {
        CHECKF(support_blob_exercise(&blob), "%s at %zu: opened, and a view is out of bounds", what,
               at);
        CHECKF(error.what == NULL, "%s at %zu: opened with an error", what, at);
        distil_blob_close(&blob);
    } else {
        CHECKF(error.code == code && error.what != NULL && error.sys_errno == 0 &&
                   error.offset <= s->size,
               "%s at %zu: refused with %d without saying why", what, at, code);
        CHECKF(blob.bytes == NULL, "%s at %zu: refused, and the output was touched", what, at);
    }
    return code;
}

/* Changes a field of the header or the table of the copy, and computes the header's CRC again. */
static void set_u32(subject *s, size_t offset, uint32_t value)
{
    memcpy(s->bytes + offset, &value, sizeof value);
    support_blob_reseal(s->bytes, s->size);
}

static void restore(subject *s)
{
    memcpy(s->bytes, s->pristine, s->size);
}

/* Puts `size` bytes at `offset` into the copy, checks that it is refused with the expected code and
 * offset, and restores it. */
static void expect_refusal(subject *s, size_t offset, const void *bytes, size_t size,
                           distil_blob_code expected, uint64_t expected_offset, const char *what)
{
    distil_blob blob;
    distil_blob_error error = {DISTIL_BLOB_OK, 0, 0, ""};
    distil_blob_code code;

    memcpy(s->bytes + offset, bytes, size);
    support_blob_reseal(s->bytes, s->size);
    code = distil_blob_open_memory(&blob, s->bytes, s->size, DISTIL_BLOB_VERIFY_NONE, &error);
    CHECKF(code == expected && error.offset == expected_offset,
           "%s: code %d at %llu (%s), expected %d at %llu", what, code,
           (unsigned long long)error.offset, error.what, expected,
           (unsigned long long)expected_offset);
    restore(s);
}

static void expect_u32(subject *s, size_t offset, uint32_t value, const char *what)
{
    expect_refusal(s, offset, &value, sizeof value, DISTIL_BLOB_BAD_STRUCTURE, offset, what);
}

/* ---- cases ----------------------------------------------------------------------------------- */

static void round_trip(const char *name, const support_blob_shape *shape)
{
    subject s;
    distil_blob blob;
    distil_blob_error error;
    const conv_model *model;
    distil_vocab vocab;

    if (!harness_case("round trip: %s", name))
        return;
    s = subject_new(11, shape);
    model = &s.source.model;
    CHECK(distil_blob_open_memory(&blob, s.bytes, s.size, DISTIL_BLOB_VERIFY_SHA256, &error) ==
          DISTIL_BLOB_OK);
    CHECK(support_blob_exercise(&blob));
    CHECK(distil_blob_check_proof(&blob, &error) == DISTIL_BLOB_OK);
    CHECK(!blob.mapped && blob.size == s.size && blob.header->dim == shape->dim);
    for (uint32_t i = 0; i < model->n_labels; i++) {
        size_t bytes;
        const char *label = distil_blob_label(&blob, i, &bytes);

        CHECK(bytes == strlen(model->labels[i]) && memcmp(label, model->labels[i], bytes) == 0);
    }
    distil_vocab_init(&vocab, &blob);
    for (uint32_t id = 0; id < model->vocab_size; id++) {
        size_t bytes = model->token_bytes[id];
        uint64_t hash = distil_vocab_hash(0, model->tokens[id], bytes);
        uint32_t found = distil_vocab_find(&vocab, hash, "", 0, model->tokens[id], bytes);

        /* If two tokens are equal, the hash table has the last one; "the" occurs twice. */
        uint32_t last = id;

        for (uint32_t other = id + 1; other < model->vocab_size; other++)
            if (strcmp(model->tokens[other], model->tokens[id]) == 0)
                last = other;
        CHECKF(found == (bytes == 0 ? DISTIL_VOCAB_EMPTY : last),
               "token %u found as %u, expected %u", (unsigned)id, (unsigned)found, (unsigned)last);
    }
    distil_blob_close(&blob);
    distil_blob_close(&blob); /* Closing a closed blob does nothing. */
    subject_free(&s);
}

/* Compares every weight in the panels of a matrix with the weight that the model was made of. */
static void unpack(const subject *s, const distil_blob *blob, distil_section_kind kind,
                   const conv_matrix *source, uint32_t layer)
{
    distil_qmatrix m = distil_blob_get_matrix(blob, kind, layer);
    size_t wrong = 0;

    (void)s;
    CHECK(m.depth == source->depth && m.cols == source->cols);
    for (size_t col = 0; col < m.cols; col++) {
        const uint16_t *order = m.order + col / 32 * (m.depth / 4);
        const int8_t *panel = m.panels + col / 16 * 16 * m.depth;
        int32_t sum = 0;

        for (size_t i = 0; i < m.depth / 4; i++) {
            for (size_t b = 0; b < 4; b++) {
                int8_t weight = panel[(i * 16 + col % 16) * 4 + b];

                sum += weight;
                wrong += weight != source->weights[col * m.depth + 4 * (size_t)order[i] + b];
            }
        }
        wrong += sum != m.col_sum[col] || m.scale[col] != source->scale[col] ||
                 m.bias[col] != source->bias[col] || m.group[col / 32] != source->group[col / 32];
    }
    CHECKF(wrong == 0, "%s of layer %u: %zu differences", distil_section_name(kind),
           (unsigned)layer, wrong);
}

static void matrices(void)
{
    subject s;
    distil_blob blob;

    if (!harness_case("round trip: every weight"))
        return;
    s = subject_new(12, &support_blob_small);
    CHECK(distil_blob_open_memory(&blob, s.bytes, s.size, DISTIL_BLOB_VERIFY_NONE, NULL) ==
          DISTIL_BLOB_OK);
    for (uint32_t i = 0; i < s.source.model.n_layers; i++) {
        const conv_layer *layer = &s.source.model.layers[i];

        unpack(&s, &blob, DISTIL_SECTION_QKV, &layer->qkv, i);
        unpack(&s, &blob, DISTIL_SECTION_ATTENTION_OUT, &layer->attention_out, i);
        unpack(&s, &blob, DISTIL_SECTION_FFN_IN, &layer->ffn_in, i);
        unpack(&s, &blob, DISTIL_SECTION_FFN_OUT, &layer->ffn_out, i);
    }
    subject_free(&s);
}

static void header_bytes_without_crc(void)
{
    subject s;

    if (!harness_case("mutation: every header byte, every value: refused"))
        return;
    s = subject_new(13, &support_blob_tiny);
    for (size_t at = 0; at < DISTIL_BLOB_HEADER_BYTES; at++) {
        for (unsigned value = 0; value < 256; value++) {
            if (value == s.pristine[at])
                continue;
            s.bytes[at] = (uint8_t)value;
            CHECKF(try_open(&s, s.size, DISTIL_BLOB_VERIFY_NONE, "header byte", at) !=
                       DISTIL_BLOB_OK,
                   "header byte %zu = %u opened", at, value);
        }
        s.bytes[at] = s.pristine[at];
    }
    subject_free(&s);
}

/* Returns 1 for a byte of the header of which a reader cannot know that it is wrong if the CRC is
 * right. */
static int header_byte_is_free(size_t at)
{
    return (at >= offsetof(distil_blob_header, layer_norm_eps) &&
            at < offsetof(distil_blob_header, vocab_slots)) ||
           (at >= offsetof(distil_blob_header, special_count) &&
            at < offsetof(distil_blob_header, activation)) ||
           (at >= offsetof(distil_blob_header, max_tokens) &&
            at < offsetof(distil_blob_header, embedding)) ||
           (at >= offsetof(distil_blob_header, n_heads) &&
            at < offsetof(distil_blob_header, vocab_size)) ||
           (at >= offsetof(distil_blob_header, sha256) &&
            at < offsetof(distil_blob_header, reserved)) ||
           at >= offsetof(distil_blob_header, header_crc32c);
}

static void header_bytes_with_crc(void)
{
    subject s;
    size_t opened = 0;

    if (!harness_case("mutation: every header byte, CRC made right: refused or in bounds"))
        return;
    s = subject_new(14, &support_blob_tiny);
    for (size_t at = 0; at < DISTIL_BLOB_HEADER_BYTES; at++) {
        for (unsigned value = 0; value < 256; value++) {
            distil_blob_code code;

            if (value == s.pristine[at])
                continue;
            s.bytes[at] = (uint8_t)value;
            support_blob_reseal(s.bytes, s.size);
            code = try_open(&s, s.size, DISTIL_BLOB_VERIFY_NONE, "resealed header byte", at);
            CHECKF(code != DISTIL_BLOB_OK || header_byte_is_free(at), "header byte %zu = %u opened",
                   at, value);
            opened += code == DISTIL_BLOB_OK;
            memcpy(s.bytes, s.pristine, DISTIL_BLOB_HEADER_BYTES);
        }
    }
    CHECK(opened > 0); /* Some flags and ids have other valid values. */
    subject_free(&s);
}

static void table_bytes_with_crc(void)
{
    subject s;
    size_t end;

    if (!harness_case("mutation: every table byte, CRC made right: refused"))
        return;
    s = subject_new(15, &support_blob_tiny);
    end = (size_t)pristine_section(&s, 0)->offset;
    for (size_t at = DISTIL_BLOB_HEADER_BYTES; at < end; at++) {
        size_t field = (at - DISTIL_BLOB_HEADER_BYTES) % DISTIL_BLOB_SECTION_BYTES;
        int is_crc = field >= offsetof(distil_blob_section, crc32c) &&
                     field < offsetof(distil_blob_section, reserved);

        for (unsigned bit = 0; bit < 8; bit++) {
            distil_blob_code code;

            s.bytes[at] = (uint8_t)(s.pristine[at] ^ 1U << bit);
            support_blob_reseal(s.bytes, s.size);
            code = try_open(&s, s.size, DISTIL_BLOB_VERIFY_NONE, "table byte", at);
            if (is_crc && at < end - DISTIL_BLOB_SECTION_BYTES)
                code = try_open(&s, s.size, DISTIL_BLOB_VERIFY_CRC, "table byte", at);
            CHECKF(code != DISTIL_BLOB_OK || is_crc, "table byte %zu bit %u opened", at, bit);
        }
        memcpy(s.bytes, s.pristine, end);
    }
    subject_free(&s);
}

/* Damages every byte of the sections before the embeddings, whose offsets and ids later code
 * uses. */
static void front_bytes(void)
{
    subject s;
    size_t end, refused = 0;

    if (!harness_case("mutation: every byte up to the embeddings: refused or in bounds"))
        return;
    s = subject_new(16, &support_blob_tiny);
    end = section_offset(&s, DISTIL_SECTION_EMBED_SCALE, 0);
    for (size_t at = (size_t)pristine_section(&s, 0)->offset; at < end; at++) {
        static const uint8_t flips[] = {0x01, 0x80, 0xff};

        for (size_t i = 0; i < sizeof flips; i++) {
            s.bytes[at] = s.pristine[at] ^ flips[i];
            refused +=
                try_open(&s, s.size, DISTIL_BLOB_VERIFY_NONE, "front byte", at) != DISTIL_BLOB_OK;
        }
        s.bytes[at] = s.pristine[at];
    }
    CHECK(refused > 0);
    subject_free(&s);
}

static void bit_flips(void)
{
    subject s;

    if (!harness_case("mutation: 10,000 seeded bit flips"))
        return;
    s = subject_new(17, &support_blob_tiny);
    for (int i = 0; i < 10000; i++) {
        size_t at = harness_random() % s.size;
        uint8_t flip = (uint8_t)(1U << harness_random() % 8);

        s.bytes[at] ^= flip;
        CHECKF(try_open(&s, s.size, DISTIL_BLOB_VERIFY_CRC, "flip", at) != DISTIL_BLOB_OK,
               "byte %zu ^ %u opened with its CRC checked", at, flip);
        try_open(&s, s.size, DISTIL_BLOB_VERIFY_NONE, "flip", at);
        s.bytes[at] ^= flip;
    }
    for (int i = 0; i < 50; i++) {
        size_t at = harness_random() % s.size;

        s.bytes[at] ^= 4;
        CHECKF(try_open(&s, s.size, DISTIL_BLOB_VERIFY_SHA256, "flip", at) ==
                       DISTIL_BLOB_BAD_CHECKSUM ||
                   at < 24 || (at >= 24 && at < 28),
               "byte %zu ^ 4: not BAD_CHECKSUM", at);
        s.bytes[at] ^= 4;
    }
    CHECK(memcmp(s.bytes, s.pristine, s.size) == 0);
    CHECK(try_open(&s, s.size, DISTIL_BLOB_VERIFY_SHA256, "intact", 0) == DISTIL_BLOB_OK);
    subject_free(&s);
}

/* A change whose CRC was computed again is found by the SHA-256 alone. */
static void sha_catches_forged_crc(void)
{
    subject s;
    distil_blob_section *entry;
    size_t index;

    if (!harness_case("mutation: weights changed, CRCs made right: only SHA-256 tells"))
        return;
    s = subject_new(18, &support_blob_tiny);
    index = distil_blob_section_index(1, DISTIL_SECTION_EMBED_WORD, 0);
    entry = (distil_blob_section *)(void *)(s.bytes + DISTIL_BLOB_HEADER_BYTES) + index;
    s.bytes[entry->offset + 5] ^= 0x10;
    entry->crc32c =
        distil_crc32c(0, s.bytes + entry->offset, (size_t)distil_blob_align(entry->bytes));
    support_blob_reseal(s.bytes, s.size);
    CHECK(try_open(&s, s.size, DISTIL_BLOB_VERIFY_CRC, "forged", 0) == DISTIL_BLOB_OK);
    CHECK(try_open(&s, s.size, DISTIL_BLOB_VERIFY_SHA256, "forged", 0) == DISTIL_BLOB_BAD_CHECKSUM);
    subject_free(&s);
}

static void truncation(void)
{
    subject s;

    if (!harness_case("truncation: every length"))
        return;
    s = subject_new(19, &support_blob_tiny);
    for (size_t size = 0; size < s.size; size++) {
        distil_blob blob;
        distil_blob_error error = {DISTIL_BLOB_OK, 0, 0, NULL};
        distil_blob_code code;

        /* For lengths around a multiple of 64, the bytes end at an unmapped page. */
        if (size % 64 <= 1 || size < 300) {
            harness_guard cut = harness_guard_new(size, 64, size % 64 == 0);

            memcpy(cut.data, s.pristine, size);
            code = distil_blob_open_memory(&blob, cut.data, size, DISTIL_BLOB_VERIFY_NONE, &error);
            harness_guard_free(&cut);
        } else {
            code =
                distil_blob_open_memory(&blob, s.pristine, size, DISTIL_BLOB_VERIFY_NONE, &error);
        }
        CHECKF(code == DISTIL_BLOB_TRUNCATED && error.offset == size && error.what != NULL,
               "length %zu: code %d at %llu", size, code, (unsigned long long)error.offset);
    }
    subject_free(&s);
}

/* Truncates the blob at each section and corrects file_bytes, so that the table has sections beyond
 * the end of the file. */
static void truncated_sections(void)
{
    subject s;
    size_t count;

    if (!harness_case("truncation: every section, header made right"))
        return;
    s = subject_new(20, &support_blob_small);
    count = distil_blob_section_count(s.source.model.n_layers, s.source.model.head_kind);
    for (size_t i = 0; i < count; i++) {
        const distil_blob_section *entry = pristine_section(&s, i);
        size_t cuts[] = {(size_t)entry->offset, (size_t)entry->offset + 64};
        uint64_t shorter = entry->bytes - (entry->bytes > 0);
        size_t bytes_field =
            DISTIL_BLOB_HEADER_BYTES + i * sizeof *entry + offsetof(distil_blob_section, bytes);

        for (size_t c = 0; c < 2; c++) {
            uint64_t file_bytes = cuts[c];

            if (cuts[c] >= s.size)
                continue;
            memcpy(s.bytes + offsetof(distil_blob_header, file_bytes), &file_bytes, 8);
            support_blob_reseal(s.bytes, s.size);
            CHECKF(try_open(&s, cuts[c], DISTIL_BLOB_VERIFY_NONE, "cut section", i) ==
                       DISTIL_BLOB_BAD_STRUCTURE,
                   "section %zu cut at %zu", i, cuts[c]);
            restore(&s);
        }
        if (entry->bytes == 0)
            continue;
        memcpy(s.bytes + bytes_field, &shorter, sizeof shorter);
        support_blob_reseal(s.bytes, s.size);
        CHECKF(try_open(&s, s.size, DISTIL_BLOB_VERIFY_NONE, "short section", i) != DISTIL_BLOB_OK,
               "section %zu one byte shorter opened", i);
        restore(&s);
    }
    subject_free(&s);
}

static void longer_file(void)
{
    subject s;
    uint8_t *longer;
    distil_blob blob;
    distil_blob_error error;

    if (!harness_case("a byte, a line, a page too many"))
        return;
    s = subject_new(21, &support_blob_tiny);
    longer = aligned_alloc(64, s.size + 4096);
    CHECK(longer != NULL);
    memset(longer, 0, s.size + 4096);
    memcpy(longer, s.pristine, s.size);
    for (size_t extra = 1; extra <= 4096; extra *= 64)
        CHECK(distil_blob_open_memory(&blob, longer, s.size + extra, DISTIL_BLOB_VERIFY_NONE,
                                      &error) == DISTIL_BLOB_TRUNCATED &&
              error.offset == s.size);
    free(longer);
    subject_free(&s);
}

#define FIELD(name) offsetof(distil_blob_header, name)

static void header_fields(void)
{
    static const struct {
        size_t offset;
        uint32_t value;
        const char *what;
    } fields[] = {
        {FIELD(header_bytes), 128, "header_bytes"},
        {FIELD(section_count), 160, "section_count above all"},
        {FIELD(section_count), UINT32_MAX, "section_count huge"},
        {FIELD(section_count), 20, "section_count one less"},
        {FIELD(scheme), 0, "scheme 0"},
        {FIELD(scheme), 2, "scheme 2"},
        {FIELD(dim), 0, "dim 0"},
        {FIELD(dim), 33, "dim odd"},
        {FIELD(dim), 4128, "dim too large"},
        {FIELD(hidden_dim), 0, "hidden_dim 0"},
        {FIELD(hidden_dim), 48, "hidden_dim not of 32"},
        {FIELD(hidden_dim), 16416, "hidden_dim too large"},
        {FIELD(n_layers), 0, "n_layers 0"},
        {FIELD(n_layers), 25, "n_layers 25"},
        {FIELD(n_heads), 0, "n_heads 0"},
        {FIELD(n_heads), 2, "head of 16"},
        {FIELD(n_heads), 0x08000001, "n_heads that wraps"},
        {FIELD(vocab_size), 0, "vocab_size 0"},
        {FIELD(vocab_size), (1 << 20) + 1, "vocab_size too large"},
        {FIELD(max_positions), 2, "max_positions 2"},
        {FIELD(max_positions), 4097, "max_positions 4097"},
        {FIELD(n_labels), 0, "n_labels 0"},
        {FIELD(n_labels), 4097, "n_labels 4097"},
        {FIELD(layer_norm_eps), 0, "eps 0"},
        {FIELD(layer_norm_eps), 0xbf800000, "eps -1"},
        {FIELD(layer_norm_eps), 0x7f800000, "eps infinite"},
        {FIELD(layer_norm_eps), 0x7fc00000, "eps NaN"},
        {FIELD(tokenizer_flags), 32, "unknown flag"},
        {FIELD(max_word_chars), 0, "max_word_chars 0"},
        {FIELD(max_word_chars), 1001, "max_word_chars 1001"},
        {FIELD(vocab_slots), 0, "vocab_slots 0"},
        {FIELD(vocab_slots), 64, "vocab_slots too few"},
        {FIELD(vocab_slots), 768, "vocab_slots no power of two"},
        {FIELD(vocab_slots), 1 << 24, "vocab_slots too many"},
        {FIELD(max_token_bytes), 0, "max_token_bytes 0"},
        {FIELD(max_token_bytes), 4097, "max_token_bytes 4097"},
        {FIELD(special_count), 65537, "special_count 65537"},
        {FIELD(head_kind), 0, "head_kind 0"},
        {FIELD(head_kind), 5, "head_kind 5"},
        {FIELD(function), 0, "function 0"},
        {FIELD(function), 4, "function 4"},
        {FIELD(rank_function), 4, "rank_function 4"},
        {FIELD(activation), 0, "activation 0"},
        {FIELD(activation), 2, "activation 2"},
        {FIELD(max_tokens), 1, "max_tokens 1"},
        {FIELD(max_tokens), 17, "max_tokens above max_positions"},
        {FIELD(pad_id), 1 << 20, "pad_id"},
        {FIELD(unk_id), 1 << 20, "unk_id"},
        {FIELD(cls_id), 1 << 20, "cls_id"},
        {FIELD(sep_id), 1 << 20, "sep_id"},
        {FIELD(mask_id), UINT32_MAX, "mask_id"},
        {FIELD(embedding), 1, "pooling of a head that has none"},
        {FIELD(reserved), 1, "reserved"},
    };
    subject s;
    uint32_t old = 1;

    if (!harness_case("rejection: each header field, at its offset"))
        return;
    s = subject_new(22, &support_blob_tiny);
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
        expect_u32(&s, fields[i].offset, fields[i].value, fields[i].what);
    expect_refusal(&s, 0, "PK", 2, DISTIL_BLOB_BAD_MAGIC, 0, "magic");
    expect_refusal(&s, FIELD(version), &old, 4, DISTIL_BLOB_BAD_VERSION, FIELD(version), "version");
    set_u32(&s, FIELD(dim), 64); /* 64 is valid, but then sections have other sizes. */
    CHECK(try_open(&s, s.size, DISTIL_BLOB_VERIFY_NONE, "dim", 0) == DISTIL_BLOB_BAD_STRUCTURE);
    subject_free(&s);
}

/* The greatest shape in layers and positions, and the least in labels. */
static void wide_limits(void)
{
    static const support_blob_shape shape = {.dim = 32,
                                             .hidden_dim = 64,
                                             .n_layers = DISTIL_BLOB_MAX_LAYERS,
                                             .n_heads = 1,
                                             .max_positions = DISTIL_BLOB_MAX_POSITIONS,
                                             .n_labels = 1,
                                             .group = 0};
    support_blob source;
    uint8_t *bytes;
    size_t size;
    distil_blob blob;
    distil_blob_error error = {DISTIL_BLOB_OK, 0, 0, NULL};
    uint32_t many = 513;

    if (!harness_case("limits: 24 layers, 4096 positions, 1 label; texts above 512 tokens refused"))
        return;
    source = support_blob_make(40, &shape);
    source.model.max_tokens = 512;
    bytes = support_blob_image(&size, &source.model);
    CHECK(distil_blob_open_memory(&blob, bytes, size, DISTIL_BLOB_VERIFY_CRC, &error) ==
          DISTIL_BLOB_OK);
    CHECK(support_blob_exercise(&blob));
    memcpy(bytes + FIELD(max_tokens), &many, sizeof many);
    support_blob_reseal(bytes, size);
    CHECK(distil_blob_open_memory(&blob, bytes, size, DISTIL_BLOB_VERIFY_NONE, &error) ==
              DISTIL_BLOB_UNSUPPORTED &&
          error.offset == FIELD(max_tokens));
    free(bytes);
    support_blob_free(&source);
}

/* The table of heads: what it says of each head. */
static void table_of_heads(void)
{
    const distil_head *head = distil_head_of_kind(DISTIL_HEAD_SEQUENCE);
    const distil_head_tensor *tensor = distil_head_tensor_at(DISTIL_HEAD_SEQUENCE, 0);

    if (!harness_case("table of heads"))
        return;
    CHECK(head->rows == DISTIL_HEAD_ROWS_FIRST && head->output == DISTIL_HEAD_OUTPUT_LOGITS);
    CHECK(strcmp(head->text, "sequence classification") == 0);
    CHECK(tensor->section == DISTIL_SECTION_HEAD_DENSE &&
          strcmp(tensor->tensor, "pre_classifier") == 0 &&
          tensor->outputs == DISTIL_HEAD_WIDTH_DIM);
    tensor = distil_head_tensor_at(DISTIL_HEAD_SEQUENCE, 1);
    CHECK(tensor->section == DISTIL_SECTION_HEAD_OUT && strcmp(tensor->tensor, "classifier") == 0 &&
          tensor->outputs == DISTIL_HEAD_WIDTH_LABELS);
    CHECK(distil_head_tensor_at(DISTIL_HEAD_SEQUENCE, 2) == NULL);
    head = distil_head_of_kind(DISTIL_HEAD_TOKENS);
    tensor = distil_head_tensor_at(DISTIL_HEAD_TOKENS, 0);
    CHECK(head->rows == DISTIL_HEAD_ROWS_ALL && head->output == DISTIL_HEAD_OUTPUT_LOGITS);
    CHECK(strcmp(head->text, "token classification") == 0);
    CHECK(tensor->section == DISTIL_SECTION_HEAD_OUT && strcmp(tensor->tensor, "classifier") == 0 &&
          tensor->outputs == DISTIL_HEAD_WIDTH_LABELS);
    CHECK(distil_head_tensor_at(DISTIL_HEAD_TOKENS, 1) == NULL);
    head = distil_head_of_kind(DISTIL_HEAD_EMBEDDING);
    tensor = distil_head_tensor_at(DISTIL_HEAD_EMBEDDING, 0);
    CHECK(head->rows == DISTIL_HEAD_ROWS_ALL && head->output == DISTIL_HEAD_OUTPUT_VECTOR);
    CHECK(tensor->section == DISTIL_SECTION_HEAD_OUT &&
          distil_head_tensor_at(DISTIL_HEAD_EMBEDDING, 1) == NULL);
    head = distil_head_of_kind(DISTIL_HEAD_SPANS);
    tensor = distil_head_tensor_at(DISTIL_HEAD_SPANS, 0);
    CHECK(head->rows == DISTIL_HEAD_ROWS_ALL && head->output == DISTIL_HEAD_OUTPUT_LOGITS &&
          strcmp(head->text, "question answering") == 0);
    CHECK(tensor->section == DISTIL_SECTION_HEAD_OUT && strcmp(tensor->tensor, "qa_outputs") == 0 &&
          distil_head_tensor_at(DISTIL_HEAD_SPANS, 1) == NULL);
    CHECK(distil_head_of_kind(0) == NULL && distil_head_of_kind(5) == NULL);
}

/* A head without the dense layer has one section less, and its number must be that of head_kind. */
static void head_of_tokens(void)
{
    support_blob source;
    subject s;
    distil_blob blob;
    distil_blob_error error;
    const uint32_t sequence = DISTIL_HEAD_SEQUENCE;
    size_t dense = 1, out;

    if (!harness_case("head of token classification"))
        return;
    source = support_blob_make(11, &support_blob_small);
    support_blob_label_tokens(&source);
    s = subject_of(source);
    CHECK(distil_blob_open_memory(&blob, s.bytes, s.size, DISTIL_BLOB_VERIFY_SHA256, &error) ==
          DISTIL_BLOB_OK);
    CHECK(support_blob_exercise(&blob));
    CHECK(distil_blob_check_proof(&blob, &error) == DISTIL_BLOB_OK);
    CHECK(distil_blob_section_data(&blob, DISTIL_SECTION_HEAD_DENSE, 0, &dense) == NULL);
    CHECK(distil_blob_section_data(&blob, DISTIL_SECTION_HEAD_OUT, 0, &out) != NULL);
    CHECK(dense == 0 && out == 4 * (size_t)(blob.header->dim + 1) * 16);
    CHECK(blob.header->section_count == 13 + 6 * blob.header->n_layers + 1);
    distil_blob_close(&blob);
    expect_refusal(&s, FIELD(head_kind), &sequence, 4, DISTIL_BLOB_BAD_STRUCTURE,
                   FIELD(section_count), "the sections of another head");
    subject_free(&s);
}

/* The file is too short for its section table, but file_bytes is right. */
static void short_file_long_table(void)
{
    subject s;

    if (!harness_case("rejection: more sections than the file has room for"))
        return;
    s = subject_new(30, &support_blob_tiny);
    for (uint64_t size = DISTIL_BLOB_HEADER_BYTES; size < 1024; size += 64) {
        harness_guard cut = harness_guard_new((size_t)size, 64, 1);
        distil_blob blob;
        distil_blob_error error = {DISTIL_BLOB_OK, 0, 0, NULL};
        distil_blob_code code;

        memcpy(cut.data, s.pristine, (size_t)size);
        memcpy(cut.data + FIELD(file_bytes), &size, sizeof size);
        support_blob_reseal(cut.data, (size_t)size);
        code =
            distil_blob_open_memory(&blob, cut.data, (size_t)size, DISTIL_BLOB_VERIFY_NONE, &error);
        CHECKF(code == (size < 960 ? DISTIL_BLOB_TRUNCATED : DISTIL_BLOB_BAD_STRUCTURE),
               "%llu bytes: code %d", (unsigned long long)size, code);
        harness_guard_free(&cut);
    }
    subject_free(&s);
}

/* Refuses sections whose size exceeds its limit; some sizes are large enough to overflow offsets of
 * 64 bits. */
static void section_sizes(void)
{
    static const struct {
        uint32_t kind;
        uint64_t bytes;
        const char *what;
    } sizes[] = {
        {DISTIL_SECTION_PROVENANCE, 65537, "provenance too long"},
        {DISTIL_SECTION_PROVENANCE, UINT64_MAX - 127, "provenance that wraps"},
        {DISTIL_SECTION_LABELS, 7, "labels without their ends"},
        {DISTIL_SECTION_LABELS, 8 + (1 << 20) + 1, "labels too long"},
        {DISTIL_SECTION_LABELS, UINT64_MAX - 63, "labels that wrap"},
        {DISTIL_SECTION_VOCAB_BYTES, UINT64_C(1) << 32, "tokens too long"},
        {DISTIL_SECTION_VOCAB_BYTES, UINT64_MAX, "tokens that wrap"},
    };
    subject s;

    if (!harness_case("rejection: section sizes beyond their limits"))
        return;
    s = subject_new(31, &support_blob_tiny);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        size_t at = DISTIL_BLOB_HEADER_BYTES +
                    DISTIL_BLOB_SECTION_BYTES * distil_blob_section_index(1, sizes[i].kind, 0) +
                    offsetof(distil_blob_section, bytes);

        expect_refusal(&s, at, &sizes[i].bytes, 8, DISTIL_BLOB_BAD_STRUCTURE, at, sizes[i].what);
    }
    subject_free(&s);
}

static void content_fields(void)
{
    subject s;
    const conv_model *m;
    size_t at, slot;
    uint32_t falling[2] = {9, 8}, end;
    uint32_t single_word = DISTIL_BLOB_SPECIAL_SINGLE_WORD;
    uint32_t normalized = DISTIL_BLOB_SPECIAL_NORMALIZED;
    uint16_t out_of_range = 8, twice;
    uint8_t group = 3;

    if (!harness_case("rejection: each table, at its entry"))
        return;
    s = subject_new(23, &support_blob_tiny);
    m = &s.source.model;
    at = section_offset(&s, DISTIL_SECTION_PROVENANCE, 0);
    expect_refusal(&s, at + 3, "\xff", 1, DISTIL_BLOB_BAD_STRUCTURE, at + 3, "provenance");
    at = section_offset(&s, DISTIL_SECTION_LABELS, 0);
    expect_refusal(&s, at, falling, 8, DISTIL_BLOB_BAD_STRUCTURE, at + 4, "label ends fall");
    expect_u32(&s, at, 17, "label end beyond the names");
    expect_u32(&s, at + 4, 15, "last label end short");
    expect_refusal(&s, at + 8 + 2, "\0", 1, DISTIL_BLOB_BAD_STRUCTURE, at + 10, "zero in a label");
    expect_refusal(&s, at + 8 + 7, "\xc3", 1, DISTIL_BLOB_BAD_STRUCTURE, at + 15, "half a letter");
    at = section_offset(&s, DISTIL_SECTION_SPECIALS, 0);
    expect_u32(&s, at + 8, m->vocab_size, "special id");
    expect_u32(&s, at + 8, 5, "special without a token");
    expect_u32(&s, at + 8, 2, "special token twice");
    expect_u32(&s, at + 12, 32, "unknown flag of a special token");
    expect_refusal(&s, at + 4, &single_word, 4, DISTIL_BLOB_UNSUPPORTED, at + 4, "single_word");
    expect_refusal(&s, at + 4, &normalized, 4, DISTIL_BLOB_UNSUPPORTED, at + 4, "normalized");
    at = section_offset(&s, DISTIL_SECTION_VOCAB_SLOTS, 0);
    for (slot = 0; s.bytes[at + 8 * slot + 7] == 0xff;)
        slot++;
    expect_u32(&s, at + 8 * slot + 4, m->vocab_size, "slot id");
    memset(s.bytes + at, 0, 8 * 512); /* If every slot is used, a look-up would never end. */
    CHECK(try_open(&s, s.size, DISTIL_BLOB_VERIFY_NONE, "full slots", 0) ==
          DISTIL_BLOB_BAD_STRUCTURE);
    restore(&s);
    at = section_offset(&s, DISTIL_SECTION_VOCAB_ENDS, 0);
    expect_u32(&s, at + 4, 4, "token end falls");
    expect_u32(&s, at + 4, 5000, "token too long");
    memcpy(&end, s.bytes + at + 4 * (m->vocab_size - 1), 4);
    expect_u32(&s, at + 4 * (m->vocab_size - 1), end + 1, "last token end");
    set_u32(&s, FIELD(max_token_bytes), 100);
    CHECK(try_open(&s, s.size, DISTIL_BLOB_VERIFY_NONE, "max_token_bytes", 0) ==
          DISTIL_BLOB_BAD_STRUCTURE);
    restore(&s);
    at = section_offset(&s, DISTIL_SECTION_QUAD_ORDER, 0);
    expect_refusal(&s, at + 6, &out_of_range, 2, DISTIL_BLOB_BAD_STRUCTURE, at + 6, "order range");
    memcpy(&twice, s.bytes + at, 2);
    expect_refusal(&s, at + 10, &twice, 2, DISTIL_BLOB_BAD_STRUCTURE, at + 10, "order repeats");
    at = section_offset(&s, DISTIL_SECTION_QUAD_GROUP, 0);
    expect_refusal(&s, at + 6, &group, 1, DISTIL_BLOB_BAD_STRUCTURE, at + 6, "group 3");
    group = 0;
    expect_refusal(&s, at, &group, 1, DISTIL_BLOB_BAD_STRUCTURE, at, "group 0");
    at = section_offset(&s, DISTIL_SECTION_EMBED_ROW, 0);
    expect_u32(&s, at + 12, m->vocab_size, "embedding row");
    subject_free(&s);
}

/* The bytes between sections must be zero even if the CRC that covers them is right. */
static void padding(void)
{
    subject s;

    if (!harness_case("rejection: bytes between sections that are not zero"))
        return;
    s = subject_new(24, &support_blob_tiny);
    for (size_t i = 0; i < 21; i++) {
        distil_blob_section *entry =
            (distil_blob_section *)(void *)(s.bytes + DISTIL_BLOB_HEADER_BYTES) + i;
        size_t end = (size_t)(entry->offset + entry->bytes);

        if (end % DISTIL_BLOB_ALIGN == 0)
            continue;
        s.bytes[end] = 1;
        entry->crc32c =
            distil_crc32c(0, s.bytes + entry->offset, (size_t)distil_blob_align(entry->bytes));
        support_blob_reseal(s.bytes, s.size);
        CHECKF(try_open(&s, s.size, DISTIL_BLOB_VERIFY_CRC, "padding", i) ==
                   DISTIL_BLOB_BAD_STRUCTURE,
               "section %zu", i);
        restore(&s);
    }
    subject_free(&s);
}

/* ---- lane proof ------------------------------------------------------------------------------ */

/* Opens the copy, and sets the weights and column sums of pair 0 of qkv to zero and its group size
 * to `group`. */
static distil_blob proof_subject(subject *s, uint8_t group)
{
    distil_blob blob;
    size_t depth = s->source.model.dim, cols = 3 * depth;
    size_t at = section_offset(s, DISTIL_SECTION_QKV, 0);

    CHECK(distil_blob_open_memory(&blob, s->bytes, s->size, DISTIL_BLOB_VERIFY_NONE, NULL) ==
          DISTIL_BLOB_OK);
    memset(s->bytes + at + 8 * cols, 0, 4 * 32);      /* the column sums of the pair */
    memset(s->bytes + at + 12 * cols, 0, 32 * depth); /* the two panels of the pair */
    s->bytes[section_offset(s, DISTIL_SECTION_QUAD_GROUP, 0)] = group;
    return blob;
}

/* Sets byte b of a column at a position of the pair's first panel, adds it to the column sum, and
 * returns its offset in the file. */
static size_t put_weight(subject *s, size_t position, size_t col, size_t b, int value)
{
    size_t cols = 3 * (size_t)s->source.model.dim;
    size_t qkv = section_offset(s, DISTIL_SECTION_QKV, 0);
    size_t at = qkv + 12 * cols + (position * 16 + col) * 4 + b;
    int32_t sum;

    s->bytes[at] = (uint8_t)value;
    memcpy(&sum, s->bytes + qkv + 8 * cols + 4 * col, 4);
    sum += value;
    memcpy(s->bytes + qkv + 8 * cols + 4 * col, &sum, 4);
    return at;
}

/* Spreads weights with the sum `total` over one lane group (the last two bytes of column 15 at
 * `group` positions from `first` on), and checks whether the proof accepts them. */
static void proof_bound(subject *s, uint8_t group, size_t first, int total, int holds)
{
    distil_blob blob = proof_subject(s, group);
    distil_blob_error error = {DISTIL_BLOB_OK, 0, 0, ""};
    distil_blob_code code;
    int parts = 2 * group, left = total;
    size_t lane = 0;

    for (int i = 0; i < parts; i++) {
        int share = i + 1 < parts ? total / parts : left;
        size_t at = put_weight(s, first + (size_t)i / 2, 15, 2 + (size_t)i % 2, share);

        lane = i == 0 ? at : lane;
        left -= share;
    }
    code = distil_blob_check_proof(&blob, &error);
    if (holds)
        CHECKF(code == DISTIL_BLOB_OK, "group %d sum %d: code %d, %s", group, total, code,
               error.what);
    else
        CHECKF(code == DISTIL_BLOB_BAD_PROOF && error.offset == lane,
               "group %d sum %d: code %d at %llu, expected at %zu", group, total, code,
               (unsigned long long)error.offset, lane);
    restore(s);
}

static void lane_proof(void)
{
    static const uint8_t groups[] = {4, 2, 1};
    subject s;

    if (!harness_case("proof: lanes of 128 hold, of 129 do not, in every group size"))
        return;
    s = subject_new(25, &support_blob_tiny);
    for (size_t i = 0; i < sizeof groups; i++) {
        uint8_t group = groups[i];

        for (size_t first = 0; first < 8; first += group) {
            proof_bound(&s, group, first, 128, 1);
            proof_bound(&s, group, first, -128, 1);
            proof_bound(&s, group, first, 129, 0);
            proof_bound(&s, group, first, -129, 0);
            proof_bound(&s, group, first, 8, 1);
        }
    }
    subject_free(&s);
}

static void lane_proof_details(void)
{
    subject s;
    distil_blob blob;
    distil_blob_error error;
    size_t at;

    if (!harness_case("proof: signs do not cancel, groups do not mix, -128, column sums"))
        return;
    s = subject_new(26, &support_blob_tiny);

    /* The sum is 29, but the activations of the negative weight may be zero, and then it is 129. */
    blob = proof_subject(&s, 4);
    at = put_weight(&s, 4, 0, 0, 127);
    put_weight(&s, 5, 0, 1, 2);
    put_weight(&s, 6, 0, 0, -100);
    CHECK(distil_blob_check_proof(&blob, &error) == DISTIL_BLOB_BAD_PROOF && error.offset == at);
    restore(&s);

    /* Weights of 127 in different groups, halves of a quad and columns do not add up. */
    blob = proof_subject(&s, 4);
    put_weight(&s, 3, 0, 0, 127);
    put_weight(&s, 4, 0, 0, 127);
    put_weight(&s, 3, 0, 2, 127);
    put_weight(&s, 3, 1, 0, -127);
    CHECK(distil_blob_check_proof(&blob, &error) == DISTIL_BLOB_OK);
    restore(&s);

    blob = proof_subject(&s, 1);
    at = put_weight(&s, 7, 3, 2, -128);
    CHECK(distil_blob_check_proof(&blob, &error) == DISTIL_BLOB_BAD_PROOF && error.offset == at);
    restore(&s);

    at = section_offset(&s, DISTIL_SECTION_FFN_OUT, 0) + 8 * 32 + 4 * 31; /* the last column sum */
    s.bytes[at] ^= 1;
    CHECK(distil_blob_check_proof(&blob, &error) == DISTIL_BLOB_BAD_PROOF && error.offset == at);
    restore(&s);
    CHECK(distil_blob_check_proof(&blob, NULL) == DISTIL_BLOB_OK);
    subject_free(&s);
}

/* Computes every checksum of the subject's bytes again. */
static void seal(subject *s)
{
    distil_blob_header *header = (void *)s->bytes;
    distil_sha256 sha;

    support_levels_edit(s->bytes, s->size, NULL, 0); /* the CRC of each section */
    memset(header->sha256, 0, sizeof header->sha256);
    header->header_crc32c = 0;
    distil_sha256_init(&sha);
    distil_sha256_update(&sha, s->bytes, s->size);
    distil_sha256_final(&sha, header->sha256);
    support_blob_reseal(s->bytes, s->size);
}

/* Opens the subject with the library and checks the status, which distil_model_verify gives too. */
static void expect_status(const subject *s, distil_verify verify, distil_status expected)
{
    distil_options options = DISTIL_OPTIONS_INIT;
    distil_model *model;
    distil_error error = {0};
    distil_status status;

    options.verify = verify;
    status = distil_model_open_memory(&model, s->bytes, s->size, &options, &error);
    CHECKF(status == expected && error.status == expected, "opening: %d", (int)status);
    if (status == DISTIL_OK)
        distil_model_close(model);
    CHECK(distil_model_open_memory(&model, s->bytes, s->size, NULL, NULL) == DISTIL_OK);
    CHECKF(distil_model_verify(model, verify, &error) == expected, "distil_model_verify");
    distil_model_close(model);
}

static void lane_proof_of_library(void)
{
    subject s;
    size_t sum;

    if (!harness_case("proof: the library's option"))
        return;
    s = subject_new(27, &support_blob_tiny);
    seal(&s);
    expect_status(&s, DISTIL_VERIFY_PROOF, DISTIL_OK);
    sum = section_offset(&s, DISTIL_SECTION_FFN_IN, 0) + 8 * 64;
    s.bytes[sum] ^= 1;
    expect_status(&s, DISTIL_VERIFY_PROOF, DISTIL_BAD_CHECKSUM);
    seal(&s);
    expect_status(&s, DISTIL_VERIFY_SHA256, DISTIL_OK);
    expect_status(&s, DISTIL_VERIFY_PROOF, DISTIL_BAD_PROOF);
    restore(&s);
    put_weight(&s, 7, 3, 2, -128);
    seal(&s);
    expect_status(&s, DISTIL_VERIFY_SHA256, DISTIL_OK);
    expect_status(&s, DISTIL_VERIFY_PROOF, DISTIL_BAD_PROOF);
    subject_free(&s);
}

/* ---- files ----------------------------------------------------------------------------------- */

static const char *file_path(const char *name)
{
    static char path[4300];

    snprintf(path, sizeof path, "%s/%s", support_directory(), name);
    return path;
}

static void write_file(const char *name, const void *bytes, size_t size)
{
    FILE *file = fopen(file_path(name), "wb");

    CHECK(file != NULL && fwrite(bytes, 1, size, file) == size && fclose(file) == 0);
}

static int next_descriptor(void)
{
    int fd = open("/dev/null", O_RDONLY);

    close(fd);
    return fd;
}

static void expect_file(const char *path, distil_blob_code expected, int expected_errno)
{
    distil_blob blob = {.bytes = NULL};
    distil_blob_error error = {DISTIL_BLOB_OK, -1, 0, NULL};
    int before = next_descriptor();
    distil_blob_code code = distil_blob_open(&blob, path, DISTIL_BLOB_VERIFY_NONE, &error);

    CHECKF(code == expected && error.code == expected && error.sys_errno == expected_errno &&
               error.what != NULL && blob.bytes == NULL,
           "%s: code %d errno %d, expected %d errno %d", path, code, error.sys_errno, expected,
           expected_errno);
    CHECKF(next_descriptor() == before, "%s: a descriptor stays open", path);
    CHECK(distil_blob_open(&blob, path, DISTIL_BLOB_VERIFY_NONE, NULL) == expected);
}

static void bad_files(void)
{
    subject s;

    if (!harness_case("files: missing, empty, directory, FIFO, device, text, short"))
        return;
    s = subject_new(27, &support_blob_tiny);
    alarm(20); /* Opening a FIFO could wait for a writer for ever. */
    expect_file(file_path("missing"), DISTIL_BLOB_FILE_OPEN, ENOENT);
    expect_file("", DISTIL_BLOB_FILE_OPEN, ENOENT);
    expect_file(support_directory(), DISTIL_BLOB_FILE_READ, EISDIR);
    expect_file("/dev/null", DISTIL_BLOB_FILE_READ, EINVAL);
    CHECK(mkfifo(file_path("fifo"), 0600) == 0);
    expect_file(file_path("fifo"), DISTIL_BLOB_FILE_READ, EINVAL);
    write_file("empty", "", 0);
    expect_file(file_path("empty"), DISTIL_BLOB_TRUNCATED, 0);
    write_file("one", "\x89", 1);
    expect_file(file_path("one"), DISTIL_BLOB_TRUNCATED, 0);
    write_file("text", "Not a blob at all.\n", 19);
    expect_file(file_path("text"), DISTIL_BLOB_BAD_MAGIC, 0);
    write_file("short", s.pristine, s.size - 64);
    expect_file(file_path("short"), DISTIL_BLOB_TRUNCATED, 0);
    alarm(0);
    subject_free(&s);
}

static void good_files(void)
{
    subject s;
    distil_blob blob;
    distil_blob_error error;
    int fd, before = next_descriptor();

    if (!harness_case("files: path and descriptor, closed, unlinked, read-only"))
        return;
    s = subject_new(28, &support_blob_small);
    write_file("good", s.pristine, s.size);
    CHECK(distil_blob_open(&blob, file_path("good"), DISTIL_BLOB_VERIFY_SHA256, &error) ==
          DISTIL_BLOB_OK);
    CHECK(next_descriptor() == before);
    CHECK(blob.mapped && blob.size == s.size && memcmp(blob.bytes, s.pristine, s.size) == 0);
    CHECK(support_blob_exercise(&blob));
    distil_blob_close(&blob);
    CHECK(blob.bytes == NULL);

    fd = open(file_path("good"), O_RDONLY);
    CHECK(lseek(fd, 100, SEEK_SET) == 100); /* The file offset plays no part. */
    CHECK(distil_blob_open_fd(&blob, fd, DISTIL_BLOB_VERIFY_CRC, &error) == DISTIL_BLOB_OK);
    CHECK(lseek(fd, 0, SEEK_CUR) == 100);
    CHECK(close(fd) == 0); /* Opening has not closed the descriptor. */
    CHECK(unlink(file_path("good")) == 0);
    CHECK(support_blob_exercise(&blob));
    CHECK(mprotect((void *)(uintptr_t)blob.bytes, 1, PROT_READ) == 0);
    distil_blob_close(&blob);

    CHECK(distil_blob_open_fd(&blob, fd, DISTIL_BLOB_VERIFY_NONE, &error) ==
              DISTIL_BLOB_FILE_READ &&
          error.sys_errno == EBADF);
    write_file("good", s.pristine, s.size);
    /* A descriptor that is open for writing only cannot be mapped for reading. */
    fd = open(file_path("good"), O_WRONLY);
    CHECK(distil_blob_open_fd(&blob, fd, DISTIL_BLOB_VERIFY_NONE, &error) ==
              DISTIL_BLOB_FILE_READ &&
          error.sys_errno == EACCES);
    CHECK(close(fd) == 0);
    subject_free(&s);
}

static void memory(void)
{
    subject s;
    distil_blob blob;
    distil_blob_error error;
    uint8_t *moved;

    if (!harness_case("memory: NULL, empty, not aligned"))
        return;
    s = subject_new(29, &support_blob_tiny);
    moved = aligned_alloc(64, s.size + 64);
    CHECK(moved != NULL);
    for (size_t shift = 1; shift < 64; shift++) {
        memcpy(moved + shift, s.pristine, s.size);
        CHECK(distil_blob_open_memory(&blob, moved + shift, s.size, DISTIL_BLOB_VERIFY_NONE,
                                      &error) == DISTIL_BLOB_BAD_STRUCTURE &&
              error.what != NULL);
    }
    CHECK(distil_blob_open_memory(&blob, NULL, 0, DISTIL_BLOB_VERIFY_NONE, &error) ==
          DISTIL_BLOB_TRUNCATED);
    CHECK(distil_blob_open_memory(&blob, moved, 0, DISTIL_BLOB_VERIFY_NONE, &error) ==
          DISTIL_BLOB_TRUNCATED);
    free(moved);
    subject_free(&s);
}

static void names(void)
{
    if (!harness_case("section names"))
        return;
    CHECK(distil_section_name(0) == NULL);
    CHECK(distil_section_name(DISTIL_SECTION_KIND_END) == NULL);
    CHECK(distil_section_name(UINT32_MAX) == NULL);
    for (uint32_t kind = 1; kind < DISTIL_SECTION_KIND_END; kind++)
        CHECK(distil_section_name(kind) != NULL);
}

int main(int argc, char **argv)
{
    harness_init("test_blob", argc, argv);
    round_trip("tiny", &support_blob_tiny);
    round_trip("two layers", &support_blob_small);
    round_trip("head of 64, 17 labels", &support_blob_head64);
    matrices();
    header_bytes_without_crc();
    header_bytes_with_crc();
    table_bytes_with_crc();
    front_bytes();
    bit_flips();
    sha_catches_forged_crc();
    truncation();
    truncated_sections();
    longer_file();
    header_fields();
    wide_limits();
    table_of_heads();
    head_of_tokens();
    short_file_long_table();
    section_sizes();
    content_fields();
    padding();
    lane_proof();
    lane_proof_details();
    lane_proof_of_library();
    bad_files();
    good_files();
    memory();
    names();
    return harness_finish();
}
