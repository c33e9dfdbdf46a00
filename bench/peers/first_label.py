# SPDX-License-Identifier: Apache-2.0
"""What a small program does with an engine: load it, read one line of text, print its label.

    first_label.py ENGINE MODEL VOCAB [LIBRARY ISA]

Imports nothing that its engine does not need: start time and memory are measured from outside. It
stays until its input ends, so that its memory can be read.
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
