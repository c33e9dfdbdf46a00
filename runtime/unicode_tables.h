/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What each code point does in Hugging Face tokenizers 0.23.3, as tabulated from the library
 * itself. Written by tools/generate/make_unicode_tables.py: do not edit.
 */
#ifndef DISTIL_RUNTIME_UNICODE_TABLES_H
#define DISTIL_RUNTIME_UNICODE_TABLES_H

#include <stdint.h>

/* Bits of distil_unicode_record.flags. */
enum {
    DISTIL_UNICODE_DROP = 1,        /* removed by text cleaning */
    DISTIL_UNICODE_SPACE = 2,       /* becomes U+0020 by text cleaning */
    DISTIL_UNICODE_CJK = 4,         /* set between spaces as a Chinese character */
    DISTIL_UNICODE_PUNCT = 8,       /* a word of its own */
    DISTIL_UNICODE_MARK = 16,       /* non-spacing mark, removed by accent stripping */
    DISTIL_UNICODE_NONSTARTER = 32, /* combining class not 0: takes part in canonical ordering */
    DISTIL_UNICODE_DECOMP = 64,     /* decomposes: a Hangul syllable, or see distil_unicode_parts */
    DISTIL_UNICODE_LOWER = 128      /* lowercase differs */
};

/* Combining classes among the non-starters that accent stripping keeps; the rank is their order. */
enum { DISTIL_UNICODE_RANKS = 6 };

typedef struct distil_unicode_record {
    int32_t lower; /* add for the lowercase; U+0130 has U+0307 after it besides */
    uint8_t flags;
    uint8_t rank; /* of its combining class, for non-starters that are not marks */
} distil_unicode_record;

/* Two stages: a page for each 128 code points, an entry for each. */
extern const uint8_t distil_unicode_pages[8704];
extern const uint8_t distil_unicode_entries[20096];
extern const distil_unicode_record distil_unicode_records[106];

/* The same for decompositions, below U+2FA20: offsets into the pool of parts. */
extern const uint8_t distil_unicode_part_pages[6097];
extern const uint16_t distil_unicode_part_offsets[4032];
extern const uint32_t distil_unicode_part_pool[3267];

/* c at most U+10FFFF. */
static inline const distil_unicode_record *distil_unicode_lookup(uint32_t c)
{
    uint32_t page = distil_unicode_pages[c >> 7];
    return &distil_unicode_records[distil_unicode_entries[page << 7 | (c & 127)]];
}

/* Canonical decomposition, in full, of c with DISTIL_UNICODE_DECOMP that is no Hangul syllable: the
 * first entry has the number of parts, 1 to 4, in bits 24 and up. */
static inline const uint32_t *distil_unicode_parts(uint32_t c)
{
    uint32_t page = distil_unicode_part_pages[c >> 5];
    uint32_t offset = distil_unicode_part_offsets[page << 5 | (c & 31)];
    return distil_unicode_part_pool + offset;
}

#endif
