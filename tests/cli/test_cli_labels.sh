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

# ---- names that are hard to write -----------------------------------------------------------

# The model of five labels gets names with line feeds, tabs, quotes, commas and backslashes, and two
# that are equal. Every format must say which label it is, in a form that a reader of the format
# understands.
if have python3; then
    cp -r "$root/tests/data/heads/multi5" hard
    chmod -R u+w hard
    python3 - hard/config.json <<'EOF'
import json
import sys

names = ["same", "line\nfeed, or two 0.5", 'say "x"\tnow\\t', "same", "same#3"]
with open(sys.argv[1], encoding="utf-8") as file:
    config = json.load(file)
config["id2label"] = {str(i): name for i, name in enumerate(names)}
config["label2id"] = {name: i for i, name in enumerate(names)}
with open(sys.argv[1], "w", encoding="utf-8") as file:
    json.dump(config, file)
EOF
    run convert hard -o hard.distil
    check "hard names: convert" ended 0
    printf '%s\n' '["same#0", "line\nfeed, or two 0.5", "say \"x\"\tnow\\t", "same##3", "same#3"]' \
        >names
    # Of each text one label is the best, and among these texts each label is the best of one.
    printf '%s\n' "$text" "good" "the" "film bad film" "a b c d" ". . . ." "is" "was" >texts
    printf 'text\n' | cat - texts >table.tsv
    cp table.tsv table.csv
    python=$root/tests/cli/read_labels.py
    labels() { # FORMAT OPTIONS...: the labels of the texts' answers are in the file `found`
        form=$1
        shift
        run_in texts classify -m hard.distil "$@"
        python3 "$python" "$form" out >found 2>err
    }
    labels probabilities --jsonl
    sort -u found >once
    check "hard names: members of probabilities" same once names
    labels jsonl --jsonl
    cp found expected
    check "hard names: an answer to each text" lines 8 expected
    labels json --json
    check "hard names: --json" same found expected
    labels text
    check "hard names: text" same found expected
    labels tsv --tsv
    check "hard names: --tsv" same found expected
    for form in csv tsv; do
        run_in table.$form classify -m hard.distil --input $form
        python3 "$python" $form-table out >found 2>err
        check "hard names: a table as $form" same found expected
    done
    run_in table.csv classify -m hard.distil --input csv --on-error keep
    labels best --jsonl --top-k 0
    cp found expected
    labels list --top-k 0
    check "hard names: a list as text" same found expected
    tr ',' '\n' <found | sed 's/[][]//g; s/^ //' | sort -u >once
    printf 'text\tlabel\n%s\t4\n%s\tsame##3\n%s\tsame\n' "$text" good bad |
        sed '1s/.*/sentence\tlabel/' >hard.tsv
    run eval -m hard.distil hard.tsv
    check "hard names: eval refuses a name that two labels have" ended 1
    check "hard names: eval counts the others" says out '2 (1 bad row left out)'
    check "hard names: eval: a line for each label" count 1 out '^ *line\\nfeed, or two 0.5 '
    run inspect hard.distil
    check "hard names: inspect" says out \
        'same, line\nfeed\x2c or two 0.5, say "x"\tnow\\t, same, same#3'
else
    skip "hard names" "python3 is not installed"
fi

finish test_cli_labels
