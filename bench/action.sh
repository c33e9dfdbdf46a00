#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# What bench/action.yml runs: builds, measures, writes results.json, bench.md, bench-junit.xml,
# bench-github.json and bench.html into the directory it was started in; with COMPARE_WITH also
# compare.json. Settings from the environment, all may be empty: MODEL, BUDGETS, COMPARE_WITH,
# SECONDS_EACH, COMPLETE, FAIL_ON_INCONCLUSIVE, REVISION, and DISTIL_BUILD, a build that is there.
#
# Exit status: 0 all is well; 1 over a budget, or slower; 2 wrong usage, or nothing could be
# measured; 3 too busy to tell, if FAIL_ON_INCONCLUSIVE is true.

set -uo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(dirname "$here")
out=$PWD
if [ -z "${DISTIL_BUILD:-}" ]; then
    make -C "$root" -s -j"$(nproc)" all bench-tools || exit 2
fi
build=${DISTIL_BUILD:-$root/build}
bench=$build/distil-bench

arguments=(--budgets "${BUDGETS:-$here/budgets.json}" --seconds "${SECONDS_EACH:-4}"
    --revision "${REVISION:-}" -o "$out/results.json")
[ -z "${MODEL:-}" ] || arguments+=(-m "$MODEL")
[ "${COMPLETE:-false}" != true ] || arguments+=(--complete)
"$bench" run "${arguments[@]}" | tee "$out/bench.txt"
status=$?
# A budget in force that nobody holds: seen on the page of the run, not only in its log.
sed -n 's/^not measured: /::warning title=budget not measured::/p' "$out/bench.txt"
rm -f "$out/bench.txt"
[ $status -ne 2 ] || exit 2

forms=(--markdown "$out/bench.md" --junit "$out/bench-junit.xml" --github "$out/bench-github.json"
    --html "$out/bench.html")
if [ -n "${COMPARE_WITH:-}" ]; then
    model=()
    [ -z "${MODEL:-}" ] || model=(-m "$MODEL")
    "$bench" compare --seconds "${SECONDS_EACH:-4}" -o "$out/compare.json" "${model[@]}" \
        "$COMPARE_WITH" "$build/distil"
    compared=$?
    # over a budget or slower outweighs too busy to tell, which outweighs fine
    case $status$compared in
    *2*) exit 2 ;;
    *1*) status=1 ;;
    *3*) status=3 ;;
    esac
    forms+=(--compare "$out/compare.json")
fi

python3 "$here/report.py" "$out/results.json" "${forms[@]}" || exit 2
[ -z "${GITHUB_STEP_SUMMARY:-}" ] || cat "$out/bench.md" >>"$GITHUB_STEP_SUMMARY"
[ -z "${GITHUB_OUTPUT:-}" ] ||
    printf '%s=%s\n' results "$out/results.json" markdown "$out/bench.md" html "$out/bench.html" \
        >>"$GITHUB_OUTPUT"
if [ $status -eq 3 ] && [ "${FAIL_ON_INCONCLUSIVE:-false}" != true ]; then
    echo "the machine was too busy for a verdict on every budget"
    status=0
fi
exit $status
