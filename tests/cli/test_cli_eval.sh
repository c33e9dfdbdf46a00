#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Tests of distil eval: its figures are compared with figures that are computed from the output of
# `classify --jsonl`, and wrong files are refused.

# shellcheck source=tests/support/support_cli.sh
. "${DISTIL_TEST_ROOT:-.}/tests/support/support_cli.sh"

# The model is sure of the labels of these seven sentences. Three have the wrong label on purpose.
tab=$(printf '\t')
{
    printf 'sentence\tlabel\n'
    printf 'a gorgeous , witty , seductive movie .\t1\n'
    printf 'a wonderful film , moving and funny\t1\n'
    printf 'dull , stupid and boring from beginning to end\t0\n'
    printf 'the worst film of the year\t0\n'
    printf 'an awful mess\t1\n'
    printf 'a masterpiece\t0\n'
    printf 'a stupid , boring waste of time\t1\n'
} >seven.tsv
# Their reference consists of the model's own logits and token counts.
cut -f 1 seven.tsv | tail -n +2 >seven.txt
run_in seven.txt classify --jsonl
{
    printf 'row\tlabel\ttokens\tlogit_negative\tlogit_positive\n'
    tail -n +2 seven.tsv | cut -f 2 | paste - out | awk -F '\t' '{
        match($2, /"logits":\[[^]]*/); logits = substr($2, RSTART + 10, RLENGTH - 10)
        sub(",", "\t", logits)
        match($2, /"tokens":[0-9]+/)
        print NR - 1 "\t" $1 "\t" substr($2, RSTART + 9, RLENGTH - 9) "\t" logits
    }'
} >seven.ref

run eval seven.tsv
check "eval: status" ended 0
check "eval: texts" count 1 out '^texts +7$'
check "eval: accuracy" says out 'accuracy         57.14 % (4 of 7)'
check "eval: confusion, negative" count 1 out '^ *NEGATIVE +2 +1$'
check "eval: confusion, positive" count 1 out '^ *POSITIVE +2 +2$'
check "eval: speed" count 1 out '^speed +[0-9.]+ texts/s'
run eval seven.tsv --reference seven.ref
check "eval: own reference: status" ended 0
check "eval: own reference: agreement" says out 'label agreement  100.00 % (7 of 7)'
check "eval: own reference: margin" says out 'margin error     mean 0.0000, max 0.0000'
check "eval: own reference: tokens" says out 'token counts     0 differ'

# One label turned over by its logits, one margin 0.5 larger, one token count wrong.
awk -F '\t' -v OFS='\t' '
    NR == 2 { x = $4; $4 = $5; $5 = x }
    NR == 4 { $4 += 0.5 }
    NR == 6 { $3 += 1 }
    { print }' seven.ref >other.ref
run eval seven.tsv --reference other.ref --json
check "eval: json: status" ended 0
check "eval: json: one line" lines 1 out
check "eval: json: figures" says out '"texts":7,"bad_rows":0,"correct":4,"accuracy":0.571428571'
check "eval: json: confusion" says out '"confusion":[[2,1],[2,2]]'
check "eval: json: labels" says out '"labels":["NEGATIVE","POSITIVE"]'
check "eval: json: agreement" says out '"agreeing":6,"agreement":0.857142857'
check "eval: json: tokens" says out '"token_mismatches":1'
# The first text's margin turned over: an error of twice the margin; another one of 0.5.
awk -F '\t' 'NR == 2 {
    d = 2 * ($4 - $5)
    d = d < 0 ? -d : d
    print d, (d + 0.5) / 7
}' other.ref >want
sed 's/.*margin_error_mean":\([0-9.]*\),"margin_error_max":\([0-9.]*\).*/\2 \1/' out >got
check "eval: json: margin" sh -c 'paste want got | awk "{ d = \$1 - \$3; e = \$2 - \$4
    exit !(d * d < 1e-8 && e * e < 1e-8) }"'
if have python3; then
    check "eval: json: parses" python3 -c 'import json; json.load(open("out"))'
else
    skip "eval json parses" "no python3"
fi

cp out before
run eval seven.tsv --reference other.ref --json --threads 3 --batch 2 --isa scalar
check "eval: threads and level do not matter" sh -c '
    for f in before out; do sed "s/,\"seconds.*//" $f >$f.figures; done
    cmp -s before.figures out.figures'

sed -e "s/${tab}1\$/${tab}POSITIVE/" -e "s/${tab}0\$/${tab}negative/" seven.tsv |
    awk '{ printf "%s\r\n", $0 }' >names.tsv
run_in names.tsv eval -
check "eval: label names, CRLF, standard input" says out '57.14 % (4 of 7)'
awk -F '\t' -v OFS='\t' '{ print $2, NR, $1 }' seven.tsv >swapped.tsv
run eval swapped.tsv
check "eval: columns are found by name" says out '57.14 % (4 of 7)'

{
    cat seven.tsv
    printf 'no label\nbad\t2\nbad\tmaybe\ntoo\tmany\t1\n\n'
} >bad.tsv
run eval bad.tsv
check "eval: bad rows: status" ended 1
check "eval: bad rows: the rest is done" says out '(4 of 7)'
check "eval: bad rows: counted" says out '5 bad rows left out'
check "eval: bad rows: columns" says err 'distil: bad.tsv:9: not as many columns as the header has'
check "eval: bad rows: label" says err 'distil: bad.tsv:10: the label is neither'

refuses() { # TEXT ARGUMENTS...
    text=$1
    shift
    run eval "$@"
    check "eval: refuses $*: status" ended 1
    check "eval: refuses $*: message" says err "$text"
}
: >empty.tsv
refuses "empty.tsv: empty" empty.tsv
refuses "missing.tsv: cannot open" missing.tsv
tail -n +2 seven.tsv >headless.tsv
refuses "headless.tsv:1: expected a header with the columns sentence and label" headless.tsv
refuses "missing.ref: cannot open" seven.tsv --reference missing.ref
refuses "seven.tsv:1: expected the header row, label, tokens" seven.tsv --reference seven.tsv
head -n 4 seven.ref >short.ref
refuses "does not belong to" seven.tsv --reference short.ref
{
    cat seven.ref
    sed -n '$s/^6/7/p' seven.ref
} >long.ref
refuses "has 8 rows" seven.tsv --reference long.ref
sed "3s/${tab}1${tab}/${tab}0${tab}/" seven.ref >label.ref
refuses "does not belong to seven.tsv:3" seven.tsv --reference label.ref
sed '3s/^1/2/' seven.ref >row.ref
refuses "row.ref:3: expected rows numbered" seven.tsv --reference row.ref
sed "3s/[^$tab]*\$/nan/" seven.ref >nan.ref
refuses "nan.ref:3: expected finite logits" seven.tsv --reference nan.ref
run eval
check "eval: without a file: status" ended 2
run eval seven.tsv seven.tsv
check "eval: two files: status" ended 2

# ---- the shipped model against the original framework ----
dev=$root/tests/data/sst2/dev.tsv
reference=$root/tests/golden/sst2_dev.tsv
if [ -n "${DISTIL_TEST_FULL-}" ]; then
    rows=872
else
    rows=120
fi
head -n $((rows + 1)) "$dev" >dev.tsv
head -n $((rows + 1)) "$reference" >dev.ref
run eval dev.tsv --reference dev.ref --json --threads 2
check "dev set: status" ended 0
check "dev set: token counts" says out '"token_mismatches":0'
figure() { # NAME: print the value of this member in the file out
    sed "s/.*\"$1\":\([0-9.e-]*\).*/\1/" out
}
within() { # NAME LOW HIGH
    awk -v x="$(figure "$1")" -v low="$2" -v high="$3" 'BEGIN { exit !(x >= low && x <= high) }'
}
check "dev set: texts" within texts $rows $rows
check "dev set: agreement" within agreement 0.99 1
check "dev set: mean margin error" within margin_error_mean 0.001 0.075
if [ $rows -eq 872 ]; then
    check "dev set: accuracy" within accuracy 0.9041 0.9101
    check "dev set: agreement of all" within agreement 0.994 1
else
    check "dev set: accuracy" within accuracy 0.85 0.97
fi

# ---- the checkpoint itself, in float ----
folder=$root/model/sst2
mean=$(figure margin_error_mean)
agreement=$(figure agreement)
run eval dev.tsv --original "$folder" --json --threads 2
check "original: status" ended 0
check "original: token counts" says out '"token_mismatches":0'
check "original: the mean margin error is that of the reference" \
    within margin_error_mean "$(awk "BEGIN { print $mean - 1e-4 }")" \
    "$(awk "BEGIN { print $mean + 1e-4 }")"
check "original: the agreement is that of the reference" within agreement "$agreement" "$agreement"
check "original: names the folder" says out "\"original\":\"$folder\""

run eval seven.txt --original "$folder"
check "original: texts without labels: status" ended 0
check "original: texts without labels: count" count 1 out '^texts +7$'
check "original: texts without labels: no accuracy" count 0 out '^accuracy'
check "original: texts without labels: agreement" says out 'label agreement  100.00 % (7 of 7)'
cut -f 1 seven.tsv >sentences.tsv
run eval sentences.tsv --original "$folder" --json
check "original: a column of sentences" says out '"texts":7,"bad_rows":0,"labels":["NEGATIVE"'
check "original: nothing disagrees" says out '"disagreements":[]'
run eval bad.tsv --original "$folder"
check "original: bad rows: status" ended 1
check "original: bad rows: the rest is compared" says out 'label agreement  100.00 % (7 of 7)'

run_in seven.tsv eval - --original "$folder"
check "original: standard input: status" ended 1
check "original: standard input: message" says err 'reads the file twice'
refuses "config.json" seven.tsv --original .
run eval seven.tsv --original "$folder" --reference seven.ref
check "original: with a reference: status" ended 2

# A copy of the checkpoint whose labels are named the other way round, and one that is biased so
# much that it calls every text negative.
mkdir swapped biased
cp "$folder"/* swapped
cp "$folder"/* biased
chmod -R u+w swapped biased
sed -e 's/NEGATIVE/X/g' -e 's/POSITIVE/NEGATIVE/g' -e 's/X/POSITIVE/g' \
    "$folder/config.json" >swapped/config.json
refuses "swapped: label 0 is POSITIVE" seven.tsv --original swapped
# Another checkpoint whose labels have the same names.
cp -r "$root/tests/data/pairs/nli2" other
chmod -R u+w other
sed -i -e 's/"0": "[a-z_]*"/"0": "NEGATIVE"/' -e 's/"1": "[a-z_]*"/"1": "POSITIVE"/' \
    -e 's/"[a-z_]*": 0/"NEGATIVE": 0/' -e 's/"[a-z_]*": 1$/"POSITIVE": 1/' other/config.json
run eval seven.tsv --original other
check "original: another checkpoint: status" ended 0
check "original: another checkpoint: a note" says err "not made from other, which has 1 layers"
if have python3; then
    python3 - <<'EOF'
import json
import struct
with open("biased/model.safetensors", "r+b") as file:
    size = struct.unpack("<Q", file.read(8))[0]
    tensor = json.loads(file.read(size))["classifier.bias"]
    begin, end = tensor["data_offsets"]
    pack = {"F32": "<2f", "F16": "<2e"}[tensor["dtype"]]
    file.seek(8 + size + begin)
    file.write(struct.pack(pack, 30, -30))
EOF
    run eval seven.tsv --original biased
    check "original: disagreement: status" ended 0
    check "original: disagreement: count" says out 'label agreement  57.14 % (4 of 7)'
    check "original: disagreement: texts" count 3 out '^  line [237]: POSITIVE, the original says'
    run eval seven.tsv --original biased --json
    check "original: disagreement: json" says out \
        '"line":7,"text":"a masterpiece","label":"POSITIVE","original_label":"NEGATIVE","margin":-'
    check "original: disagreement: json parses" python3 -c 'import json; json.load(open("out"))'
else
    skip "original: a biased checkpoint" "no python3"
fi

finish test_cli_eval
