# SPDX-License-Identifier: Apache-2.0
"""Writes a CSV file of messy rows: id, text.

    make_messy_rows.py ROWS FILE [--seed N] [--longest BYTES]

Texts are null, empty, blank, full of quotes, delimiters, line ends, NUL bytes and bytes that are no
UTF-8, in several scripts, and look like null, numbers or special tokens. One is BYTES long (10 MB).
The file is RFC 4180, and null is an empty field without quotes. Ids are unique and in no order. The
same arguments give the same bytes. tests/engines/ uses the rows.
"""

from __future__ import annotations

import argparse
import random
from collections.abc import Iterator

WORDS = ("a gorgeous witty movie that is never dull but not quite good bad 12.5 the film's plot "
         "thin acting superb unwatchable I'd see it again").split()
FOREIGN = ("Ça va très bien", "это плохой фильм", "素晴らしい映画", "فيلم جميل", "מצוין", "😀👍🏽 great",
           "e\u0301le\u0301gant", "ﬁne ligature", "Ⅷ ½", "zero\u200bwidth", "\ufeffmark", "ＦＵＬＬ width")
LOOKS = ("null", "NULL", "None", "NaN", "\\N", "nan", "0", "-1e9", "true", "[SEP] bad", "[MASK]",
         "[UNK]", "{\"text\": \"good\"}", "id,text", "=1+1", "'; DROP TABLE rows; --", "--help", "-")
NOT_UTF8 = (b"\xff", b"\xc3", b"\xe2\x82", b"\xed\xa0\x80", b"\xc0\xaf", b"\xf4\x90\x80\x80", b"\x80",
            b"\xf0\x9f\x98")
SIGNS = ('"', '""', ",", ";", "\t", "\n", "\r\n", "\r", "\\", "\\n", "\x00", "\x1a", "\x7f",
         "\u2028", "\x85", " ", "'")


def _phrase(chance: random.Random, most: int) -> bytes:
    return " ".join(chance.choices(WORDS, k=chance.randint(1, most))).encode()


def _text(chance: random.Random) -> bytes | None:
    kind = chance.random()
    if kind < 0.05:
        return None
    if kind < 0.10:
        return b""
    if kind < 0.12:
        return b" " * chance.randint(1, 5)
    if kind < 0.20:
        return chance.choice(FOREIGN).encode()
    if kind < 0.26:
        return chance.choice(LOOKS).encode()
    if kind < 0.46:
        parts = [_phrase(chance, 2) for _ in range(chance.randint(1, 3))]
        return chance.choice(SIGNS).encode().join([b"", *parts, b""])
    if kind < 0.56:
        return chance.choice(NOT_UTF8).join([_phrase(chance, 2), _phrase(chance, 2)])
    if kind < 0.57:
        return chance.randbytes(chance.randint(1, 40))
    if kind < 0.571:
        return _phrase(chance, 700)
    return _phrase(chance, 8)


def rows(count: int, seed: int = 1, longest: int = 10_000_000) -> Iterator[tuple[int, bytes | None]]:
    """Yield so many rows (id, text)."""
    chance = random.Random(seed)
    ids = list(range(1, 2 * count, 2))
    chance.shuffle(ids)
    for i, number in enumerate(ids):
        text = _text(chance)
        if i == count // 2:
            piece = _phrase(chance, 50) + b"\n\xff\x00\""
            text = (piece * (longest // len(piece) + 1))[:longest]
        yield number, text


def quote(text: bytes | None) -> bytes:
    """A text as a field of CSV."""
    return b"" if text is None else b'"' + text.replace(b'"', b'""') + b'"'


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rows", type=int)
    parser.add_argument("file")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--longest", type=int, default=10_000_000)
    arguments = parser.parse_args()
    with open(arguments.file, "wb") as file:
        file.write(b"id,text\n")
        for number, text in rows(arguments.rows, arguments.seed, arguments.longest):
            file.write(b"%d,%s\n" % (number, quote(text)))


if __name__ == "__main__":
    main()
