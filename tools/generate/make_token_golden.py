#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes golden files of the reference tokenizer, or compares the reference with this project's.

The reference is BertWordPieceTokenizer of Hugging Face `tokenizers` 0.23.3 with the vocabulary
model/sst2/vocab.txt.

    make_token_golden.py                        # writes tests/golden/token*, utf8*, codepoints*
    make_token_golden.py --compare PROGRAM [--seconds 60] [--seed N] [--vocab FILE]
                                                # compares the results for random texts
    make_token_golden.py --codepoints PROGRAM   # compares the results for every code point

PROGRAM is build/tests/unit/runtime/test_tokenizer. Each text for which the two give different results
is printed.
"""

import argparse
import array
import hashlib
import itertools
import os
import pathlib
import random
import struct
import subprocess
import sys
import time
import unicodedata

os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

import tokenizers  # noqa: E402
from tokenizers import BertWordPieceTokenizer  # noqa: E402
from tokenizers.normalizers import NFD, BertNormalizer  # noqa: E402

REFERENCE = "0.23.3"
ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
GOLDEN = ROOT / "tests/golden"
TEXTS = ROOT / "tests/data/text"
VOCAB = ROOT / "model/sst2/vocab.txt"

# The bits of a mode: the tokenizer flags of a blob, and those of tests/support/support_words.h.
LOWERCASE, STRIP, CHINESE, SPLIT_SPECIAL, WORDS = 1, 2, 4, 0x100, 0x200
UNCASED, CASED = LOWERCASE | STRIP | CHINESE, CHINESE
BLOCK = 4096  # the number of code points of one hash in codepoints.tsv
CODE_POINTS = [c for c in range(0x110000) if not 0xD800 <= c < 0xE000]


class Reference:
    """The reference with one vocabulary, and a tokenizer for each set of options that was used."""

    def __init__(self, vocab=VOCAB):
        self.vocab = str(vocab)
        self.made = {}

    def tokenizer(self, mode):
        mode &= ~WORDS
        if mode not in self.made:
            made = BertWordPieceTokenizer(
                self.vocab, clean_text=True, handle_chinese_chars=bool(mode & CHINESE),
                strip_accents=bool(mode & STRIP), lowercase=bool(mode & LOWERCASE))
            made._tokenizer.encode_special_tokens = bool(mode & SPLIT_SPECIAL)
            self.made[mode] = made
        return self.made[mode]

    def ids(self, mode, texts):
        return [e.ids for e in self.tokenizer(mode).encode_batch(texts)]

    def words(self, mode, text):
        inner = self.tokenizer(mode)._tokenizer
        split = inner.pre_tokenizer.pre_tokenize_str(inner.normalizer.normalize_str(text))
        return "".join(word + " " for word, _ in split).encode()


def decode(data):
    return data.decode("utf-8", errors="replace")


def digest(data):
    return hashlib.sha256(data).hexdigest()[:16]


def pack_ids(ids):
    return struct.pack(f"<I{len(ids)}i", len(ids), *ids)


# ---- random texts ------------------------------------------------------------------------------

class Texts:
    """Random texts of characters that are difficult to tokenize; some are not valid UTF-8."""

    def __init__(self, rng, vocab=VOCAB):
        self.rng = rng
        chars = [chr(c) for c in CODE_POINTS]
        category = {c: unicodedata.category(c) for c in chars}
        self.assigned = [c for c in chars if category[c] not in ("Cn", "Co")]
        self.pools = [
            [c for c in chars if unicodedata.normalize("NFD", c) != c],
            [c for c in chars if category[c] == "Mn"],
            [c for c in chars if category[c] in ("Mc", "Me")],
            [c for c in chars if unicodedata.combining(c)],
            [c for c in chars if c.lower() != c],
            [c for c in chars if category[c][0] == "P"],
            [c for c in chars if category[c][0] == "S"],
            [c for c in chars if category[c][0] in "CZ" and category[c] not in ("Cn", "Co")],
            [chr(c) for c in range(0x80)],
            [chr(c) for c in itertools.chain(range(0x1100, 0x1200), range(0xA960, 0xA980),
                                             range(0xAC00, 0xD7FC))],
            [chr(c) for c in itertools.chain(range(0x3000, 0x3400), range(0x4E00, 0x4E80),
                                             range(0xF900, 0xFB00), range(0x2F800, 0x2FA20))],
        ]
        # The characters that the reference orders as marks, and those of them that accent stripping
        # keeps. The latter are few, so texts of any marks hardly ever have two that must be sorted.
        nfd = NFD().normalize_str
        strip = BertNormalizer(False, False, True, False).normalize_str
        low, high = "\u0334", "\u0345"  # of the lowest and of the highest combining class
        self.marks = [c for c in chars if nfd(c + low) == low + c or nfd(high + c) == c + high]
        self.kept = [c for c in self.marks if strip(c)]
        self.tokens = pathlib.Path(vocab).read_text(encoding="utf-8").split("\n")[:-1]
        self.special = ["[CLS]", "[SEP]", "[MASK]", "[PAD]", "[UNK]"]
        self.shards = ["[", "]", "[CLS", "CLS]", "[MASK", "[mask]", "[[MASK]]", "[SEP][SEP]",
                       "[CL\u0301S]", "[UN\x00K]", "\u0130", "\u1e9e", "\u03a3", "\ufffd", "\x00",
                       "\u2126", "\u212b", "\u0344", "\u0958", "\ufb4e", "\U0001d160", "\ufdfa",
                       "\u037e", "\u1fef", "\u2000", "\u00ad", "\u200d", "\ufeff", "##", "##a"]
        self.makers = [self.uniform, self.pooled, self.run, self.wordy, self.long_words,
                       self.specials, self.mixed, self.damaged, self.kept_run]

    def uniform(self):
        source = self.assigned if self.rng.random() < 0.8 else [chr(c) for c in self.rng.choices(
            CODE_POINTS, k=40)]
        return "".join(self.rng.choices(source, k=self.rng.randint(0, 40)))

    def pooled(self):
        rng = self.rng
        pools = rng.sample(self.pools, rng.randint(1, 4))
        return "".join(rng.choice(rng.choice(pools)) for _ in range(rng.randint(0, 60)))

    def run(self):
        rng = self.rng
        text = ""
        for _ in range(rng.randint(1, 4)):
            text += rng.choice(self.pools[rng.choice([0, 4, 8, 9])])
            text += "".join(rng.choices(self.marks, k=rng.choice([1, 2, 3, 5, 9, 17, 40, 150])))
            text += rng.choice(["", "", " ", "\x00", "\u200b", rng.choice(self.special)])
        return text

    def kept_run(self):
        rng = self.rng
        text = ""
        for _ in range(rng.randint(1, 5)):
            marks = rng.sample(self.kept, 6) + rng.sample(self.marks, 3) + ["\u0344", "\u200b"]
            marks += rng.choice([[], ["\u1b44", "\u302e", "\U0001d165", "\U0001d16d"]])
            text += rng.choice(["", "a", "\u00e9", "\U0001d15e", "\U0001d163", "\uac01", "["])
            text += "".join(rng.choices(marks, k=rng.randint(0, 40)))
            text += rng.choice(["", "\u0e31", "b", " ", rng.choice(self.special)])
        return text

    def wordy(self):
        rng = self.rng
        text = ""
        for _ in range(rng.randint(1, 12)):
            word = rng.choice(self.tokens)
            word = rng.choice([word, word, word.upper(), word.title(), word.removeprefix("##")])
            if rng.random() < 0.1:
                word = unicodedata.normalize("NFD", word)
            text += word + rng.choice(["", " ", " ", "\n", "-", rng.choice(self.shards)])
        return text

    def long_words(self):
        rng = self.rng
        unit = rng.choice(["a", "ab", "the", "\u00e9", "e\u0301", "\uac00", "\u0130", "\ufdfa", "\u0905",
                           "1", "I\u0307", "a\u200b", rng.choice(self.tokens), rng.choice("[]#")])
        count = rng.choice([33, 49, 50, 51, 99, 100, 101, 102, 200, 1000]) // rng.choice([1, 1, len(unit)])
        return unit * count + rng.choice(["", " x", rng.choice(self.special), "\u0301", "b"])

    def specials(self):
        rng = self.rng
        return "".join(rng.choice([rng.choice(self.special), rng.choice(self.shards),
                                   rng.choice(self.tokens), rng.choice(self.marks), " "])
                       for _ in range(rng.randint(0, 15)))

    def mixed(self):
        return "".join(self.rng.choice(self.makers[:6])()[:20] for _ in range(3))

    def damaged(self):
        rng = self.rng
        data = bytearray(rng.choice(self.makers[:6])().encode())
        for _ in range(rng.randint(1, 8)):
            at = rng.randint(0, len(data))
            kind = rng.randrange(4)
            if kind == 0:
                del data[at:at + 1]
            elif kind == 1:
                data[at:at] = bytes([rng.choice([0x80, 0xBF, 0xC0, 0xC3, 0xE0, 0xED, 0xF0, 0xF4, 0xFF])])
            elif kind == 2:
                data[at:at] = rng.randbytes(rng.randint(1, 4))
            else:
                del data[at:]
        return bytes(data)

    def next(self):
        text = self.rng.choice(self.makers)()
        return text if isinstance(text, bytes) else text.encode()


MODES = [UNCASED, CASED, LOWERCASE | CHINESE, STRIP | CHINESE, LOWERCASE | STRIP, 0]


# ---- comparison with the program under test ----------------------------------------------------

def ask(program, vocab, requests):
    """Returns the program's answers to requests (mode, bytes): lists of ids, or bytes of words."""
    data = b"".join(struct.pack("<II", mode, len(text)) + text for mode, text in requests)
    out = subprocess.run([program, "--serve", str(vocab)], input=data, stdout=subprocess.PIPE,
                         cwd=ROOT, check=True).stdout
    answers, at = [], 0
    for mode, _ in requests:
        count, = struct.unpack_from("<I", out, at)
        at += 4
        size = count if mode & WORDS else 4 * count
        part = out[at:at + size]
        answers.append(part if mode & WORDS else list(array.array("i", part)))
        at += size
    assert at == len(out)
    return answers


def expect(reference, requests):
    """Returns the answers of the reference to the same requests."""
    answers = [None] * len(requests)
    by_mode = {}
    for i, (mode, text) in enumerate(requests):
        if mode & WORDS:
            answers[i] = reference.words(mode, decode(text))
        else:
            by_mode.setdefault(mode, []).append(i)
    for mode, places in by_mode.items():
        ids = reference.ids(mode, [decode(requests[i][1]) for i in places])
        for i, one in zip(places, ids):
            answers[i] = one
    return answers


def print_differences(requests, ours, theirs, most=20):
    """Prints the first differences and returns the number of all."""
    different = [i for i in range(len(requests)) if ours[i] != theirs[i]]
    for i in different[:most]:
        mode, text = requests[i]
        print(f"mode {mode:#x} text {text!r}\n  expected {theirs[i]}\n  got      {ours[i]}")
    return len(different)


def compare(options):
    rng = random.Random(options.seed)
    texts, reference = Texts(rng, options.vocab), Reference(options.vocab)
    total = bad = 0
    stop = time.monotonic() + options.seconds
    while time.monotonic() < stop and bad < 100:
        requests = []
        for _ in range(4000):
            text, mode = texts.next(), rng.choice(MODES)
            requests.append((mode | WORDS, text))
            requests.append((mode | rng.choice([0, SPLIT_SPECIAL]), text))
        bad += print_differences(requests, ask(options.compare, options.vocab, requests),
                                 expect(reference, requests))
        total += len(requests) // 2
    print(f"{total} texts compared with the reference (seed {options.seed}), {bad} differences")
    return 1 if bad else 0


def compare_codepoints(options):
    reference, bad = Reference(options.vocab), 0
    for mode in MODES:
        for bits in (0, WORDS):
            for start in range(0, len(CODE_POINTS), 100000):
                chunk = CODE_POINTS[start:start + 100000]
                requests = [(mode | bits, form(c).encode()) for c in chunk for form in CONTEXTS]
                bad += print_differences(requests,
                                         ask(options.codepoints, options.vocab, requests),
                                         expect(reference, requests))
    print(f"{len(CODE_POINTS)} code points, alone and between letters, {len(MODES)} sets of options, "
          f"ids and words: {bad} differences")
    return 1 if bad else 0


# ---- golden files ------------------------------------------------------------------------------

CONTEXTS = [chr, lambda c: f"a{chr(c)}b"]
CODEPOINT_COLUMNS = [(mode, context) for mode in (UNCASED, CASED, CASED | WORDS, UNCASED | WORDS,
                                                  LOWERCASE | CHINESE | WORDS, STRIP | WORDS)
                     for context in (0, 1)]


def write_lines(reference, name, mode):
    """Writes the ids of each line of the texts that is not empty."""
    out = "file\tline\tids\n"
    files = [TEXTS / "blns.txt"] + sorted((TEXTS / "udhr").glob("*.txt"))
    for path in files:
        lines = path.read_bytes().split(b"\n")
        numbers = [i for i, line in enumerate(lines) if line]
        for i, ids in zip(numbers, reference.ids(mode, [decode(lines[i]) for i in numbers])):
            out += f"{path.relative_to(TEXTS)}\t{i + 1}\t{' '.join(map(str, ids))}\n"
    (GOLDEN / name).write_text(out)


def write_codepoints(reference):
    """Writes a hash for each 4096 code points, set of options and context."""
    out = "first\t" + "\t".join(f"{mode:x}/{context}" for mode, context in CODEPOINT_COLUMNS) + "\n"
    for first in range(0, 0x110000, BLOCK):
        block = [c for c in range(first, first + BLOCK) if not 0xD800 <= c < 0xE000]
        row = []
        for mode, context in CODEPOINT_COLUMNS:
            requests = [(mode, CONTEXTS[context](c).encode()) for c in block]
            answers = expect(reference, requests)
            row.append(digest(b"".join(a + b"\n" if mode & WORDS else pack_ids(a)
                                       for a in answers)))
        out += f"{first:x}\t" + "\t".join(row) + "\n"
    (GOLDEN / "codepoints.tsv").write_text(out)


HAND_MADE = [
    "", " ", " \t\n\r ", "\x00", "a\x00b", "\ufffd", "a\ufffdb", "\u00a0a\u3000b", "[CLS]", "[MASK]",
    "a[MASK]b", "[MASK][MASK]", "x [MASK] y", "[mask]", "[MASK", "MASK]", "[[MASK]]", "[CLS[CLS[CLS]",
    "in[SEP]side", "[UNK][PAD]", "[MASK]\u0301a", "\u0301[MASK]\u0302", "[MA\u200bSK]", "caf\u00e9",
    "cafe\u0301", "\u0130stanbul", "STRASSE \u1e9e", "\u039f\u0394\u039f\u03a3 \u03a3", "\u212b\u2126",
    "\u4f60\u597d", "a\u4f60b", "\uf900\U0002f800", "\ud55c\uad6d\uc5b4", "\u2028a\u2029b\x85c\x0bd\x0ce",
    "\U0001f600\U0001f1e9\U0001f1ea", "don't stop--now...", "a\u00adb\u200bc\u2060d", "##ing ##", "_a_b$c^d`e|f~",
    "a" * 100, "a" * 101, "unaffable " * 3, "\u1b44\u302e\u1d165".encode().decode(), "\U0001d160\u302e\u0301\u1b44",
    "a\u302e\u1b44\u302f\u1bf2\u0316\ua953\U0001d165b", "\u0344\u0344a", "\ufdfa\ufdfa", "\u1e9b\u0323",
]
HAND_MADE_BYTES = [
    b"a\xffb", b"\xff", b"\xc3", b"caf\xc3", b"\xc3(", b"\xe2\x82", b"\xe2\x82[MASK]", b"\xed\xa0\x80x",
    b"\xf0\x9f\x98", b"\xf0\x9f\x98\x80", b"\xf4\x90\x80\x80", b"\xc0\x80", b"\xe0\x80\xaf", b"a\x80 b",
    b"\xef\xbf\xbd", b"[MA\xffSK]", b"\xf0[CLS]", b"e\xcc", b"e\xcc\x81\x81", b"\xf8\x88\x80\x80\x80",
]


def write_cases(reference, count):
    """Writes cases: mode, most tokens (0: all), text in hex, hash of its words, ids."""
    rng = random.Random(20260)
    texts = Texts(rng)
    cases = [(mode, 0, text) for text in
             [t.encode() for t in HAND_MADE] + HAND_MADE_BYTES
             for mode in (UNCASED, CASED, UNCASED | SPLIT_SPECIAL)]
    while len(cases) < count - 16:
        text = texts.next()
        if len(text) <= 400:
            cases.append((rng.choice(MODES) | rng.choice([0, SPLIT_SPECIAL]), 0, text))
    for length in (65, 129, 300, 1000):  # runs of marks longer than any buffer
        for maker in (texts.kept + ["\u1b44", "\u302e", "\U0001d165"] * 20, texts.marks):
            run = "a" + "".join(rng.choices(maker, k=length)) + "b"
            cases += [(mode, 0, run.encode()) for mode in (UNCASED, STRIP)]
    words = (TEXTS / "udhr/eng.txt").read_bytes()
    for most in (3, 4, 17, 18, 510, 511, 512):
        for text in (b"", b"one two", b"[MASK] " * most, b"unaffable" * 8, words, b"\xe4\xbd\xa0" * most):
            cases.append((UNCASED, most, text))
    out = "mode\tmost\ttext\twords\tids\n"
    for mode, most, text in cases:
        tokenizer = reference.tokenizer(mode)
        if most:
            tokenizer.enable_truncation(most)
        ids = reference.ids(mode, [decode(text)])[0]
        tokenizer.no_truncation()
        out += (f"{mode:x}\t{most}\t{text.hex()}\t{digest(reference.words(mode, decode(text)))}\t"
                f"{' '.join(map(str, ids))}\n")
    (GOLDEN / "token_cases.tsv").write_text(out)


# For each kind of byte that a decoder distinguishes, the least and the greatest one.
UTF8_KINDS = bytes.fromhex("00417f808f909fa0bfc0c1c2dfe0e1ecedeeeff0f1f3f4f5ff")


def write_utf8():
    """Writes a hash for each family of byte strings: of their code points and a u32 of ones."""
    def family(strings):
        sha = hashlib.sha256()
        for s in strings:
            sha.update(decode(bytes(s)).encode("utf-32-le") + b"\xff\xff\xff\xff")
        return sha.hexdigest()[:16]
    out = "family\thash\n"
    for n in (1, 2, 3):
        out += f"all-{n}\t{family(itertools.product(range(256), repeat=n))}\n"
    for n in (3, 4):
        out += f"kinds-{n}\t{family(itertools.product(UTF8_KINDS, repeat=n))}\n"
    (GOLDEN / "utf8.tsv").write_text(out)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--compare", metavar="PROGRAM", help="compare on random texts")
    parser.add_argument("--codepoints", metavar="PROGRAM", help="compare on every code point")
    parser.add_argument("--seconds", type=float, default=30)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--vocab", type=pathlib.Path, default=VOCAB)
    parser.add_argument("--cases", type=int, default=3000, help="golden cases to write")
    options = parser.parse_args()
    if tokenizers.__version__ != REFERENCE:
        sys.exit(f"tokenizers {tokenizers.__version__} found, {REFERENCE} expected: "
                 f"pip install tokenizers=={REFERENCE}")
    for name in ("compare", "codepoints"):
        if getattr(options, name):
            setattr(options, name, os.path.abspath(getattr(options, name)))
    options.vocab = options.vocab.resolve()
    if options.compare:
        return compare(options)
    if options.codepoints:
        return compare_codepoints(options)
    reference = Reference()
    write_lines(reference, "tokens_uncased.tsv", UNCASED)
    write_lines(reference, "tokens_cased.tsv", CASED)
    write_cases(reference, options.cases)
    write_utf8()
    write_codepoints(reference)
    return 0


if __name__ == "__main__":
    sys.exit(main())
