#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes the golden files of pairs, windows and offsets with Hugging Face `tokenizers` 0.23.3.

    make_pair_golden.py [DIRECTORY]     (default: tests/golden)

pairs.tsv has 600 pairs of texts: the mode (tokenizer flags and 0x100 for split special tokens), the
strategy (0 longest_first, 1 only_first, 2 only_second), the most tokens, both texts in hexadecimal,
and the ids, or a dash where the library refuses to truncate.

pair_grid.tsv has a line for each limit from 3 to 24: the limit, and for each pair of lengths 0 to 20 x
0 to 20 two letters, which say how many tokens longest_first keeps of each text ("a" is 0). Both
truncation sides keep the same numbers; this program checks that.

windows.tsv has texts that are cut into overlapping windows: the mode, the size of a window, the
stride, the text in hexadecimal, and the ids of the windows, with a bar between two of them.

offsets.tsv has texts with the offsets of their tokens: the mode, the text in hexadecimal, and begin and
end of each token in characters.
"""

import pathlib
import random
import sys

from make_token_golden import CASED, CHINESE, LOWERCASE, ROOT, SPLIT_SPECIAL, UNCASED, VOCAB
from make_token_golden import TEXTS, Reference, Texts, decode

LEFT = 16  # the bit of truncation_side in a mode
STRATEGIES = ("longest_first", "only_first", "only_second")
CASES = 600
WINDOW_CASES = 240
OFFSET_CASES = 1500
OFFSET_LINES = 500


def truncating(reference, mode, most, strategy, stride=0):
    """The reference's tokenizer that truncates in this way."""
    inner = reference.tokenizer(mode & ~LEFT)._tokenizer
    side = "left" if mode & LEFT else "right"
    inner.enable_truncation(most, stride=stride, strategy=strategy, direction=side)
    return inner


def pair_ids(reference, mode, most, strategy, first, second):
    """The ids of a pair; None where the reference refuses to truncate."""
    inner = truncating(reference, mode, most, STRATEGIES[strategy])
    try:
        return inner.encode(first, second).ids
    except Exception as error:  # the library raises no narrower class
        if "too short" not in str(error):
            raise
        return None


def any_text(rng, texts):
    """A random text; a few have hundreds of tokens."""
    if rng.random() < 0.04:
        return rng.choice((b"a", b".", b"- ", b"!?")) * rng.randint(100, 700)
    parts = rng.choice((0, 1, 1, 1, 2, 3, 8))
    return b" ".join(texts.next() for _ in range(parts))[:600]


def write_pairs(out, rng, texts, reference):
    modes = (UNCASED, UNCASED, CASED, LOWERCASE | CHINESE, UNCASED | SPLIT_SPECIAL)
    with open(out / "pairs.tsv", "w", encoding="ascii") as file:
        file.write("mode\tstrategy\tmost\tfirst\tsecond\tids\n")
        for i in range(CASES):
            mode = rng.choice(modes) | (LEFT if i % 2 else 0)
            most = rng.choice((3, 4, 5, 6, 7, 8, 12, 13, 16, 31, 64, 127, 128, 512))
            strategy = rng.choice((0, 0, 0, 1, 2))
            first, second = any_text(rng, texts), any_text(rng, texts)
            ids = pair_ids(reference, mode, most, strategy, decode(first), decode(second))
            shown = "-" if ids is None else " ".join(map(str, ids))
            file.write(f"{mode:x}\t{strategy}\t{most}\t{first.hex()}\t{second.hex()}\t{shown}\n")


def kept(ids, separator):
    """The numbers of tokens of each text."""
    middle = ids.index(separator)
    return middle - 1, len(ids) - middle - 2


def write_grid(out, reference):
    separator = reference.tokenizer(UNCASED).token_to_id("[SEP]")
    with open(out / "pair_grid.tsv", "w", encoding="ascii") as file:
        for most in range(3, 25):
            line = ""
            for first in range(21):
                for second in range(21):
                    sides = [kept(truncating(reference, UNCASED | side, most, "longest_first").encode(
                        "the " * first, "film " * second).ids, separator) for side in (0, LEFT)]
                    assert sides[0] == sides[1]
                    line += "".join(chr(97 + n) for n in sides[0])
            file.write(f"{most}\t{line}\n")


def write_windows(out, rng, texts, reference):
    modes = (UNCASED, CASED, UNCASED | SPLIT_SPECIAL)
    with open(out / "windows.tsv", "w", encoding="ascii") as file:
        file.write("mode\twindow\tstride\ttext\twindows\n")
        for i in range(WINDOW_CASES):
            mode = rng.choice(modes) | (LEFT if i % 2 else 0)
            window = rng.choice((3, 4, 5, 8, 9, 16, 32, 64))
            stride = rng.choice((0, 1, window // 4, window // 2, window - 3))
            stride = min(stride, window - 3)
            text = any_text(rng, texts)
            inner = truncating(reference, mode, window, "longest_first", stride)
            whole = inner.encode(decode(text))
            windows = [e.ids for e in (whole, *whole.overflowing)]
            shown = "|".join(" ".join(map(str, ids)) for ids in windows)
            file.write(f"{mode:x}\t{window}\t{stride}\t{text.hex()}\t{shown}\n")


def natural_lines(rng):
    """Lines in 43 languages, and strings that are known to be naughty."""
    files = [TEXTS / "blns.txt", *sorted((TEXTS / "udhr").glob("*.txt"))]
    lines = [line for path in files for line in path.read_bytes().split(b"\n") if line]
    return rng.sample(lines, OFFSET_LINES)


def has_kept_mark(texts, text):
    """Whether a combining mark survives accent stripping. Where it does, the library sorts marks
    and afterwards counts them as if they had not moved, so its offsets are not those of the marks."""
    return any(c in texts.kept for c in decode(text))


def write_offsets(out, rng, texts, reference):
    modes = (UNCASED, UNCASED, CASED, LOWERCASE | CHINESE, UNCASED | SPLIT_SPECIAL)
    cases = natural_lines(rng)
    while len(cases) < OFFSET_CASES:
        text = texts.next()
        if not has_kept_mark(texts, text):
            cases.append(text)
    with open(out / "offsets.tsv", "w", encoding="ascii") as file:
        file.write("mode\ttext\toffsets\n")
        for text in cases:
            mode = rng.choice(modes)
            inner = reference.tokenizer(mode)._tokenizer
            inner.no_truncation()
            encoding = inner.encode(decode(text))
            shown = " ".join(f"{a} {b}" for a, b in encoding.offsets)
            file.write(f"{mode:x}\t{text.hex()}\t{shown}\n")


def main():
    out = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "tests/golden"
    rng = random.Random(16)
    texts, reference = Texts(rng, VOCAB), Reference()
    write_pairs(out, rng, texts, reference)
    write_grid(out, reference)
    write_windows(out, rng, texts, reference)
    write_offsets(out, rng, texts, reference)


if __name__ == "__main__":
    main()
