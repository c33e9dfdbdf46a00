/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What Hugging Face tokenizers 0.23.3 does with each code point. The tables were made by asking
 * the library itself. tools/generate/make_unicode_tables.py writes this file.
 */
#ifndef DISTIL_RUNTIME_UNICODE_TABLES_H
#define DISTIL_RUNTIME_UNICODE_TABLES_H

#include <stdint.h>

/* The bits of distil_unicode_record.flags. */
enum {
    DISTIL_UNICODE_DROP = 1,        /* cleaning removes it */
    DISTIL_UNICODE_SPACE = 2,       /* cleaning replaces it by U+0020 */
    DISTIL_UNICODE_CJK = 4,         /* a Chinese character, which gets spaces around it */
    DISTIL_UNICODE_PUNCT = 8,       /* punctuation, which is a word of its own */
    DISTIL_UNICODE_MARK = 16,       /* a non-spacing mark, which accent stripping removes */
    DISTIL_UNICODE_NONSTARTER = 32, /* its combining class is not 0, so ordering may move it */
    DISTIL_UNICODE_DECOMP = 64,     /* it has a canonical decomposition */
    DISTIL_UNICODE_LOWER = 128      /* its lowercase is another character */
};

/* The number of combining classes of those non-starters that accent stripping keeps. The rank of
 * such a class is its position among them. */
enum { DISTIL_UNICODE_RANKS = 6 };

typedef struct distil_unicode_record {
    int32_t lower; /* lowercase minus code point; the lowercase of U+0130 also has U+0307 */
    uint8_t flags;
    uint8_t rank; /* the rank of its combining class, if it is a non-starter and not a mark */
} distil_unicode_record;

/* A two-stage table: the first array has the number of a page for each 128 code points, and the
 * page has the index of a record for each code point. */
extern const uint8_t distil_unicode_pages[8704];
extern const uint8_t distil_unicode_entries[20096];
extern const distil_unicode_record distil_unicode_records[106];

/* The same for the decompositions of code points below U+2FA20; the entries are offsets into the
 * pool of parts. */
extern const uint8_t distil_unicode_part_pages[6097];
extern const uint16_t distil_unicode_part_offsets[4032];
extern const uint32_t distil_unicode_part_pool[3267];

/* Returns the record of c, which is at most U+10FFFF. */
static inline const distil_unicode_record *distil_unicode_lookup(uint32_t c)
{
    uint32_t page = distil_unicode_pages[c >> 7];
    return &distil_unicode_records[distil_unicode_entries[page << 7 | (c & 127)]];
}

/* Returns the full canonical decomposition of c, which must have the flag DISTIL_UNICODE_DECOMP and
 * be no Hangul syllable, since these decompose by arithmetic. The first entry has the number of
 * parts, 1 to 4, in the bits from 24 on. */
static inline const uint32_t *distil_unicode_parts(uint32_t c)
{
    uint32_t page = distil_unicode_part_pages[c >> 5];
    uint32_t offset = distil_unicode_part_offsets[page << 5 | (c & 31)];
    return distil_unicode_part_pool + offset;
}

#endif
