/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The look-up of a token reads its bytes only where the 32 bits of the fingerprint agree. It is
 * safe on any opened blob, because opening has proved that the id of every slot is empty or below
 * the size of the vocabulary, that some slot is empty, and that the ends rise and lie within the
 * bytes.
 */
#include "model/vocab.h"

#include <string.h>

void distil_vocab_init(distil_vocab *vocab, const distil_blob *blob)
{
    const distil_blob_header *header = blob->header;
    uint32_t log2_slots = 0;

    while (UINT32_C(1) << log2_slots < header->vocab_slots)
        log2_slots++;
    vocab->slots = distil_blob_section_data(blob, DISTIL_SECTION_VOCAB_SLOTS, 0, NULL);
    vocab->ends = distil_blob_section_data(blob, DISTIL_SECTION_VOCAB_ENDS, 0, NULL);
    vocab->bytes = distil_blob_section_data(blob, DISTIL_SECTION_VOCAB_BYTES, 0, NULL);
    vocab->slot_shift = 64 - log2_slots;
    vocab->slot_mask = header->vocab_slots - 1;
    vocab->size = header->vocab_size;
    vocab->max_token_bytes = header->max_token_bytes;
}

const char *distil_vocab_token(const distil_vocab *vocab, uint32_t id, size_t *bytes)
{
    uint32_t start = id > 0 ? vocab->ends[id - 1] : 0;

    *bytes = vocab->ends[id] - start;
    return (const char *)vocab->bytes + start;
}

int distil_vocab_compare(const distil_vocab *vocab, uint32_t a, uint32_t b)
{
    size_t a_bytes, b_bytes;
    const char *a_token = distil_vocab_token(vocab, a, &a_bytes);
    const char *b_token = distil_vocab_token(vocab, b, &b_bytes);
    int order = memcmp(a_token, b_token, a_bytes < b_bytes ? a_bytes : b_bytes);

    return order != 0 ? order : (a_bytes > b_bytes) - (a_bytes < b_bytes);
}

uint32_t distil_vocab_find(const distil_vocab *vocab, uint64_t hash, const char *prefix,
                           size_t prefix_bytes, const char *text, size_t text_bytes)
{
    uint32_t fingerprint = (uint32_t)hash;
    uint32_t slot = (uint32_t)((hash * DISTIL_VOCAB_MIX) >> vocab->slot_shift);

    for (;; slot = (slot + 1) & vocab->slot_mask) {
        const distil_vocab_slot *s = &vocab->slots[slot];
        const char *token;
        size_t bytes;

        if (s->id == DISTIL_VOCAB_EMPTY)
            return DISTIL_VOCAB_EMPTY;
        if (s->fingerprint != fingerprint)
            continue;
        token = distil_vocab_token(vocab, s->id, &bytes);
        if (bytes != prefix_bytes + text_bytes)
            continue;
        if ((prefix_bytes == 0 || memcmp(token, prefix, prefix_bytes) == 0) &&
            memcmp(token + prefix_bytes, text, text_bytes) == 0)
            return s->id;
    }
}

uint64_t distil_vocab_hash(uint64_t h, const char *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++)
        h = h * DISTIL_VOCAB_MULTIPLIER + (uint8_t)bytes[i] + 1;
    return h;
}
