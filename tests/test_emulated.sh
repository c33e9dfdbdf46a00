#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# What this machine's CPU cannot show: the build's own objects, linked statically, executed on
# emulated CPUs (tools/emulate). On each CPU below
#
#   detect   `distil isa` finds exactly the levels that the CPU and its operating system can run;
#   kernels  check_kernels passes for the levels named, and every variant that kernels/kernels.inc
#            lists for them was compared, none skipped: levels added there are picked up here;
#   answer   `distil classify` takes the CPU's best level and gives this machine's bytes.
#
# An instruction in a kernel whose level does not promise it raises SIGILL on the first CPU that
# lacks it. Small shapes only: an emulated CPU does a hundred million instructions a second. With
# DISTIL_TEST_FULL all levels that a CPU has are checked on it.
#
# Skipped where tools/emulate/setup.sh has not been run, and in sanitizer builds, whose run-time
# libraries cannot be linked statically; the plain build's run covers them.
#
# Environment: DISTIL_BUILD  the build directory with its objects (build)
#              EMULATE_DIR   the emulator (build/emulate)
#              JOBS          machines at once (number of processors)

set -u
LC_ALL=C
export LC_ALL
root=$(cd "$(dirname "$0")/.." && pwd)
cd "$root" || exit 1
run=$root/tools/emulate/run.sh
EMULATE_DIR=${EMULATE_DIR:-$root/build/emulate}
export EMULATE_DIR

# name, CPU (run.sh -l), kernel arguments, levels that run, levels whose kernels are checked
#
# The operating system can keep registers from programs that the CPU has: noxsave leaves only xmm,
# clearcpuid=304 (AVX-512F) leaves zmm out, though CPUID still tells programs of AVX-512.
cpus='
penryn core2_penryn_t9600 - scalar scalar
sandybridge corei7_sandy_bridge_2600k - scalar -
haswell corei7_haswell_4770 - scalar,avx2 avx2
zen ryzen - scalar,avx2 -
arrowlake arrow_lake - scalar,avx2,avxvnni avxvnni
skylakex corei7_skylake_x - scalar,avx2,avx512 avx512
tigerlake tigerlake - scalar,avx2,avx512,avx512vnni avx512vnni
sapphire sapphire_rapids - scalar,avx2,avxvnni,avx512,avx512vnni avxvnni,avx512vnni
noymm sapphire_rapids noxsave scalar -
nozmm sapphire_rapids clearcpuid=580,304 scalar,avx2,avxvnni -
'
# Cases of check_kernels: small shapes against the page before, and the worst values.
filters='random/start limit/end'
text='A gorgeous, witty, seductive movie.'

close_with() { # PASSED FAILED SKIPPED
    echo "test_emulated: $1 passed, $2 failed, $3 skipped"
    [ "$2" -eq 0 ]
    exit
}

# ---- one machine: prints "ok WHAT" or "not ok WHAT: ..." lines -------------------------------

emulated() { # PROGRAM ARGUMENTS...
    "$run" -m "$cpu" -t 280 ${kernel:+-k "$kernel"} "$@"
}

check_detection() {
    if ! answer=$(emulated "$work/distil" isa --json); then
        echo "not ok $name/detect: $answer"
        return
    fi
    found=$(printf '%s\n' "$answer" | tr '{' '\n' |
        sed -n 's/^"level":"\([a-z0-9]*\)","runs":true.*/\1/p' | tr '\n' ',')
    if [ "$found" = "$levels," ]; then
        echo "ok $name/detect"
    else
        echo "not ok $name/detect: runs $found instead of $levels: $answer"
    fi
}

check_kernels() { # LEVEL FILTER
    operations=$(sed -n "s/^KERNEL(\([a-z_]*\), $1)\$/\1/p" kernels/kernels.inc)
    [ -n "$operations" ] || return 0
    log=$work/$name.$1.${2%/*}
    if ! emulated "$work/check_kernels" -v --filter "*/$1/*/$2" >"$log" 2>&1; then
        echo "not ok $name/kernels/$1/$2:"
        grep -v '^ok ' "$log" | head -n 10 | sed 's/^/    /'
        tail -n 1 "$log" | sed 's/^/    /'
        return
    fi
    for operation in $operations; do
        if grep -q "^ok $operation/$1/" "$log"; then
            echo "ok $name/kernels/$operation/$1/$2"
        else
            echo "not ok $name/kernels/$operation/$1/$2: no case ran"
        fi
    done
}

check_answer() {
    if answer=$(emulated -f "$work/sst2.distil" "$work/distil" classify --jsonl \
        -m sst2.distil "$text") && [ "$answer" = "$(cat "$work/answer")" ]; then
        echo "ok $name/answer"
    else
        echo "not ok $name/answer: '$answer' instead of '$(cat "$work/answer")'"
    fi
}

if [ "${1-}" = --one ]; then # TASK NAME CPU KERNEL-ARGUMENTS LEVELS [LEVEL FILTER]
    shift
    task=$1 name=$2 cpu=$3 kernel=${4#-} levels=$5
    case $task in
    detect) check_detection ;;
    kernels) check_kernels "$6" "$7" ;;
    answer) check_answer ;;
    esac
    exit 0
fi

# ---- the programs ----------------------------------------------------------------------------

if [ -n "${SANITIZE-}" ]; then
    echo "skip sanitizer build: its run-time libraries cannot be linked statically"
    close_with 0 0 1
fi
if [ ! -e "$EMULATE_DIR/boot.rom" ]; then
    echo "skip emulator: none in $EMULATE_DIR; tools/emulate/setup.sh makes it"
    close_with 0 0 1
fi
build=${DISTIL_BUILD:-$root/build}
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM
export work

link() { # NAME OBJECT LIBRARY...
    name=$1 object=$2
    shift 2
    if ! ${CC:-cc} -static -o "$work/$name" "$build/obj/$object" "$@" -lm -pthread; then
        echo "not ok link: $name from $build; make tests builds what it needs"
        close_with 0 1 0
    fi
}
link distil tools/distil.o "$build/libprog.a" "$build/libdistil.a"
link check_kernels tests/check_kernels.o "$build/libtest.a" "$build/libprog.a" "$build/libdistil.a"
cp "$build/sst2.distil" "$work/" || exit 1
if ! "$work/distil" classify --jsonl -m "$work/sst2.distil" "$text" >"$work/answer"; then
    echo "not ok answer: this machine has none"
    close_with 0 1 0
fi

# ---- all of them -----------------------------------------------------------------------------

# Long tasks first, so that the processors finish together.
printf '%s\n' "$cpus" | while read -r name cpu kernel levels checked; do
    [ -n "$name" ] || continue
    machine="$name $cpu $kernel $levels"
    [ -z "${DISTIL_TEST_FULL-}" ] || [ "$checked" = - ] || checked=$levels
    for level in $(echo "${checked#-}" | tr ',' ' '); do
        for filter in $filters; do
            echo "1 kernels $machine $level $filter"
        done
    done
    echo "2 answer $machine"
    echo "3 detect $machine"
done | sort -s -n -k 1,1 | cut -d ' ' -f 2- >"$work/tasks"
xargs -P "${JOBS:-$(nproc 2>/dev/null || echo 2)}" -L 1 sh "$root/tests/test_emulated.sh" --one \
    <"$work/tasks" >"$work/results" 2>&1

grep -v '^ok ' "$work/results"
passed=$(grep -c '^ok ' "$work/results")
failed=$(grep -c '^not ok ' "$work/results")
close_with "$passed" "$failed" 0
