#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Tests of distil classify --input: tables that real software wrote (tests/data/tables, which
# tools/generate/make_table_golden.py made), bad records, names, output files, and runs that are
# killed and continued.

# shellcheck source=tests/support/support_cli.sh
. "${DISTIL_TEST_ROOT:-.}/tests/support/support_cli.sh"

tables=$root/tests/data/tables
cr=$(printf '\r')
tab=$(printf '\t')
sep="[;,$tab]"

# answers FORMAT: turn output that has label and score only into lines "label score" or "null".
answers() {
    case $1 in
    jsonl) sed -E 's/^\{"label":null.*/null/; s/^\{"label":"([A-Z]*)","score":([^,}]*).*/\1 \2/' ;;
    *) sed -E "1d; s/$cr\$//; s/^(\\\\N)?[;,$tab](\\\\N)?[;,$tab](\\\\N)?\$/null/" |
        sed -E "s/^([A-Z]+)[;,$tab]([^;,$tab]*).*/\1 \2/" ;;
    esac
}

# ---- what real software writes ----
"$distil" classify --input jsonl --keep none -f "$tables/rows.jsonl" >out 2>err
rc=$?
answers jsonl <out >reference
check "rows: status" ended 0
check "rows: nothing on standard error" empty err
check "rows: an answer for each" lines 14 reference
check "rows: one of them is null" count 1 reference '^null$'
sed 6d reference >reference_without_empty
grep -v '^null$' reference_without_empty >reference_texts

# The reference itself: what lines say about the texts that fit on a line.
printf 'A gorgeous, witty, seductive movie.\nThey call it "art"; it is dull\n' >two
run_in two classify --tsv
cut -f 1,2 out | tr '\t' ' ' >two_answers
check "rows: same answers as lines" sh -c 'head -n 2 reference | cmp -s - two_answers'

# table NAME FORMAT REFERENCE OPTIONS...: check the answers to a file, and that without the answers
# the output is the input.
table() {
    file=$tables/$1
    format=$2
    wanted=$3
    name=$1
    shift 3
    run classify --input "$format" "$@" --keep none -f "$file"
    check "$name: status" ended 0
    check "$name: nothing on standard error" empty err
    answers "$format" <out >got
    check "$name: answers" same got "$wanted"
    run classify --input "$format" "$@" -f "$file"
    if [ "$format" = jsonl ]; then
        sed -E 's/,"label":(null|"[A-Z]*"),"score":[^,}]*\}$/}/' out >stripped
    else
        sed -E "1s/${sep}label${sep}score${sep}error//
            s/$sep(\\\\N|[A-Z]+)?$sep(\\\\N|[0-9.e-]+)?$sep(\\\\N)?($cr?)\$/\4/" out >stripped
    fi
    check "$name: fields keep their bytes" same stripped "$file"
}
table pandas.csv csv reference_without_empty
table pandas_quoted.csv csv reference_texts
table duckdb.csv csv reference
table postgres.csv csv reference
table excel.csv csv reference_without_empty --delimiter ';'
table python_tab.csv csv reference_without_empty --delimiter '\t'
table postgres.tsv tsv reference --escapes
table duckdb.jsonl jsonl reference
table pandas.jsonl jsonl reference

# Whether Python's csv and json modules read the output as meant.
if have python3; then
    run classify --input csv -f "$tables/duckdb.csv"
    cp out csv_out
    run classify --input jsonl -f "$tables/rows.jsonl"
    cp out jsonl_out
    cat >read.py <<'PY'
import csv, json
rows = [json.loads(line) for line in open("jsonl_out", encoding="utf-8")]
table = list(csv.reader(open("csv_out", encoding="utf-8", newline="")))
assert table[0] == ["id", "text", "note", "label", "score", "error"]
for row, cells in zip(rows, table[1:], strict=True):
    assert list(row) == ["id", "text", "note", "label", "score"]
    texts = ["" if v is None else "%.9g" % v if isinstance(v, float) else str(v)
             for v in row.values()]
    assert texts + [""] == cells, (texts, cells)
PY
    check "python reads what is written" python3 read.py
else
    skip "python reads what is written" "no python3"
fi

# ---- bytes ----
printf 'id,text\n1,good\0bad\n2,\377\376 bad\n3,"a ""b"" c"\n' >bytes.csv
run_in bytes.csv classify --input csv --on-error drop
check "bytes: status" ended 0
check "bytes: a row for each" lines 4 out
sed -E 's/,[A-Z]+,[0-9.e-]+$//; 1s/,label,score//' out >stripped
check "bytes: NUL and ill-formed UTF-8 stay" same stripped bytes.csv
printf 'good\0bad\n\377\376 bad\na "b" c\n' >bytes.txt
run_in bytes.csv classify --input csv --keep none --on-error drop
sed 1d out | tr ',' ' ' >got
run_in bytes.txt classify --tsv
cut -f 1,2 out | tr '\t' ' ' >wanted
check "bytes: same answers as lines" same got wanted
run_in bytes.csv classify --input csv --strict
check "strict: status" ended 1
check "strict: the row keeps its fields" count 1 out '^2,.* bad,,,the text is not UTF-8$'
printf '{"n":1.50e+3 , "text" : "\\ud83d\\ude00 good" }\r\n\n \n[1]\n' >odd.jsonl
run_in odd.jsonl classify --input jsonl
check "jsonl: bytes of members stay" count 1 out \
    '^\{"n":1.50e\+3 , "text" : "\\ud83d\\ude00 good","label":"[A-Z]+","score":[0-9.]+\}$'
check "jsonl: no object" says out '"error":"the record is no JSON object: JSON Lines has one on '
check "jsonl: an array" says out 'each line, without an array around them: [1]"}'
check "jsonl: blank lines are no rows" lines 2 out
check "jsonl: the line of the bad record" says err 'standard input:4: the record is no JSON object'
printf '\357\273\277{"text":"good"}\n' >bom.jsonl
run_in bom.jsonl classify --input jsonl
check "jsonl: byte order mark" ended 0

# ---- nothing, and little ----
for format in jsonl csv tsv; do
    run classify --input $format
    check "$format: empty input" ended 0
    check "$format: empty input, empty output" empty out
    check "$format: empty input, silent" empty err
done
printf 'text' >header.csv
run_in header.csv classify --input csv --on-error drop
check "csv: header only" is out 'text,label,score\n'
printf 'text\n\n""\n' >one.csv
run_in one.csv classify --input csv --on-error drop
check "csv: an empty line in one column is null" line_is 2 out ',,'
check "csv: quotes make an empty text" count 1 out '^"",[A-Z]+,'
printf 'id,text\n\n1,good\n\n' >blank.csv
run_in blank.csv classify --input csv
check "csv: blank lines are no rows" lines 2 out
printf 'id,text\n1,NULL\n2,\n' >null.csv
run_in null.csv classify --input csv --null NULL
check "csv: --null" line_is 2 out '1,NULL,NULL,NULL,NULL'
check "csv: --null makes an empty field a text" count 1 out '^2,,[A-Z]+,'

# ---- bad records ----
cat >bad.csv <<'CSV'
id,text
1,good
2
3,"two
lines",more
4,"a"b
5,fine
6,"open
CSV
run_in bad.csv classify --input csv
check "bad: status" ended 1
check "bad: a row for each record" count 6 out '^([0-9],[a-z]+,[A-Z]+,[0-9.]+,|,,,,"?the.*)$'
check "bad: good rows" count 2 out '^(1,good|5,fine),[A-Z]+,[0-9.]+,$'
check "bad: bytes follow the reason" says out ' a closing quote and the delimiter: 4,""a""b"'
check "bad: file and line" says err 'distil: standard input:3: the record has fewer fields than'
check "bad: the line where a record begins" says err 'standard input:4: the record has more fields'
check "bad: lines within records count" says err 'standard input:6: there are bytes between'
check "bad: open quote" says err 'standard input:8: the closing quote of a field is missing'
run_in bad.csv classify --input csv --on-error drop
check "drop: status" ended 1
check "drop: rows" lines 3 out
check "drop: no error column" line_is 1 out 'id,text,label,score'
run_in bad.csv classify --input csv --on-error stop
check "stop: status" ended 1
check "stop: rows before" lines 2 out
check "stop: one message" lines 1 err
printf '{"text":1}\n{"a":1}\n{"text":"good"}\n{"text":}\n' >bad.jsonl
run_in bad.jsonl classify --input jsonl
check "bad jsonl: status" ended 1
check "bad jsonl: members are kept" line_is 1 out \
    '{"text":1,"label":null,"score":null,"error":"the text is neither a string nor null"}'
check "bad jsonl: no text" line_is 2 out \
    '{"a":1,"label":null,"score":null,"error":"there is no field \"text\""}'
check "bad jsonl: a good row has no error" count 1 out '"score":[0-9.]+\}$'
check "bad jsonl: bytes follow the reason" count 1 out '"error":"[^"]*: \{\\"text\\":\}"\}$'
{
    printf 'id,text\n1,"'
    head -c 68000000 /dev/zero | tr '\0' '\n'
    printf '"\n2,good\n'
} >long.csv
run_in long.csv classify --input csv
check "too long: status" ended 1
check "too long: its row" line_is 2 out ',,,,the record is longer than 64 MiB'
check "too long: the next row" count 1 out '^2,good,[A-Z]+,[0-9.]+,$'
printf '3,bad,x\n' >>long.csv
run_in long.csv classify --input csv
check "too long: line of a later record" says err 'standard input:68000004: the record has more'
rm -f long.csv

# ---- names ----
printf 'label,body,x\na,good,1\n' >names.csv
run_in names.csv classify --input csv --text-field body
check "clash: status" ended 1
check "clash: nothing is written" empty out
check "clash: says so" says err 'there is a field "label" already; --label-field names another'
run_in names.csv classify --input csv --text-field body --label-field L --score-field S \
    --error-field E
check "names: header" line_is 1 out 'label,body,x,L,S,E'
run_in names.csv classify --input csv --text-field body --keep x,body
check "keep: header" line_is 1 out 'body,x,label,score,error'
check "keep: row" count 1 out '^good,1,[A-Z]+,'
run_in names.csv classify --input csv --text-field body --keep y
check "keep: a column that is not there" ended 1
check "keep: that column is named" says err '--keep: there is no field "y"'
run_in names.csv classify --input csv --keep none
check "no text column: status" ended 1
check "no text column: says which" says err 'there is no field "text"'
check "no text column: says how to choose one" says err 'text-field NAME chooses a field'
printf '{"label":1,"text":"good"}\n' >names.jsonl
run_in names.jsonl classify --input jsonl
check "jsonl clash: status" ended 1
check "jsonl clash: the record is in the error" says out '\"label\":1'
run_in names.jsonl classify --input jsonl --keep none
check "jsonl: a clash with what is not kept is none" ended 0

# ---- several files ----
printf 'text,label2\ngood,1\n' >a.csv
printf 'text,label2\nbad,2\n' >b.csv
printf 'text\nother\n' >c.csv
run classify --input csv -f a.csv -f c.csv -f b.csv
check "files: another header: status" ended 1
check "files: another header: left out" lines 3 out
check "files: says so" says err 'c.csv:1: the header is not that of the first file'

# ---- usage ----
for bad in "--input xml" "--text-field a" "--input csv --jsonl" "--input csv word" "--resume" \
    "--input csv --on-error x" "--input csv --delimiter ab" "--input jsonl --delimiter ;" \
    "--input csv --escapes" "--input csv --label-field score" "--escapes"; do
    # shellcheck disable=SC2086
    run classify $bad
    check "usage: $bad" ended 2
done

# ---- output files ----
awk 'BEGIN {
    n = split("a gorgeous witty movie that is never dull but not quite 12.5 \"\"good\"\"", w, " ")
    print "id,text"
    for (i = 0; i < 600; i++) {
        line = ""
        for (k = 0; k < i * 7 % 23; k++)
            line = line (k ? (k % 9 ? " " : "\n") : "") w[(i * 5 + k * k) % n + 1]
        print i (i % 50 == 49 ? "" : ",\"" line "\"")
    }
}' >many.csv
run classify --input csv -f many.csv
cp out whole.csv
cp err whole.err
run classify --input csv -f many.csv -o saved.csv
check "output: status of bad rows" ended 1
check "output: nothing on standard output" empty out
check "output: same bytes" same saved.csv whole.csv
check "output: nothing is left" sh -c '! ls saved.csv.* 2>/dev/null'
run classify --input csv -f many.csv --threads 2 --batch 7 -o saved.csv
check "output: threads, replaces a file" same saved.csv whole.csv
ln -s saved.csv link.csv
run classify --input csv -f a.csv -o link.csv
check "output: a link stays" test -L link.csv
check "output: its file is replaced" lines 2 saved.csv
run classify --input csv -f a.csv -o /dev/null
check "output: a device is refused" ended 1
check "output: a device stays" test -c /dev/null
cp a.csv in_place.csv
run classify --input csv -f in_place.csv -o in_place.csv
check "output: onto its own input" lines 2 in_place.csv
run classify --input csv -f a.csv -f missing.csv -o never.csv
check "output: an input is missing: status" ended 1
check "output: an input is missing: no file" test ! -e never.csv
run classify --input csv --on-error stop -f many.csv -o stop.csv
check "output: stop: no file" test ! -e stop.csv
check "output: stop: the rows before are there" test -s stop.csv.partial
run classify --input csv --on-error drop -f many.csv -o stop.csv --resume
check "resume: other options are refused" ended 1
check "resume: says so" says err 'had another model or other options'
grep -v '^[0-9]*9$' many.csv >fixed.csv
run classify --input csv --on-error stop -f fixed.csv
cp out fixed_whole
cp many.csv changing.csv
run classify --input csv --on-error stop -f changing.csv -o stop.csv
cp fixed.csv changing.csv
run classify --input csv --on-error stop -f changing.csv -o stop.csv --resume
check "resume: after stop, once the record is mended" same stop.csv fixed_whole
run classify --input csv -f many.csv -o fresh.csv --resume
check "resume: nothing to continue" same fresh.csv whole.csv
run_in two classify --json -o two.json
run_in two classify --json
check "output: lines" same two.json out

# ---- kill -9 at random moments ----
[ -n "${DISTIL_TEST_FULL-}" ] && moments=50 || moments=8
"$distil" classify --input jsonl -f "$tables/rows.jsonl" -f "$tables/rows.jsonl" >/dev/null 2>&1
kills=0
continued=0
wrong=0
round=0
while [ $kills -lt $moments ] && [ $round -lt $((4 * moments)) ]; do
    round=$((round + 1))
    rm -f killed.csv killed.csv.partial killed.csv.partial.state
    code=137
    while [ $code -eq 137 ]; do
        [ ! -s killed.csv.partial.state ] || continued=$((continued + 1))
        after=$(awk -v "seed=$$$round$kills" \
            'BEGIN { srand(seed); printf "%.3f", 0.05 + rand() * 0.9 }')
        "$distil" classify --input csv -f many.csv -o killed.csv --resume >out 2>>killed.err &
        pid=$!
        sleep "$after"
        kill -KILL $pid
        wait $pid
        code=$?
        [ $code -ne 137 ] || kills=$((kills + 1))
    done
    [ $code -eq 1 ] && same killed.csv whole.csv || wrong=$((wrong + 1))
done 2>/dev/null
check "kill -9: processes died" test $kills -ge $moments
check "kill -9: runs were continued" test $continued -gt 0
sort killed.err | uniq -c | sort -rn >err
check "kill -9: the same bytes and status each time" test $wrong -eq 0

# A run of two threads that SIGINT interrupts while it waits for more lines.
sed -E 's/^[0-9]+,//' many.csv >many.txt
run_in many.txt classify --jsonl
cp out lines_whole
mkfifo pipe
"$distil" classify --jsonl --threads 2 -o lines.jsonl <pipe >out 2>err &
pid=$!
exec 9>pipe
head -n 300 many.txt >&9
tries=0
while ! grep -q 'texts 0*[1-9]' lines.jsonl.partial.state 2>/dev/null && [ $tries -lt 600 ]; do
    tries=$((tries + 1))
    sleep 0.1
done
kill -INT $pid
wait $pid
rc=$?
exec 9>&-
check "SIGINT: status" ended 130
check "SIGINT: says how to go on" says err '.partial: not whole; --resume continues it'
run_in many.txt classify --jsonl -o lines.jsonl --resume
check "SIGINT: continued, the same bytes" same lines.jsonl lines_whole

# Two processes cannot write one file.
sleep 30 | "$distil" classify -o locked.txt >out 2>err &
tries=0
while [ ! -e locked.txt.partial.state ] && [ $tries -lt 600 ]; do
    tries=$((tries + 1))
    sleep 0.1
done
run_in two classify -o locked.txt
check "output: another process writes it" ended 1
check "output: another process: says so" says err 'another process is writing this file'
kill $!

# A process that waits for the lock while its holder finishes must leave the finished file alone.
{
    sleep 1
    cat two
} | "$distil" classify -o finished.txt >out 2>err &
holder=$!
tries=0
while [ ! -e finished.txt.partial.state ] && [ $tries -lt 600 ]; do
    tries=$((tries + 1))
    sleep 0.01
done
run_in two classify -o finished.txt
second=$rc
cp err second.err
wait $holder
run_in two classify
check "output: finished by another: refused, or after it" sh -c \
    '[ "$1" -eq 0 ] || grep -q "another process" second.err' sh "$second"
check "output: finished by another: the file is whole" same finished.txt out

ln -s nowhere dangling.txt
run_in two classify -o dangling.txt
check "output: a link to nothing is refused" says err 'is a symbolic link to nothing'
check "output: a link to nothing stays" test -h dangling.txt

printf 'old\n' >private.txt
chmod 600 private.txt
run_in two classify -o private.txt
check "output: a private file is replaced" ended 0
check "output: and stays private" test "$(stat -c %a private.txt)" = 600

# The output is never one of the inputs, by whatever name.
printf 'text\ngood\n' >table.csv
cp table.csv table.kept
ln table.csv hard.csv
ln -s table.csv soft.csv
for name in table.csv ./table.csv hard.csv soft.csv; do
    run classify --input csv -f table.csv -o $name
    check "output: $name is the input" ended 2
    check "output: $name: said" says err 'would replace the input table.csv'
done
run_in table.csv classify --input csv -o table.csv
check "output: standard input is the output" ended 2
cp "$blob" copy.distil
run classify -m copy.distil -o copy.distil good
check "output: the model is the output" ended 2
check "output: the model is still whole" cmp -s copy.distil "$blob"
check "output: the input is still whole" same table.csv table.kept

# Names that look like mistakes.
run classify table.csv
check "a text that is the name of a file: said" says err '-f table.csv reads the file'
check "a text that is the name of a file: answered" ended 0
run classify -f table.csv
check "lines of a table: said" says err '--input csv reads a table'
run classify --input csv -f table.csv
check "a table: nothing is said" [ ! -s err ]
run classify --input lines -f table.csv
check "lines that are asked for: nothing is said" [ ! -s err ]

# An input that has become shorter than what is answered already.
printf 'text\ngood\nbad\nfine\n"broken' >long.csv
run classify --input csv --on-error stop -f long.csv -o short.csv
check "resume: interrupted by a broken row" test -e short.csv.partial.state
printf 'text\ngood\n' >long.csv
run classify --input csv --on-error stop -f long.csv -o short.csv --resume
check "resume: a shorter input: status" ended 1
check "resume: a shorter input: says so" says err 'fewer texts than the interrupted run'
check "resume: a shorter input: no file" test ! -e short.csv

run_in two classify --input csv --null ','
check "null: a delimiter is refused" says err '--null: a delimiter'

# ---- as a filter ----
{
    printf 'id,text\n1,good\n'
    sleep 0.3
    printf '2,bad\n'
} | "$distil" classify --input csv --on-error drop >out 2>err
check "filter: rows" lines 3 out
check "filter: silent" empty err
"$distil" classify --input csv -f many.csv 2>/dev/null | head -n 1 >out
check "filter: a reader that goes away" line_is 1 out 'id,text,label,score,error'

finish test_cli_tables
