#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Counts how often the harness judges wrongly. It compares the same program with itself, then with
# 10 % added to one side, and does both again while a neighbour loads the other CPU. A comparison
# takes about two seconds. Before that, the script checks that the figure of a start does not depend
# on what the harness has measured before it.
#
#     bench/selftest.sh [RUNS [BUILD]]                    default: 100 runs, build
#     bench/selftest.sh --judge NAME WRONG LIMIT RUNS     prints the judgement on one trial
#
# The exit status is 1 unless at most 2 of 100 identical pairs are called different, at least 95 of
# 100 slowed programs are called slower, and beside a neighbour at most 2 of 100 verdicts are wrong
# ("inconclusive" is not wrong). Fewer runs have the same limit, rounded down, so that none of fewer
# than 50 may be wrong. Beside each count stands how much it proves: the greatest share of wrong
# verdicts that is compatible with it at 95 % confidence (the bound of Clopper and Pearson).

set -u
LC_ALL=C
export LC_ALL
cd "$(dirname "$0")/.." || exit 2

# judge NAME WRONG LIMIT-PER-100 RUNS prints a judgement, and returns 1 if more are wrong than the
# limit allows.
judge() {
    awk -v name="$1" -v wrong="$2" -v limit="$3" -v runs="$4" 'BEGIN {
        allowed = int(limit * runs / 100)
        low = 0
        high = 1
        for (step = 0; step < 50 && wrong < runs; step++) {
            p = (low + high) / 2
            # This is the probability of 0 wrong verdicts, and in each turn of the loop that of one
            # more.
            term = (1 - p) ^ runs
            sum = 0
            for (k = 0; k <= wrong; k++) {
                sum += term
                term *= (runs - k) / (k + 1) * p / (1 - p)
            }
            if (sum > 0.05)
                low = p
            else
                high = p
        }
        bad = (wrong > allowed)
        printf "  %s: %d of %d, allowed %d; in truth at most %.1f %%: %s\n", name, wrong, runs,
            allowed, 100 * high, bad ? "FAIL" : "pass"
        exit bad
    }'
}
if [ "${1-}" = --judge ]; then
    [ $# -eq 5 ] || exit 2
    judge "$2" "$3" "$4" "$5"
    exit
fi

runs=${1:-100}
build=${2:-build}
bench=$(mktemp) || exit 2 # This copy stays the same if somebody rebuilds the original meanwhile.
work=$(mktemp -d) || exit 2
neighbour=
stop_neighbour() {
    [ -z "$neighbour" ] || kill "$neighbour" 2>/dev/null
    neighbour=
}
trap 'stop_neighbour; rm -rf "$work" "$bench"' EXIT
trap 'exit 130' INT TERM
cp "$build/distil" "$work/old" && cp "$build/distil" "$work/new" &&
    cp "$build/distil-bench" "$bench" && chmod +x "$bench" || exit 2

# trial NAME COUNT makes COUNT comparisons and prints how often each verdict came.
trial() {
    same=0 faster=0 slower=0 inconclusive=0
    n=0
    while [ $n -lt "$2" ]; do
        verdict=$("$bench" compare --tokens 8,32 --no-start --seconds 2 -m "$build/sst2.distil" \
            --json "$work/old" "$work/new" | sed -n 's/^{"verdict":"\([a-z]*\)".*/\1/p')
        case $verdict in
        same) same=$((same + 1)) ;;
        faster) faster=$((faster + 1)) ;;
        slower) slower=$((slower + 1)) ;;
        inconclusive) inconclusive=$((inconclusive + 1)) ;;
        *) echo "no verdict" && exit 2 ;;
        esac
        n=$((n + 1))
    done
    printf '%-28s %4d runs: same %d, faster %d, slower %d, inconclusive %d\n' \
        "$1" "$2" $same $faster $slower $inconclusive
}

bad=0
# first_label ARGUMENTS... measures the figure of that name after those that the arguments select,
# and prints it.
first_label() {
    "$bench" run --build "$build" --budgets bench/budgets.json --seconds 2 --only first_label "$@" \
        -o "$work/run.json" >/dev/null
    sed -n 's/.*"name":"first_label",.*"value":\([0-9.]*\),.*/\1/p' "$work/run.json"
}
# Compares the figure of a start alone with the same after other figures. On a busy machine the two
# may differ by chance, so there are three attempts; an influence of the harness itself would show
# in all three.
independent() {
    for _ in 1 2 3; do
        alone=$(first_label)
        after=$(first_label --only stream/)
        awk -v a="$alone" -v b="$after" 'BEGIN {
            bad = !(a > 0 && b / a > 0.85 && b / a < 1.15)
            printf "first_label alone %s, after others %s: %s\n", a, b, bad ? "apart" : "pass"
            exit bad
        }' && return
    done
    return 1
}
independent || bad=1

trial "the same program" "$runs"
judge "called different" $((faster + slower)) 2 "$runs" || bad=1
DISTIL_BENCH_SLOWDOWN=1.10
export DISTIL_BENCH_SLOWDOWN
trial "10 % slower" "$runs"
judge "missed" $((same + faster + inconclusive)) 5 "$runs" || bad=1

# The neighbour runs on the first CPU, and the harness on the last.
quarter=$(((runs + 3) / 4))
taskset -c 0 sh -c 'while :; do dd if=/dev/zero of=/dev/null bs=1M count=4000; done' \
    >/dev/null 2>&1 &
neighbour=$!
trial "10 % slower, a neighbour" $quarter
judge "wrong" $((same + faster)) 2 $quarter || bad=1
unset DISTIL_BENCH_SLOWDOWN
trial "the same, a neighbour" $quarter
judge "wrong" $((faster + slower)) 2 $quarter || bad=1
stop_neighbour
[ $bad -eq 0 ]
