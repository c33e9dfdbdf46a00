#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# What bench/action.yml runs: builds, measures, writes results.json, bench.md, bench-junit.xml and
# bench-github.json into the directory it was started in. Settings from the environment: MODEL,
# BUDGETS, COMPARE_WITH, SECONDS_EACH, FAIL_ON_INCONCLUSIVE, REVISION; all may be empty.

set -uo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(dirname "$here")
out=$PWD
make -C "$root" -s -j"$(nproc)" all bench-tools || exit 2
bench=$root/build/distil-bench

arguments=(--budgets "${BUDGETS:-$here/budgets.json}" --seconds "${SECONDS_EACH:-4}"
    --revision "${REVISION:-}" -o "$out/results.json")
[ -z "${MODEL:-}" ] || arguments+=(-m "$MODEL")
"$bench" run "${arguments[@]}"
status=$?
[ $status -ne 2 ] || exit 2

if [ -n "${COMPARE_WITH:-}" ]; then
    model=()
    [ -z "${MODEL:-}" ] || model=(-m "$MODEL")
    "$bench" compare --seconds "${SECONDS_EACH:-4}" "${model[@]}" "$COMPARE_WITH" \
        "$root/build/distil"
    compared=$?
    # over a budget or slower outweighs too busy to tell, which outweighs fine
    case $status$compared in
    *2*) exit 2 ;;
    *1*) status=1 ;;
    *3*) status=3 ;;
    esac
fi

python3 "$here/report.py" "$out/results.json" --markdown "$out/bench.md" \
    --junit "$out/bench-junit.xml" --github "$out/bench-github.json" || exit 2
[ -z "${GITHUB_STEP_SUMMARY:-}" ] || cat "$out/bench.md" >>"$GITHUB_STEP_SUMMARY"
[ -z "${GITHUB_OUTPUT:-}" ] ||
    printf 'results=%s\nmarkdown=%s\n' "$out/results.json" "$out/bench.md" >>"$GITHUB_OUTPUT"
if [ $status -eq 3 ] && [ "${FAIL_ON_INCONCLUSIVE:-false}" != true ]; then
    echo "the machine was too busy for a verdict on every budget"
    status=0
fi
exit $status
