#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# transformers 5: save_pretrained(folder, safe_serialization=False) neither fails nor warns, and
# writes model.safetensors all the same.
#
# Seen with transformers 5.24.0 and torch 2.15.0: the folder holds config.json and
# model.safetensors; standard error holds a progress bar and no warning. transformers 4.57.6 writes
# pytorch_model.bin for the same call. Programs that then open pytorch_model.bin fail, or read an
# older file of that name that was left in the folder.
#
# Needs python3 with venv, 6 GB of disk and the Python package index. Exit status: 0 if the
# behaviour is as described, 1 if it has changed, 2 if the packages cannot be installed.

set -u
dir=$(mktemp -d) || exit 2
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv" || exit 2
"$dir/venv/bin/pip" install --quiet transformers==5.24.0 torch==2.15.0 || exit 2

HF_HUB_OFFLINE=1 "$dir/venv/bin/python" - "$dir/model" <<'END' 2>"$dir/err" | tee "$dir/out"
import os
import sys
import warnings

import transformers

warnings.simplefilter("always")
config = transformers.DistilBertConfig(vocab_size=30, dim=32, hidden_dim=32, n_layers=1, n_heads=1,
                                       max_position_embeddings=8)
transformers.DistilBertModel(config).save_pretrained(sys.argv[1], safe_serialization=False)
print(transformers.__version__, *sorted(os.listdir(sys.argv[1])))
END
if [ "$(cat "$dir/out")" = "5.24.0 config.json model.safetensors" ] &&
    ! grep -qi 'safe_serialization\|deprecat' "$dir/err"; then
    echo "as described: safe_serialization=False is ignored without a word"
    exit 0
fi
echo "the behaviour has changed:"
cat "$dir/out" "$dir/err"
exit 1
