#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# transformers 5.24.0: an empty second text is a text in a list of pairs, but none in a single pair.
#
# A tokenizer of BERT's kind turns the pair of "a" and "" into [CLS] a [SEP] [SEP] if it is given as
# [["a", ""]], and into [CLS] a [SEP], which is a single text, if it is given as tokenizer("a", "").
# So the text-classification pipeline, which calls it in the second way, and CrossEncoder of
# sentence-transformers, which calls it in the first, see different ids for the same pair.
#
# Expected by the documentation: the ids of a pair do not depend on how it is passed.
# Seen on 2026-11-30 with Python 3.11:
#
#     transformers 5.24.0
#     single [2, 4, 3]
#     list [[2, 4, 3, 3]]
#
# `distil classify` follows the pipeline and `distil rank` follows CrossEncoder. This script needs
# Python 3.10 or later and the package registry; it installs the packages into a temporary folder
# and fails if the behaviour has changed.

set -eu
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -q --disable-pip-version-check transformers==5.24.0 tokenizers==0.23.3
printf '[PAD]\n[UNK]\n[CLS]\n[SEP]\na\n' >"$dir/vocab.txt"
"$dir/venv/bin/python" - "$dir/vocab.txt" >"$dir/seen" 2>/dev/null <<'PYTHON'
import sys

import transformers
from transformers import BertTokenizerFast

tokenizer = BertTokenizerFast(vocab=sys.argv[1])
print("transformers", transformers.__version__)
print("single", tokenizer("a", "")["input_ids"])
print("list", tokenizer([["a", ""]])["input_ids"])
PYTHON
cat "$dir/seen"
printf 'transformers 5.24.0\nsingle [2, 4, 3]\nlist [[2, 4, 3, 3]]\n' | cmp - "$dir/seen"
