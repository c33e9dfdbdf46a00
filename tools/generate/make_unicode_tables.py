#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes runtime/unicode_tables.h and .c from the behaviour of the reference tokenizer.

The reference is Hugging Face `tokenizers` 0.23.3. The Rust crates that it was built with decide
what a control character, a mark or a decomposition is, and each follows another version of Unicode.
Therefore this program does not read the Unicode character database. It gives every code point to the
library and tabulates the answers.

    python3 tools/generate/make_unicode_tables.py            # writes the two files
    python3 tools/generate/make_unicode_tables.py --check    # exit 1 if the files would change
"""

import argparse
import functools
import pathlib
import sys

import tokenizers
from tokenizers.normalizers import NFD, BertNormalizer
from tokenizers.pre_tokenizers import BertPreTokenizer

REFERENCE = "0.23.3"
ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
CODE_POINTS = [c for c in range(0x110000) if not 0xD800 <= c < 0xE000]
HANGUL = range(0xAC00, 0xD7A4)
FLAGS = ["DROP", "SPACE", "CJK", "PUNCT", "MARK", "NONSTARTER", "DECOMP", "LOWER"]

# A mark of the lowest combining class (1) and one of the highest (240). A code point is a
# non-starter if canonical ordering swaps it with either of them.
LOWEST_CLASS, HIGHEST_CLASS = "\u0334", "\u0345"


def bert(**options):
    names = ["clean_text", "handle_chinese_chars", "strip_accents", "lowercase"]
    return BertNormalizer(**{name: options.get(name, False) for name in names}).normalize_str


def swaps(nfd, first, second):
    """Does canonical ordering put the second of two characters first?"""
    return first != second and nfd(first + second) == second + first


class Probe:
    """What each step of the library does with each code point."""

    def __init__(self):
        clean = bert(clean_text=True)
        chinese = bert(handle_chinese_chars=True)
        strip = bert(strip_accents=True)
        lowercase = bert(lowercase=True)
        self.nfd = NFD().normalize_str
        words = BertPreTokenizer().pre_tokenize_str
        self.flags = {c: set() for c in CODE_POINTS}
        self.decomposition, self.lower = {}, {}
        white = []
        for c in CODE_POINTS:
            text, flags = chr(c), self.flags[c]
            cleaned = clean(text)
            if cleaned == "":
                flags.add("DROP")
            elif cleaned == " ":
                flags.add("SPACE")
            else:
                assert cleaned == text, hex(c)
            spaced = chinese(text)
            if spaced != text:
                assert spaced == f" {text} ", hex(c)
                flags.add("CJK")
            decomposed = self.nfd(text)
            if decomposed != text:
                flags.add("DECOMP")
                self.decomposition[c] = [ord(d) for d in decomposed]
            elif strip(text) == "":
                flags.add("MARK")
            elif self.is_nonstarter(text):
                flags.add("NONSTARTER")
            if "MARK" in flags and self.is_nonstarter(text):
                flags.add("NONSTARTER")
            lowered = lowercase(text)
            if lowered != text:
                flags.add("LOWER")
                self.lower[c] = [ord(d) for d in lowered]
            split = [word for word, _ in words(f"a{text}b")]
            if split == ["a", text, "b"]:
                flags.add("PUNCT")
            elif split == ["a", "b"]:
                white.append(c)
            else:
                assert split == [f"a{text}b"], hex(c)
        self.rank = self.rank_nonstarters()
        self.check_assumptions(white, strip)

    def is_nonstarter(self, text):
        if text == LOWEST_CLASS or text == HIGHEST_CLASS:
            return True
        return swaps(self.nfd, text, LOWEST_CLASS) or swaps(self.nfd, HIGHEST_CLASS, text)

    def rank_nonstarters(self):
        """The order of the combining classes of those non-starters that accent stripping keeps."""
        kept = [c for c, f in self.flags.items() if "NONSTARTER" in f and "MARK" not in f]

        def compare(a, b):
            return swaps(self.nfd, chr(a), chr(b)) - swaps(self.nfd, chr(b), chr(a))

        kept.sort(key=functools.cmp_to_key(compare))
        rank, ranks = 0, {}
        for i, c in enumerate(kept):
            rank += i > 0 and compare(kept[i - 1], c) != 0
            ranks[c] = rank
        for a in kept:
            for b in kept:
                assert (ranks[a] > ranks[b]) == swaps(self.nfd, chr(a), chr(b)), (hex(a), hex(b))
        return ranks

    def check_assumptions(self, white, strip):
        """Checks what runtime/normalizer.c relies on and the tables do not say."""
        # Cleaning leaves no white space but U+0020.
        for c in white:
            assert self.flags[c] & {"DROP", "SPACE"} or c == 0x20, hex(c)
        for c, parts in self.decomposition.items():
            assert len(parts) <= (1 if "CJK" in self.flags[c] else 4), hex(c)
            assert not self.flags[c] & {"DROP", "MARK", "NONSTARTER"}, hex(c)
            if c in HANGUL:
                s = c - 0xAC00
                jamo = [0x1100 + s // 588, 0x1161 + s % 588 // 28] + [0x11A7 + s % 28] * (s % 28 > 0)
                assert parts == jamo, hex(c)
            # Accent stripping decomposes and removes the marks, and does nothing else.
            kept = "".join(chr(p) for p in parts if "MARK" not in self.flags[p])
            assert strip(chr(c)) == kept, hex(c)
            assert all(not self.flags[p] & {"DROP", "SPACE", "DECOMP"} for p in parts) \
                or "SPACE" in self.flags[c], hex(c)
        assert [c for c, parts in self.lower.items() if len(parts) > 1] == [0x130]
        assert self.lower.pop(0x130) == [0x69, 0x307]
        for c, (lowered,) in self.lower.items():
            assert not self.flags[c] & {"DROP", "SPACE"}, hex(c)
            assert not self.flags[lowered] & {"DROP", "SPACE"}, hex(c)
        self.lower[0x130] = [0x69]


def share_pages(values, shift):
    """Makes a two-stage table: the number of each page, and the distinct pages in a row."""
    size, seen, numbers, pages = 1 << shift, {}, [], []
    for start in range(0, len(values), size):
        page = tuple(values[start:start + size])
        page += (0,) * (size - len(page))
        if page not in seen:
            seen[page] = len(seen)
            pages.extend(page)
        numbers.append(seen[page])
    return numbers, pages


def c_type(values):
    return "uint8_t" if max(values) < 256 else "uint16_t" if max(values) < 65536 else "uint32_t"


def c_array(name, values, ctype):
    text = f"const {ctype} {name}[{len(values)}] = {{\n"
    line = "   "
    for value in values:
        item = f" {value},"
        if len(line) + len(item) > 100:
            text += line + "\n"
            line = "   "
        line += item
    return text + line + "\n};\n"


def property_tables(probe):
    records, values = {}, []
    for c in range(0x110000):
        flags = probe.flags.get(c, {"DROP"})  # A decoder never returns a surrogate.
        delta = probe.lower[c][0] - c if c in probe.lower else 0
        bits = sum(1 << i for i, flag in enumerate(FLAGS) if flag in flags)
        record = (delta, bits, probe.rank.get(c, 0))
        values.append(records.setdefault(record, len(records)))
    return list(records), values


def decomposition_tables(probe):
    pool, offsets = [0], [0] * 0x110000
    seen = {}
    for c, parts in probe.decomposition.items():
        if c in HANGUL:
            continue
        key = tuple(parts)
        if key not in seen:
            seen[key] = len(pool)
            pool.append(len(parts) << 24 | parts[0])
            pool.extend(parts[1:])
        offsets[c] = seen[key]
    last = max(c for c, o in enumerate(offsets) if o)
    return pool, offsets[:last + 1]


def render(probe):
    shift = 7
    records, values = property_tables(probe)
    pages, indices = share_pages(values, shift)
    pool, offsets = decomposition_tables(probe)
    dshift = 5
    dpages, dindices = share_pages(offsets, dshift)
    classes = max(probe.rank.values()) + 1
    banner = "/* SPDX-License-Identifier: Apache-2.0 */\n"
    made = "tools/generate/make_unicode_tables.py writes this file."
    names = [f"DISTIL_UNICODE_{name} = {1 << i}{',' * (i + 1 < len(FLAGS))}"
             for i, name in enumerate(FLAGS)]
    enum = "".join(f"    {name:{max(map(len, names))}} /* {text} */\n"
                   for name, text in zip(names, [
                       "cleaning removes it",
                       "cleaning replaces it by U+0020",
                       "a Chinese character, which gets spaces around it",
                       "punctuation, which is a word of its own",
                       "a non-spacing mark, which accent stripping removes",
                       "its combining class is not 0, so ordering may move it",
                       "it has a canonical decomposition",
                       "its lowercase is another character"]))
    header = f"""{banner}/*
 * What Hugging Face tokenizers {REFERENCE} does with each code point. The tables were made by asking
 * the library itself. {made}
 */
#ifndef DISTIL_RUNTIME_UNICODE_TABLES_H
#define DISTIL_RUNTIME_UNICODE_TABLES_H

#include <stdint.h>

/* The bits of distil_unicode_record.flags. */
enum {{
{enum}}};

/* The number of combining classes of those non-starters that accent stripping keeps. The rank of
 * such a class is its position among them. */
enum {{ DISTIL_UNICODE_RANKS = {classes} }};

typedef struct distil_unicode_record {{
    int32_t lower; /* lowercase minus code point; the lowercase of U+0130 also has U+0307 */
    uint8_t flags;
    uint8_t rank; /* the rank of its combining class, if it is a non-starter and not a mark */
}} distil_unicode_record;

/* A two-stage table: the first array has the number of a page for each {1 << shift} code points, and the
 * page has the index of a record for each code point. */
extern const {c_type(pages)} distil_unicode_pages[{len(pages)}];
extern const {c_type(indices)} distil_unicode_entries[{len(indices)}];
extern const distil_unicode_record distil_unicode_records[{len(records)}];

/* The same for the decompositions of code points below U+{len(dpages) << dshift:04X}; the entries are offsets into the
 * pool of parts. */
extern const {c_type(dpages)} distil_unicode_part_pages[{len(dpages)}];
extern const {c_type(dindices)} distil_unicode_part_offsets[{len(dindices)}];
extern const {c_type(pool)} distil_unicode_part_pool[{len(pool)}];

/* Returns the record of c, which is at most U+10FFFF. */
static inline const distil_unicode_record *distil_unicode_lookup(uint32_t c)
{{
    uint32_t page = distil_unicode_pages[c >> {shift}];
    return &distil_unicode_records[distil_unicode_entries[page << {shift} | (c & {(1 << shift) - 1})]];
}}

/* Returns the full canonical decomposition of c, which must have the flag DISTIL_UNICODE_DECOMP and
 * be no Hangul syllable, since these decompose by arithmetic. The first entry has the number of
 * parts, 1 to 4, in the bits from 24 on. */
static inline const uint32_t *distil_unicode_parts(uint32_t c)
{{
    uint32_t page = distil_unicode_part_pages[c >> {dshift}];
    uint32_t offset = distil_unicode_part_offsets[page << {dshift} | (c & {(1 << dshift) - 1})];
    return distil_unicode_part_pool + offset;
}}

#endif
"""
    rows = "".join(f"    {{{d}, {f}, {r}}},\n" for d, f, r in records)
    source = f"""{banner}/*
 * The tables of unicode_tables.h. {made}
 */
#include "runtime/unicode_tables.h"

/* clang-format off */
{c_array("distil_unicode_pages", pages, c_type(pages))}
{c_array("distil_unicode_entries", indices, c_type(indices))}
const distil_unicode_record distil_unicode_records[{len(records)}] = {{
{rows}}};

{c_array("distil_unicode_part_pages", dpages, c_type(dpages))}
{c_array("distil_unicode_part_offsets", dindices, c_type(dindices))}
{c_array("distil_unicode_part_pool", pool, c_type(pool))}/* clang-format on */
"""
    sizes = {"pages": (pages, 1), "entries": (indices, 1), "records": (records, 8),
             "part pages": (dpages, 1), "part offsets": (dindices, 2), "pool": (pool, 4)}
    note = ", ".join(f"{name} {len(v)}" for name, (v, _) in sizes.items())
    return {"runtime/unicode_tables.h": header, "runtime/unicode_tables.c": source}, note


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--check", action="store_true", help="compare the files instead of writing them")
    options = parser.parse_args()
    if tokenizers.__version__ != REFERENCE:
        sys.exit(f"tokenizers {tokenizers.__version__} found, {REFERENCE} expected: "
                 f"pip install tokenizers=={REFERENCE}")
    files, note = render(Probe())
    changed = [name for name, text in files.items()
               if not (ROOT / name).exists() or (ROOT / name).read_text() != text]
    for name in changed:
        if options.check:
            print(f"{name} differs from what the reference says", file=sys.stderr)
        else:
            (ROOT / name).write_text(files[name])
    print(note)
    return 1 if options.check and changed else 0


if __name__ == "__main__":
    sys.exit(main())
