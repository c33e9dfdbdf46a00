#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Hugging Face tokenizers 0.23.3: an added token can get the id of another token.
#
# If a vocab.txt lists a token twice, the vocabulary has one entry less than the file has lines, but
# ids are still line numbers. add_special_tokens gives a new token the number of entries as its id,
# and that is the id of the last line. Encoding either text then gives the same id, without a
# warning, and so they share a row of the model's embeddings.
#
# Expected by the documentation: a new token has an id that no token has.
# Seen on 2026-11-29 with Python 3.11:
#
#     tokenizers 0.23.3, 5 lines, 4 entries
#     [NEW] [4]
#     bad [4]
#
# `distil convert` refuses such a folder. This script needs Python 3.9 or later and the package
# registry; it installs the package into a temporary folder and fails if the behaviour has changed.

set -eu
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -q --disable-pip-version-check tokenizers==0.23.3
printf '[UNK]\ngood\nfilm\ngood\nbad\n' >"$dir/vocab.txt"
"$dir/venv/bin/python" - "$dir/vocab.txt" >"$dir/seen" <<'PYTHON'
import sys

import tokenizers
from tokenizers import Tokenizer
from tokenizers.models import WordPiece

tokenizer = Tokenizer(WordPiece.from_file(sys.argv[1], unk_token="[UNK]"))
print(f"tokenizers {tokenizers.__version__}, 5 lines, {tokenizer.get_vocab_size()} entries")
tokenizer.add_special_tokens(["[NEW]"])
for text in "[NEW]", "bad":
    print(text, tokenizer.encode(text).ids)
PYTHON
cat "$dir/seen"
printf 'tokenizers 0.23.3, 5 lines, 4 entries\n[NEW] [4]\nbad [4]\n' | cmp - "$dir/seen"
