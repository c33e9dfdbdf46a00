#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# The command of the GitHub action in bench/action.yml. It builds the project, measures it, and
# writes results.json, bench.md, bench-junit.xml, bench-github.json and bench.html into the current
# directory; with COMPARE_WITH also compare.json.
#
# Environment (any of them may be empty or unset): MODEL, BUDGETS, COMPARE_WITH, SECONDS_EACH,
# COMPLETE and FAIL_ON_INCONCLUSIVE are the inputs that action.yml describes; REVISION is the commit
# to write into the results; DISTIL_BUILD is an existing build to measure instead of building.
#
# Exit status: 0 if every budget holds and nothing is slower; 1 if a budget is exceeded or something
# is slower; 2 for wrong usage or if nothing could be measured; 3 if the machine was too busy for a
# verdict and FAIL_ON_INCONCLUSIVE is true.

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
# A budget that could not be measured becomes a warning on the summary page of the workflow run.
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
    # The overall status is the worst: 2 before 1 (exceeded or slower), 3 (inconclusive) and 0.
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
