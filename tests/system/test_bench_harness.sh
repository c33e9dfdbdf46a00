#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Tests the bench harness where time plays no part: what it refuses and with which message, what it
# lists and counts, and the forms of its results. bench/selftest.sh checks whether it judges times
# correctly.

# shellcheck source=tests/support/support_cli.sh
. "${DISTIL_TEST_ROOT:-.}/tests/support/support_cli.sh"

budgets() { # budgets TEXT runs the harness on a budgets file with this text
    printf '%s' "$1" >budgets.json
    run bench run --budgets budgets.json --only size/ --seconds 0.1
}
# characters_between LOW HIGH: the mean length of a load's texts, of which every fifth is cut to 512
# characters
characters_between() {
    chars=$(sed -n 's/.* \([0-9]*\) characters on average.*/\1/p' out)
    [ "${chars:-0}" -gt "$1" ] && [ "$chars" -lt "$2" ]
}
refused() { # refused LINE WORDS: the exit status is 2, and the message has the line and the words
    ended 2 && says err "budgets.json:$1: " && says err "$2"
}

# ---- wrong budgets: line, key, reason ----
budgets '{"version": 1, "budgets": ['
check "not JSON" refused 1 "not JSON"
budgets '[]'
check "no object" refused 1 "not an object"
budgets '{"version": 2, "budgets": []}'
check "another version" refused 1 '"version" is 2'
budgets '{"version": 1}'
check "no budgets" refused 1 '"budgets" is missing'
budgets '{"version": 1, "budgets": [],
 "colour": 1}'
check "unknown key" refused 2 'unknown key "colour"'
budgets '{"version": 1, "budgets": [
 {"name": "size/distil", "max": "9", "why": "x"}]}'
check "max is no number" refused 2 '"max" is string, not number'
budgets '{"version": 1, "budgets": [
 {"name": "size/distil", "max": 0, "why": "x"}]}'
check "max is zero" refused 2 'not a number above 0'
budgets '{"version": 1, "budgets": [

 {"name": "speed/distil", "max": 1, "why": "x"}]}'
check "unknown name" refused 3 '"speed/distil" is nothing that can be measured'
budgets '{"version": 1, "budgets": [{"name": "latency/avx2", "max": 1, "why": "x"}]}'
check "parameters are missing" refused 1 '"latency/avx2" is nothing'
budgets '{"version": 1, "budgets": [{"name": "size/../x", "max": 1, "why": "x"}]}'
check "a file outside" refused 1 'nothing that can be measured'
budgets '{"version": 1, "budgets": [{"name": "ms/avx2/8", "max": 1, "why": "x"}]}'
check "absolute time for every machine" refused 1 '"machines" only'
budgets '{"version": 1, "budgets": [{"name": "size/distil", "max": 1, "why": "x"},
 {"name": "size/distil", "max": 2, "why": "x"}]}'
check "twice" refused 2 'has a budget already'
budgets '{"version": 1, "budgets": [{"name": "size/distil", "max": 1}]}'
check "no reason given" refused 1 '"why" is missing'
budgets '{"version": 1, "budgets": [], "machines": [{"cpu": "nobody",
 "budgets": [{"name": "ms/avx2/8", "max": -1, "why": "x"}]}]}'
check "wrong for another machine" refused 2 'not a number above 0'
budgets '{"version": 1, "budgets": [], "machines": [{"cpu": "", "budgets": []}]}'
check "a machine without a name" refused 1 '"cpu" has 0 bytes'
run bench run --budgets missing.json
check "no file" ended 2
check "no file: named" says err "missing.json"

# ---- budgets whose verdict needs no clock ----
budgets '{"version": 1, "budgets": [{"name": "size/distil", "max": 100000000, "why": "x"}]}'
check "within budget: status" ended 0
check "within budget: said" says out "1 within budget, 0 over"
budgets '{"version": 1, "budgets": [{"name": "size/distil", "max": 1000, "why": "x"}]}'
check "over budget: status" ended 1
check "over budget: said" says out "0 within budget, 1 over"
budgets '{"version": 1, "budgets": [{"name": "size/nothing", "max": 1000, "why": "x"}]}'
check "not built: no verdict" says out "1 not measured here"
check "not built: named" says out "not measured: size/nothing: "
check "not built: nothing measured is no pass" ended 3
run bench run --budgets budgets.json --only size/ --complete -o complete.json
check "not built, --complete: over" ended 1
check "not built, --complete: said" says out "1 over, 0 inconclusive, 0 not measured here"
check "not built, --complete: in the results" says complete.json '"status":"failed","reason":"'
run bench run --budgets budgets.json --only size/ -o absent.json
run bench run --budgets budgets.json --only size/ -o /nonexistent/results.json
check "-o nowhere" ended 2
check "-o nowhere: said before measuring" empty out
run bench cold -m "$blob" --runs 1 -o /nonexistent/cold.json
check "cold: -o nowhere" ended 2
check "cold: -o nowhere: said before measuring" empty out
run bench run --budgets budgets.json --only latency/ --seconds 0.1
check "--only that names nothing" ended 2
run bench --list
check "--list" says out "latency/LEVEL/TOKENS"

# ---- a time that no program can meet: over in both measurements, or inconclusive if busy ----
printf '{"version": 1, "budgets": [{"name": "latency/avx2/8", "max": 0.01, "why": "x"}]}' >own.json
run bench run --budgets own.json --seconds 0.2 -m "$blob" -o twice.json
cp out twice
times=$(grep -c '^latency/avx2/8 ' twice)
if grep -q '^over, so measured again:' twice; then
    check "over: measured twice" [ "$times" -eq 2 ]
else
    check "not over: measured once" [ "$times" -eq 1 ]
    check "not over: says so" ended 3
fi
check "over: one result" [ "$(grep -o '"name":"latency/avx2/8"' twice.json | wc -l)" -eq 1 ]

# ---- short real runs, whose verdict depends on the machine ----
cp "$root/bench/budgets.json" own.json
run bench run --budgets own.json --only latency/avx2/32 --only size/ --only blob_touched \
    --seconds 0.2 -o results.json
check "the project's own budgets are read" [ "$rc" -ne 2 ]
check "results are written" says results.json '"name":"size/distil"'
run bench compare --tokens 8 --no-start --seconds 0.1 "$distil" "$distil"
check "compare: a verdict" grep -qE '^new is (the same|faster|slower|inconclusive)$' out
run bench compare --tokens 8 "$distil" --no-start "$distil" --seconds 0.1
check "compare: options behind the programs" grep -q "^new is " out
run bench compare "$distil"
check "compare: one program" says err "compare takes two programs"
run bench compare "$distil" "$distil" third
check "compare: three programs" says err "unexpected argument: third"
run bench compare --tokens 8 --no-start --seconds 0.1 "$distil" /nonexistent/distil
check "compare: no such program" ended 2
run bench compare --tokens 8 --no-start --seconds 0.1 -o compare.json "$distil" "$distil"
check "compare: -o beside the table" grep -qE '^8 tokens ' out
check "compare: -o" says compare.json '"what":"8 tokens"'
run bench compare -o /nonexistent/c.json "$distil" "$distil"
check "compare: -o nowhere" says err "/nonexistent/c.json: No such file"

run bench run --budgets budgets.json -m /dev/null
check "a model that is none" ended 2

# ---- the judgement of bench/selftest.sh ----
judged() { # judged STATUS ALLOWED BOUND WRONG LIMIT RUNS
    said=$(sh "$root/bench/selftest.sh" --judge x "$4" "$5" "$6")
    [ $? -eq "$1" ] && case $said in *"allowed $2; in truth at most $3 %"*) ;; *) false ;; esac
}
check "selftest: none of 100" judged 0 2 3.0 0 2 100
check "selftest: 2 of 100" judged 0 2 6.2 2 2 100
check "selftest: 3 of 100" judged 1 2 7.6 3 2 100
check "selftest: one of 25 is more than 2 %" judged 1 0 17.6 1 2 25
check "selftest: none of 4 proves little" judged 0 0 52.7 0 2 4
check "selftest: all of 4" judged 1 0 100.0 4 2 4

# ---- the image's start: a figure, or the reason why there is none ----
printf '{"version": 1, "budgets": [{"name": "image_start/none", "max": 1000, "why": "x"}]}' \
    >image.json
run bench run --budgets image.json --only image_start --seconds 0.1
if [ "$build/bench-image" -nt "$build/bootstrap" ] && [ "$(id -u)" -eq 0 ]; then
    check "image start" says out "(x empty process)"
    run bench cold --image --runs 2 -o cold_image.json
    check "cold image: phases" grep -qE '^answer +[0-9.]+ +[0-9.]+ ' out
    check "cold image: written" says cold_image.json '"name":"request"'
else
    check "image start: why not" grep -qE '^not measured: image_start/none: ..' out
    run bench run --budgets image.json --only image_start --complete
    check "image start, --complete: over" ended 1
    run bench cold --image --runs 2 -o cold_image.json
    check "cold image: why not" ended 2
    check "cold image: why not, said" grep -q '^distil bench: ..' err
fi

# ---- programs that hang ----
printf '#!/bin/sh\nexec sleep 600\n' >hangs
printf '#!/bin/sh\n[ "$2" != --stream ] || exec "%s" "$@"\nexec sleep 600\n' "$distil" \
    >hangs_at_start
printf '#!/bin/sh\nread -r line\nexit 0\n' >ends
printf '#!/bin/sh\ntrap "" TERM\nwhile read -r line; do echo "{}"; done\nexec sleep 600\n' >stays
chmod +x hangs hangs_at_start ends stays
bounded() { # bounded SECONDS: the last run took less
    [ $(($(date +%s) - begin)) -lt "$1" ]
}
begin=$(date +%s)
run bench compare --tokens 8 --no-start --timeout 0.5 "$distil" "$dir/hangs"
check "compare, no answer: ends" bounded 20
check "compare, no answer: status" ended 2
check "compare, no answer: named" says err "$dir/hangs: no answer within 0.5 s; killed"
begin=$(date +%s)
run bench compare --tokens 8 --seconds 0.1 --timeout 2 -m "$blob" "$dir/hangs_at_start" "$distil"
check "compare, no end: ends" bounded 60
check "compare, no end: status" ended 2
check "compare, no end: named" says err "$dir/hangs_at_start: no end within 2 s; killed"
run bench compare --tokens 8 --no-start "$distil" "$dir/ends"
check "compare, ends early: named" says err "$dir/ends: ended without an answer"
begin=$(date +%s)
run bench compare --tokens 8 --no-start --seconds 0.1 "$dir/stays" "$dir/stays"
check "compare, does not end with its input: ends" bounded 60
check "compare, does not end with its input: judged" grep -qE '^new is ' out
run bench cold -m "$blob" --runs 2 -o cold.json
check "cold: phases" grep -qE '^layer 6 ' out
check "cold: relocations, as the loader says" \
    grep -qE "^relocations( +[0-9.]+){2} +[0-9.]*[1-9]" out
run bench cold -m "$root/README.md" --runs 2
check "cold: no blob" ended 2
check "cold: no blob: why" says err 'byte 0: magic: not a blob'
check "cold: no blob: nothing of the loader" lines 2 err
run bench cold -m nowhere.distil --runs 2
check "cold: no file" ended 2
check "cold: no file: why" says err 'nowhere.distil: No such file or directory'
run bench cold -m . --runs 2
check "cold: a folder" ended 2
check "cold: a folder: why" says err '.: not a file with bytes in it'

run bench load -m "$blob" --texts "$root/tests/data/sst2/dev.tsv" --rate 50 --seconds 1 -o load.json
check "load: every event answered" ended 0
check "load: quantiles" grep -qE '^p99 ' out
awk 'BEGIN { for (i = 0; i < 4090; i++) printf "\""; print "" }' >quotes
run bench load -m "$blob" --texts quotes --rate 20 --seconds 0.5
check "load: a text that is all escapes" ended 0
run bench load --texts /nonexistent
check "load: no texts" ended 2
check "load: no texts: what to do" says err "/nonexistent: No such file or directory; name a file"
: >nothing
run bench load --texts nothing
check "load: empty texts" says err "nothing: no texts in it"
awk 'BEGIN { print "one"; for (i = 0; i < 5000; i++) printf "x"; print "" }' >long
run bench load --texts long
check "load: too long a line" says err "long:2: the line is longer than 4094 bytes"
run bench load --rate 20000 --seconds 60 --texts quotes
check "load: too many events: status" ended 2
check "load: too many events: said" says err "are more than 200000; lower --rate or --seconds"
run bench load --rate 0.001 --seconds 0.001 --texts quotes
check "load: no event" says err "no event arrives"
# Every text has at least 512 characters of two or three bytes, so that a cut by bytes would leave
# fewer than 512 characters of each.
awk 'BEGIN { for (i = 0; i < 300; i++) printf "\303\251\342\202\254"; print "" }' >accents
run bench load -m "$blob" --texts accents --rate 40 --seconds 1
check "load: long texts by characters: status" ended 0
check "load: long texts by characters" characters_between 550 600

forms=$root/tests/system/bench_forms.py

# ---- the schemas accept what is written, and refuse what is not ----
if python3 -c 'import jsonschema' 2>/dev/null; then
    check "results keep to their schema" python3 "$forms" schemas "$root/bench" results=run \
        complete=run absent=run compare=compare cold=cold load=load
else
    skip "schemas" "no jsonschema"
fi

# ---- the other forms of results ----
if have python3; then
    report() {
        python3 "$root/bench/report.py" "$@" >out 2>err
        rc=$?
    }
    check "a run with every verdict" python3 "$forms" make
    for of in results every; do
        report $of.json --markdown comment.md --junit junit.xml --github github.json \
            --compare slower.json
        check "other forms of $of" ended 0
        check "other forms of $of say the same" python3 "$forms" forms $of.json
    done
    report every.json --cold cold.json --load load.json --compare slower.json --history history \
        --peers peers.jsonl --html report.html
    check "HTML report" ended 0
    check "HTML report: everything is on it" python3 "$forms" page every every.json
    report results.json --peers nowhere.jsonl --html report.html
    check "HTML report, a run alone, no file of peers" ended 0
    check "HTML report of a run alone" python3 "$forms" page alone results.json
    report nowhere.json --html report.html
    check "report of no file: named" says err "nowhere.json"
    if python3 -c 'import jsonschema' 2>/dev/null; then
        check "a run with every verdict keeps to the schema" \
            python3 "$forms" schemas "$root/bench" every=run slower=compare
    fi

    # ---- the action: its inputs are what its script reads and what README shows ----
    check "the action's inputs are read and shown" python3 "$forms" action "$root"
    mkdir -p step
    action() { # action NAME=VALUE... runs the script as the action does, in a folder of its own
        (cd step && env SECONDS_EACH=0.1 DISTIL_BUILD="$build" GITHUB_OUTPUT=output \
            GITHUB_STEP_SUMMARY=summary "$@" bash "$root/bench/action.sh") >out 2>err
        rc=$?
    }
    printf '{"version": 1, "budgets": [{"name": "size/distil", "max": 1e9, "why": "x"}%s]}' \
        ', {"name": "size/nothing", "max": 9, "why": "x"}' >step/own.json
    # The service's objectives, in milliseconds, hold for every budgets file. This small model meets
    # them in any build and under any load.
    "$build/tests/convert/make_checkpoint" --dim 32 --hidden 32 --layers 1 --heads 1 \
        --vocab "$root/model/sst2/vocab.txt" quick >/dev/null &&
        "$distil" convert quick -o quick.distil >/dev/null
    action BUDGETS=own.json MODEL="$dir/quick.distil" REVISION=abc
    check "action: not over" [ "$rc" -eq 0 ]
    check "action: what is not measured is a warning" says out \
        "::warning title=budget not measured::size/nothing: "
    cut -d= -f1 step/output >outputs
    check "action: outputs" is outputs 'results\nmarkdown\nhtml\n'
    check "action: summary" says step/summary "### Benchmarks: "
    check "action: page" says step/bench.html "<!doctype html>"
    action BUDGETS=own.json COMPLETE=true
    check "action: complete" ended 1
    action BUDGETS=own.json COMPARE_WITH="$dir/hangs_not"
    check "action: no such build to compare with" ended 2
    sed -i 's/1e9/9/' step/own.json
    action BUDGETS=own.json
    check "action: over" ended 1
    action BUDGETS=nowhere.json
    check "action: no such budgets" ended 2
    check "action: no such budgets: nothing is left" [ ! -e step/bench.txt ]
else
    skip "other forms" "no python3"
fi
finish test_bench_harness
