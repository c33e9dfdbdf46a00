#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Tests of the options of distil classify about labels: --function, --top-k and --threshold, what
# they print, and the combinations that they refuse. tests/convert/test_heads.sh compares scores
# with those of the real library.

# shellcheck source=tests/support/support_cli.sh
. "${DISTIL_TEST_ROOT:-.}/tests/support/support_cli.sh"

for name in multi5 one regression1; do
    run convert "$root/tests/data/heads/$name" -o "$name.distil"
    check "convert $name" ended 0
done
text='the film is good .'

run classify -m multi5.distil --top-k 2 "$text"
check "top-k: status" ended 0
check "top-k: two labels, the best first" count 1 out '^LABEL_1 0\.9[0-9]*, LABEL_[24] 0\.8[0-9]*$'
run classify -m multi5.distil --top-k 0 --jsonl "$text"
tr '{' '\n' <out >labels
check "top-k 0: all labels" count 5 labels '"label":"LABEL_.","score":0\.[0-9]*}'
run classify -m multi5.distil --jsonl "$text"
check "without top-k: the members of before" count 1 out '"truncated":false}$'
run classify -m multi5.distil --top-k 6 "$text"
check "top-k beyond the labels" ended 2
check "top-k: says how many there are" says err 'the model has 5 labels, fewer than 6; 0 means all'
run classify -m multi5.distil --top-k 2 --tsv "$text"
check "top-k with --tsv" ended 2
run classify -m multi5.distil --top-k 2 --input csv
check "top-k with a table" ended 2

run classify -m multi5.distil --threshold 0.85 --jsonl "$text"
check "threshold: one label" count 1 out '"labels":\[{"label":"LABEL_1","score":0\.9[0-9]*}\]}$'
run classify -m multi5.distil --threshold 1 "$text"
check "threshold: no label" count 1 out '^-$'
run classify -m multi5.distil --threshold 0 --top-k 3 --jsonl "$text"
check "threshold and top-k: both hold" count 1 out 'labels":\[{[^}]*},{[^}]*},{[^}]*}\]}$'
run classify -m multi5.distil --threshold 0.5 --function softmax "$text"
check "threshold with the softmax" ended 2
check "threshold: the remedy" says err 'give --function sigmoid'
run classify --threshold 0.5 "$text"
check "threshold: the shipped model has the softmax" ended 2
run classify --threshold 1.5 "$text"
check "threshold above 1" ended 2

run classify -m one.distil "$text"
check "one label: the sigmoid" count 1 out '^LABEL_0 0\.4[0-9]*$'
run classify -m regression1.distil "$text"
check "regression: the logit itself" count 1 out '^LABEL_0 -0\.[0-9]*$'
run classify --function tanh "$text"
check "function: unknown" ended 2
run inspect one.distil
check "inspect: sigmoid" says out 'probabilities by sigmoid'
run inspect --json regression1.distil
check "inspect: none" says out '"function": "none"'
printf 'text\tlabel\n%s\tLABEL_0\n' "$text" >one.tsv
run eval -m one.distil one.tsv
check "eval: one label" ended 1
check "eval: says why" says err 'has one label'

finish test_cli_labels
