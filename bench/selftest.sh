#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Does the harness judge rightly? The same program against itself, with 10 % added to one side, and
# beside a neighbour that loads the other CPU; counts verdicts. About two seconds a run.
#
#     bench/selftest.sh [RUNS [BUILD]]     (100, build)
#
# Wanted, and exit status 1 without: of identical pairs at most 2 in 100 called different; of
# slowed ones at least 95 in 100 called slower; beside a neighbour never a wrong verdict in more
# than 2 of 100 (inconclusive is no wrong verdict).

set -u
LC_ALL=C
export LC_ALL
cd "$(dirname "$0")/.." || exit 2
runs=${1:-100}
build=${2:-build}
bench=$(mktemp) || exit 2 # a copy: nobody rebuilds it meanwhile
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

# trial NAME COUNT: prints how often each verdict came
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
judge() { # NUMBER LIMIT-PER-100 COUNT: more than the limit is bad; at least 1 is allowed
    limit=$(($2 * $3 / 100))
    [ $limit -ge 1 ] || limit=1
    [ "$1" -le $limit ] || bad=$((bad + 1))
}

trial "the same program" "$runs"
judge $((faster + slower)) 2 "$runs"
DISTIL_BENCH_SLOWDOWN=1.10
export DISTIL_BENCH_SLOWDOWN
trial "10 % slower" "$runs"
judge $((same + faster + inconclusive)) 5 "$runs"

# A neighbour on the first CPU; the harness runs on the last.
quarter=$(((runs + 3) / 4))
taskset -c 0 sh -c 'while :; do dd if=/dev/zero of=/dev/null bs=1M count=4000; done' \
    >/dev/null 2>&1 &
neighbour=$!
trial "10 % slower, a neighbour" $quarter
judge $((same + faster)) 2 $quarter
unset DISTIL_BENCH_SLOWDOWN
trial "the same, a neighbour" $quarter
judge $((faster + slower)) 2 $quarter
stop_neighbour
[ $bad -eq 0 ]
