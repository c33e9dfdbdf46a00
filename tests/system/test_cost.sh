#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Tests of bench/cost.py: the figures of docs/cost.md are those that it prints from
# bench/results/cost.jsonl, prices are computed as AWS bills, and wrong results are refused.

# shellcheck source=tests/support/support_cli.sh
. "${DISTIL_TEST_ROOT:-.}/tests/support/support_cli.sh"

if ! have python3; then
    skip cost "python3 is not installed"
    finish test_cost
fi
PYTHONDONTWRITEBYTECODE=1
export PYTHONDONTWRITEBYTECODE

cost() {
    python3 "$root/bench/cost.py" "$@" >out 2>err
    rc=$?
}

if [ -e "$root/docs/cost.md" ]; then # an installed tree may lack the pages
    cost report "$root/bench/results/cost.jsonl"
    check "the report is printed" ended 0
    sed -n '/^<!-- begin: cost.py report -->$/,/^<!-- end -->$/p' "$root/docs/cost.md" |
        sed '1d;$d' >page
    check "the page has the figures of the report" same out page
    cost chart "$root/bench/results/cost.jsonl" -o chart.svg
    check "the chart is that of the page" same chart.svg "$root/docs/cost.svg"
fi
tr '\n' ' ' >made.jsonl <<'END'
{"what": "machine", "cpu": "X", "cpus": 1, "level": "avx2", "events": 2, "load": 0.1, "date": "D"}
END
echo >>made.jsonl
tr '\n' ' ' >>made.jsonl <<'END'
{"what": "function", "memory_mb": 1024, "start_ms": 40, "first_ms": 10, "median_ms": 9,
"p95_ms": 12, "billed_ms": 10}
END
echo >>made.jsonl
# A million events of 10 + 5 ms at 1 GB are 15,000 GB-seconds, and a million starts are 50,000.
cost report --price-gb-second 0.00001 --price-million-requests 0.2 --store-ms 5 made.jsonl
check "the price of a million events" says out '| 0.35 |'
check "the price of a million starts" says out '| 0.70 |'
echo '{"what": "function", "memory_mb": 128, "failed": "status -9"}' >>made.jsonl
cost report made.jsonl
check "a memory that is too small has no row" count 0 out '^\| 128 '
finish test_cost
