#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Runs programs of this build on emulated CPUs (tests/emulate), whose levels this machine's CPU need
# not have. The script links the build's objects statically and checks on each CPU below:
#
#   detect   `distil isa` finds exactly the levels that the CPU and its operating system can run;
#   answer   `distil classify` uses the CPU's best level and writes the bytes of this machine;
#   kernels  check_kernels passes for the named levels, and it has compared every variant that
#            kernels/kernels.inc lists for them. A variant that is added there is tested here.
#
# An instruction that does not belong to the level of its file raises SIGILL on the first CPU that
# lacks it. The script uses small shapes only, because an emulated CPU executes about a hundred
# million instructions a second. With DISTIL_TEST_FULL it checks all levels of each CPU.
#
# The test is skipped if tests/emulate/setup.sh has not been run, and in sanitizer builds, because
# their run-time libraries cannot be linked statically.
#
# Environment: DISTIL_BUILD  the build directory with its objects (build)
#              EMULATE_DIR   the emulator (build/emulate)
#              JOBS          the number of machines at the same time (number of processors)

set -u
LC_ALL=C
export LC_ALL
root=$(cd "$(dirname "$0")/../.." && pwd)
cd "$root" || exit 1
EMULATE_DIR=${EMULATE_DIR:-$root/build/emulate}
export EMULATE_DIR

# The columns are: name, CPU (run.sh -l), kernel arguments, levels that can run, and levels whose
# kernels are checked. The machines that take longest come first.
#
# An operating system can disable registers that the CPU has: with noxsave, Linux leaves programs
# only xmm; with clearcpuid=304 (AVX-512F) it disables zmm, though CPUID still reports AVX-512.
cpus='
penryn core2_penryn_t9600 - scalar scalar
haswell corei7_haswell_4770 - scalar,avx2 avx2
arrowlake arrow_lake - scalar,avx2,avxvnni avxvnni
skylakex corei7_skylake_x - scalar,avx2,avx512 avx512
tigerlake tigerlake - scalar,avx2,avx512,avx512vnni avx512vnni
sapphire sapphire_rapids - scalar,avx2,avxvnni,avx512,avx512vnni avxvnni,avx512vnni
sandybridge corei7_sandy_bridge_2600k - scalar -
zen ryzen - scalar,avx2 -
noymm sapphire_rapids noxsave scalar -
nozmm sapphire_rapids clearcpuid=580,304 scalar,avx2,avxvnni -
'
# The cases of check_kernels that run: random values right after an unmapped page, and values at
# their limits right before one.
filters='random/start limit/end'
text='A gorgeous, witty, seductive movie.'

close_with() { # PASSED FAILED SKIPPED
    echo "test_emulated: $1 passed, $2 failed, $3 skipped"
    [ "$2" -eq 0 ]
    exit
}

# ---- one CPU: prints "ok WHAT" and "not ok WHAT: ..." lines ------------------------------------

verdict() { # WHAT FAULT: the check passes if FAULT is empty
    if [ -z "$2" ]; then
        echo "ok $name/$1"
    else
        echo "not ok $name/$1: $2"
    fi
}

judge_detection() {
    answer=$(grep -a '^{"cpu":' "$log")
    found=$(printf '%s\n' "$answer" | tr '{' '\n' |
        sed -n 's/^"level":"\([a-z0-9]*\)","runs":true.*/\1/p' | tr '\n' ',')
    if [ "$found" = "$levels," ]; then
        verdict detect ''
    else
        verdict detect "runs '$found' instead of '$levels,': $answer"
    fi
}

judge_answer() {
    answer=$(grep -a '^{"label":' "$log")
    if [ "$answer" = "$(cat "$work/answer")" ]; then
        verdict answer ''
    else
        verdict answer "'$answer' instead of '$(cat "$work/answer")'"
    fi
}

judge_kernels() { # LEVEL FILTER
    for operation in $(operations "$1"); do
        if grep -aq "^not ok $operation/$1/.*/$2:" "$log"; then
            verdict "kernels/$operation/$1/$2" "$(grep -am 1 "^not ok $operation/$1/.*/$2:" "$log")"
        elif ! grep -aq "^ok $operation/$1/.*/$2\$" "$log"; then
            verdict "kernels/$operation/$1/$2" "no case ran"
        else
            verdict "kernels/$operation/$1/$2" ''
        fi
    done
}

operations() { # LEVEL: prints the operations that have a variant of it
    sed -n "s/^KERNEL(\([a-z_]*\), $1)\$/\1/p" kernels/kernels.inc
}

run_cpu() { # NAME CPU KERNEL-ARGUMENTS LEVELS CHECKED
    name=$1 cpu=$2 kernel=${3#-} levels=$4 checked=
    [ -n "${DISTIL_TEST_FULL-}" ] && [ "$5" != - ] && set -- "$1" "$2" "$3" "$4" "$4"
    for level in $(echo "${5#-}" | tr ',' ' '); do
        [ -z "$(operations "$level")" ] || checked="$checked $level"
    done

    log=$work/$name.log
    set -- "$work/distil" isa --json \
        --next "$work/distil" classify --jsonl -m sst2.distil "$text"
    for level in $checked; do
        for filter in $filters; do
            set -- "$@" --next "$work/check_kernels" -v --filter "*/$level/*/$filter"
        done
    done
    tests/emulate/run.sh -m "$cpu" ${kernel:+-k "$kernel"} -t "$seconds" \
        -f "$work/sst2.distil" "$@" >"$log" 2>&1
    status=$?

    judge_detection
    judge_answer
    for level in $checked; do
        for filter in $filters; do
            judge_kernels "$level" "$filter"
        done
    done
    if [ $status -ne 0 ]; then
        verdict "status" "$status; the last lines:"
        grep -av -e '^ok ' -e '^{' "$log" | tail -n 10 | sed 's/^/    /'
    fi
}

if [ "${1-}" = --cpu ]; then
    shift
    run_cpu "$@"
    exit 0
fi

# ---- the programs ----------------------------------------------------------------------------

if [ -n "${SANITIZE-}" ]; then
    echo "skip sanitizer build: its run-time libraries cannot be linked statically"
    close_with 0 0 1
fi
if [ ! -e "$EMULATE_DIR/boot.rom" ]; then
    echo "skip emulator: none in $EMULATE_DIR; tests/emulate/setup.sh makes it"
    close_with 0 0 1
fi
build=${DISTIL_BUILD:-$root/build}
seconds=150 # for one machine, ten times what it usually takes
[ -z "${DISTIL_TEST_FULL-}" ] || seconds=1500
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM
export work seconds

link() { # NAME OBJECT LIBRARY...
    name=$1 object=$2
    shift 2
    if ! ${CC:-cc} -static -o "$work/$name" "$build/obj/$object" "$@" -lm -pthread; then
        echo "not ok link: $name from $build; make all tests builds what it needs"
        close_with 0 1 0
    fi
}
link distil tools/command/distil.o "$build/libprog.a" "$build/libdistil.a" "$build/libbase.a"
link check_kernels tests/unit/kernels/check_kernels.o "$build/libtest.a" "$build/libprog.a" \
    "$build/libdistil.a" "$build/libbase.a"
cp "$build/sst2.distil" "$work/" || exit 1
if ! "$work/distil" classify --jsonl -m "$work/sst2.distil" "$text" >"$work/answer"; then
    echo "not ok answer: this machine has none"
    close_with 0 1 0
fi

# ---- all CPUs --------------------------------------------------------------------------------

printf '%s\n' "$cpus" | sed '/^$/d' >"$work/cpus"
xargs -P "${JOBS:-$(nproc 2>/dev/null || echo 2)}" -L 1 \
    sh "$root/tests/system/test_emulated.sh" --cpu \
    <"$work/cpus" 2>&1 | tee "$work/results" | grep --line-buffered -v '^ok '
passed=$(grep -c '^ok ' "$work/results")
failed=$(grep -c '^not ok ' "$work/results")
judged=$(grep -c '^ok .*/answer$\|^not ok .*/answer:' "$work/results")
if [ "$judged" -ne "$(wc -l <"$work/cpus")" ]; then
    echo "not ok emulator: $judged of $(wc -l <"$work/cpus") CPUs came to an end"
    failed=$((failed + 1))
fi
close_with "$passed" "$failed" 0
