#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Tests of the options of distil about pairs, candidates, ranking and windows: what they print, and
# the combinations that they refuse. tests/convert/test_pairs_agree.sh compares scores with those of
# the real libraries.

# shellcheck source=tests/support/support_cli.sh
. "${DISTIL_TEST_ROOT:-.}/tests/support/support_cli.sh"

for name in nli3 ranker; do
    run convert "$root/tests/data/pairs/$name" -o "$name.distil"
    check "convert $name" ended 0
done

# ---- pairs ----
run classify -m nli3.distil --jsonl --pair 'a bad film' 'the film is good .'
check "pair: status" ended 0
check "pair: tokens of both texts" count 1 out '"tokens":11,"truncated":false}$'
run classify -m nli3.distil --jsonl --pair '' 'the film is good .'
check "pair: an empty second text is none" count 1 out '"tokens":7,"truncated":false}$'
run classify -m nli3.distil --jsonl --pair \
    'a a a a a a a a a a a a a a a a a a a a' 'the film is good .'
check "pair: cut at 24 tokens" count 1 out '"tokens":24,"truncated":true}$'
run classify --pair a b c
check "pair: two texts" ended 2
check "pair: names the remedy" says err '--pair-field'
printf 'id,first,second\n1,the film,good\n2,the film,\n3,a,"b, c"\n' >pairs.csv
run classify -m nli3.distil --input csv --text-field first --pair-field second -f pairs.csv
check "pair-field: status" ended 0
check "pair-field: all rows" lines 4 out
check "pair-field: null second text, null answer" line_is 3 out '2,the film,,,,'
cp out whole.csv
run classify -m nli3.distil --input csv --text-field first --pair-field second -f pairs.csv \
    --threads 3 --batch 1
check "pair-field: same bytes with threads" same out whole.csv
run classify --input csv --text-field first --pair-field third -f pairs.csv
check "pair-field: no such column" ended 1
check "pair-field: says which" says err 'there is no field "third"'
printf '{"text":"a","other":%s}\n' '"b"' 3 null >pairs.jsonl
printf '{"text":"a"}\n' >>pairs.jsonl
run classify -m nli3.distil --input jsonl --pair-field other -f pairs.jsonl
check "pair-field in JSONL: two bad rows" ended 1
check "pair-field in JSONL: no field" count 1 out 'there is no field .*other'
check "pair-field in JSONL: no string" count 1 out 'neither a string nor null'
check "pair-field in JSONL: null" count 1 out '"other":null,"label":null,"score":null}$'
run classify --input jsonl --text-field a --pair-field a -f pairs.jsonl
check "pair-field: the same as text-field" ended 2
run classify --pair-field b a
check "pair-field without a table" ended 2

# ---- candidates ----
run classify -m nli3.distil --candidates 'good, bad,dull' 'the film is good .'
check "candidates: status" ended 0
check "candidates: one label" matches out '(good|bad|dull) 0\.[0-9]{4}'
run classify -m nli3.distil --candidates 'good,bad' --top-k 0 --jsonl 'the film is good .'
check "candidates: both labels, sorted" count 1 out \
    '"labels":\[{"label":"(good|bad)","score":[^}]*},{"label":"(good|bad)","score":[^}]*}\]}$'
run classify -m nli3.distil --candidates 'good,bad' --multi --threshold 0 'the film is good .'
check "candidates: multi with a threshold" ended 0
check "candidates: a threshold of 0 lists all" count 1 out ', '
run classify -m nli3.distil --candidates 'good,bad' --threshold 0.5 'the film'
check "candidates: threshold without multi" ended 2
run classify -m nli3.distil --candidates 'good,bad' --top-k 3 'the film'
check "candidates: top-k beyond them" ended 2
check "candidates: says how many" says err '--candidates has 2 labels, fewer than 3'
run classify --candidates 'good,bad' 'the film'
check "candidates: no NLI model" ended 2
check "candidates: names the remedy" says err 'give a model for natural language inference'
for wrong in '' ' , ' 'a,b,a'; do
    run classify -m nli3.distil --candidates "$wrong" x
    check "candidates '$wrong'" ended 2
done
for wrong in 'no hole' '{} and {}' '{0}' '{}}'; do
    run classify -m nli3.distil --candidates a,b --template "$wrong" x
    check "template '$wrong'" ended 2
done
for wrong in '--multi' '--template {}'; do
    # shellcheck disable=SC2086
    run classify -m nli3.distil $wrong x
    check "$wrong without candidates" ended 2
done
run classify -m nli3.distil --candidates a,b --pair y x
check "candidates with a pair" ended 2
run classify -m nli3.distil --candidates a,b --function sigmoid x
check "candidates with a function" ended 2
long='a a a a a a a a a a a a a a a a a a a a a a a a'
run classify -m nli3.distil --candidates "$long,b" 'the film'
check "candidates: one that is too long" ended 1
check "candidates: says so" says err 'leaves no room'

# ---- rank ----
printf 'a bad film\nthe film is good .\n\nvery very dull\n' >passages.txt
run rank -m ranker.distil --query 'is it a good film ?' -f passages.txt
check "rank: status" ended 0
check "rank: all passages" lines 4 out
check "rank: a score and the passage" matches out '[01]\.[0-9]{4}.*'
sort -r out >sorted
check "rank: sorted" same out sorted
run rank -m ranker.distil -q 'good ?' --top-k 2 --jsonl -f passages.txt
check "rank: top-k" lines 2 out
check "rank: members" count 2 out \
    '^{"index":[0-3],"score":[^,]*,"logit":[^,]*,"tokens":[0-9]*,"truncated":false,"text":".*"}$'
run rank -m ranker.distil -q 'good ?' --json 'a film' 'the film'
check "rank: an array" line_is 1 out '['
run rank -m ranker.distil -q 'good ?' --tsv 'a film'
check "rank: columns" matches out '0.[^ ]*.[0-9]+.0.a film'
printf 'ok\n\377\n' >bad.txt
run rank -m ranker.distil -q 'good ?' --strict -f bad.txt
check "rank: a passage that is not UTF-8" ended 1
check "rank: the other one" lines 1 out
# Version 6 of sentence-transformers has the activation in a file of its own, and lists its modules.
cp -r "$root/tests/data/pairs/ranker" six
printf '[{"idx":0,"name":"0","path":"","type":"%s"}]' \
    sentence_transformers.base.modules.transformer.Transformer >six/modules.json
printf '{"activation_fn":"torch.nn.modules.linear.Identity","model_type":"CrossEncoder"}' \
    >six/config_sentence_transformers.json
run convert six -o six.distil
check "rank: a folder of version 6" ended 0
run rank -m six.distil -q 'good ?' --jsonl 'a film'
check "rank: the activation of version 6" test "$(sed 's/.*"score":\([^,]*\).*/\1/' out)" = \
    "$(sed 's/.*"logit":\([^,]*\).*/\1/' out)"
run rank -m ranker.distil x
check "rank without a query" ended 2
run rank -m nli3.distil -q x y
check "rank: a model with three labels" ended 2
check "rank: names the remedy" says err 'give a cross-encoder with -m'
run rank -m ranker.distil -q x --function softmax y
check "rank: softmax" ended 2
run_in /dev/null rank -m ranker.distil -q x --json
check "rank: no passage" is out '[]\n'


# ---- the activation of sentence-transformers ----
activated() { # NAME ACTIVATION: a folder whose config.json names it
    rm -rf activated
    cp -r "$root/tests/data/pairs/$1" activated
    sed "s/^{\$/{\"sentence_transformers\": {\"activation_fn\": \"$2\"},/" \
        "$root/tests/data/pairs/$1/config.json" >activated/config.json
}
activated nli3 torch.nn.modules.linear.Identity
run convert activated -o activated.distil
check "activation: three labels" ended 0
run inspect --json activated.distil
check "activation: three labels keep their function for ranking" says out \
    '"rank_function": "softmax"'
activated ranker torch.nn.modules.linear.Identity
run convert activated -o activated.distil
run inspect --json activated.distil
check "activation: one label" says out '"rank_function": "none"'
convert_unnamed() { # NAME: without names of labels, so that the weights give their number
    activated "$1" made.Up
    sed 's/"id2label"/"unread_labels"/; s/"label2id"/"unread_ids"/' activated/config.json >config
    mv config activated/config.json
    rm -f activated.distil
    run convert activated -o activated.distil
}
convert_unnamed ranker
check "activation: an unknown one, and one label in the weights" ended 1
check "activation: says which" says err 'found "made.Up"'
convert_unnamed nli3
check "activation: an unknown one, and three labels in the weights" ended 0

# ---- windows ----
text=$(printf 'a gorgeous film and %.0s' 1 2 3 4 5 6 7 8 9 10 11 12)
run classify --jsonl --window 16 --stride 4 --combine max "$text"
check "windows: status" ended 0
check "windows: how many" count 1 out '"truncated":false,"windows":5}$'
run classify --jsonl --window 16 'short'
check "windows: one" count 1 out '"tokens":3,"truncated":false,"windows":1}$'
sed 's/,"windows":1//' out >one
run classify --jsonl 'short'
check "windows: a short text has the same answer" same out one
for how in mean max first; do
    run classify --window 16 --combine $how "$text"
    check "windows: $how" ended 0
done
for wrong in '--stride 4' '--combine max' '--window 16 --stride 14' '--window 2' '--window 600' \
    '--window 16 --pair b' '--window 16 --combine sum' '--window 16 --candidates a,b'; do
    # shellcheck disable=SC2086
    run classify $wrong "$text"
    check "refused: $wrong" ended 2
done
run classify --window 16 --stride 14 "$text"
check "windows: names the remedy" says err 'give a greater --window or a smaller --stride'

# ---- offsets ----
run tokenize --offsets 'Café noir'
check "offsets: status" ended 0
check "offsets: a line for each token, and one" lines 5 out
check "offsets: characters and bytes" count 1 out '^7668.0.4.0.5.cafe$'
run tokenize --offsets --jsonl 'Café [SEP]'
check "offsets: JSON" says out \
    '{"id":7668,"token":"cafe","start":0,"end":4,"byte_start":0,"byte_end":5}'
check "offsets: a special token" says out '"token":"[SEP]","start":5,"end":10'
run tokenize --offsets --jsonl ''
check "offsets: no text" count 1 out '^\[{"id":101,.*},{"id":102,.*"byte_end":0}\]$'

finish test_cli_pairs
