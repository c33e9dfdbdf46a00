#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# The bench harness where time plays no part: what it refuses and how, what it lists and counts, and
# the forms of its results. Whether it judges times rightly is bench/selftest.sh's.

# shellcheck source=tests/support_cli.sh
. "${DISTIL_TEST_ROOT:-.}/tests/support_cli.sh"

budgets() { # TEXT: a budgets file
    printf '%s' "$1" >budgets.json
    run bench run --budgets budgets.json --only size/ --seconds 0.1
}
refused() { # LINE WORDS: exit status 2, and the line and the words in the message
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

# ---- verdicts that need no clock ----
budgets '{"version": 1, "budgets": [{"name": "size/distil", "max": 100000000, "why": "x"}]}'
check "within budget: status" ended 0
check "within budget: said" says out "1 within budget, 0 over"
budgets '{"version": 1, "budgets": [{"name": "size/distil", "max": 1000, "why": "x"}]}'
check "over budget: status" ended 1
check "over budget: said" says out "0 within budget, 1 over"
budgets '{"version": 1, "budgets": [{"name": "size/nothing", "max": 1000, "why": "x"}]}'
check "not built: no verdict" says out "1 not measured here"
check "not built: nothing measured is no pass" ended 3
run bench run --budgets budgets.json --only latency/ --seconds 0.1
check "--only that names nothing" ended 2
run bench --list
check "--list" says out "latency/LEVEL/TOKENS"

# ---- a real run, briefly; the verdict is the machine's ----
cp "$root/bench/budgets.json" own.json
run bench run --budgets own.json --only latency/avx2/32 --only size/ --only blob_touched \
    --seconds 0.2 -o results.json
check "the project's own budgets are read" [ "$rc" -ne 2 ]
check "results are written" says results.json '"name":"size/distil"'
run bench compare --tokens 8 --no-start --seconds 0.1 "$distil" "$distil"
check "compare: a verdict" grep -qE '^new is (the same|faster|slower|inconclusive)$' out
run bench compare --tokens 8 --no-start --seconds 0.1 "$distil" /nonexistent/distil
check "compare: no such program" ended 2
run bench cold -m "$blob" --runs 2
check "cold: phases" grep -qE '^layer 6 ' out

run bench load -m "$blob" --texts "$root/tests/data/sst2/dev.tsv" --rate 50 --seconds 1 -o load.json
check "load: every event answered" ended 0
check "load: quantiles" grep -qE '^p99 ' out
awk 'BEGIN { for (i = 0; i < 4090; i++) printf "\""; print "" }' >quotes
run bench load -m "$blob" --texts quotes --rate 20 --seconds 0.5
check "load: a text that is all escapes" ended 0
run bench load --texts /nonexistent
check "load: no texts" ended 2

if have python3; then
    cat >forms.py <<'PY'
import json, sys, xml.etree.ElementTree as tree
run = json.load(open("results.json"))
names = [r["name"] for r in run["results"]]
suite = tree.parse("junit.xml").getroot()
assert [c.get("name") for c in suite] == names, "junit"
assert int(suite.get("failures")) == sum(r.get("verdict") == "fail" for r in run["results"])
entries = json.load(open("github.json"))
assert {e["name"] for e in entries} == {r["name"] for r in run["results"] if r["status"] == "done"}
assert all(isinstance(e["value"], float | int) and e["unit"] for e in entries)
text = open("comment.md").read()
assert all(name in text for name in names) and text.startswith("### Benchmarks: ")
PY
    check "other forms are made" python3 "$root/bench/report.py" results.json \
        --markdown comment.md --junit junit.xml --github github.json
    check "other forms say the same" python3 forms.py
    if python3 -c 'import matplotlib' 2>/dev/null; then
        run bench cold -m "$blob" --runs 2 -o cold.json
        check "HTML report" python3 "$root/bench/report.py" results.json --cold cold.json \
            --load load.json --html report.html
        check "HTML report: charts inside" [ "$(grep -c '<svg' report.html)" -ge 1 ]
        check "HTML report: nothing from outside" sh -c '! grep -qE "(src|href)=\"http" report.html'
    else
        skip "HTML report" "no matplotlib"
    fi
else
    skip "other forms" "no python3"
fi
finish test_bench_harness
