#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Tests bench_model and bench_kernels where time plays no part: what they refuse and with which
# message, and whether the numbers of a line agree with each other. No test can tell how fast
# anything is, or whether --cold has really emptied the caches.

# shellcheck source=tests/support/support_cli.sh
. "${DISTIL_TEST_ROOT:-.}/tests/support/support_cli.sh"

program() { # program NAME ARGUMENTS... sets rc and writes the files out and err
    name=$1
    shift
    "$build/bench/$name" "$@" >out 2>err </dev/null
    rc=$?
}
model() {
    program bench_model -m "$blob" "$@"
}
refused() { # refused STATUS WORDS: nothing is on standard output
    ended "$1" && empty out && says err "$2"
}
one_object() { # The output is one line, which is JSON.
    [ "$(wc -l <out)" -eq 1 ] && "$build/json_check" out 2>>err
}
# numbers CONDITION evaluates awk's CONDITION on the numbers of one line of JSON, as v["name"].
numbers() {
    tr '{,}' '\n' <out | tr -d '"' | awk -F: '{ v[$1] = $2 } END { exit !('"$1"') }'
}

# ---- bench_model ----
model --help
check "model: help" ended 0
check "model: help has an example" says out "example: bench_model"
model --colour
check "model: unknown option" refused 2 "usage: bench_model"
model --isa sse9 8
check "model: unknown level" refused 2 "unknown level 'sse9'"
program bench_model -m nowhere.distil
check "model: no such blob" refused 1 "nowhere.distil"
printf 'not a blob' >short.distil
program bench_model -m short.distil
check "model: no blob" refused 1 "short.distil: byte "
for tokens in 0 513 x 8x 99999999999999999999; do
    model 8 $tokens
    check "model: $tokens tokens" refused 1 "tokens '$tokens' not in 1 .. 512"
done
model --profile --threads 2 3
check "model: profile of threads" refused 2 "are for one thread"
model --cold --threads 2 3
check "model: cold with threads" refused 2 "are for one thread"
model --cold --profile 3
check "model: cold and profile" refused 2 "either --profile or --cold"

model --json --texts 2 --threads 2 3
check "model: a pass" ended 0
check "model: one object" one_object
check "model: what was asked" numbers 'v["tokens"] == 3 && v["texts"] == 2 && v["threads"] == 2'
check "model: weights as the caches have them" numbers 'v["weights"] == "warm"'
check "model: pages of the weights" numbers \
    '0 < v["touched_bytes"] && v["huge_bytes"] >= 0 && v["huge_bytes"] <= v["touched_bytes"]'
check "model: minimum and median" numbers '0 < v["min_ms"] && v["min_ms"] <= v["median_ms"]'
model --json --cold 3
check "model: cold" ended 0
check "model: cold: one object" one_object
check "model: cold weights" numbers 'v["weights"] == "cold"'
# The weights are 6 layers of 4 * 384 * 384 + 2 * 384 * 1536 bytes, 4 * 384 * 384 bytes of the
# classification head, and little else.
check "model: what is read" numbers 'v["read_bytes"] > 11206656 && v["read_bytes"] < 11600000'
check "model: reading" numbers '0 < v["read_min_ms"] && v["read_min_ms"] <= v["read_median_ms"]'
check "model: reading beside the pass" \
    numbers '(d = v["read_fraction"] - v["read_median_ms"] / v["median_ms"]) < .01 && d > -.01'
model --json --profile 3
check "model: profile" ended 0
# shellcheck disable=SC2016 # $ is awk's
check "model: shares of the whole" awk -F '"share":' \
    'NF > 1 { n++; sum += $2 } END { exit !(n == 7 && sum > .99 && sum < 1.01) }' out

# ---- bench_kernels ----
program bench_kernels --help
check "kernels: help" ended 0
check "kernels: what help says" says out "usage: bench_kernels"
program bench_kernels --colour
check "kernels: unknown option" ended 2
program bench_kernels --seconds 0.01 --filter 'nothing/*'
check "kernels: nothing matches" ended 1
program bench_kernels --json --no-cold --seconds 0.01 --filter 'qgemm/scalar/small out 1x*'
check "kernels: a product" ended 0
check "kernels: one object" one_object
check "kernels: its numbers" numbers 'v["rows"] == 1 && v["depth"] == 384 && v["cols"] == 384'
check "kernels: minimum and median" numbers '0 < v["min_ns"] && v["min_ns"] <= v["median_ns"]'
finish test_bench_programs
