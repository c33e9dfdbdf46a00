#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Runs a statically linked Linux x86-64 program on an emulated CPU; see README.md.
#
#     run.sh [-m CPU] [-t SECONDS] [-k ARGUMENTS] [-f FILE]... BINARY [ARGS...] [--next BINARY...]
#     run.sh -l
#
#     -m CPU        the emulated CPU (sapphire_rapids)
#     -t SECONDS    the time after which run.sh gives up (300)
#     -k ARGUMENTS  more arguments for the kernel, such as noxsave. If an argument is given twice,
#                   the kernel uses the last one, so clearcpuid must repeat the 580 below.
#     -f FILE       copies FILE into the program's working directory
#     -l            lists the CPUs
#     --next        begins another command, which the same machine runs after the one before
#
# run.sh writes what the program writes, stdout and stderr together, and exits with the program's
# exit status, or with 128 + n if signal n killed it; 132 means an instruction that the CPU lacks.
# If there are several commands, it runs all of them and exits with the first status that is not 0.
# Its own exit statuses are 124, no end within SECONDS, and 125: wrong usage, or the machine could
# not be started or stopped by itself.
#
# Environment: EMULATE_DIR  what setup.sh made (build/emulate)

set -u
LC_ALL=C
export LC_ALL
here=$(cd "$(dirname "$0")" && pwd)
dir=${EMULATE_DIR:-$here/../../build/emulate}

# README.md gives the reason for each argument of the kernel.
arguments='console=ttyS0 quiet panic=-1 reboot=t nokaslr acpi=off pci=off clearcpuid=580'
arguments="$arguments cryptomgr.notests mitigations=off"

# boot.S has the same addresses. The emulator keeps all memory in one block, see setup.sh.
memory_mib=512
kernel_address=0x01000000
initramfs_address=0x08000000
# The initramfs may have half of the memory that is left, because Linux unpacks it into memory.
initramfs_mib=$(((memory_mib - 128) / 2))

fail() { # MESSAGE
    echo "emulate/run: $1" >&2
    exit 125
}

if [ ! -x "$dir/bochs" ] || [ ! -e "$dir/boot.rom" ]; then
    fail "no emulator in $dir; remedy: $here/setup.sh"
fi
dir=$(cd "$dir" && pwd)
work=$(mktemp -d) || fail "no temporary directory"
emulator=
# shellcheck disable=SC2317
cleanup() {
    [ -z "$emulator" ] || kill "$emulator" 2>/dev/null
    rm -rf "$work"
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
mkdir "$work/data"

cpu=sapphire_rapids
seconds=300
while getopts m:t:k:f:l option; do
    case $option in
    m) cpu=$OPTARG ;;
    t) seconds=$OPTARG ;;
    k) arguments="$arguments $OPTARG" ;;
    f) cp "$OPTARG" "$work/data/" || fail "cannot copy $OPTARG" ;;
    l)
        "$dir/bochs" -help cpu 2>&1 | grep -x '[a-z0-9_]*[a-z][a-z0-9_]*'
        exit 0
        ;;
    *)
        sed -n 's/^#     \(run.sh \[\)/usage: \1/p' "$0" >&2
        exit 125
        ;;
    esac
done
shift $((OPTIND - 1))
[ $# -gt 0 ] || fail "no program named"

# ---- the machine ----------------------------------------------------------------------------

# This loop removes the command's words from the front of the arguments and appends what pack needs
# at the end.
left=$#
number=0
begins=true
: >"$work/commands"
while [ $left -gt 0 ]; do
    word=$1
    shift
    left=$((left - 1))
    if [ "$word" = --next ]; then
        begins=true
    elif $begins; then
        if [ ! -f "$word" ] || [ ! -x "$word" ]; then
            fail "$word is not a program"
        fi
        number=$((number + 1))
        set -- "$@" "program.$number=$word"
        word=/program.$number
        begins=false
    fi
    printf '%s\0' "$word" >>"$work/commands"
done
set -- "$@" "init=$dir/init" "commands=$work/commands"
for file in "$work"/data/*; do
    [ ! -e "$file" ] || set -- "$@" "data/${file##*/}=$file"
done
"$dir/pack" "$work/initramfs" "$arguments" "$@" || fail "cannot make the initramfs"
[ "$(wc -c <"$work/initramfs")" -le $((initramfs_mib << 20)) ] ||
    fail "program and files take more than $initramfs_mib MiB"

cat >"$work/machine" <<END
config_interface: textconfig
display_library: nogui
cpu: model=$cpu, count=1, ips=100000000, reset_on_triple_fault=0
clock: sync=none, time0=utc
memory: guest=$memory_mib, host=$memory_mib, block_size=$((memory_mib * 1024))
romimage: file="$dir/boot.rom", address=0xffff0000
vgaromimage: file="$dir/vga.rom"
vga: extension=none
optramimage1: file="$dir/kernel", address=$kernel_address
optramimage2: file="$work/initramfs", address=$initramfs_address
com1: enabled=1, mode=file, dev="$work/console"
port_e9_hack: enabled=1
panic: action=fatal
error: action=ignore
info: action=ignore
debug: action=ignore
log: "$work/log"
END

timeout -k 5 "$seconds" "$dir/bochs" -q -f "$work/machine" \
    </dev/null >"$work/output" 2>"$work/errors" &
emulator=$!
wait $emulator
ended=$?
emulator=

# ---- the program's output; init.c describes its form -----------------------------------------

sed '1,/^@@emulate output@@$/d' "$work/output" >"$work/said"
last=$(tail -n 1 "$work/said" | tr -d '\000')
status=${last#@@emulate status }
status=${status%@@}
if [ "$last" = "@@emulate status $status@@" ]; then
    # The status line and the newlines around it do not belong to the program's output.
    head -c -$((${#last} + 2)) "$work/said"
    exit "$status"
fi
cat "$work/said"
if [ $ended -eq 124 ] || [ $ended -eq 137 ]; then
    echo "emulate/run: no end after $seconds s on $cpu" >&2
    ended=124
else
    echo "emulate/run: the machine stopped without a result (emulator's status $ended):" >&2
    ended=125
fi
for file in console errors log; do
    [ ! -s "$work/$file" ] || grep -av '^[0-9]*i\[' "$work/$file" | tail -n 8 |
        sed "s/^/  $file: /" >&2
done
exit $ended
