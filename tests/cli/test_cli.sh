#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Tests of distil classify and distil tokenize as scripts use them: formats, order, streams, unusual
# input, signals, failures, exit statuses.

# shellcheck source=tests/support/support_cli.sh
. "${DISTIL_TEST_ROOT:-.}/tests/support/support_cli.sh"

f='-?[0-9]+(\.[0-9]+)?(e-?[0-9]+)?'
jsonl="\\{\"label\":\"(NEGATIVE|POSITIVE)\",\"score\":$f,\"probabilities\":"
jsonl="$jsonl\\{\"NEGATIVE\":$f,\"POSITIVE\":$f\\},\"logits\":\\[$f,$f\\],"
jsonl="$jsonl\"tokens\":[0-9]+,\"truncated\":(true|false)\\}"
tab=$(printf '\t')

# Fifty texts of 0 to 40 words, so that batches are cut everywhere.
awk 'BEGIN {
    n = split("a gorgeous witty movie that is never dull but not quite good 12.5 Ça va?", w, " ")
    for (i = 0; i < 50; i++) {
        line = ""
        for (k = 0; k < i * 7 % 41; k++)
            line = line (k ? " " : "") w[(i * 5 + k * k) % n + 1]
        print line
    }
}' >texts

# ---- formats ----
run classify "A gorgeous, witty, seductive movie."
check "one text: status" ended 0
check "one text: label and score" matches out 'POSITIVE 0\.[0-9]{4}'
check "one text: one line" lines 1 out
check "one text: nothing on standard error" empty err

run classify good "very bad" --
check "several texts" lines 2 out
check "several texts: text after a tab" says out "${tab}very bad"
run classify -- --jsonl
check "text after --" matches out '(NEGATIVE|POSITIVE) [01]\.[0-9]{4}'

run_in texts classify --jsonl
cp out plain
check "jsonl: status" ended 0
check "jsonl: a line for each line" lines 50 out
check "jsonl: shape" matches out "$jsonl"
run_in texts classify --json
check "json: array of the same objects" sh -c \
    '{ echo "["; sed "\$!s/\$/,/" plain; echo "]"; } | cmp -s - out'
run classify --json
check "json: nothing in, empty array" is out '[]\n'
run_in texts classify --tsv
check "tsv: five columns" matches out "(NEGATIVE|POSITIVE)$tab$f$tab[0-9]+${tab}[01]$tab[^$tab]*"
check "tsv: texts as they were" sh -c 'cut -f 5 out | cmp -s - texts'

if have python3; then
    cat >shape.py <<'PY'
import json, math, struct, sys
for line in open("plain", encoding="utf-8"):
    a = json.loads(line, object_pairs_hook=lambda pairs: pairs)
    assert [k for k, _ in a] == ["label", "score", "probabilities", "logits", "tokens", "truncated"]
    a = dict(a)
    p = dict(a["probabilities"])
    assert list(p) == ["NEGATIVE", "POSITIVE"] and a["label"] == max(p, key=p.get)
    assert a["score"] == p[a["label"]]
    e = [math.exp(x - max(a["logits"])) for x in a["logits"]]
    assert all(abs(x / sum(e) - y) < 1e-5 for x, y in zip(e, p.values())), line
    assert type(a["tokens"]) is int and a["truncated"] is False
for value in json.loads("[" + open("plain").readline() + "]")[0]["logits"]:
    single = struct.unpack("f", struct.pack("f", value))[0]
    assert "%.9g" % single == "%.9g" % value, value
PY
    check "jsonl: values" python3 shape.py
else
    skip "jsonl values" "no python3"
fi

# ---- the same bytes, in order ----
for options in "--batch 1" "--batch 7" "--threads 4 --batch 7" "--threads 3 --batch 1" \
    "--threads 0" "--stream" "--stream --threads 4" "--verify crc" "--verify=sha256"; do
    # shellcheck disable=SC2086
    run_in texts classify --jsonl $options
    check "same bytes: $options" same out plain
done
# Scalar code is slow, so it classifies a few texts only.
head -n 5 texts >few
head -n 5 plain >plain.few
DISTIL_ISA=scalar "$distil" classify --jsonl -f few >out 2>err
check "same bytes: DISTIL_ISA=scalar, -f" same out plain.few
run_in few classify --jsonl --isa scalar --threads 2 --batch 2
check "same bytes: --isa scalar, threads" same out plain.few
"$distil" classify --jsonl --threads 3 "$(sed -n 4p texts)" >out 2>err
sed -n 4p plain >want
check "same bytes: threads share one text" same out want
head -n 20 texts >texts.a
tail -n +21 texts >texts.b
run classify --jsonl --file texts.a --file=texts.b
check "same bytes: two files" same out plain
run_in texts.b classify --jsonl -f texts.a -f -
check "same bytes: a file and standard input" same out plain

# ---- lines ----
printf 'good\n\n\nbad' >odd
run_in odd classify --jsonl
check "empty lines and a last line without LF" lines 4 out
check "empty lines are two tokens" count 2 out '"tokens":2,'
run_in odd tokenize
check "tokens of the same" is out '101 2204 102\n101 102\n101 102\n101 2919 102\n'
printf 'good\r\nbad\r\n' >odd
run_in odd classify --tsv
check "CRLF: the CR is text" count 2 out '[a-z][\]r$'
printf 'go\000od\nb\rad\n' >odd
run_in odd tokenize
check "NUL and CR inside a line" is out '101 2204 102\n101 1038 4748 102\n'
run_in odd classify --tsv
check "NUL and CR written out" says out 'go\x00od'
printf 'a\tb\\c\n' >odd
run_in odd classify
check "tab and backslash written out" says out 'a\tb\\c'
printf 'good\n\377\376 bad \355\240\200\nfine\n' >odd
run_in odd tokenize
check "what is not UTF-8 is replaced" ended 0
check "what is not UTF-8 is replaced: tokens" is out '101 2204 102\n101 2919 102\n101 2986 102\n'
run_in odd classify --jsonl --strict
check "strict: status" ended 1
check "strict: reported" says err 'distil: standard input:2: the text is not UTF-8'
check "strict: in its place" line_is 2 out '{"error":"the text is not UTF-8"}'
check "strict: the rest is done" count 2 out '"label"'
run_in odd classify --strict
sed 's/[^ A-Z].*//' out >labels
check "strict: plain output keeps its lines" line_is 2 labels ERROR
run_in odd tokenize --strict
check "strict: tokens keep their lines" is out '101 2204 102\n\n101 2986 102\n'

awk 'BEGIN { for (i = 0; i < 100000; i++) printf "good "; print ""; print "bad" }' >odd
run_in odd classify --jsonl
sed 's/.*"tokens/tokens/' out >ends
check "long line: cut and said so" line_is 1 ends 'tokens":512,"truncated":true}'
check "long line: the next one" line_is 2 ends 'tokens":3,"truncated":false}'
run_in odd tokenize
check "long line: all its tokens" sh -c '[ "$(head -n 1 out | wc -w)" -eq 100002 ]'
{
    echo good
    head -c 67108864 /dev/zero | tr '\000' a
    echo
    head -c 67108865 /dev/zero | tr '\000' a
    echo
    head -c 140000000 /dev/zero | tr '\000' a
    printf '\nbad\n'
} >odd
run_in odd tokenize
check "too long a line: status" ended 1
check "too long a line: reported" says err \
    'distil: standard input:3: the line is longer than 64 MiB'
check "too long a line: the rest is done" is out '101 2204 102\n101 100 102\n\n\n101 2919 102\n'
rm -f odd

# ---- streams: each answer before the next line is written ----
mkfifo in.fifo out.fifo
talk() { # ARGUMENTS...: 0 if both lines are answered one after the other
    timeout 60 "$distil" "$@" <in.fifo >out.fifo 2>err &
    talker=$!
    exec 3>in.fifo 4<out.fifo
    first=
    second=
    (echo good >&3) # a process of its own may die of SIGPIPE
    IFS= read -r first <&4
    (printf 'ba' >&3)
    (echo d >&3)
    IFS= read -r second <&4
    exec 3>&- 4<&-
    wait $talker && [ -n "$first" ] && [ -n "$second" ]
}
check "stream: line by line" talk classify --stream --jsonl
check "pipe: nothing is held back" talk classify --jsonl
check "pipe: nothing is held back, threads" talk classify --threads 2 --batch 16
check "pipe: tokens" talk tokenize

# ---- tokenize ----
run tokenize "Hello, world!" "[MASK]"
check "tokenize: ids" is out '101 7592 1010 2088 999 102\n101 103 102\n'
run tokenize --split-special-tokens "[MASK]"
check "tokenize: special tokens as text" matches out '101 1031 7308 1033 102'
run tokenize --jsonl good bad
check "tokenize: jsonl" matches out '\[101,(2204|2919),102\]'
run tokenize --json good bad
check "tokenize: json" is out '[\n[101,2204,102],\n[101,2919,102]\n]\n'
run_in texts tokenize
check "tokenize: a line for each line" lines 50 out
run classify --jsonl "[SEP]"
cp out special
run classify --jsonl --split-special-tokens "[SEP]"
check "classify: special tokens" says special '"tokens":3,'
check "classify: special tokens as text" says out '"tokens":5,'

# ---- files that fail ----
mkdir directory
for command in classify tokenize; do
    run $command -f missing -f texts.a
    check "$command: missing file: status" ended 1
    run $command -f texts.a -f directory
    check "$command: directory: status" ended 1
done
run classify --jsonl -f texts.a -f missing -f directory -f texts.b
check "missing file: status" ended 1
check "missing file: reported" says err 'distil: missing: cannot open: No such file or directory'
check "directory: reported" says err 'distil: directory: cannot read: Is a directory'
check "missing file: the rest is done" same out plain
"$distil" classify <&- >out 2>err
rc=$?
check "closed standard input" ended 1
if [ -w /dev/full ]; then
    for command in "classify good" "classify --jsonl -f texts" "classify --threads 2 -f texts" \
        "tokenize good" "tokenize -f texts" "isa" "--help" "--version" "classify --help"; do
        # shellcheck disable=SC2086
        "$distil" $command >/dev/full 2>err
        rc=$?
        check "full disk: $command: status" ended 1
        check "full disk: $command: message" says err \
            'distil: cannot write standard output: No space left on device'
    done
else
    skip "full disk" "no /dev/full"
fi
"$distil" classify good >&- 2>err
rc=$?
check "closed standard output" ended 1

# ---- signals ----
for options in "classify --stream" "classify --threads 2" "tokenize"; do
    # shellcheck disable=SC2086
    for signal in default ignored; do
        (
            [ $signal = default ] || trap '' PIPE
            yes good 2>/dev/null | {
                timeout 60 "$distil" $options 2>err
                echo $? >rc.file
            } | head -n 1 >out
        ) 2>/dev/null
        rc=$(cat rc.file)
        what="reader goes away, SIGPIPE $signal: $options"
        check "$what: answered" lines 1 out
        check "$what: ends" sh -c "[ $rc -eq 141 ] || [ $rc -eq 1 ]"
        check "$what: quietly" empty err
    done
done

await_lines() { # NUMBER: until out has NUMBER lines, at most 30 s
    tries=0
    while [ "$(wc -l <out)" -lt "$1" ] && [ $tries -lt 600 ]; do
        sleep 0.05
        tries=$((tries + 1))
    done
}
for options in "classify --jsonl" "classify --jsonl --threads 3" "classify --json --stream" \
    "tokenize"; do
    : >out
    # shellcheck disable=SC2086
    "$distil" $options <in.fifo >out 2>err &
    pid=$!
    exec 3>in.fifo
    (printf 'good\nbad\n' >&3)
    await_lines 2
    kill -INT $pid
    wait $pid
    rc=$?
    exec 3>&-
    check "interrupt while waiting: $options: status" ended 130
    check "interrupt while waiting: $options: answers" at_least 2 out
done
: >out
yes good 2>/dev/null | "$distil" classify --jsonl --threads 2 --batch 4 >out 2>err &
pid=$!
await_lines 8
kill -INT $pid
wait $pid
rc=$?
check "interrupt at work: status" ended 130
check "interrupt at work: whole lines" matches out "$jsonl"
check "interrupt at work: whole batches" sh -c '[ $(($(wc -l <out) % 4)) -eq 0 ]'

# ---- progress, for people only ----
if have script; then
    clear=$(printf '\033')
    twice="{ cat texts; sleep 1.2; cat texts; }"
    script -qc "$twice | '$distil' classify --jsonl >out" /dev/null >err
    tr '\r' '\n' <err | tail -n 1 >last
    check "progress on a terminal: shown" says err 'texts, '
    check "progress on a terminal: taken away" is last '\033[K'
    cat plain plain >want
    check "progress on a terminal: answers are untouched" same out want
    script -qc "$twice | '$distil' classify --jsonl" /dev/null >err
    check "no progress between answers" count 0 err "$clear"
else
    skip "progress" "no script(1)"
fi

# ---- models ----
mkdir -p alone/bin alone/share/distil
cp "$distil" alone/bin/distil
alone/bin/distil classify good >out 2>err
rc=$?
check "no model: status" ended 1
check "no model: what to do" says err 'distil convert DIR -o FILE'
cp "$blob" alone/share/distil/sst2.distil
alone/bin/distil classify good >out 2>err
rc=$?
check "installed model is found" ended 0
DISTIL_MODEL=/nowhere/m.distil "$distil" classify good >out 2>err
rc=$?
check "missing model: status" ended 1
check "missing model: named" says err '/nowhere/m.distil'
check "missing model: why" says err 'No such file or directory'
DISTIL_MODEL=/nowhere/m.distil "$distil" classify -m "$blob" good >out 2>err
rc=$?
check "-m goes before DISTIL_MODEL" ended 0
DISTIL_MODEL='' DISTIL_ISA='' "$distil" classify good >out 2>err
rc=$?
check "empty variables count as unset" ended 0
head -c 100000 "$blob" >short.distil
run classify -m short.distil good
check "cut model: status" ended 1
check "cut model: named" says err 'distil: short.distil:'
check "cut model: remedy" says err 'damaged'
run classify -m texts good
check "not a model: status" ended 1
check "not a model: remedy" says err 'distil convert DIR -o FILE'
run classify -m directory good
check "model is a directory" ended 1
check "model is a directory: named" says err 'distil: directory:'
check "model is a directory: remedy" says err 'distil convert directory -o FILE'
size=$(wc -c <"$blob")
cp "$blob" flipped.distil
printf '\125\252\125\252' | dd of=flipped.distil bs=1 seek=$((size / 2)) conv=notrunc 2>/dev/null
for how in crc sha256; do
    run classify -m flipped.distil --verify $how good
    check "damaged weights: --verify $how: status" ended 1
    check "damaged weights: --verify $how: named" says err 'distil: flipped.distil:'
done
rm -rf alone ./*.distil

# ---- command line ----
# wrong TEXT ARGUMENTS...: check that these arguments are wrong usage and that the message has TEXT.
wrong() {
    text=$1
    shift
    run "$@"
    check "wrong usage: $*: status" ended 2
    check "wrong usage: $*: nothing on standard output" empty out
    check "wrong usage: $*: message" says err "$text"
}
wrong "unknown option '--jsnl'" classify --jsnl good
wrong 'did you mean `--jsonl`?' classify --jsnl good
wrong 'did you mean `--threads`?' classify --treads=2 good
wrong "unknown option '-x'" classify -x good
wrong "expected softmax, sigmoid or none, found 'soft'" classify --function soft good
wrong "expected none, crc, sha256 or proof, found 'x'" classify --verify x good
wrong "unknown option '--tsv'" tokenize --tsv good
wrong "needs a value" classify -m
wrong "takes no value" classify --jsonl=yes good
wrong "not a number from 1 to 4096" classify --batch 0 good
wrong "not a number from 1 to 4096" classify --batch 4097 good
wrong "not a number from 0 to 256" classify --threads -1 good
wrong "not a number from 0 to 256" classify --threads 99999999999999999999999999 good
wrong "more than one of" classify --json --jsonl good
wrong "at once" classify -f texts good
wrong "at once" tokenize -f texts good
wrong "expected none, crc, sha256 or proof" classify --verify md5 good
wrong "unknown instruction set 'avx3'" classify --isa avx3 good
for command in "classify good" "tokenize good" "eval texts" "isa"; do
    # shellcheck disable=SC2086
    DISTIL_ISA=avx3 "$distil" $command >out 2>err </dev/null
    rc=$?
    check "DISTIL_ISA unknown: $command: status" ended 2
    check "DISTIL_ISA unknown: $command: names" says err 'scalar, avx2, avxvnni, avx512, avx512vnni'
done

finish test_cli
