#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Gives fuzz targets a number of CPU minutes each, in slices, under AddressSanitizer and
# UndefinedBehaviorSanitizer, beside other work: everything runs at the lowest priority. A campaign
# can be interrupted and called again, and goes on where it stopped.
#
#     tests/fuzz/campaign.sh [TARGET...]
#
# Targets are names such as blob; without any, all. The environment may set:
#     FUZZ_MINUTES   CPU minutes of each target; default 20
#     FUZZ_SLICE     seconds of one slice; default 60
#     FUZZ_FOR       seconds after which the campaign ends, to be called again later
#     FUZZ_DIR       where corpora, CPU times and findings are; default build/campaign
#
# A slice is a run of libFuzzer on one target, so make and clang are needed. Its CPU time is added
# to $FUZZ_DIR/TARGET.cpu, in hundredths of a second; its corpus in $FUZZ_DIR/corpus/TARGET is kept.
# A target whose input failed gets no further slices until it is mended.
# The table at the end says how many minutes each target has had. The exit status is 1 if an input
# was found that fails, which then is $FUZZ_DIR/crash-TARGET-*, and 3 if the time ran out before.

set -u
cd "$(dirname "$0")/../.." || exit 2
dir=${FUZZ_DIR:-build/campaign}
minutes=${FUZZ_MINUTES:-20}
slice=${FUZZ_SLICE:-60}
end=${FUZZ_FOR:+$(($(date +%s) + FUZZ_FOR))}
mkdir -p "$dir/corpus" || exit 2

if [ $# -eq 0 ]; then
    for source in tests/fuzz/fuzz_*.c; do
        name=${source##*/fuzz_}
        set -- "$@" "${name%.c}"
    done
fi

programs=
for target; do
    programs="$programs $dir/build/tests/fuzz/fuzz_$target"
done
# shellcheck disable=SC2086
nice -n 19 make --no-print-directory CC="${CC:-clang}" BUILD="$dir/build" OPT=-O1 \
    SANITIZE='-fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all' \
    FUZZ_ENGINE=-fsanitize=fuzzer $programs || exit 2

# spent TARGET: prints the CPU time that a target has had, in hundredths of a second.
spent() {
    cat "$dir/$1.cpu" 2>/dev/null || echo 0
}

# time_is_up: succeeds FUZZ_FOR seconds after the start.
time_is_up() {
    [ -n "$end" ] && [ "$(date +%s)" -ge "$end" ]
}

# run_slice TARGET: fuzzes a target for one slice and adds its CPU time. Fails if it found a bad
# input.
run_slice() {
    mkdir -p "$dir/corpus/$1"
    # The shell's times of its children are those of the slice alone, since this is a shell of its
    # own.
    nice -n 19 sh -c '"$@" >"$0" 2>&1; status=$?; times; exit $status' "$dir/$1.log" \
        "$dir/build/tests/fuzz/fuzz_$1" -max_total_time="$slice" -timeout=60 -rss_limit_mb=4096 \
        -print_final_stats=1 -artifact_prefix="$dir/crash-$1-" "$dir/corpus/$1" \
        "tests/fuzz/corpus/$1" >"$dir/$1.times"
    status=$?
    # The second line has the minutes and seconds of user and of system time of the children.
    used=$(sed -n 2p "$dir/$1.times" | tr 'ms' '  ' |
        awk '{ printf "%d", ($1 * 60 + $2 + $3 * 60 + $4) * 100 }')
    echo $(($(spent "$1") + used)) >"$dir/$1.cpu"
    return $status
}

failed=
unfinished=1
while [ -n "$unfinished" ] && ! time_is_up; do
    unfinished=
    for target; do
        [ "$(spent "$target")" -lt $((minutes * 6000)) ] || continue
        case $failed in *" $target "*) continue ;; esac
        ! time_is_up || break
        unfinished=1
        run_slice "$target" || {
            failed="$failed $target "
            echo "found: $target, see $dir/$target.log"
            tail -n 20 "$dir/$target.log"
        }
    done
done

for target; do
    printf '%-14s %8.2f CPU minutes  %6s inputs\n' "$target" \
        "$(spent "$target" | awk '{ print $1 / 6000 }')" \
        "$(find "$dir/corpus/$target" -type f 2>/dev/null | wc -l)"
done
[ -z "$failed" ] || exit 1
[ -z "$unfinished" ] || exit 3
