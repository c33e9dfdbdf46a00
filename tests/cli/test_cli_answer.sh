#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Tests of `distil answer`: what it prints, and the combinations that it refuses.
# tests/convert/test_answers.sh compares answers with those of the real pipeline.

# shellcheck source=tests/support/support_cli.sh
. "${DISTIL_TEST_ROOT:-.}/tests/support/support_cli.sh"

tab=$(printf '\t')
run convert "$root/tests/data/answers/lower" -o qa.distil
check "convert" ended 0
ask() {
    run answer -m qa.distil --question 'what is good ?' "$@"
}

context='the film was in Paris on Monday , caf'$(printf '\303\251')' and dances'
ask --context "$context"
check "text: status" ended 0
check "text: line" matches out "[01]\.[0-9]{4}$tab[0-9]+$tab[0-9]+$tab[^$tab]+"
ask --context "$context" --top-k 3 --jsonl
check "JSON: status" ended 0
check "JSON: three answers" count 1 out \
    '^\{"context":"argument","answers":\[(\{"answer":"[^"]+",.*){3}\]}$'
cp out before
printf '%s' "$context" >context.txt
ask -f context.txt --top-k 3 --jsonl --threads 3 --isa scalar
check "file, threads and level: same answers" test "$(sed 's/context.txt/argument/' out)" = \
    "$(cat before)"
run_in context.txt answer -m qa.distil -q 'what is good ?' --top-k 3 --jsonl
check "standard input" test "$(sed 's/"-"/"argument"/' out)" = "$(cat before)"
ask -f context.txt -f context.txt
check "two files: two lines" lines 2 out
ask --context a --top-k 9 --allow-none
check "allow-none: status" ended 0
check "allow-none: an empty answer" count 1 out "^[01]\.[0-9]{4}${tab}0${tab}0$tab\$"
ask --context "$context" --max-answer-tokens 1
check "max-answer-tokens: one word" matches out "[0-9.]+$tab[0-9]+$tab[0-9]+$tab[^ $tab]+"
i=0
while [ $i -lt 200 ]; do
    printf '%s ' "$context" 'a story !'
    i=$((i + 1))
done >long.txt
ask -f long.txt --window 24 --stride 0
check "windows without a stride" ended 0
ask -f long.txt --top-k 2
check "long context" lines 2 out

# ---- what is refused ----
ask -f long.txt --window 10
check "no room for the context: status" ended 1
check "no room for the context: remedy" says err 'shorten it'
ask -f long.txt --window 65
check "window beyond the model" says err 'max_positions'
: >empty
ask -f empty
check "empty context: status" ended 1
check "empty context: names it" says err 'empty: the context is empty'
ask -f nowhere -f context.txt
check "no file: status" ended 1
check "no file: the others" lines 1 out
ask --context a -f context.txt
check "text and file" ended 2
ask word
check "an argument: status" ended 2
check "an argument: remedy" says err 'name a file with -f'
run answer -m qa.distil --context a
check "no question" ended 2
run answer -q a --context a
check "a classifier: status" ended 2
check "a classifier: remedy" says err 'distil classify'
run classify -m qa.distil a
check "classify with this model" says err 'distil answer'
run inspect qa.distil
check "inspect" says out 'question answering'
finish test_cli_answer
