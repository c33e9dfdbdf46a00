# SPDX-License-Identifier: Apache-2.0
"""A small program around one engine: it loads the engine, reads one line of text and prints its
label.

    first_label.py ENGINE MODEL VOCAB [LIBRARY ISA]

start.py measures its start time and its memory from outside, so it imports only what its engine
needs. It runs until its input ends, so that start.py can read its memory.
"""

from __future__ import annotations

import sys

import engines

LABELS = ("NEGATIVE", "POSITIVE")


def main() -> None:
    name, model, vocab, *rest = sys.argv[1:]
    engine = engines.load(name, model, *rest)
    text = sys.stdin.readline().rstrip("\n")
    if isinstance(engine, engines.Distil):
        print(engine.label(text.encode()), flush=True)
    else:
        from tokenizers import BertWordPieceTokenizer

        engine.bind(BertWordPieceTokenizer(vocab).encode(text).ids)()
        logits = engine.logits()
        print(LABELS[logits.index(max(logits))], flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()
