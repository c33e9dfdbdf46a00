/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lays a vocabulary out in memory in the way of the vocabulary sections of a blob (model/format.h).
 */
#include "tests/support/support_vocab.h"

#include <stdlib.h>
#include <string.h>

#include "tests/support/harness.h"

static const char *const special_names[] = {"[CLS]", "[MASK]", "[PAD]", "[SEP]", "[UNK]"};
enum { SPECIALS = sizeof special_names / sizeof special_names[0] };

/* The arrays of a vocabulary, which are in one allocation. */
typedef struct parts {
    distil_vocab_slot *slots;
    uint32_t *ends;
    distil_blob_special *specials;
    uint8_t *bytes;
    size_t slot_count;
} parts;

static size_t count_lines(const char *lines, size_t size)
{
    size_t n = 0;

    for (size_t i = 0; i < size; i++)
        n += lines[i] == '\n';
    return n + (size > 0 && lines[size - 1] != '\n');
}

static int allocate(parts *p, support_vocab *vocab, size_t tokens, size_t size)
{
    char *memory;
    size_t slots_bytes, ends_bytes = tokens * sizeof(uint32_t);

    p->slot_count = 2;
    while (p->slot_count < 2 * tokens)
        p->slot_count *= 2;
    slots_bytes = p->slot_count * sizeof(distil_vocab_slot);
    memory = malloc(slots_bytes + ends_bytes + SPECIALS * sizeof(distil_blob_special) + size + 1);
    if (!memory)
        return -1;
    p->slots = (distil_vocab_slot *)(void *)memory;
    p->ends = (uint32_t *)(void *)(memory + slots_bytes);
    p->specials = (distil_blob_special *)(void *)(p->ends + tokens);
    p->bytes = (uint8_t *)(p->specials + SPECIALS);
    for (size_t i = 0; i < p->slot_count; i++)
        p->slots[i] = (distil_vocab_slot){0, DISTIL_VOCAB_EMPTY};
    vocab->memory = memory;
    return 0;
}

static void add_token(const parts *p, distil_vocab *vocab, const char *token, size_t bytes)
{
    uint64_t hash = distil_vocab_hash(0, token, bytes);
    uint32_t slot = (uint32_t)((hash * DISTIL_VOCAB_MIX) >> vocab->slot_shift);
    uint32_t id = vocab->size++;
    uint32_t start = id > 0 ? p->ends[id - 1] : 0;

    memcpy(p->bytes + start, token, bytes);
    p->ends[id] = start + (uint32_t)bytes;
    while (p->slots[slot].id != DISTIL_VOCAB_EMPTY)
        slot = (slot + 1) & vocab->slot_mask;
    p->slots[slot] = (distil_vocab_slot){(uint32_t)hash, id};
    if (bytes > vocab->max_token_bytes)
        vocab->max_token_bytes = (uint32_t)bytes;
}

static uint32_t find(const distil_vocab *vocab, const char *token)
{
    size_t bytes = strlen(token);

    return distil_vocab_find(vocab, distil_vocab_hash(0, token, bytes), "", 0, token, bytes);
}

int support_vocab_from_lines(support_vocab *vocab, const char *lines, size_t size, uint32_t flags)
{
    distil_tokenizer *t = &vocab->tokenizer;
    parts p;

    *vocab = (support_vocab){0};
    if (allocate(&p, vocab, count_lines(lines, size), size) != 0)
        return -1;
    t->vocab = (distil_vocab){.slots = p.slots,
                              .ends = p.ends,
                              .bytes = p.bytes,
                              .slot_mask = (uint32_t)p.slot_count - 1,
                              .text_bytes = (uint32_t)size};
    for (t->vocab.slot_shift = 64; UINT64_C(1) << (64 - t->vocab.slot_shift) < p.slot_count;)
        t->vocab.slot_shift--;
    for (const char *at = lines, *end = lines + size; at < end;) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        const char *stop = newline ? newline : end;

        add_token(&p, &t->vocab, at, (size_t)(stop - at));
        at = stop + 1;
    }
    t->specials = p.specials;
    for (int i = 0; i < SPECIALS; i++) {
        uint32_t id = find(&t->vocab, special_names[i]);

        if (id != DISTIL_VOCAB_EMPTY)
            p.specials[t->special_count++] = (distil_blob_special){id, DISTIL_BLOB_SPECIAL_SPECIAL};
    }
    t->unk_id = find(&t->vocab, "[UNK]");
    t->cls_id = find(&t->vocab, "[CLS]");
    t->sep_id = find(&t->vocab, "[SEP]");
    t->max_word_chars = 100;
    support_vocab_set_flags(vocab, flags);
    if (t->unk_id != DISTIL_VOCAB_EMPTY && t->cls_id != DISTIL_VOCAB_EMPTY &&
        t->sep_id != DISTIL_VOCAB_EMPTY)
        return 0;
    support_vocab_free(vocab);
    return -1;
}

int support_vocab_load(support_vocab *vocab, const char *relative, uint32_t flags)
{
    size_t size;
    const char *path = relative[0] == '/' ? relative : harness_path(relative);
    char *lines = harness_read_file(path, &size);
    int result;

    if (!lines)
        return -1;
    result = support_vocab_from_lines(vocab, lines, size, flags);
    free(lines);
    return result;
}

void support_vocab_set_flags(support_vocab *vocab, uint32_t flags)
{
    vocab->tokenizer.flags = flags;
    distil_tok_prepare(&vocab->tokenizer);
}

void support_vocab_free(support_vocab *vocab)
{
    free(vocab->memory);
    *vocab = (support_vocab){0};
}
