/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Computes normalised words, and answers the requests of the comparison with the reference.
 */
#include "tests/support/support_words.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/normalizer.h"
#include "runtime/unicode_tables.h"
#include "runtime/base/utf8.h"
#include "tests/support/support_vocab.h"

typedef struct sink {
    char *to;
    size_t capacity;
    size_t size;
    int in_word;
} sink;

static void write_char(sink *s, uint32_t c)
{
    uint8_t bytes[DISTIL_UTF8_MAX_BYTES];
    size_t n = distil_utf8_encode(bytes, c);

    for (size_t i = 0; i < n; i++, s->size++)
        if (s->size < s->capacity)
            s->to[s->size] = (char)bytes[i];
}

static void end_word(sink *s)
{
    if (s->in_word)
        write_char(s, ' ');
    s->in_word = 0;
}

size_t support_words(const distil_tokenizer *tokenizer, char *words, size_t capacity,
                     const char *text, size_t text_bytes)
{
    const uint8_t *begin = (const uint8_t *)text;
    sink s = {words, capacity, 0, 0};
    distil_normalizer norm;
    uint32_t c;

    distil_normalizer_init(&norm, tokenizer, begin, begin + text_bytes, 1);
    while ((c = distil_normalizer_next(&norm)) != DISTIL_NORMALIZER_END) {
        int alone = (distil_unicode_lookup(c)->flags & DISTIL_UNICODE_PUNCT) != 0;

        if (alone || c == ' ')
            end_word(&s);
        if (c == ' ')
            continue;
        write_char(&s, c);
        s.in_word = 1;
        if (alone)
            end_word(&s);
    }
    end_word(&s);
    return s.size;
}

/* Answers one request. Returns 0, or -1 if there is no memory or the output fails. */
static int answer(support_vocab *vocab, uint32_t mode, const char *text, uint32_t size)
{
    uint32_t flags = mode & 0xff, reply;
    size_t room, item, n;
    void *buffer;

    if (flags != vocab->tokenizer.flags)
        support_vocab_set_flags(vocab, flags);
    /* No byte of text gives more than 8 ids or 8 bytes of words, since a character decomposes into
     * at most 4 code points, or gets two spaces. */
    room = 8 * (size_t)size + 8;
    buffer = malloc(room * sizeof(int32_t));
    if (!buffer)
        return -1;
    if (mode & SUPPORT_SERVE_WORDS) {
        item = 1;
        n = support_words(&vocab->tokenizer, buffer, room, text, size);
    } else {
        item = sizeof(int32_t);
        n = distil_tok_encode(&vocab->tokenizer, buffer, room, SIZE_MAX, text, size,
                              (mode & SUPPORT_SERVE_SPLIT_SPECIAL) != 0);
    }
    reply = (uint32_t)n;
    n = fwrite(&reply, sizeof reply, 1, stdout) == 1 ? fwrite(buffer, item, n, stdout) : 0;
    free(buffer);
    return n == reply ? 0 : -1;
}

int support_serve(const char *vocab_path)
{
    support_vocab vocab;
    uint32_t request[2];
    int result = 0;

    if (support_vocab_load(&vocab, vocab_path, SUPPORT_UNCASED) != 0) {
        fprintf(stderr, "%s: cannot read it, or a token is missing\n", vocab_path);
        return 1;
    }
    while (result == 0 && fread(request, sizeof request, 1, stdin) == 1) {
        char *text = malloc((size_t)request[1] + 1);

        if (!text || fread(text, 1, request[1], stdin) != request[1])
            result = -1;
        else
            result = answer(&vocab, request[0], text, request[1]);
        free(text);
    }
    support_vocab_free(&vocab);
    return result == 0 ? 0 : 1;
}
