#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Tests of `distil embed`: what it prints and writes, and the combinations that it refuses.
# tests/convert/test_embeddings.sh compares vectors with those of the real libraries.

# shellcheck source=tests/support/support_cli.sh
. "${DISTIL_TEST_ROOT:-.}/tests/support/support_cli.sh"

data=$root/tests/data/embeddings
for name in plain dense_tanh; do
    run convert "$data/$name" -o "$name.distil"
    check "convert $name" ended 0
done

run embed -m plain.distil 'the film is good .'
check "one text: status" ended 0
check "one text: line" matches out \
    '\{"embedding":\[-?[0-9.e,-]+\],"tokens":7,"truncated":false\}'
cp out one.jsonl
printf 'the film is good .\n\nwitty\n' >texts
run_in texts embed -m plain.distil --jsonl
check "lines: status" ended 0
check "lines: one for each text" lines 3 out
cp out lines.jsonl
check "lines: the first is that of the argument" test "$(head -n 1 out)" = "$(cat one.jsonl)"
run embed -m plain.distil -f texts --threads 3 --batch 1 --isa scalar
check "threads, batch and level: same bytes" same out lines.jsonl
run embed -m plain.distil --pooling mean -f texts
check "pooling: mean is the default" same out lines.jsonl
run embed -m plain.distil --pooling cls -f texts
check "pooling: cls differs" sh -c '! cmp -s out lines.jsonl'
run embed -m plain.distil --normalize -f texts
check "normalize: status" ended 0
check "normalize: differs" sh -c '! cmp -s out lines.jsonl'

# ---- files ----
run embed -m plain.distil -f texts -o out.jsonl
check "file: status" ended 0
check "file: the lines" same out.jsonl lines.jsonl
run embed -m plain.distil -f texts -o out.npy
check "array: status" ended 0
check "array: size" test "$(wc -c <out.npy)" -eq $((128 + 3 * 32 * 4))
head -c 127 out.npy | tail -c 117 >header
check "array: type" says header "'descr': '<f4', 'fortran_order': False, 'shape': (3, 32), }"
check "array: nothing else is left" test "$(ls out.npy*)" = out.npy
: >empty
run embed -m plain.distil -f empty -o empty.npy
check "array without rows: status" ended 0
check "array without rows: size" test "$(wc -c <empty.npy)" -eq 128
printf 'good\n\377\ngood\n' >broken
run embed -m plain.distil -f broken --strict
check "bad text: status" ended 1
check "bad text: its line" count 1 out '^{"error":"[^"]*UTF-8[^"]*"}$'
check "bad text: the others" count 2 out '^{"embedding"'
cp out.npy before
run embed -m plain.distil -f broken --strict -o out.npy
check "bad text in an array: status" ended 1
check "bad text in an array: names the line" says err 'broken:2'
check "bad text in an array: remedy" says err 'JSON lines'
check "bad text in an array: the old file stays" same out.npy before
check "bad text in an array: nothing else is left" test "$(ls out.npy*)" = out.npy
run embed -m plain.distil -f nowhere -o no.npy
check "no input: status" ended 1
check "no input: no file" test ! -e no.npy -a ! -e no.npy.partial

# ---- what is refused ----
run embed -m dense_tanh.distil --pooling cls a
check "dense layer and another pooling: status" ended 2
check "dense layer and another pooling: remedy" says err 'leave the option out'
run embed -m plain.distil --pooling last a
check "unknown pooling" ended 2
run embed -m plain.distil --jsonl -o out.npy a
check "JSON lines into an array" ended 2
run embed -m plain.distil -f texts a
check "texts and files" ended 2
run classify -m plain.distil a
check "classify with a model for embeddings: status" ended 2
check "classify with a model for embeddings: remedy" says err 'distil embed'
run embed "a classifier's hidden states"
check "a classifier: its hidden states" ended 0

# ---- other commands ----
run inspect dense_tanh.distil
check "inspect: head" says out 'embeddings, pooling mean, dense layer and tanh'
check "inspect: vectors" says out 'of 48 numbers'
run inspect --json dense_tanh.distil
check "inspect --json" says out '"vector_size": 48'
run verify dense_tanh.distil plain.distil
check "verify" ended 0
run tokenize -m plain.distil good
check "tokenize" ended 0

# ---- folders that are refused ----
refuse() { # NAME FILE OLD NEW MESSAGE
    rm -rf folder && cp -r "$data/dense_tanh" folder
    sed "s|$3|$4|" "$data/dense_tanh/$2" >"folder/$2"
    run convert folder -o no.distil
    check "$1: status" ended 1
    check "$1: says why" says err "$5"
    check "$1: writes nothing" test ! -e no.distil
}

refuse "unknown module" modules.json Dense LayerNorm 'expected the modules Transformer'
refuse "modules of another library" modules.json 'sentence_transformers.[a-z_.]*Pooling' \
    'other.Pooling' 'expected the modules Transformer'
refuse "a path out of the folder" modules.json 1_Pooling '../1_Pooling' 'the name of a folder'
refuse "no folder" modules.json 1_Pooling 7_Pooling 'as modules.json says'
refuse "activation" 2_Dense/config.json 'Tanh' 'Softplus' 'Identity, Tanh, ReLU or Sigmoid'
refuse "width" 2_Dense/config.json '"in_features": 32' '"in_features": 64' 'in_features'
refuse "outputs" 2_Dense/config.json '"out_features": 48' '"out_features": 40' 'linear.weight'
refuse "modules.json is no list" modules.json '^\[' '{' 'modules.json'
finish test_cli_embed
