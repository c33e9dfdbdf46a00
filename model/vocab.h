/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Vocabulary lookup straight from the mapped bytes of a blob: no parsing, no allocation.
 */
#ifndef DISTIL_MODEL_VOCAB_H
#define DISTIL_MODEL_VOCAB_H

#include <stddef.h>
#include <stdint.h>

#include "model/blob.h"

typedef struct distil_vocab {
    const distil_vocab_slot *slots;
    const uint32_t *ends;
    const uint8_t *bytes;
    uint32_t slot_shift; /* 64 - log2(number of slots) */
    uint32_t slot_mask;
    uint32_t size; /* tokens */
    uint32_t max_token_bytes;
} distil_vocab;

/* View of an opened blob's vocabulary; lives as long as the blob. */
void distil_vocab_init(distil_vocab *vocab, const distil_blob *blob);

/* Id of the token with these bytes, hash as defined in format.h; DISTIL_VOCAB_EMPTY if none.
 * The bytes compared are prefix (prefix_bytes, e.g. "##") followed by text. */
uint32_t distil_vocab_find(const distil_vocab *vocab, uint64_t hash, const char *prefix,
                           size_t prefix_bytes, const char *text, size_t text_bytes);

/* Bytes of a token, not NUL-terminated; id < size. */
const char *distil_vocab_token(const distil_vocab *vocab, uint32_t id, size_t *bytes);

/* Hash of bytes, continuing from h (0 to start). */
uint64_t distil_vocab_hash(uint64_t h, const char *bytes, size_t size);

#endif
