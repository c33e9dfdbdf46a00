#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Tests of distil entities: what it prints, and what it refuses.
# tests/convert/test_entities_agree.sh compares entities with those of transformers.

# shellcheck source=tests/support/support_cli.sh
. "${DISTIL_TEST_ROOT:-.}/tests/support/support_cli.sh"

# A model without knowledge: the head of a sequence classifier labels tokens.
cp -r "$root/tests/data/pairs/nli3" tagger
sed 's/ForSequenceClassification/ForTokenClassification/; s/contradiction/B-PER/; s/neutral/O/
     s/entailment/I-PER/' "$root/tests/data/pairs/nli3/config.json" >tagger/config.json
run convert tagger -o tagger.distil
check "convert" ended 0
run verify tagger.distil
check "verify" ended 0
run inspect tagger.distil
check "inspect: the head" says out 'token classification, probabilities by softmax: classifier'
run inspect --json tagger.distil
check "inspect: JSON" says out '"head": "token classification"'
check "inspect: no dense layer" count 0 out 'head_dense'

# ---- output ----
tab=$(printf '\t')
text='a witty film, it is very very good'
run entities -m tagger.distil --jsonl "$text"
check "jsonl: status" ended 0
check "jsonl: one line" lines 1 out
check "jsonl: members" count 1 out '^{"entities":\[.*\],"tokens":11,"truncated":false}$'
n='[0-9]*'
check "jsonl: an entity" count 1 out "{\"entity_group\":\"PER\",\"score\":[0-9.e-]*,\"start\":$n,\
\"end\":$n,\"byte_start\":$n,\"byte_end\":$n,\"text\":\"[^\"]*\"}"
run entities -m tagger.distil --aggregation none --jsonl "$text"
check "none: a token" count 1 out '{"entity":"[BI]-PER","score":[^,]*,"index":[0-9]*,"start":'
run entities -m tagger.distil "$text"
check "text: names and scores" matches out 'PER [01]\.[0-9]{4} .*'
run entities -m tagger.distil ''
check "no text: a dash" line_is 1 out -
printf '%s\n\n%s\n' "$text" "$text" >lines.txt
run entities -m tagger.distil -f lines.txt
check "lines: one each" lines 3 out
check "lines: a text without entities" line_is 2 out "-$tab"
run entities -m tagger.distil --tsv -f lines.txt
sed -n 1p out >first
check "tsv: columns" matches first '1.PER.[01]\.[0-9e-]+.0.[0-9]+.0.[0-9]+.a.*'
check "tsv: a text without entities" count 0 out '^2'
run entities -m tagger.distil --json -f lines.txt
check "json: an array" line_is 1 out '['
check "json: three objects" lines 5 out
run_in /dev/null entities -m tagger.distil --json
check "json: no text" is out '[]\n'
run entities -m tagger.distil --jsonl -f lines.txt
cp out whole.jsonl
run entities -m tagger.distil --jsonl -f lines.txt --threads 2 --batch 1
check "same bytes with threads" same out whole.jsonl
run entities -m tagger.distil --jsonl --window 8 --stride 2 "$text"
check "windows" count 1 out '"truncated":false,"windows":2}$'
long=$(printf 'a witty film and %.0s' 1 2 3 4 5 6 7 8)
run entities -m tagger.distil --jsonl "$long"
check "cut at 24 tokens" count 1 out '"tokens":24,"truncated":true}$'
printf 'good\n\377\ngood\n' >bad.txt
run entities -m tagger.distil --strict --jsonl -f bad.txt
check "not UTF-8: status" ended 1
check "not UTF-8: its line" line_is 2 out '{"error":"the text is not UTF-8"}'
check "not UTF-8: the others" lines 3 out

# ---- refusals ----
run entities -m tagger.distil --aggregation sum x
check "aggregation: unknown" ended 2
check "aggregation: says which there are" says err 'none, simple, first, average, max'
run entities x
check "a sequence classifier" ended 2
check "a sequence classifier: names the remedy" says err 'which is run by `distil classify`'
for command in classify 'rank -q y'; do
    # shellcheck disable=SC2086
    run $command -m tagger.distil x
    check "$command with a token classifier" ended 2
    check "$command: names the remedy" says err 'which is run by `distil entities`'
done
run eval -m tagger.distil "$root/tests/data/sst2/dev.tsv"
check "eval with a token classifier" ended 2
run eval --original tagger "$root/tests/data/sst2/dev.tsv"
check "eval with a token classifier as the original" ended 1
check "eval: says what it is" says err 'found one for token classification'
for wrong in '--stride 4' '--window 8 --stride 6' '--window 2' '--window 25' \
    '--window 8 --aggregation none' '-f lines.txt'; do
    # shellcheck disable=SC2086
    run entities -m tagger.distil $wrong "$text"
    check "refused: $wrong" ended 2
done

finish test_cli_entities
