#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Runs the test programs and scripts that are named as arguments; `make check` names them all. It
# prints one line for each in the order of the arguments, then the output if it failed, and last the
# sum:
#
#     N passed, N failed, N skipped
#
# The closing line of a program ("NAME: N passed, N failed, N skipped") gives its numbers. A program
# or script without such a line counts as one test: exit status 0 is a pass, 77 a skip, and any
# other a failure. A line "skip CASE: REASON" names a skipped case. With CI=true a skip is a failure
# unless a pattern of tests/allowed_skips.txt, or of DISTIL_ALLOWED_SKIPS (one a line), matches it.
#
# This script reads:
#     DISTIL_BUILD  the build directory; default "build"
#     JOBS          how many programs run at once; default the number of processors
#     TEST_TIMEOUT  seconds for one program; default 900, or 3600 with DISTIL_TEST_FULL
#     DISTIL_TEST_EXCEPT  names of programs and scripts that are left out, with blanks between them
# It sets for the programs:
#     DISTIL_TEST_ROOT, DISTIL_BUILD  absolute paths of the source tree and of the build directory
#     DISTIL                          the command under test

set -u
LC_ALL=C
root=$(cd "$(dirname "$0")/.." && pwd)

# run_one NUMBER PROGRAM: runs one program and leaves its output in $results/NUMBER.out, and its
# exit status and tenths of seconds in $results/NUMBER.rc. A fuzz target gets its seeds as argument.
run_one() {
    case $2 in
    */fuzz_*)
        name=${2##*/fuzz_}
        set -- "$1" "$2" "$root/tests/fuzz/corpus/$name"
        ;;
    esac
    number=$1
    shift
    [ -d "$results" ] || exit 0 # An interrupted run has removed the folder: start nothing more.
    begin=$(date +%s%N)
    case $1 in
    *.sh) timeout -k 10 "$TEST_TIMEOUT" sh "$@" >"$results/$number.out" 2>&1 </dev/null ;;
    *) timeout -k 10 "$TEST_TIMEOUT" "$@" >"$results/$number.out" 2>&1 </dev/null ;;
    esac
    status=$?
    echo "$status $((($(date +%s%N) - begin) / 100000000))" >"$results/$number.tmp"
    mv "$results/$number.tmp" "$results/$number.rc"
}

if [ "${1-}" = --one ]; then
    run_one "$2" "$3"
    exit 0
fi

cd "$root" || exit 1
for program; do
    shift
    case " ${DISTIL_TEST_EXCEPT-} " in
    *" ${program##*/} "*) echo "LEFT OUT  ${program##*/}" ;;
    *) set -- "$@" "$program" ;;
    esac
done
DISTIL_TEST_ROOT=$root
DISTIL_BUILD=${DISTIL_BUILD:-$root/build}
DISTIL=$DISTIL_BUILD/distil
ASAN_OPTIONS=${ASAN_OPTIONS:-detect_stack_use_after_return=1:strict_string_checks=1}
UBSAN_OPTIONS=${UBSAN_OPTIONS:-print_stacktrace=1}
JOBS=${JOBS:-$(nproc 2>/dev/null || echo 2)}
if [ -n "${DISTIL_TEST_FULL-}" ]; then
    TEST_TIMEOUT=${TEST_TIMEOUT:-3600}
else
    TEST_TIMEOUT=${TEST_TIMEOUT:-900}
fi
results=$(mktemp -d) || exit 1
trap 'rm -rf "$results"' EXIT
trap 'exit 130' INT TERM
# Settings of the user's shell must not choose the model or the level that the tests see.
unset DISTIL_ISA DISTIL_MODEL
export LC_ALL DISTIL_TEST_ROOT DISTIL_BUILD DISTIL ASAN_OPTIONS UBSAN_OPTIONS TEST_TIMEOUT results

# allowed SKIP: succeeds if this run may skip "PROGRAM CASE: REASON".
allowed() {
    [ "${CI-}" = true ] || return 0
    printf '%s\n' "${DISTIL_ALLOWED_SKIPS-}" | cat - tests/allowed_skips.txt >"$results/allowed"
    while IFS= read -r pattern; do
        # shellcheck disable=SC2254
        case $pattern in
        '' | '#'*) ;;
        *) case $1 in $pattern) return 0 ;; esac ;;
        esac
    done <"$results/allowed"
    return 1
}

# excerpt FILE: prints the output of a failed program, or its beginning and end if it is long.
excerpt() {
    lines=$(wc -l <"$1")
    if [ "$lines" -gt 60 ]; then
        head -n 30 "$1"
        echo "... $((lines - 50)) lines more; run the program by itself to see all ..."
        tail -n 20 "$1"
    else
        cat "$1"
    fi | tr -d '\000' | sed 's/^/      | /'
}

passed=0
failed=0
skipped=0

# print_verdict NUMBER PROGRAM: prints the line of a program that has ended and adds its numbers to
# the sums.
print_verdict() {
    out=$results/$1.out
    name=${2##*/}
    read -r status tenths <"$results/$1.rc"
    closing=$(tail -n 1 "$out" | tr -d '\000' |
        sed -n 's/^.*: \([0-9]*\) passed, \([0-9]*\) failed, \([0-9]*\) skipped$/\1 \2 \3/p')
    verdict=PASS
    if [ -n "$closing" ]; then
        # shellcheck disable=SC2086
        set -- $closing
        if [ "$status" -eq 77 ] && [ "$1$2" = 00 ]; then
            : # The program skipped all of its cases.
        elif [ "$status" -ne 0 ] && [ "$2" -eq 0 ]; then
            set -- "$1" 1 "$3" # It failed after its closing line, for example because of a leak.
        elif [ "$1$2$3" = 000 ]; then
            set -- 0 1 0 # No case ran at all, so the program tested nothing.
        fi
    elif [ "$status" -eq 0 ]; then
        set -- 1 0 0
    elif [ "$status" -eq 77 ]; then
        set -- 0 0 1
    else
        set -- 0 1 0
    fi
    : >"$results/skips"
    if [ "$3" -gt 0 ]; then
        sed -n "s/^skip /$name /p" "$out" >"$results/skips"
        [ -s "$results/skips" ] || echo "$name: $(tail -n 1 "$out")" >"$results/skips"
    fi
    unexpected=0
    while IFS= read -r skip; do
        allowed "$skip" || unexpected=$((unexpected + 1))
    done <"$results/skips"
    set -- "$1" $(($2 + unexpected)) $(($3 > unexpected ? $3 - unexpected : 0))
    [ "$2" -eq 0 ] || verdict=FAIL
    [ "$1$2" != 00 ] || verdict=SKIP
    printf '%s  %-24s %6d passed %4d failed %4d skipped  %3d.%d s\n' "$verdict" "$name" \
        "$1" "$2" "$3" $((tenths / 10)) $((tenths % 10))
    if [ "$verdict" = FAIL ]; then
        [ "$status" -ne 124 ] || echo "      no end after $TEST_TIMEOUT s"
        excerpt "$out"
        echo "      | exit status $status"
        [ $unexpected -eq 0 ] || sed 's/^/      unexpected skip: /' "$results/skips"
    else
        sed 's/^/      skip: /' "$results/skips"
    fi
    passed=$((passed + $1))
    failed=$((failed + $2))
    skipped=$((skipped + $3))
}

number=0
for program in "$@"; do
    number=$((number + 1))
    printf '%s\n%s\n' $number "$program"
done >"$results/list"
if [ $number -gt 0 ]; then
    # The quotes keep xargs from splitting names at blanks.
    sed 's/.*/"&"/' "$results/list" | xargs -n 2 -P "$JOBS" sh "$root/tests/run.sh" --one &
    pool=$!
fi
number=0
for program in "$@"; do
    number=$((number + 1))
    while [ ! -e "$results/$number.rc" ] && kill -0 $pool 2>/dev/null; do
        sleep 0.05
    done
    if [ ! -e "$results/$number.rc" ]; then
        echo "the runner itself was killed" >>"$results/$number.out"
        echo "137 0" >"$results/$number.rc"
    fi
    print_verdict $number "$program"
done
wait
echo "$passed passed, $failed failed, $skipped skipped"
[ $failed -eq 0 ] && [ $passed -gt 0 ]
