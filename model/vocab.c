/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The look-up of a token reads its bytes only where the 32 bits of the fingerprint agree.
 */
#include "model/vocab.h"

#include <string.h>

void distil_vocab_init(distil_vocab *vocab, const distil_blob *blob)
{
    const distil_blob_header *header = blob->header;
    uint32_t log2_slots = 0;
    size_t text_bytes;

    while (UINT32_C(1) << log2_slots < header->vocab_slots)
        log2_slots++;
    vocab->slots = distil_blob_section_data(blob, DISTIL_SECTION_VOCAB_SLOTS, 0, NULL);
    vocab->ends = distil_blob_section_data(blob, DISTIL_SECTION_VOCAB_ENDS, 0, NULL);
    vocab->bytes = distil_blob_section_data(blob, DISTIL_SECTION_VOCAB_BYTES, 0, &text_bytes);
    vocab->text_bytes = (uint32_t)text_bytes;
    vocab->slot_shift = 64 - log2_slots;
    vocab->slot_mask = header->vocab_slots - 1;
    vocab->size = header->vocab_size;
    vocab->max_token_bytes = header->max_token_bytes;
}

const char *distil_vocab_token(const distil_vocab *vocab, uint32_t id, size_t *bytes)
{
    uint32_t begin = 0, end = 0;

    if (id < vocab->size) {
        begin = id > 0 ? distil_blob_read_u32(&vocab->ends[id - 1]) : 0;
        end = distil_blob_read_u32(&vocab->ends[id]);
        end = end < vocab->text_bytes ? end : vocab->text_bytes;
        begin = begin < end ? begin : end;
    }
    *bytes = end - begin;
    return (const char *)vocab->bytes + begin;
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

    for (uint32_t probes = 0; probes <= vocab->slot_mask; probes++) {
        const distil_vocab_slot *s = &vocab->slots[slot];
        uint32_t id = distil_blob_read_u32(&s->id);
        const char *token;
        size_t bytes;

        slot = (slot + 1) & vocab->slot_mask;
        if (id >= vocab->size) /* DISTIL_VOCAB_EMPTY */
            return DISTIL_VOCAB_EMPTY;
        if (s->fingerprint != fingerprint)
            continue;
        token = distil_vocab_token(vocab, id, &bytes);
        if (bytes != prefix_bytes + text_bytes)
            continue;
        if ((prefix_bytes == 0 || memcmp(token, prefix, prefix_bytes) == 0) &&
            memcmp(token + prefix_bytes, text, text_bytes) == 0)
            return id;
    }
    return DISTIL_VOCAB_EMPTY;
}

uint64_t distil_vocab_hash(uint64_t h, const char *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++)
        h = h * DISTIL_VOCAB_MULTIPLIER + (uint8_t)bytes[i] + 1;
    return h;
}
