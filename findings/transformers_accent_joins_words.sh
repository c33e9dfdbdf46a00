#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# transformers 5.24.0: in the token-classification pipeline a word with an accent of its own
# belongs to the word before it.
#
# The aggregations first, average and max give all tokens of a word one label. The pipeline takes
# a token for the continuation of a word if its text has another number of characters than its
# place in the input, as "##ing" has. A tokenizer that strips accents makes "creme" of "cre",
# U+0300 and "me", which are six characters. So the two words of "la creme" get one label and one
# score, while with the composed letter U+00E8, which looks the same, each gets its own.
#
# Expected by the documentation: words are what white space separates, in both spellings.
# Seen on 2026-11-30 with Python 3.11:
#
#     transformers 5.24.0
#     composed [('la', False), ('creme', False)]
#     decomposed [('la', False), ('creme', True)]
#
# True means that the token continues a word. `distil entities` follows the pipeline. This script
# needs Python 3.10 or later and the package registry; it installs the packages into a temporary
# folder and fails if the behaviour has changed.

set -eu
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -q --disable-pip-version-check transformers==5.24.0 tokenizers==0.23.3 \
    numpy==2.4.1
printf '[PAD]\n[UNK]\n[CLS]\n[SEP]\nla\ncreme\n' >"$dir/vocab.txt"
"$dir/venv/bin/python" - "$dir/vocab.txt" >"$dir/seen" 2>/dev/null <<'PYTHON'
import sys
import types

import numpy
import transformers
from transformers import BertTokenizerFast
from transformers.pipelines.token_classification import (AggregationStrategy,
                                                         TokenClassificationPipeline)

tokenizer = BertTokenizerFast(vocab=sys.argv[1])
print("transformers", transformers.__version__)
for name, text in (("composed", "la cr\u00e8me"), ("decomposed", "la cre\u0300me")):
    inputs = tokenizer(text, return_offsets_mapping=True, return_special_tokens_mask=True)
    tokens = TokenClassificationPipeline.gather_pre_entities(
        types.SimpleNamespace(tokenizer=tokenizer), text, numpy.array(inputs["input_ids"]),
        numpy.zeros((4, 2)), inputs["offset_mapping"], inputs["special_tokens_mask"],
        AggregationStrategy.FIRST)
    print(name, [(token["word"], token["is_subword"]) for token in tokens])
PYTHON
cat "$dir/seen"
cat >"$dir/described" <<'TEXT'
transformers 5.24.0
composed [('la', False), ('creme', False)]
decomposed [('la', False), ('creme', True)]
TEXT
cmp "$dir/described" "$dir/seen"
