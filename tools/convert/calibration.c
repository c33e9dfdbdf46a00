/* SPDX-License-Identifier: Apache-2.0 */
/* Sentences are tokenised by the library's tokenizer, for which this file builds the vocabulary's
 * lookup table in memory. */
#include "tools/convert/calibration.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "model/vocab.h"
#include "tools/convert/source_file.h"

enum { MAX_TEXT_BYTES = 1 << 30 };

/* ---- vocabulary ----------------------------------------------------------------------------- */

/* Build the hash table and the token bytes in the form that a blob has (model/format.h). Of equal
 * tokens the table has the greatest id. */
static int make_vocab(distil_vocab *vocab, const hf_tokenizer *t, conv_memory *memory,
                      conv_error *error)
{
    size_t slots = 2, bytes = 0;
    distil_vocab_slot *slot;
    uint32_t *ends;
    char *text;

    memset(vocab, 0, sizeof *vocab);
    vocab->slot_shift = 63;
    for (; slots < 2 * (size_t)t->vocab_size; slots *= 2)
        vocab->slot_shift--;
    for (uint32_t id = 0; id < t->vocab_size; id++)
        bytes += t->token_bytes[id];
    slot = conv_new(memory, slots, sizeof *slot, error);
    ends = conv_new(memory, t->vocab_size, sizeof *ends, error);
    text = conv_new(memory, bytes, 1, error);
    if (!slot || !ends || !text)
        return -1;
    vocab->slots = slot;
    vocab->ends = ends;
    vocab->bytes = (const uint8_t *)text;
    vocab->slot_mask = (uint32_t)slots - 1;
    vocab->size = t->vocab_size;
    vocab->text_bytes = (uint32_t)bytes;
    for (size_t i = 0; i < slots; i++)
        slot[i].id = DISTIL_VOCAB_EMPTY;
    bytes = 0;
    for (uint32_t id = 0; id < t->vocab_size; id++) {
        size_t size = t->token_bytes[id];

        memcpy(text + bytes, t->tokens[id], size);
        bytes += size;
        ends[id] = (uint32_t)bytes;
        vocab->max_token_bytes =
            size > vocab->max_token_bytes ? (uint32_t)size : vocab->max_token_bytes;
    }
    for (uint32_t id = t->vocab_size; id-- > 0;) {
        const char *token = t->tokens[id];
        size_t size = t->token_bytes[id];
        uint64_t hash = distil_vocab_hash(0, token, size);
        uint32_t at = (uint32_t)((hash * DISTIL_VOCAB_MIX) >> vocab->slot_shift);

        if (size == 0 || distil_vocab_find(vocab, hash, "", 0, token, size) != DISTIL_VOCAB_EMPTY)
            continue;
        while (slot[at].id != DISTIL_VOCAB_EMPTY)
            at = (at + 1) & vocab->slot_mask;
        slot[at].fingerprint = (uint32_t)hash;
        slot[at].id = id;
    }
    return 0;
}

int conv_tokenizer_make(distil_tokenizer *tokenizer, const hf_tokenizer *t, conv_memory *memory,
                        conv_error *error)
{
    memset(tokenizer, 0, sizeof *tokenizer);
    if (make_vocab(&tokenizer->vocab, t, memory, error))
        return -1;
    tokenizer->flags = t->flags;
    tokenizer->max_word_chars = t->max_word_chars;
    tokenizer->unk_id = t->unk_id;
    tokenizer->cls_id = t->cls_id;
    tokenizer->sep_id = t->sep_id;
    tokenizer->specials = t->specials;
    tokenizer->special_count = (uint32_t)t->special_count;
    distil_tok_prepare(tokenizer);
    return 0;
}

/* ---- lines ---------------------------------------------------------------------------------- */

typedef struct line_reader {
    const char *at, *end;
    size_t column; /* number of the column with the text; unused without a table */
    int table;     /* 1 if lines have columns divided by tabs */
} line_reader;

/* Set *line and *bytes to the next line without its line end. Returns 1, or 0 at the end. */
static int next_line(line_reader *reader, const char **line, size_t *bytes)
{
    const char *stop;

    if (reader->at == reader->end)
        return 0;
    stop = memchr(reader->at, '\n', (size_t)(reader->end - reader->at));
    *line = reader->at;
    *bytes = (size_t)((stop ? stop : reader->end) - reader->at);
    reader->at = stop ? stop + 1 : reader->end;
    if (*bytes > 0 && (*line)[*bytes - 1] == '\r')
        --*bytes;
    return 1;
}

/* Reduce a line to one of its columns, or to nothing if it has fewer. */
static void select_column(const char **line, size_t *bytes, size_t column)
{
    const char *end = *line + *bytes;
    const char *at = *line;
    const char *tab;

    for (; column > 0; column--) {
        tab = memchr(at, '\t', (size_t)(end - at));
        at = tab ? tab + 1 : end;
    }
    tab = memchr(at, '\t', (size_t)(end - at));
    *line = at;
    *bytes = (size_t)((tab ? tab : end) - at);
}

/* Start reading at the first line, or after the header line if there is one. */
static void begin_lines(line_reader *reader, const char *text, size_t size)
{
    line_reader first = {text, text + size, 0, 0};
    const char *line;
    size_t bytes;

    *reader = first;
    if (!next_line(&first, &line, &bytes) || !memchr(line, '\t', bytes))
        return;
    for (size_t column = 0;; column++) {
        const char *field = line;
        size_t length = bytes;

        select_column(&field, &length, column);
        if (length == 8 && strncasecmp(field, "sentence", 8) == 0) {
            *reader = first;
            reader->table = 1;
            reader->column = column;
            return;
        }
        if (field + length == line + bytes)
            return;
    }
}

/* Set *text and *bytes to the next text that is not empty. Returns 1, or 0 at the end. */
static int next_text(line_reader *reader, const char **text, size_t *bytes)
{
    while (next_line(reader, text, bytes)) {
        if (reader->table)
            select_column(text, bytes, reader->column);
        if (*bytes > 0)
            return 1;
    }
    return 0;
}

/* ---- texts ---------------------------------------------------------------------------------- */

size_t conv_tokenize(const distil_tokenizer *tokenizer, int32_t *ids, size_t capacity,
                     const char *text, size_t bytes)
{
    int split = (tokenizer->flags & DISTIL_BLOB_TOK_SPLIT_SPECIALS) != 0;
    size_t count;

    if (tokenizer->flags & DISTIL_BLOB_TOK_TRUNCATE_LEFT) {
        count = distil_tok_encode_end(tokenizer, ids, capacity, text, bytes, split);
        return count < capacity ? count : capacity;
    }
    count = distil_tok_encode(tokenizer, ids, capacity, capacity, text, bytes, split);
    if (count > capacity) {
        count = capacity;
        ids[count - 1] = (int32_t)tokenizer->sep_id;
    }
    return count;
}

/* Which texts of a file are held out, if there are `count`: those whose index is the last of every
 * so many. */
static size_t held_out_period(size_t count)
{
    size_t most = (size_t)CONV_HELD_OUT_SHARE * CONV_MOST_HELD_OUT;

    return CONV_HELD_OUT_SHARE * (count > most ? (count + most - 1) / most : 1);
}

static int is_held_out(size_t index, size_t period)
{
    return index % period == period - 1;
}

/* Without texts->ids, count the tokens of each id in all texts of the file. With it, keep the ids
 * of every stride-th text that is not held out. Sets texts->count and texts->tokens. */
static void scan_texts(conv_texts *texts, const distil_tokenizer *tokenizer, line_reader reader,
                       int32_t *scratch, size_t capacity, size_t stride, size_t period)
{
    const char *text;
    size_t bytes;

    texts->count = 0;
    texts->tokens = 0;
    for (size_t i = 0; next_text(&reader, &text, &bytes); i++) {
        size_t length;

        if (texts->ids && (i % stride != 0 || is_held_out(i, period)))
            continue;
        length = conv_tokenize(tokenizer, scratch, capacity, text, bytes);
        if (texts->ids) {
            memcpy(texts->ids + texts->tokens, scratch, length * sizeof scratch[0]);
            texts->lengths[texts->count] = length;
        } else {
            for (size_t k = 0; k < length; k++)
                texts->frequency[scratch[k]]++;
        }
        texts->tokens += length;
        texts->count++;
    }
}

static int tokenize_texts(conv_texts *texts, const char *path, const char *text, size_t size,
                          const hf_tokenizer *t, uint32_t max_tokens, conv_memory *memory,
                          conv_error *error)
{
    distil_tokenizer tokenizer;
    line_reader reader;
    int32_t *scratch = conv_new(memory, max_tokens, sizeof *scratch, error);
    size_t stride, period;

    texts->frequency = conv_new(memory, t->vocab_size, sizeof texts->frequency[0], error);
    if (!scratch || !texts->frequency || conv_tokenizer_make(&tokenizer, t, memory, error))
        return -1;
    begin_lines(&reader, text, size);
    scan_texts(texts, &tokenizer, reader, scratch, max_tokens, 1, 1);
    if (texts->count == 0)
        return conv_fail(error, "%s: expected texts, one a line, found none", path);
    period = held_out_period(texts->count);
    stride = (texts->tokens + CONV_MAX_CALIBRATION_TOKENS - 1) / CONV_MAX_CALIBRATION_TOKENS;
    texts->lengths = conv_new(memory, texts->count, sizeof texts->lengths[0], error);
    texts->ids = conv_new(memory, texts->tokens, sizeof texts->ids[0], error);
    if (!texts->lengths || !texts->ids)
        return -1;
    scan_texts(texts, &tokenizer, reader, scratch, max_tokens, stride, period);
    return 0;
}

int conv_texts_read(conv_texts *texts, const char *path, const hf_tokenizer *tokenizer,
                    uint32_t max_tokens, conv_memory *memory, conv_record *record,
                    conv_error *error)
{
    conv_source source;
    char hex[65];
    char *text;
    int result = -1;

    memset(texts, 0, sizeof *texts);
    if (conv_source_open(&source, NULL, path, error))
        return -1;
    text = conv_source_read_all(&source, MAX_TEXT_BYTES, error);
    if (text) {
        conv_sha256_hex(hex, text, (size_t)source.bytes);
        result = tokenize_texts(texts, path, text, (size_t)source.bytes, tokenizer, max_tokens,
                                memory, error);
        if (!result)
            result = conv_record_line(record, error, "calibration", "%s %zu", hex, texts->count);
    }
    free(text);
    conv_source_close(&source);
    return result;
}

int conv_texts_held_out(const char *path,
                        int (*add)(void *user, const char *text, size_t bytes, conv_error *error),
                        void *user, conv_error *error)
{
    conv_source source;
    line_reader reader;
    const char *line;
    char *text;
    size_t bytes, count = 0, period;
    int failed = 0;

    if (conv_source_open(&source, NULL, path, error))
        return -1;
    text = conv_source_read_all(&source, MAX_TEXT_BYTES, error);
    if (!text) {
        conv_source_close(&source);
        return -1;
    }
    begin_lines(&reader, text, (size_t)source.bytes);
    while (next_text(&reader, &line, &bytes))
        count++;
    period = held_out_period(count);
    begin_lines(&reader, text, (size_t)source.bytes);
    for (size_t i = 0; !failed && next_text(&reader, &line, &bytes); i++)
        failed = is_held_out(i, period) && add(user, line, bytes, error);
    free(text);
    conv_source_close(&source);
    return failed ? -1 : 0;
}
