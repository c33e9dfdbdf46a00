#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Tests of the model under attack: typing errors, look-alike letters, negation, contrast. The
# accuracy under each attack has a floor that float32 and int8 must both keep, and int8 may fall
# behind float32 by three sentences at most. DISTIL_TEST_VERBOSE=1 prints the table.

# shellcheck source=tests/support/support_cli.sh
. "${DISTIL_TEST_ROOT:-.}/tests/support/support_cli.sh"

if ! have python3; then
    skip attacks "python3 is not installed"
    finish test_attacks
fi
attacks=$root/tests/support/attacks.py
golden=$root/tests/golden/attacks.tsv
PYTHONDONTWRITEBYTECODE=1
export PYTHONDONTWRITEBYTECODE

judge() {
    python3 "$attacks" judge . "$1" >out 2>err
    rc=$?
}

python3 "$attacks" write . 2>err
for file in ./*.txt; do
    run_in "$file" classify --jsonl
    mv out "${file%.txt}.jsonl"
done
judge "$golden"
[ -z "${DISTIL_TEST_VERBOSE-}" ] || cat out
tail -n +2 out | while read -r name _; do
    echo "$name"
done >names
while read -r name; do
    check "attack $name: float32 and int8 keep their budget" \
        count 1 out "^$name .*%\$"
done <names
check "all attacks are judged" lines 11 names
check "no budget is exceeded" ended 0

# The judge notices a model that gets worse: an eighth of the labels of one attack are turned.
cp typo-swap.jsonl kept
awk 'NR % 8 == 0 {
    if (/"POSITIVE"/) gsub("POSITIVE", "NEGATIVE"); else gsub("NEGATIVE", "POSITIVE")
} { print }' kept >typo-swap.jsonl
judge "$golden"
check "the judge notices a model whose labels turn" ended 1
check "the judge names the attack" count 1 out '^typo-swap .*EXCEEDED$'
mv kept typo-swap.jsonl
# It refuses golden results that belong to other sentences, and answers that are not complete.
sed 's/^negation\t200\t./negation\t200\tx/' "$golden" >other.tsv
judge other.tsv
check "golden results of other sentences are refused" says err "make it again"
sed 1d negation.jsonl >short && mv short negation.jsonl
judge "$golden"
check "missing answers are refused" says err "199 answers, not 200"
finish test_attacks
